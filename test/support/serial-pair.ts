/** Serial lines for tests, made by socat. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

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
