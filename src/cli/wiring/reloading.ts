/**
 * A gateway whose configuration can be read anew while it runs (SIGHUP). What changed is in force after the gateway has
 * been started anew inside the process, on the same store, which takes about a second; events go on and devices keep
 * what they hold meanwhile. A configuration that is refused, or that the gateway cannot start with, changes nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig, LogEntry } from '../../gateway/mod.ts';
import { Trouble } from '../exit.ts';
import type { OwnDeliveries } from './deliveries.ts';
import type { RunningGateway } from './gateway.ts';

/** What the whole process stands on: it counts from its next start. */
const NEEDS_RESTART = ['utility', 'gateway', 'stateFile', 'keyFile', 'deliveries'] as const;

export interface Loaded {
  readonly config: GatewayConfig;
  readonly deliveries?: OwnDeliveries;
}

export interface ReloadDoors {
  /** Reads the configuration. Throws {@link Trouble}, whose lines say what is wrong. */
  readonly load: () => Promise<Loaded>;
  /** Throws {@link Trouble} when the gateway cannot start with it. */
  readonly start: (loaded: Loaded) => Promise<Pick<RunningGateway, 'stop'>>;
  readonly log: (entry: LogEntry) => void;
}

export interface Reloading {
  /** Resolves when what the file says now is in force, or refused. One at a time, in the order they were asked. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts with `first`. Rejects later only where the last good configuration cannot be started again either. */
export async function reloading(first: Loaded, doors: ReloadDoors): Promise<Reloading> {
  let loaded = first;
  let running = await doors.start(first);
  let tail = Promise.resolve();
  let stopped = false;
  const once = async (): Promise<void> => {
    if (stopped) return;
    const next = await changeOf(loaded, doors);
    if (next === undefined || stopped) return;
    await running.stop();
    try {
      running = await doors.start(next);
      loaded = next;
      doors.log({ level: 'info', event: 'config.reloaded', text: 'the changed configuration is in force' });
    } catch (error) {
      refuse(error, doors);
      running = await doors.start(loaded);
    }
  };
  return {
    reload: () => {
      tail = tail.then(once);
      return tail;
    },
    stop: async () => {
      stopped = true;
      await tail.catch(() => {});
      await running.stop();
    },
  };
}

/** What is to be started instead; nothing where the file is refused or says nothing new that can be taken now. */
async function changeOf({ config }: Loaded, doors: ReloadDoors): Promise<Loaded | undefined> {
  let next: Loaded;
  try {
    next = await doors.load();
  } catch (error) {
    refuse(error, doors);
    return undefined;
  }
  const names = [
    ...new Set([...Object.keys(config), ...Object.keys(next.config)]),
  ] as (keyof GatewayConfig)[];
  const changed = names.filter(name => !isDeepStrictEqual(config[name], next.config[name]));
  const later = changed.filter(isLater);
  const now = changed.filter(name => !isLater(name));
  const log = (level: LogEntry['level'], event: string, text: string): void =>
    doors.log({ level, event, text });
  if (later.length > 0)
    log(
      'warn',
      'config.needs-restart',
      `${later.join(', ')} changed: that counts from the next start of the service`,
    );
  if (now.length === 0) {
    if (later.length === 0) log('info', 'config.unchanged', 'the configuration says what is in force');
    return undefined;
  }
  log('info', 'config.reloading', `${now.join(', ')} changed: the gateway starts anew with that`);
  const kept = Object.fromEntries(
    NEEDS_RESTART.flatMap(name => (name in config ? [[name, config[name]]] : [])),
  );
  const rest = Object.fromEntries(Object.entries(next.config).filter(([name]) => !isLater(name)));
  return { ...next, config: { ...rest, ...kept } as GatewayConfig };
}

function isLater(name: string): boolean {
  return NEEDS_RESTART.some(each => each === name);
}

function refuse(error: unknown, { log }: ReloadDoors): void {
  if (!(error instanceof Trouble)) throw error;
  for (const line of error.message.split('\n'))
    log({ level: 'error', event: 'config.refused', text: `${line}; what was in force goes on` });
}
