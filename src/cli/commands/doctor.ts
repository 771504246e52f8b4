/**
 * `underglass doctor --config FILE`: looks at everything a gateway needs, and says of each what is wrong and what to
 * do about it. Writes nothing; a gateway may be at work meanwhile. Exit code 1 when something is wrong.
 */
import type { Command } from 'commander';
import type { Finding } from '../../io/doctor/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import { sayOf } from '../local/say.ts';

interface DoctorOptions {
  readonly config: string;
  readonly json?: true;
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('look at clock, configuration, disk, ports, broker, certificates and devices; a remedy each')
    .requiredOption('--config <file>', "the gateway's configuration (YAML)")
    .option('--json', 'print the answer as JSON')
    .action((options: DoctorOptions, command: Command) => doctor(options, command));
}

const SIGNS = { well: 'ok   ', watch: 'watch', wrong: 'WRONG' } as const;

async function doctor({ config, json }: DoctorOptions, command: Command): Promise<void> {
  const { examine } = await import('../wiring/doctor.ts');
  const say = sayOf(command);
  const tell = (finding: Finding): void => {
    if (json === true) return;
    say.out(`${SIGNS[finding.state]}  ${finding.check.padEnd(11)}  ${finding.says}`);
    if (finding.state !== 'well') say.out(`       ${''.padEnd(11)}  → ${finding.remedy}`);
  };
  const findings = await examine(config, tell);
  const bad = findings.filter(({ state }) => state === 'wrong').length;
  if (json === true) say.json({ ok: bad === 0, findings });
  if (bad > 0) throw new Trouble(`${bad} of ${findings.length} checks went wrong`, EXIT.failed);
}
