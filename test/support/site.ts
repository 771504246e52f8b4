/**
 * A gateway's site on this machine: a broker, a simulated home, keys, and a configuration around them; and the
 * program run on it as a process, with its log as values.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { stringify } from 'yaml';
import { toHex } from '../../src/base/bytes.ts';
import { startEmbeddedBroker } from '../../src/io/broker/mod.ts';
import { generateKey, writeKeyFile } from '../../src/io/keys.ts';
import type { SigningKey } from '../../src/io/keys.ts';
import { runHome } from '../../src/sim/mod.ts';
import { tempDir } from './temp.ts';

export interface Site extends AsyncDisposable {
  readonly folder: string;
  /** The configuration file. */
  readonly path: string;
  readonly headEnd: SigningKey;
  readonly key: SigningKey;
  /** What the configuration says, to be changed and written again. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly home: Awaited<ReturnType<typeof runHome>>;
  readonly broker: string;
  write(config: Readonly<Record<string, unknown>>): Promise<void>;
}

/** `extra` replaces top-level fields of the configuration. */
export async function site(extra: Readonly<Record<string, unknown>> = {}): Promise<Site> {
  const dir = await tempDir();
  const broker = await startEmbeddedBroker({ port: 0 });
  if (!broker.ok) throw new Error(broker.detail ?? broker.refusal);
  const home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 } });
  const [key, headEnd] = [generateKey(), generateKey()];
  const path = join(dir.path, 'gateway.yaml');
  const config = {
    utility: 'demo',
    gateway: 'premise-1',
    stateFile: 'gateway.sqlite',
    keyFile: 'gateway.key',
    broker: { url: broker.value.url },
    trustedKeys: [
      {
        issuer: 'grid-ops',
        publicKey: toHex(headEnd.publicKey),
        epoch: 1,
        operations: ['event', 'cancel', 'grant', 'ack'],
        highestClass: 'emergency',
        validFrom: '2026-01-01T00:00:00Z',
        validUntil: '2100-01-01T00:00:00Z',
      },
    ],
    devices: [{ id: 'inverter', link: home.links.inverter }],
    defaults: { opModMaxLimW: 6000 },
    ...extra,
  };
  const write = (changed: Readonly<Record<string, unknown>>): Promise<void> =>
    writeFile(path, stringify(changed));
  await write(config);
  await writeKeyFile(join(dir.path, 'gateway.key'), key);
  return {
    folder: dir.path,
    path,
    headEnd,
    key,
    config,
    home,
    broker: broker.value.url,
    write,
    [Symbol.asyncDispose]: async () => {
      await home.close();
      await broker.value.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

export interface LogLine {
  readonly event: string;
  readonly msg: string;
}

export interface RunningProgram extends AsyncDisposable {
  readonly pid: number;
  readonly lines: readonly LogLine[];
  /** The first line from the `from`th on that fits; rejects when the program ends before. */
  line(fits: (line: LogLine) => boolean, from?: number): Promise<LogLine>;
  signal(name: NodeJS.Signals): void;
  /** Its exit code. */
  readonly ended: Promise<number | null>;
}

/** `underglass` with `args`, whose standard output is lines of a log. Killed at the end of the scope. */
export function program(args: readonly string[], env: NodeJS.ProcessEnv = {}): RunningProgram {
  const child = spawn(process.execPath, ['src/cli/underglass.js', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const lines: LogLine[] = [];
  const reader = createInterface({ input: child.stdout });
  const errors = text(child.stderr);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  reader.on('line', line => lines.push(JSON.parse(line) as LogLine));
  const over = ended.then(() => true);
  return {
    pid: child.pid ?? 0,
    lines,
    ended,
    signal: name => void child.kill(name),
    line: async (fits, from = 0) => {
      for (;;) {
        const found = lines.slice(from).find(fits);
        if (found !== undefined) return found;
        const isOver = await Promise.race([once(reader, 'line').then(() => false), over]);
        if (isOver && lines.slice(from).find(fits) === undefined)
          throw new Error(`ended before: ${lines.map(({ event }) => event).join(', ')} ${await errors}`);
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
