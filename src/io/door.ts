/**
 * A door between two programs of one user on one machine: a TCP port of the loopback whose number and token stand
 * in a file that only its owner may read. Who comes sends one call as a line of JSON; what answers tells as many
 * lines as it likes and ends with the result. What the calls mean is not known here.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { refused, ok } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';

export type DoorJson =
  | null
  | boolean
  | number
  | string
  | readonly DoorJson[]
  | { readonly [key: string]: DoorJson };

export interface DoorCall {
  readonly call: string;
  readonly args: DoorJson;
  /** Says something before the result. */
  readonly tell: (line: DoorJson) => void;
  /** Aborted when who called has gone. */
  readonly signal: AbortSignal;
}

export interface Door {
  close(): Promise<void>;
}

/** `closed`: nobody listens. `denied`: somebody listens who is not ours. `broken`: it ended before its result. */
export type KnockRefusal = 'closed' | 'denied' | 'broken';

/** A call is one command with its arguments; a list of ten thousand ids fits. */
const MAX_CALL_BYTES = 2 * 1_048_576;
/** Commands of one user at one time; further ones are let in as these end. */
const MAX_CALLERS = 32;
/** Who connects is a program and speaks at once. */
const SPEAKS_WITHIN_MS = 5000;

/** Opens the door described in `file`; an older description is replaced. */
export async function openDoor(file: string, answer: (call: DoorCall) => Promise<DoorJson>): Promise<Door> {
  const token = randomBytes(32).toString('hex');
  const callers = new Set<Socket>();
  const server = createServer({ noDelay: true }, socket => {
    callers.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => callers.delete(socket));
    void serve(socket, token, answer);
  });
  server.maxConnections = MAX_CALLERS;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await writeOwn(file, JSON.stringify({ port, token, pid: process.pid }));
  return {
    close: async () => {
      await rm(file, { force: true });
      const closed = once(server, 'close');
      server.close();
      for (const socket of callers) socket.destroy();
      await closed;
    },
  };
}

/** Makes one call through the door described in `file`. */
export async function knock(
  file: string,
  { call, args, tell }: Pick<DoorCall, 'call' | 'args' | 'tell'>,
): Promise<Result<DoorJson, KnockRefusal>> {
  const there = await readFile(file, 'utf8').then(describe, () => undefined);
  if (there === undefined) return refused('closed', file);
  const socket = connect({ host: '127.0.0.1', port: there.port, noDelay: true });
  const up = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  if (!up) return refused('closed', `nobody listens on port ${there.port}`);
  socket.on('error', () => socket.destroy());
  socket.write(`${JSON.stringify({ token: there.token, call, args })}\n`);
  try {
    for await (const line of createInterface({ input: socket })) {
      const said = JSON.parse(line) as { tell?: DoorJson; result?: DoorJson; denied?: true };
      if (said.denied) return refused('denied', 'the token is not the one of the program that listens');
      if (said.result !== undefined) return ok(said.result);
      if (said.tell !== undefined) tell(said.tell);
    }
  } catch {
    // A torn line: it ended in the middle.
  } finally {
    socket.destroy();
  }
  return refused('broken', 'the program that listens ended before it answered');
}

async function serve(
  socket: Socket,
  token: string,
  answer: (call: DoorCall) => Promise<DoorJson>,
): Promise<void> {
  const line = await firstLine(socket);
  const asked = line === undefined ? undefined : parse(line);
  if (asked === undefined || !isSame(asked.token, token)) {
    socket.end(`${JSON.stringify({ denied: true })}\n`);
    return;
  }
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  const say = (said: object): void => {
    if (socket.writable) socket.write(`${JSON.stringify(said)}\n`);
  };
  const { call, args } = asked;
  const result = await answer({ call, args, tell: said => say({ tell: said }), signal: gone.signal });
  say({ result });
  socket.end();
}

/** `undefined`: too long, too late, or gone. */
function firstLine(socket: Socket): Promise<string | undefined> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    let length = 0;
    const done = (line: string | undefined): void => {
      clearTimeout(timer);
      socket.off('data', take).off('close', gone);
      socket.resume();
      resolve(line);
    };
    const gone = (): void => done(undefined);
    const timer = setTimeout(gone, SPEAKS_WITHIN_MS);
    const take = (chunk: Buffer): void => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_CALL_BYTES) return done(undefined);
      const end = chunk.indexOf(0x0a);
      if (end >= 0) done(Buffer.concat(chunks).toString('utf8', 0, length - chunk.length + end));
    };
    socket.on('data', take).on('close', gone);
  });
}

function parse(line: string): { token: string; call: string; args: DoorJson } | undefined {
  try {
    const { token, call, args } = JSON.parse(line) as Readonly<Record<string, DoorJson>>;
    if (typeof token !== 'string' || typeof call !== 'string' || args === undefined) return undefined;
    return { token, call, args };
  } catch {
    return undefined;
  }
}

function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function describe(text: string): { port: number; token: string } | undefined {
  try {
    const { port, token } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    return typeof port === 'number' && typeof token === 'string' ? { port, token } : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all: who reads it meanwhile finds the older one. */
async function writeOwn(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`;
  await rm(fresh, { force: true });
  const file = await open(fresh, 'wx', 0o600);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  await rename(fresh, path);
}
