/**
 * `underglass bundle --config FILE`: what somebody needs who is to help from afar, in one .tar.gz, without keys, codes,
 * passwords and names of people. Look into it before it is sent: a log says what it was given.
 */
import type { Command } from 'commander';
import { EXIT, Trouble } from '../exit.ts';
import { sayOf } from '../local/say.ts';

interface BundleOptions {
  readonly config: string;
  readonly out?: string;
  readonly log?: string;
  readonly json?: true;
}

export function addBundle(program: Command): void {
  program
    .command('bundle')
    .description(
      'configuration, checks, figures of the store and log in one file for support, without secrets',
    )
    .requiredOption('--config <file>', "the gateway's configuration (YAML)")
    .option('--out <file>', 'where it goes; underglass-GATEWAY-DATE.tar.gz here unless given')
    .option('--log <file>', "the gateway's log; the journal of the service unless given")
    .option('--json', 'print the answer as JSON')
    .action((options: BundleOptions, command: Command) => bundle(options, command));
}

async function bundle({ config: path, out, log, json }: BundleOptions, command: Command): Promise<void> {
  const { writeFile } = await import('node:fs/promises');
  const { readGatewayConfig } = await import('../../io/config.ts');
  const { systemClock } = await import('../../io/clock.ts');
  const { tarGz } = await import('../../io/bundle/mod.ts');
  const { filesOf } = await import('../wiring/bundle.ts');
  const config = await readGatewayConfig(path);
  if (!config.ok) throw new Trouble(config.detail ?? config.refusal, EXIT.failed);
  const at = systemClock.now().unix;
  const day = new Date(at).toISOString().slice(0, 10);
  const file = out ?? `underglass-${config.value.gateway}-${day}.tar.gz`;
  const of = { path, config: config.value, at };
  const files = await filesOf(log === undefined ? of : { ...of, log });
  try {
    // Never over another file: it may be the one that was looked at.
    await writeFile(file, tarGz(files, at), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new Trouble(`${file} cannot be written: ${String(error)}; name another with --out`);
  }
  const say = sayOf(command);
  const names = files.map(({ name }) => name);
  if (json === true) return say.json({ file, files: names });
  say.out(`${file}: ${names.join(', ')}`);
  say.talk(
    'keys, codes, passwords and names of users are left out; look into it before you send it (tar xzf)',
  );
}
