/**
 * A secret from a person or a program: typed at the terminal, where it is not shown, or one line on standard
 * input. Never an argument: those are seen by every user of the machine and kept by the shell.
 */
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import { Writable } from 'node:stream';
import { Trouble } from './exit.ts';

/** A line as people type one; what is longer is a file sent here by mistake. */
const MAX_BYTES = 1024;

/** The secret without its line end, perhaps empty. Throws {@link Trouble} when there is not exactly one. */
export async function readSecret(what: string): Promise<string> {
  return process.stdin.isTTY ? typed(what) : piped(what);
}

/** Asked for twice: what is typed unseen is easily typed wrong. */
async function typed(what: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: NOWHERE, terminal: true, historySize: 0 });
  try {
    const first = await ask(lines, what);
    const again = await ask(lines, `${what}, once more`);
    if (first !== again) throw new Trouble(`the ${what} was typed in two ways`);
    return first;
  } finally {
    lines.close();
  }
}

/** A terminal's line editor repeats what is typed; here it does so to nobody. */
const NOWHERE = new Writable({ write: (_chunk, _encoding, done) => done() });

function ask(lines: Interface, what: string): Promise<string> {
  process.stderr.write(`${what}: `);
  return new Promise<string>((resolve, reject) => {
    const gone = (): void => reject(new Trouble('nothing was typed'));
    lines.once('close', gone);
    lines.once('line', line => {
      lines.off('close', gone);
      resolve(line);
    });
  }).finally(() => process.stderr.write('\n'));
}

async function piped(what: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_BYTES) throw new Trouble(`the ${what} is one line of at most ${MAX_BYTES} bytes`);
  }
  const line = textOf(Buffer.concat(chunks))?.replace(/\r?\n$/, '');
  if (line === undefined) throw new Trouble(`the ${what} is no text in UTF-8`);
  if (/[\r\n]/.test(line)) throw new Trouble(`the ${what} is one line, and there are more`);
  return line;
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
