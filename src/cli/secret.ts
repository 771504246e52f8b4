/**
 * A secret from a person or a program: typed at the terminal, where it is not shown, or one line on standard
 * input. Never an argument: those are seen by every user of the machine and kept by the shell.
 */
import { open } from 'node:fs/promises';
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

/**
 * Passphrases of keys that exist, as they are asked for: typed unseen, once each, or the lines of `path` or of standard
 * input in their order.
 */
export class Passphrases {
  readonly #path: string | undefined;
  #lines: string[] | undefined;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** The next one. Throws {@link Trouble} where there is none. */
  async next(what: string): Promise<string> {
    if (this.#path === undefined && process.stdin.isTTY) return typed(what, 'once');
    this.#lines ??= await this.#read(what);
    const line = this.#lines.shift();
    if (line !== undefined) return line;
    throw new Trouble(`${this.#path ?? 'standard input'} holds no line for the ${what}`);
  }

  async #read(what: string): Promise<string[]> {
    const bytes = this.#path === undefined ? await stdinBytes(what) : await secretFile(this.#path);
    const text = textOf(bytes);
    if (text === undefined) throw new Trouble(`the ${what} is no text in UTF-8`);
    const lines = text.split(/\r?\n/);
    if (lines.at(-1) === '') lines.pop();
    return lines;
  }
}

async function secretFile(path: string): Promise<Uint8Array> {
  const file = await open(path).catch(() => {
    throw new Trouble(`the file of passphrases: ${path} cannot be read`);
  });
  try {
    const { mode, size } = await file.stat();
    if (mode % 0o100 !== 0)
      throw new Trouble(
        `${path}: its mode lets others read it; chmod 600 takes that away (readable-by-others)`,
      );
    if (size > MAX_BYTES) throw new Trouble(`${path} is no file of passphrases: ${size} bytes`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** A new secret is asked for twice: what is typed unseen is easily typed wrong. */
async function typed(what: string, times: 'once' | 'twice' = 'twice'): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: NOWHERE, terminal: true, historySize: 0 });
  try {
    const first = await ask(lines, what);
    if (times === 'once') return first;
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
  const line = textOf(await stdinBytes(what))?.replace(/\r?\n$/, '');
  if (line === undefined) throw new Trouble(`the ${what} is no text in UTF-8`);
  if (/[\r\n]/.test(line)) throw new Trouble(`the ${what} is one line, and there are more`);
  return line;
}

async function stdinBytes(what: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_BYTES) throw new Trouble(`the ${what} is one line of at most ${MAX_BYTES} bytes`);
  }
  return Buffer.concat(chunks);
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
