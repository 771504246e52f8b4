/**
 * `underglass watch LINK [POINT…]`: points of a device, over and over. On a terminal a table that stays in its place;
 * else, and with `--json`, one line a reading. A device that falls silent is said to, and read again when it is back.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { interrupted } from '../local/interrupted.ts';
import { withLinkOptions } from '../local/options.ts';
import type { LinkOptions } from '../local/options.ts';
import { EXIT, Trouble } from '../exit.ts';

interface WatchOptions extends LinkOptions {
  readonly every: string;
  readonly count?: string;
}

export function addWatch(program: Command): void {
  withLinkOptions(program.command('watch [link] [points...]'))
    .description('read points again and again: those named, or what the device measures')
    .option('--every <seconds>', 'from one reading to the next, 0.1 to 3600', '1')
    .option('--count <n>', 'end after so many readings')
    .action((link: string | undefined, points: readonly string[], options: WatchOptions, command: Command) =>
      run({ target: link ?? '', points }, options, command),
    );
}

async function run(
  { target, points }: { target: string; points: readonly string[] },
  options: WatchOptions,
  command: Command,
): Promise<void> {
  const everyMs = 1000 * numberIn(options.every, { name: '--every', low: 0.1, high: 3600 });
  const count =
    options.count === undefined
      ? Number.POSITIVE_INFINITY
      : numberIn(options.count, { name: '--count', low: 1, high: 1e9 });
  const { discovered, withDevice } = await import('../local/device.ts');
  const { parseName } = await import('../local/points.ts');
  const { assertOwn, readableOf } = await import('../local/own.ts');
  const { readPoints } = await import('../local/reading.ts');
  const { measuredBy, watchView } = await import('../local/watched.ts');
  const named = points.map(parseName);
  const ended = new AbortController();
  void interrupted().then(() => ended.abort());
  // Nobody reads what is shown any longer.
  process.stdout.once('error', () => ended.abort());
  // The table is progress enough.
  const bus = process.stdout.isTTY ? { onExchange: () => {} } : {};
  await withDevice(target, { options, command, bus }, async device => {
    assertOwn(device, named);
    const own = device.profile?.sunspec?.none === true ? readableOf(device.profile) : [];
    const look = async () => {
      const devices = await discovered(device);
      const usual = [...measuredBy(devices, device.models), ...own].map(parseName);
      const names = named.length > 0 ? named : usual;
      if (names.length > 0) return { devices, names };
      throw new Trouble(`${target}: name the points to watch; no model of this device is known to measure`);
    };
    let map = await look();
    const view = watchView(device.say, { json: options.json === true, devices: map.devices });
    let moved = false;
    for (let reading = 1; !ended.signal.aborted; reading++) {
      const dueMs = performance.now() + everyMs;
      const rows = await (async () => {
        if (moved) map = await look();
        return readPoints(device, map.devices, map.names);
      })().catch((error: unknown) => passing(error, { mayMove: reading > 1 && !moved }));
      view(new Date(), rows);
      // While it is silent nobody knows whether the map is still another.
      moved = rows instanceof Trouble && (moved || rows.code !== EXIT.unreachable);
      if (reading >= count) break;
      await wait(Math.max(0, dueMs - performance.now()), undefined, { signal: ended.signal }).catch(() => {});
    }
  });
}

/**
 * A device that does not answer now may answer next time, and one whose map moved is looked at anew. What is wrong
 * with the new map too, and everything else, ends the command.
 */
function passing(error: unknown, { mayMove }: { readonly mayMove: boolean }): Trouble {
  if (
    error instanceof Trouble &&
    (error.code === EXIT.unreachable || (error.code === EXIT.failed && mayMove))
  )
    return error;
  throw error;
}

function numberIn(text: string, { name, low, high }: { name: string; low: number; high: number }): number {
  const number = Number(text);
  if (!(number >= low && number <= high)) throw new Trouble(`${name} ${text}: ${low} to ${high}`, EXIT.usage);
  return number;
}
