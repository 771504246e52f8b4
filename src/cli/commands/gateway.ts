/**
 * `underglass gateway --config FILE`: the runtime. Logs are values on standard output, one line each; it ends
 * on SIGTERM or SIGINT, cleanly and within {@link STOP_WITHIN_MS}.
 */
import { once } from 'node:events';
import type { Command } from 'commander';
import { EXIT, Trouble } from '../exit.ts';

/** A service manager gives some seconds before it kills; what is being stored is finished long before. */
const STOP_WITHIN_MS = 5000;

export function addGateway(program: Command): void {
  program
    .command('gateway')
    .description('run a gateway')
    .requiredOption('--config <file>', 'what it is, whom it obeys, and what is behind it (YAML)')
    .action((options: { config: string }) => run(options.config));
}

async function run(path: string): Promise<void> {
  const { readGatewayConfig } = await import('../../io/config.ts');
  const { runGateway } = await import('../wiring/gateway.ts');
  const { pino } = await import('pino');
  const config = await readGatewayConfig(path);
  if (!config.ok) throw new Trouble(config.detail ?? config.refusal, EXIT.failed);
  const logger = pino({ base: { gateway: config.value.gateway } });
  const running = await runGateway(config.value, {
    log: ({ level, text, ...entry }) => logger[level](entry, text),
  });
  if (running.displayUrl !== undefined)
    logger.info({ event: 'display.open', url: running.displayUrl }, 'the customer display is open');
  const signal = await Promise.race(
    ['SIGTERM', 'SIGINT'].map(async name => (await once(process, name), name)),
  );
  logger.info({ event: 'gateway.stopping', signal }, `${signal}: stopping`);
  // A door that does not close must not hold the process: what was acknowledged is on the disk already.
  setTimeout(() => process.exit(EXIT.failed), STOP_WITHIN_MS).unref();
  await running.stop();
  logger.info({ event: 'gateway.stopped' }, 'stopped');
}
