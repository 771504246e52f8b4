/**
 * Programs of others that a test needs. Where one is missing the test is skipped, with a line that says so; on the
 * build server it fails.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Skips the running test unless `program` can be run. */
export function needs(test: Mocha.Context, program: string): void {
  if (isThere(program)) return;
  if (process.env['CI'] === 'true') throw new Error(`${program} is not installed`);
  console.log(`      skipped: ${program} is not installed`);
  test.skip();
}

export function isThere(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some(folder => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Two ends of a serial line, as socat makes them of pseudo-terminals. */
export interface SerialPair {
  readonly paths: readonly [string, string];
  close(): Promise<void>;
}

/** `before`: a command and its arguments that start socat. */
export async function serialPair(before: readonly string[] = []): Promise<SerialPair> {
  const [program, ...args] = [...before, 'socat', '-d', '-d', 'pty,rawer', 'pty,rawer'];
  const socat = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exit = once(socat, 'exit');
  let told = '';
  for await (const chunk of socat.stderr) {
    told += String(chunk);
    if (told.includes('starting data transfer loop')) break;
  }
  const [a, b] = [...told.matchAll(/PTY is (\S+)/g)].map(match => match[1]);
  if (a === undefined || b === undefined) throw new Error(`socat: ${told}`);
  return {
    paths: [a, b],
    close: async () => {
      socat.kill();
      await exit;
    },
  };
}
