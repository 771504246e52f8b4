/** `underglass sim` as a program of its own, for tests that meet it over its lines. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Served {
  readonly devices: readonly { readonly device: string; readonly link: string }[];
  /** Interrupts it; resolves with its exit code. */
  stop(): Promise<number | null>;
}

/** Runs `underglass sim` with `args` until it serves. */
export async function sim(...args: readonly string[]): Promise<Served> {
  const child = spawn(process.execPath, ['src/cli/underglass.js', 'sim', ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  const first = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), exited]);
  if (typeof first[0] !== 'string') throw new Error(`sim ended with ${String(first[0])}`);
  const { devices } = JSON.parse(first[0]) as Served;
  return {
    devices,
    stop: async () => {
      child.kill('SIGINT');
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
}
