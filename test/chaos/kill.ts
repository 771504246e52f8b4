/**
 * `npm run chaos -- kill`: a gateway in a process of its own, on a real file, before a simulated inverter on a real
 * socket, under a stream of commands; again and again it is killed with SIGKILL at a random moment and started anew.
 * `--kills` times; `--seed` chooses the moments.
 *
 * Afterwards the head end's books are compared: every command has one answer, none was carried out twice, every number
 * of every stream is held or told as lost, no number came with two contents, and nothing but telemetry was lost.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import type { MqttClient } from 'mqtt';
import { stringify } from 'yaml';
import { assert } from '../../src/base/assert.ts';
import { toHex } from '../../src/base/bytes.ts';
import { nextBetween, seeded } from '../../src/base/random.ts';
import { seconds } from '../../src/base/time.ts';
import { startEmbeddedBroker } from '../../src/io/broker/mod.ts';
import { now } from '../../src/io/clock.ts';
import { generateKey, writeKeyFile } from '../../src/io/keys.ts';
import { ackTopic } from '../../src/model/mod.ts';
import type { Cti, MRID, StreamName } from '../../src/model/mod.ts';
import { runHome } from '../../src/sim/mod.ts';
import { openRecord, trustKey } from '../../src/wan/envelope/mod.ts';
import type { TrustedKey } from '../../src/wan/envelope/mod.ts';
import { GATEWAY, HeadEnd, UTILITY } from '../support/head-end.ts';
import type { Signed } from '../support/head-end.ts';
import { Books } from './books.ts';
import type { Options, Outcome } from './main.ts';

const KILLS = 200;
/** One new command in this time, and those without an answer again. */
const COMMAND_EVERY_MS = 40;
const REPEAT_EVERY_MS = 1000;
/** A life lasts this long at most after its first record arrived. */
const MAX_LIFE_MS = 400;
/** For the last life to answer everything that is open. */
const DRAIN_MS = 30_000;

export async function run({ kills = KILLS, seed = 1 }: Options): Promise<Outcome> {
  const { wrong, ...figures } = await killAgainAndAgain({ kills, seed });
  return {
    kills,
    ...figures,
    wrong,
    ...(wrong.length === 0 ? {} : { replay: `npm run chaos -- kill --kills ${kills} --seed ${seed}` }),
  };
}

export interface KillFigures {
  readonly commands: number;
  readonly answered: number;
  readonly records: number;
  /** Numbers told as lost, all of telemetry. */
  readonly lostTelemetry: number;
  /** What broke a promise, in sentences; empty when nothing did. */
  readonly wrong: readonly string[];
}

export async function killAgainAndAgain({
  kills,
  seed,
}: {
  kills: number;
  seed: number;
}): Promise<KillFigures> {
  const world = await World.open();
  const random = seeded(seed);
  try {
    for (let kill = 0; kill < kills; kill++) await world.life(nextBetween(random, 0, MAX_LIFE_MS));
    await world.lastLife();
    return world.books.figures();
  } finally {
    await world.close();
  }
}

class World {
  readonly books = new Books();
  readonly #headEnd = new HeadEnd();
  readonly #open = new Map<Cti, Signed>();
  readonly #close: (() => Promise<unknown>)[];
  readonly #client: MqttClient;
  readonly #config: string;
  readonly #deviceKey: TrustedKey;
  #heard = Promise.withResolvers<void>();

  private constructor(
    parts: { client: MqttClient; config: string; deviceKey: TrustedKey },
    close: (() => Promise<unknown>)[],
  ) {
    this.#client = parts.client;
    this.#config = parts.config;
    this.#deviceKey = parts.deviceKey;
    this.#close = close;
    this.#client.on('message', (topic, payload) => this.#message(topic, payload));
  }

