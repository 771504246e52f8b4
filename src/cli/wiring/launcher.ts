/**
 * Starts a gateway that takes deliveries as a process of its own, and starts it anew when a file is tried or taken
 * back. Each start with a file on trial is counted on the disk beforehand, so whatever the new file does to the
 * gateway, the old one is in force after a few starts. Decides nothing else; a gateway that ends by itself without a
 * trial ends the launcher too, with its exit code, as a service manager expects.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { GatewayConfig, LogEntry } from '../../gateway/mod.ts';
import { countedStart, entryOf, loadSlots, openDisk, readInForce } from '../../io/delivery/mod.ts';
import type { Disk } from '../../io/delivery/mod.ts';
import type { FileId } from '../../model/mod.ts';
import { Trouble } from '../exit.ts';

/** With this a gateway says that it is to be started anew (EX_TEMPFAIL). */
export const START_ANEW = 75;
/** A trial that has not ended by then never will: the gateway's own judgement takes five minutes. */
export const TRIAL_WITHIN_MS = 15 * 60_000;
/** A gateway that dies at its start is not started more often than this. */
const PAUSE_MS = 1000;

export interface Launched {
  readonly config: NonNullable<GatewayConfig['deliveries']>;
  /** What follows `underglass`. */
  readonly args: readonly string[];
  /** The script that starts the program as it was installed. */
  readonly installed?: string;
  readonly log: (entry: LogEntry) => void;
  /** Aborted when the launcher is to end; the gateway is told by SIGTERM. */
  readonly signal: AbortSignal;
  readonly trialWithinMs?: number;
  /** Calls `forward` whenever the gateway is to read its configuration anew; what is returned ends that. */
  readonly onReload?: (forward: () => void) => () => void;
}

/** Runs until the gateway ends for good. Its exit code. */
export async function launch(launched: Launched): Promise<number> {
  const { config, log, signal } = launched;
  const { disk, trial: first } = await opened(config.folder);
  for (let trial = first; ; trial = (await counted(disk)).trial?.file) {
    const entry = await entryInForce(disk, launched);
    const code = await runOnce(disk, { ...launched, entry, ...(trial === undefined ? {} : { trial }) });
    const stillOnTrial = trial !== undefined && (await loadSlots(disk)).trial?.file === trial;
    if (signal.aborted || (code !== START_ANEW && !stillOnTrial)) return code === START_ANEW ? 0 : code;
    if (code === START_ANEW) continue;
    const text = `the gateway ended with ${code} while ${trial?.slice(0, 8)} is on trial; it is started again`;
    log({ level: 'error', event: 'delivery.start-failed', text });
    await pause(signal);
  }
}

async function opened(folder: string): Promise<{ readonly disk: Disk; readonly trial: FileId | undefined }> {
  const disk = await openDisk(folder).catch(error => {
    throw new Trouble(`deliveries.folder: ${folder} cannot be used: ${String(error)}`);
  });
  return { disk, trial: (await counted(disk)).trial?.file };
}

/** A start that cannot be counted must not be: what is on trial could then be started for ever. */
async function counted(disk: Disk): Promise<Awaited<ReturnType<typeof countedStart>>> {
  try {
    return await countedStart(disk);
  } catch (error) {
    const why = `the start cannot be noted in ${disk.path('')}: ${String(error)}; make room there, or let us write`;
    throw new Trouble(why);
  }
}

async function entryInForce(disk: Disk, { installed, log }: Launched): Promise<string> {
  const own = installed ?? fileURLToPath(new URL('../underglass.js', import.meta.url));
  const { version } = await readInForce(disk);
  if (version === undefined) return own;
  const entry = await entryOf(version);
  if (entry !== undefined) return entry;
  const text = `the version in ${version} is damaged; the one that was installed is started instead`;
  log({ level: 'error', event: 'delivery.damaged', text });
  return own;
}

async function runOnce(
  disk: Disk,
  {
    args,
    entry,
    signal,
    trial,
    trialWithinMs = TRIAL_WITHIN_MS,
    onReload,
  }: Launched & { readonly entry: string; readonly trial?: string },
): Promise<number> {
  if (signal.aborted) return 0;
  const child = spawn(process.execPath, [entry, ...args], {
    // Its standard input ends when we do, however we do: two gateways on one store must not be.
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const noReload = onReload?.(() => void child.kill('SIGHUP'));
  const watchdog = setTimeout(
    () => void endIfOnTrial(disk, trial, () => child.kill('SIGKILL')),
    trialWithinMs,
  );
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener('abort', stop);
    noReload?.();
  }
}

async function endIfOnTrial(disk: Disk, trial: string | undefined, end: () => void): Promise<void> {
  if (trial !== undefined && (await loadSlots(disk)).trial?.file === trial) end();
}

async function pause(signal: AbortSignal): Promise<void> {
  await new Promise<void>(resolve => {
    const timer = setTimeout(resolve, PAUSE_MS);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
