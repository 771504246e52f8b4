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
import { setTimeout as sleep } from 'node:timers/promises';
import { nextBetween, seeded } from '../../src/base/random.ts';
import { seconds } from '../../src/base/time.ts';
import { now } from '../../src/io/clock.ts';
import type { Cti, MRID, StreamName, UplinkRecord } from '../../src/model/mod.ts';
import type { Signed } from '../support/head-end.ts';
import { Books } from './books.ts';
import type { Options, Outcome } from './main.ts';
import { openSite } from './site.ts';
import type { Site } from './site.ts';

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
  readonly #site: Site;
  readonly #open = new Map<Cti, Signed>();
  #heard = Promise.withResolvers<void>();

  private constructor(site: Site) {
    this.#site = site;
    site.onRecord(record => this.#record(record));
  }

  static async open(): Promise<World> {
    return new World(await openSite());
  }

  close(): Promise<void> {
    return this.#site.close();
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
      for (const signed of this.#open.values()) await this.#site.send(signed);
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
    const args = ['src/cli/underglass.js', 'gateway', '--config', this.#site.config];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.once('exit', (code, signal) => {
      if (signal === null && code !== 0) this.#heard.reject(new Error(`the gateway ended with ${code}`));
    });
    return child;
  }

  async #load(lifeMs: number): Promise<void> {
    for (const signed of this.#open.values()) await this.#site.send(signed);
    for (let livedMs = 0; livedMs <= lifeMs; livedMs += COMMAND_EVERY_MS) {
      const mRID = `kill-${this.books.sent()}` as MRID;
      const signed = this.#site.headEnd.sign(
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
      await this.#site.send(signed);
      await sleep(Math.min(COMMAND_EVERY_MS, lifeMs - livedMs));
    }
  }

  #record(record: UplinkRecord | string): void {
    if (typeof record === 'string') return this.books.wrong(record);
    this.#heard.resolve();
    this.books.take(record);
    if (record.body.kind === 'receipt') this.#open.delete(record.body.cti);
    this.#acknowledge(record.stream);
  }

  #acknowledge(stream: StreamName): void {
    const through = this.books.through(stream);
    if (through === 0) return;
    const signed = this.#site.headEnd.sign({ kind: 'ack', through: { [stream]: through } }, now().unix, {
      stream: 'ack',
    });
    this.books.acknowledged(stream, through);
    void this.#site.send(signed);
  }
}

/** Whole percents, one after the other, so that each command means a write. */
function nextLimit(n: number): number {
  return 1000 + (n % 80) * 100;
}
