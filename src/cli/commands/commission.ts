/**
 * `underglass gateway commission --config FILE`: a person confirms that a gateway that observes may write to devices,
 * or takes that back. A gateway that runs heeds it at its next order, within a minute.
 */
import type { Command } from 'commander';
import type { GatewayConfig, LogEntry } from '../../gateway/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import { sayOf } from '../local/say.ts';

interface CommissionOptions {
  readonly config: string;
  readonly withdraw?: true;
  readonly json?: true;
}

/** `gateway` has the option `--config`, which its subcommands share. */
export function addCommission(gateway: Command): void {
  gateway
    .command('commission')
    .description('confirm that a gateway with --observe may write to its devices from now on')
    .option('--withdraw', 'take it back: nothing is written from now on; devices keep what they hold')
    .option('--json', 'print the answer as JSON')
    .action((_: unknown, command: Command) => confirm(command));
}

async function confirm(command: Command): Promise<void> {
  const { config: path, withdraw: back, json } = command.optsWithGlobals<CommissionOptions>();
  const { readGatewayConfig } = await import('../../io/config.ts');
  const { commission, withdraw } = await import('../../io/commissioning.ts');
  const { systemClock } = await import('../../io/clock.ts');
  const config = await readGatewayConfig(path);
  if (!config.ok) throw new Trouble(config.detail ?? config.refusal, EXIT.failed);
  const { gateway, stateFile } = config.value;
  const at = systemClock.now().unix;
  const done = back === true ? await withdraw(stateFile) : await commission(stateFile, { gateway, at });
  if (!done.ok)
    throw new Trouble(`${done.detail}; run this as a user who may write beside the store (${done.refusal})`);
  const say = sayOf(command);
  if (json === true) return say.json({ gateway, commissioned: back !== true, file: done.value });
  const what =
    back === true
      ? 'is not commissioned: with --observe it writes nothing; devices keep what they hold'
      : 'is commissioned: it writes to its devices from its next order on, within a minute where it runs';
  say.out(`${gateway} ${what}`);
}

/** Whether a gateway started with `--observe` still observes; each change is logged once, when it is first seen. */
export async function observation(
  { stateFile, gateway }: Pick<GatewayConfig, 'stateFile' | 'gateway'>,
  log: (entry: LogEntry) => void,
): Promise<() => boolean> {
  const { isCommissioned } = await import('../../io/commissioning.ts');
  let was: boolean | undefined;
  const isObserving = (): boolean => {
    const observes = !isCommissioned(stateFile, gateway);
    if (observes !== was) log(observes ? OBSERVING : COMMISSIONED);
    was = observes;
    return observes;
  };
  isObserving();
  return isObserving;
}

const OBSERVING: LogEntry = {
  level: 'warn',
  event: 'gateway.observing',
  text: 'observing: nothing is written to devices until underglass gateway commission confirms the installation',
};
const COMMISSIONED: LogEntry = {
  level: 'info',
  event: 'gateway.commissioned',
  text: 'commissioned: orders are written to devices; underglass gateway commission --withdraw takes that back',
};