  static async open(): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'underglass-chaos-'));
    const broker = await startEmbeddedBroker({ port: 0 });
    assert(broker.ok, 'a broker on any free port');
    const home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 }, inverter: { rampS: 1 } });
    const client = await connectAsync(broker.value.url, { protocolVersion: 4, reconnectPeriod: 0 });
    const key = generateKey();
    const config = join(folder, 'gateway.yaml');
    await writeKeyFile(join(folder, 'gateway.key'), key);
    await writeFile(config, configOf({ broker: broker.value.url, link: home.links.inverter }));
    const trusted = trustKey({ ...new HeadEnd().key, publicKey: key.publicKey, issuer: GATEWAY });
    assert(trusted.ok, 'a fresh key is trusted');
    const world = new World({ client, config, deviceKey: trusted.value }, [
      () => client.endAsync(),
      () => home.close(),
      () => broker.value.close(),
      () => rm(folder, { recursive: true, force: true }),
    ]);
    await client.subscribeAsync(`ug/1/${UTILITY}/d/+/up/+`, { qos: 1 });
    return world;
  }

  async close(): Promise<void> {
    for (const close of this.#close) await close();
  }

  /** From the start until `lifeMs` after its first record. */
  async life(lifeMs: number): Promise<void> {
    const child = this.#spawn();
    try {
      await this.#heard.promise;
      await this.#load(lifeMs);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }

  /** Until everything is answered; ends by SIGTERM, as a service manager would. */
  async lastLife(): Promise<void> {
    const child = this.#spawn();
    await this.#heard.promise;
    for (let waitedMs = 0; this.#open.size > 0 && waitedMs < DRAIN_MS; waitedMs += REPEAT_EVERY_MS) {
      for (const signed of this.#open.values()) await this.#publish(signed);
      await sleep(REPEAT_EVERY_MS);
    }
    for (const cti of this.#open.keys()) this.books.wrong(`command ${cti} was never answered`);
    await sleep(REPEAT_EVERY_MS);
    child.kill('SIGTERM');
    await once(child, 'exit');
    this.books.close();
  }

  #spawn(): ChildProcess {
    this.#heard = Promise.withResolvers();
    const args = ['src/cli/underglass.js', 'gateway', '--config', this.#config];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.once('exit', (code, signal) => {
      if (signal === null && code !== 0) this.#heard.reject(new Error(`the gateway ended with ${code}`));
    });
    return child;
  }

  async #load(lifeMs: number): Promise<void> {
    for (const signed of this.#open.values()) await this.#publish(signed);
    for (let livedMs = 0; livedMs <= lifeMs; livedMs += COMMAND_EVERY_MS) {
      const mRID = `kill-${this.books.sent()}` as MRID;
      const signed = this.#headEnd.sign(
        {
          kind: 'event',
          service: 'demand-response',
          mRID,
          axes: { opModMaxLimW: nextLimit(this.books.sent()) },
          start: now().unix,
          duration: seconds(3600),
        },
        now().unix,
      );
      this.books.send(signed.cti);
      this.#open.set(signed.cti, signed);
      await this.#publish(signed);
      await sleep(Math.min(COMMAND_EVERY_MS, lifeMs - livedMs));
    }
  }

  async #publish({ topic, payload }: Signed): Promise<void> {
    await this.#client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
  }

  #message(topic: string, payload: Buffer): void {
    const opened = openRecord(payload, { topic, keyOf: () => this.#deviceKey });
    if (!opened.ok) return this.books.wrong(`a record was refused: ${opened.refusal}`);
    this.#heard.resolve();
    const { record } = opened.value;
    this.books.take(record);
    if (record.body.kind === 'receipt') this.#open.delete(record.body.cti);
    this.#acknowledge(record.stream);
  }

  #acknowledge(stream: StreamName): void {
    const through = this.books.through(stream);
    if (through === 0) return;
    const { payload } = this.#headEnd.sign({ kind: 'ack', through: { [stream]: through } }, now().unix, {
      stream: 'ack',
    });
    this.books.acknowledged(stream, through);
    this.#client.publish(ackTopic(UTILITY, GATEWAY), Buffer.from(payload), { qos: 1 });
  }
}

/** Whole percents, one after the other, so that each command means a write. */
function nextLimit(n: number): number {
  return 1000 + (n % 80) * 100;
}

function configOf({ broker, link }: { broker: string; link: string }): string {
  const { issuer, key } = new HeadEnd();
  return stringify({
    utility: UTILITY,
    gateway: GATEWAY,
    stateFile: 'gateway.sqlite',
    keyFile: 'gateway.key',
    broker: { url: broker },
    trustedKeys: [
      {
        issuer,
        publicKey: toHex(key.publicKey),
        epoch: 1,
        operations: ['event', 'cancel', 'grant', 'ack'],
        highestClass: 'emergency',
        validFrom: '2020-01-01T00:00:00Z',
        validUntil: '2090-01-01T00:00:00Z',
      },
    ],
    devices: [{ id: 'inverter', link }],
    defaults: {},
  });
}
