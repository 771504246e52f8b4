/**
 * `underglass gateway --config FILE`: the runtime. Logs are values on standard output, one line each; it ends
 * on SIGTERM or SIGINT, cleanly and within {@link STOP_WITHIN_MS}, and reads its configuration anew on SIGHUP. Where deliveries are configured it launches the
 * gateway as a process of its own, which can be started anew with what was delivered.
 */
import { EventEmitter, once } from 'node:events';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { LogEntry } from '../../gateway/mod.ts';
import { addCommission, observation } from './commission.ts';
import { EXIT, Trouble } from '../exit.ts';
import type { Loaded } from '../wiring/reloading.ts';
import type { RunningGateway } from '../wiring/gateway.ts';

/** A service manager gives some seconds before it kills; what is being stored is finished long before. */
const STOP_WITHIN_MS = 5000;

interface GatewayOptions {
  readonly config: string;
  readonly launched?: true;
  readonly observe?: true;
}

export function addGateway(program: Command): void {
  const gateway = program
    .command('gateway')
    .description('run a gateway')
    .requiredOption('--config <file>', 'what it is, whom it obeys, and what is behind it (YAML)')
    .option('--observe', 'decide and log everything and write nothing to devices, until it is commissioned')
    .addOption(new Option('--launched', 'by the process that starts it anew').hideHelp())
    .action((options: GatewayOptions) => start(options));
  addCommission(gateway);
}

async function start({ config: path, launched, observe }: GatewayOptions): Promise<void> {
  // From now on it asks for the configuration to be read anew, and ends nothing.
  const hangups = new EventEmitter();
  process.on('SIGHUP', () => hangups.emit('hangup'));
  const { readGatewayConfig } = await import('../../io/config.ts');
  const { pino } = await import('pino');
  const config = await readGatewayConfig(path);
  if (!config.ok) throw new Trouble(config.detail ?? config.refusal, EXIT.failed);
  const logger = pino({ base: { gateway: config.value.gateway } });
  const log = ({ level, text, ...entry }: LogEntry): void => logger[level](entry, text);
  const { deliveries } = config.value;
  if (deliveries === undefined || launched === true) {
    return run(path, { log, launched: launched === true, observe: observe === true, hangups });
  }
  const { launch } = await import('../wiring/launcher.ts');
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stopping.abort());
  const observing = observe === true ? ['--observe'] : [];
  const args = ['gateway', '--config', path, ...observing, '--launched'];
  const onReload = (forward: () => void) => {
    hangups.on('hangup', forward);
    return () => void hangups.off('hangup', forward);
  };
  const { signal } = stopping;
  process.exitCode = await launch({ config: deliveries, args, log, signal, onReload });
  if (process.exitCode !== 0) process.exit();
}

interface RunOptions {
  readonly log: (entry: LogEntry) => void;
  readonly launched: boolean;
  readonly observe: boolean;
  readonly hangups: EventEmitter;
}

async function run(path: string, { log, launched, observe, hangups }: RunOptions): Promise<void> {
  const { runGateway } = await import('../wiring/gateway.ts');
  const { withDeliveries } = await import('../wiring/deliveries.ts');
  const { serviceOf } = await import('../../io/health/mod.ts');
  const { reloading } = await import('../wiring/reloading.ts');
  const { START_ANEW } = await import('../wiring/launcher.ts');
  const anew = Promise.withResolvers<string>();
  const signals = ['SIGTERM', 'SIGINT'].map(async name => (await once(process, name), `${name}: stopping`));
  const service = serviceOf(process.env, why =>
    log({ level: 'warn', event: 'service.untold', text: `the service manager cannot be told: ${why}` }),
  );
  const load = (): Promise<Loaded> => withDeliveries(path, { log, restart: anew.resolve });
  const running = await reloading(await load(), {
    log,
    load,
    start: async ({ config, deliveries }) => {
      const started = await runGateway(config, {
        log,
        ...(service === undefined ? {} : { service }),
        ...(deliveries === undefined ? {} : { deliveries }),
        ...(observe ? { isObserving: await observation(config, log) } : {}),
      });
      tellPlaces(started, log);
      return started;
    },
  });
  const broken = Promise.withResolvers<never>();
  hangups.on('hangup', () => void running.reload().catch(broken.reject));
  await service?.tell('READY=1');
  const restarts = anew.promise.then(why => `starting anew: ${why}`);
  const orphaned = launched
    ? [once(process.stdin.resume(), 'end').then(() => 'the launcher has ended: stopping')]
    : [];
  const why = await Promise.race([...signals, ...orphaned, restarts, broken.promise]);
  const isAnew = why.startsWith('starting anew');
  log({ level: 'info', event: 'gateway.stopping', text: why });
  // A door that does not close must not hold the process: what was acknowledged is on the disk already.
  setTimeout(() => process.exit(isAnew ? START_ANEW : EXIT.failed), STOP_WITHIN_MS).unref();
  await Promise.all([running.stop(), service?.tell('STOPPING=1')]);
  log({ level: 'info', event: 'gateway.stopped', text: 'stopped' });
  if (isAnew) process.exit(START_ANEW);
  if (launched) process.stdin.pause();
}

function tellPlaces({ displayUrl, monitorUrl }: RunningGateway, log: RunOptions['log']): void {
  const tell = (event: string, text: string): void => log({ level: 'info', event, text });
  if (displayUrl !== undefined) tell('display.open', `the customer display is open at ${displayUrl}`);
  if (monitorUrl !== undefined) tell('monitor.open', `metrics and health are at ${monitorUrl}`);
}
