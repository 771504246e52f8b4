/**
 * The command line in this process, and a device by pymodbus in another.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Context } from 'mocha';
import { main } from '../../../src/cli/main.ts';
import { needs, needsThat } from '../../support/needs.ts';
import { run } from '../../support/run.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `underglass` with `args` to its end. */
export async function underglass(...args: readonly string[]): Promise<Said> {
  let out = '';
  let err = '';
  const code = await main(args, undefined, {
    out: text => void (out += text),
    err: text => void (err += text),
  });
  return { code, out, err };
}

export interface Peer {
  readonly port: number;
  readonly link: string;
  stop(): Promise<void>;
}

/** The Python of the distribution: that is where python3-pymodbus is installed. */
const PYTHON = '/usr/bin/python3';

/** Skips the calling hook where there is no pymodbus. */
export async function startPeer(test: Context): Promise<Peer> {
  needs(test, 'python3');
  const { code } = await run(PYTHON, ['-c', 'import pymodbus']);
  needsThat(test, code === 0, 'python3-pymodbus is not installed');
  const process = spawn(PYTHON, ['test/cli/local/peer.py'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const exited = once(process, 'exit');
  const [first] = (await Promise.race([once(process.stdout, 'data'), exited])) as [unknown];
  const port = Number(String(first));
  if (!(port > 0)) throw new Error(`the peer did not start: ${String(first)}`);
  return {
    port,
    link: `tcp://127.0.0.1:${port}`,
    stop: async () => {
      process.stdin.end();
      process.kill();
      await exited;
    },
  };
}
