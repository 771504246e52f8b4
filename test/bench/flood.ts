/**
 * `bench -- flood`: invalid messages, 10,000 a second for 10 s, through mosquitto as it comes, to one gateway. How late
 * does its loop get, and how soon does a good command get through? The head end repeats it as `ami-nms` would: a full
 * queue at the broker drops good and bad alike.
 *
 * The floor is the lateness of the same loop at rest. The flood has a process of its own, and so has mosquitto; all
 * of them share the machine.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { nextBetween, seeded } from '../../src/base/random.ts';
import { hours } from '../../src/base/time.ts';
import { runGateway } from '../../src/cli/wiring/gateway.ts';
import { now } from '../../src/io/clock.ts';
import { generateKey } from '../../src/io/keys.ts';
import { commandTopic } from '../../src/model/mod.ts';
import type { EventBody, MRID } from '../../src/model/mod.ts';
import { runHome } from '../../src/sim/mod.ts';
import { GATEWAY, UTILITY, configOf, openHeadEnd } from './gateway.ts';
import type { BareHeadEnd } from './head-end.ts';
import { startMosquitto } from './mosquitto.ts';
import { quantiles } from './quantiles.ts';

const RATE = Number(process.env.RATE ?? 10_000);
const SECONDS = Number(process.env.SECONDS ?? 10);
const QOS = Number(process.env.QOS ?? 1);
/** Messages mosquitto keeps for a client; 1000 is what it does unless told otherwise, 0 is no limit. */
const QUEUED = Number(process.env.QUEUED ?? 1000);
/** How often the loop is asked for the time, in ms. */
const BEAT_MS = 5;

export async function run(): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'underglass-bench-'));
  const broker = await startMosquitto(folder, QUEUED);
  const keys = { headEnd: generateKey(), gateway: generateKey() };
  const home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 }, inverter: { rampS: 1 } });
  const link = home.links.inverter;
  const world = { folder, keys, broker: `mqtt://127.0.0.1:${broker.port}`, link };
  const gateway = await runGateway(await configOf(world), { log: () => {} });
  const headEnd = await openHeadEnd(world);
  try {
    await headEnd.send(good(0), () => true);
    const atRest = new Beat();
    await sleep(3000);
    const floor = atRest.end();
    const file = join(folder, 'invalid');
    await writeFile(
      file,
      invalid(headEnd.signed(good(0)))
        .map(b => b.toString('hex'))
        .join('\n'),
    );
    const flood = startFlood(broker.port, file);
    const beat = new Beat();
    const before = refusals(gateway.gateway.counts());
    const endMs = performance.now() + SECONDS * 1000;
    const commands = await sendGood(headEnd, endMs);
    const ours = beat.end();
    const refused = refusals(gateway.gateway.counts()) - before;
    const through = commands.flatMap(c => (c === undefined ? [] : [c]));
    return {
      name: 'flood',
      queuedAtBroker: QUEUED,
      messages: JSON.parse(await flood) as unknown,
      refusedASecond: Math.round(refused / SECONDS),
      loopLate: ours,
      floor,
      aim: { p99Ms: 100 },
      goodCommands: {
        through: through.length,
        gaveUp: commands.length - through.length,
        ...quantiles(through.map(({ tookMs }) => tookMs)),
        mostSends: Math.max(0, ...through.map(({ times }) => times)),
      },
    };
  } finally {
    await headEnd.close();
    await gateway.stop();
    await home.close();
    broker.process.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

/** One good command after another, each as soon as the one before is answered; `undefined`: not by the end. */
async function sendGood(
  headEnd: BareHeadEnd,
  endMs: number,
): Promise<readonly Awaited<ReturnType<BareHeadEnd['sendUntil']>>[]> {
  await sleep(500);
  const commands: Awaited<ReturnType<BareHeadEnd['sendUntil']>>[] = [];
  for (let n = 1; performance.now() < endMs - 500; n++)
    commands.push(await headEnd.sendUntil(good(n), endMs));
  return commands;
}

function good(n: number) {
  const body: EventBody = {
    kind: 'event',
    service: 'direct',
    mRID: `flood-${n}` as MRID,
    axes: { opModMaxLimW: 1000 + n },
    start: now().unix,
    duration: hours(1),
  };
  return { audience: { kind: 'device', id: GATEWAY }, body, class: 'dispatch' } as const;
}

/** What anybody can send who has seen one command: its signature broken, cut short, or nothing of the kind. */
function invalid(bytes: Buffer): readonly Buffer[] {
  const random = seeded(1);
  return Array.from({ length: 100 }, (_, n) => {
    const copy = Buffer.from(bytes);
    if (n % 4 < 2) copy[copy.length - 1 - nextBetween(random, 0, 30)] = nextBetween(random, 0, 255);
    else if (n % 4 === 2) copy.reverse();
    else return copy.subarray(0, nextBetween(random, 0, copy.length - 1));
    return copy;
  }).filter(copy => !copy.equals(bytes));
}

function refusals(counts: ReadonlyMap<string, number>): number {
  return [...counts].reduce((sum, [name, n]) => (name.startsWith('refused.') ? sum + n : sum), 0);
}

/** Asks the loop for the time every {@link BEAT_MS}; how late each answer was. */
class Beat {
  readonly #lateMs: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor() {
    let due = performance.now() + BEAT_MS;
    this.#timer = setInterval(() => {
      const at = performance.now();
      this.#lateMs.push(Math.max(0, at - due));
      due = at + BEAT_MS;
    }, BEAT_MS);
  }

  end(): { p50Ms: number; p99Ms: number; mostMs: number } {
    clearInterval(this.#timer);
    return { ...quantiles(this.#lateMs), mostMs: Number(Math.max(...this.#lateMs).toFixed(1)) };
  }
}

async function startFlood(port: number, file: string): Promise<string> {
  const topic = commandTopic(UTILITY, { kind: 'device', id: GATEWAY });
  const script = fileURLToPath(new URL('./flooder.ts', import.meta.url));
  const args = [script, '127.0.0.1', port, topic, RATE, SECONDS, QOS, file].map(String);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  return Buffer.concat(chunks).toString();
}

/** mosquitto as it comes (20 messages under way to a client), but for its queue. */
