/**
 * `underglass utility serve`: the head end for as long as the process lives. Logs are values on standard output,
 * one line each; it ends on SIGTERM or SIGINT, cleanly and within {@link STOP_WITHIN_MS}.
 */
import { once } from 'node:events';
import type { Command } from 'commander';
import type { NmsEvents } from '../../../utility/mod.ts';
import { EXIT } from '../../exit.ts';

/** A service manager gives some seconds before it kills; what is being stored is finished long before. */
const STOP_WITHIN_MS = 5000;

export function addServe(utility: Command): void {
  utility
    .command('serve')
    .description('run the head end; the other commands of utility ask it while it runs')
    .option('--config <file>', 'the head end: utility, key, ledger, broker, gateways (YAML)', 'utility.yaml')
    .action((options: { config: string }) => serve(options.config));
}

async function serve(path: string): Promise<void> {
  const { readUtilityConfig } = await import('../../utility/head-end.ts');
  const { serveHeadEnd } = await import('../../utility/reach.ts');
  const { pino } = await import('pino');
  const config = await readUtilityConfig(path);
  const logger = pino({ base: { utility: config.utility } });
  const serving = await serveHeadEnd(config);
  const { headEnd } = serving;
  headEnd.events.join(logTo((level, event, text, more) => logger[level]({ event, ...more }, text)));
  const { up, why } = headEnd.link();
  logger.info({ event: 'head-end.serving', up, gateways: config.gateways.length }, why);
  const signal = await Promise.race(
    ['SIGTERM', 'SIGINT'].map(async name => (await once(process, name), name)),
  );
  logger.info({ event: 'head-end.stopping', signal }, `${signal}: stopping`);
  // A door that does not close must not hold the process: what was acknowledged is on the disk already.
  setTimeout(() => process.exit(EXIT.failed), STOP_WITHIN_MS).unref();
  await serving.close();
  logger.info({ event: 'head-end.stopped' }, 'stopped');
}

type Log = (level: 'info' | 'warn', event: string, text: string, more?: object) => void;

function logTo(log: Log): NmsEvents {
  return {
    onLink: ({ up, why }) => log(up ? 'info' : 'warn', up ? 'link.up' : 'link.down', why),
    onReceipt: (gateway, { cti, response, refusal, why }) =>
      log(refusal === undefined ? 'info' : 'warn', `receipt.${response}`, why, { gateway, cti, refusal }),
    onGap: (gateway, stream, { first, last, lost }) =>
      log('warn', 'records.missing', `${stream} ${first} to ${last}${lost ? ', lost' : ''}`, { gateway }),
    onPresence: (gateway, online) =>
      log('info', 'gateway.presence', online ? 'online' : 'offline', { gateway }),
    onRefused: (topic, refusal, detail) =>
      log('warn', 'record.refused', `${refusal}${detail === undefined ? '' : `: ${detail}`}`, { topic }),
    onTrouble: why => log('warn', 'head-end.trouble', why),
  };
}
