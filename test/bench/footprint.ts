/**
 * `bench -- footprint`: what a gateway takes of a small computer: memory, time from the start of its process to its
 * first status at the broker, and processor time with eight full devices of IEEE 1547 read every second. The floor is
 * a Node process that does nothing; devices and broker are processes of others and not counted.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connectAsync } from 'mqtt';
import { stringify } from 'yaml';
import { toHex } from '../../src/base/bytes.ts';
import { startEmbeddedBroker } from '../../src/io/broker/mod.ts';
import { generateKey, writeKeyFile } from '../../src/io/keys.ts';
import { serveDevices } from './served.ts';

const DEVICES = 8;
const SETTLE_S = 20;
const MEASURE_S = Number(process.env['MEASURE_S'] ?? 60);
/** Of a clock tick in /proc/PID/stat (USER_HZ), in ms. */
const TICK_MS = 10;

export async function run(): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'underglass-bench-'));
  const broker = await startEmbeddedBroker({ port: 0 });
  if (!broker.ok) throw new Error(broker.detail ?? broker.refusal);
  const served = await serveDevices({ ports: DEVICES, units: 1 });
  let gateway: ChildProcess | undefined;
  let idle: ChildProcess | undefined;
  try {
    const config = await configOf(folder, { url: broker.value.url, ports: served.ports });
    const heard = await connectAsync(broker.value.url);
    const status = new Promise<number>(resolve => heard.once('message', () => resolve(performance.now())));
    await heard.subscribeAsync('ug/1/bench/d/bench-1/up/status', { qos: 1 });
    idle = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const began = performance.now();
    gateway = spawn(process.execPath, [...built(), 'gateway', '--config', config], {
      stdio: ['ignore', 'ignore', 'inherit'],
      // As in the unit that underglass service print gives.
      env: { ...process.env, NODE_OPTIONS: '--max-semi-space-size=1' },
    });
    const startMs = (await status) - began;
    await heard.endAsync();
    await seconds(SETTLE_S);
    const before = await cpuMs(gateway);
    await seconds(MEASURE_S);
    const used = (await cpuMs(gateway)) - before;
    const [rss, floorRss] = [await rssMb(gateway), await rssMb(idle)];
    return {
      name: 'footprint',
      ours: {
        rssMb: round(rss),
        startToFirstStatusMs: Math.round(startMs),
        cpuPercentOfCore: round(used / MEASURE_S / 10),
      },
      floor: { rssMb: round(floorRss) },
      ratio: round(rss / floorRss),
      aim: { rssMb: 120, startToFirstStatusMs: 2000, cpuPercentOfCore: 3 },
      devices: DEVICES,
      overS: MEASURE_S,
    };
  } finally {
    await Promise.all([gateway, idle].map(ended));
    await served.close();
    await broker.value.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The built program, as an installed package runs it: stripping types costs a clone time and memory. */
function built(): readonly string[] {
  const entry = resolve('dist/src/cli/main.js');
  if (!existsSync(entry)) throw new Error('the program is not built: npm run build');
  const start = `import { main } from ${JSON.stringify(entry)}; process.exitCode = await main(process.argv.slice(1));`;
  return ['--input-type=module', '-e', start, '--'];
}

async function configOf(
  folder: string,
  { url, ports }: { readonly url: string; readonly ports: readonly number[] },
): Promise<string> {
  const path = join(folder, 'gateway.yaml');
  const headEnd = {
    issuer: 'bench-ops',
    publicKey: toHex(generateKey().publicKey),
    epoch: 1,
    operations: ['event', 'cancel', 'grant', 'ack'],
    highestClass: 'emergency',
    validFrom: '2020-01-01T00:00:00Z',
    validUntil: '2100-01-01T00:00:00Z',
  };
  const devices = ports.map((port, at) => ({ id: `device-${at}`, link: `tcp://127.0.0.1:${port}?unit=1` }));
  await writeKeyFile(join(folder, 'gateway.key'), generateKey());
  const names = { utility: 'bench', gateway: 'bench-1', stateFile: 'gateway.sqlite', keyFile: 'gateway.key' };
  const config = {
    ...names,
    broker: { url },
    trustedKeys: [headEnd],
    devices,
    defaults: {},
    monitor: { port: 0 },
  };
  await writeFile(path, stringify(config));
  return path;
}

/** User and system time so far: fields 14 and 15 of /proc/PID/stat (proc(5)), counted behind the name. */
async function cpuMs({ pid }: ChildProcess): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

async function rssMb({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

async function ended(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

function seconds(s: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, s * 1000));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
