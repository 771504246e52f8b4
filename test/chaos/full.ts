/**
 * `npm run chaos -- full`: a gateway whose store lies on a small file system of its own that others fill to the last
 * byte, again and again (`--n`, 50). Commands still fit into what is kept for them; when that is gone too they are
 * refused as `storage` and the house falls to its default when the event in force ends; with room again, the gateway
 * takes them by itself. Needs to be root: the file system is a tmpfs in a mount namespace of its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '../../src/base/assert.ts';
import type { FullFigures } from './full-cycles.ts';
import type { Options, Outcome } from './main.ts';

const TIMES = 50;
const CYCLES = fileURLToPath(new URL('full-cycles.ts', import.meta.url));
const SIZE = '24m';

export async function run({ n = TIMES }: Options): Promise<Outcome> {
  const figures = await fillAgainAndAgain(n);
  return { ...figures, ...(figures.wrong.length === 0 ? {} : { replay: `npm run chaos -- full --n ${n}` }) };
}

/** Whether a file system can be mounted here. */
export async function canMount(): Promise<boolean> {
  const child = spawn('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', tmpdir()], { stdio: 'ignore' });
  const [code] = (await once(child, 'exit').catch(() => [1])) as [number];
  return code === 0;
}

export async function fillAgainAndAgain(times: number): Promise<FullFigures> {
  const disk = await mkdtemp(join(tmpdir(), 'underglass-disk-'));
  try {
    const script = `mount -t tmpfs -o size=${SIZE} none "$1" && exec "$2" "$3" "$1" "$4"`;
    const args = ['-m', 'sh', '-c', script, 'sh', disk, process.execPath, CYCLES, String(times)];
    const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const text: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => text.push(chunk));
    const [code] = (await once(child, 'close')) as [number];
    assert(code === 0, `the cycles end with 0, not ${code}`);
    return JSON.parse(Buffer.concat(text).toString()) as FullFigures;
  } finally {
    await rm(disk, { recursive: true, force: true });
  }
}
