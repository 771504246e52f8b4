/**
 * `chaos -- outage --hours 24`: the broker is away for hours, in virtual time, while a meter of 20 points is read and
 * sampled once a second, phases leave their range and quarters of an hour end. Then it is back. A real gateway on a real
 * store and real signatures; the broker takes 50 ms to answer, and the head end is the machine that judges sequences.
 *
 * Told: whether every sequence came once or was told as lost, how long what was new had to wait behind what was old, how
 * fast the backlog went, and what the outage cost in memory.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { assert } from '../../src/base/assert.ts';
import { instant, milliseconds, unixTime } from '../../src/base/time.ts';
import type { Now } from '../../src/base/time.ts';
import { startGateway } from '../../src/gateway/mod.ts';
import type { BrokerEvents, DeviceEvents, Gateway } from '../../src/gateway/mod.ts';
import { generateKey, signerOf } from '../../src/io/keys.ts';
import { openStore } from '../../src/io/store/mod.ts';
import { STREAMS, unpackSamples } from '../../src/model/mod.ts';
import type { DeviceId, StreamName, UplinkRecord } from '../../src/model/mod.ts';
import { openRecords, signRecord, signRecords, trustKey } from '../../src/wan/envelope/mod.ts';
import { GATEWAY, HeadEnd, UTILITY } from '../support/head-end.ts';
import { tempDir } from '../support/temp.ts';
import type { Options, Outcome } from './main.ts';

const T0 = Date.UTC(2026, 10, 20, 12);
const METER = 'meter' as DeviceId;
/** From a publish to its PUBACK, and from a record to its acknowledgement by the head end. */
const ROUND_TRIP_MS = 50;
/** What is new is live when it comes within this. */
const LIVE_MS = 1000;

export interface OutageFound {
  readonly hours: number;
  readonly records: Readonly<Record<string, number>>;
  /** Sequences that neither came nor were told as lost; that came twice; that stand in `lost`. */
  readonly missing: number;
  readonly twice: number;
  readonly lost: number;
  /** Samples that came, and the seconds for which they were taken. */
  readonly samples: number;
  readonly seconds: number;
  readonly drainMs: number;
  readonly timesRealTime: number;
  /** The longest that an alarm, or a sample, that was new took while the backlog went. */
  readonly alarmMs: number;
  readonly sampleMs: number;
  readonly bytesASample: number;
  readonly heapGrowthMb: number;
}

export async function run({ hours = 24 }: Options): Promise<Outcome> {
  const found = await outage(hours);
  const isWhole = found.missing === 0 && found.twice === 0 && found.samples >= found.seconds - 60;
  const isSound = isWhole && found.timesRealTime >= 20 && found.heapGrowthMb < 10 && found.alarmMs <= LIVE_MS;
  const replay = isSound ? {} : { replay: `npm run chaos -- outage --hours ${hours}` };
  return { ...found, ...replay };
}

export async function outage(hours: number): Promise<OutageFound> {
  await using dir = await tempDir();
  const site = new Site();
  await site.start(join(dir.path, 'gateway.sqlite'));
  site.link('up');
  await site.run(5);
  site.command({ kind: 'read', every: { s: 1, forS: hours * 3600 + 600 } });
  await site.run(60);
  site.link('down');
  const before = heapMb();
  const startMs = site.ms;
  for (let left = hours * 3600; left > 0; left -= 600) {
    await site.run(580);
    site.volts = 100;
    await site.run(20);
    // The last alarm of the outage is raised when the link is up again.
    site.volts = left > 600 ? 120 : site.volts;
  }
  const heapGrowthMb = heapMb() - before;
  site.link('up');
  const owed = { ...site.numbered };
  const upMs = site.ms;
  while (!site.holds(owed)) {
    // What happens now is new: a phase comes back into its range, and leaves it again.
    site.volts = site.volts === 100 ? 120 : 100;
    await site.run(3);
  }
  const drainMs = Math.max(1, site.heldAt - upMs);
  await site.run(30);
  // What was sent last has come.
  await site.until(site.ms + 10 * ROUND_TRIP_MS);
  await site.stop();
  const samples = site.samples();
  return {
    hours,
    records: Object.fromEntries(STREAMS.map(name => [name, site.numbered[name]])),
    ...site.judged(),
    samples,
    seconds: (site.ms - startMs) / 1000,
    drainMs,
    timesRealTime: Math.round((hours * 3_600_000) / drainMs),
    ...site.lateness(upMs),
    bytesASample: Math.round(site.bytes / samples),
    heapGrowthMb: Number(heapGrowthMb.toFixed(1)),
  };
}

interface Came {
  readonly record: UplinkRecord;
  readonly atMs: number;
}

class Site {
  readonly headEnd = new HeadEnd();
  ms = 0;
  volts = 120;
  bytes = 0;
  heldAt = 0;
  readonly numbered = Object.fromEntries(STREAMS.map(name => [name, 0])) as Record<StreamName, number>;
  readonly #came = new Map<string, Came[]>();
  readonly #through = new Map<StreamName, number>();
  #timers: { when: number; wake: () => void }[] = [];
  #broker: BrokerEvents | undefined;
  #devices: DeviceEvents | undefined;
  #gateway: Gateway | undefined;
  #closeStore: (() => Promise<void>) | undefined;
  #up = false;
  /** Rises with every loss of the link: what was on its way is gone. */
  #life = 0;

  async start(path: string): Promise<void> {
    const timer = (afterMs: number, wake: () => void): (() => void) => this.#at(this.ms + afterMs, wake);
    const store = openStore(path, { timer });
    assert(store.ok, 'a new store opens');
    this.#closeStore = () => store.value.close();
    const key = generateKey();
    const scope = { operations: [], highestClass: 'market', primacy: { min: 1, max: 255 } } as const;
    const trusted = trustKey({
      publicKey: key.publicKey,
      issuer: GATEWAY,
      alg: -19,
      epoch: 1,
      scope: { ...scope, validFrom: unixTime(0), validUntil: unixTime(Date.UTC(2099, 0)) },
    });
    assert(trusted.ok, 'a fresh key is trusted');
    const from = { gateway: GATEWAY, utility: UTILITY, keyEpoch: 1 };
    const signer = signerOf(key);
    this.#gateway = await startGateway(
      {
        gateway: GATEWAY,
        utility: UTILITY,
        version: '0.0.0',
        defaults: {},
        bounds: [],
        keys: new Map([[this.headEnd.key.kid, this.headEnd.key]]),
        terms: { directMayBeOverridden: [] },
        reversion: milliseconds(60_000),
        meters: new Map([[METER, { service: 'net-billing', nominalV: 120, dwell: milliseconds(2000) }]]),
      },
      {
        store: {
          snapshot: gateway => store.value.snapshot(gateway),
          load: (...asked) => store.value.load(...asked),
          persist: (gateway, changes, urgency) => {
            for (const change of changes)
              if (change.op === 'append') this.numbered[change.record.stream] = change.record.sequence;
            return store.value.persist(gateway, changes, urgency);
          },
        },
        broker: events => {
          this.#broker = events;
          return {
            publish: (topic, payload) => this.#publish(topic, payload, () => trusted.value),
            subscribe: () => {},
            unsubscribe: () => {},
            renew: () => {},
            close: () => Promise.resolve(),
          };
        },
        devices: events => {
          this.#devices = events;
          return {
            apply: () => Promise.reject(new Error('no device is ordered here')),
            close: () => Promise.resolve(),
          };
        },
        signer: {
          signRecord: (record, at) => signRecord(record, { ...from, at }, signer),
          signRecords: (records, at) => signRecords(records, { ...from, at }, signer),
        },
        display: { show: () => {} },
        code: { check: () => Promise.resolve(false) },
        clock: { now: () => this.#now(), at: (when, wake) => this.#at(when - 5_000_000, wake) },
        seed: () => '00'.repeat(32),
        log: () => {},
      },
    );
  }

  async stop(): Promise<void> {
    await this.#gateway?.stop();
    await this.#closeStore?.();
  }

  link(to: 'up' | 'down'): void {
    this.#up = to === 'up';
    this.#life++;
    this.#broker?.link({ up: this.#up, why: 'as the campaign says' });
  }

  command(body: Parameters<HeadEnd['sign']>[0]): void {
    const { topic, payload } = this.headEnd.sign(body, this.#now().unix);
    this.#broker?.message({ topic, payload, retained: false, acknowledge: () => {} });
  }

  /** So many seconds, with a reading in each. */
  async run(seconds: number): Promise<void> {
    for (let n = 0; n < seconds; n++) {
      await this.until(this.ms + 1000);
      const reading = { device: METER, role: 'meter', at: this.#now().unix, points: this.#points() } as const;
      this.#devices?.reading(reading);
      await turn();
    }
  }

  /** Whether the head end holds everything up to `owed`. */
  holds(owed: Readonly<Record<StreamName, number>>): boolean {
    return STREAMS.every(name => (this.#through.get(name) ?? 0) >= owed[name]);
  }

  judged(): { missing: number; twice: number; lost: number } {
    let [missing, twice, lost] = [0, 0, 0];
    for (const stream of STREAMS)
      for (let sequence = 1; sequence <= this.numbered[stream]; sequence++) {
        const came = this.#came.get(`${stream} ${sequence}`) ?? [];
        if (came.length === 0) missing++;
        if (came.length > 1) twice++;
        if (came[0]?.record.body.kind === 'lost') lost++;
      }
    return { missing, twice, lost };
  }

  /** How long what was made after `fromMs` took, at worst, of what came before the backlog was through. */
  lateness(fromMs: number): { alarmMs: number; sampleMs: number } {
    const worst = (stream: StreamName): number =>
      Math.max(
        0,
        ...[...this.#came.values()].flatMap(([came]) => {
          if (came === undefined || came.record.stream !== stream) return [];
          const madeMs = came.record.at - T0;
          return madeMs >= fromMs ? [came.atMs - madeMs] : [];
        }),
      );
    return { alarmMs: worst('alarm'), sampleMs: worst('reading') };
  }

  samples(): number {
    const runs = [...this.#came.values()].flatMap(([came]) =>
      came?.record.body.kind === 'samples' ? came.record.body.runs : [],
    );
    return unpackSamples(runs)?.length ?? 0;
  }

  async #publish(
    topic: string,
    payload: Uint8Array,
    keyOf: Parameters<typeof openRecords>[1]['keyOf'],
  ): Promise<void> {
    if (!this.#up) throw new Error('the link is down');
    const life = this.#life;
    await new Promise<void>(resolve => this.#at(this.ms + ROUND_TRIP_MS, resolve));
    if (life !== this.#life) throw new Error('the link was lost');
    const opened = openRecords(payload, { topic, keyOf });
    assert(opened.ok, 'a record is opened');
    this.bytes += opened.value.records[0]?.stream === 'reading' ? payload.length : 0;
    for (const record of opened.value.records) this.#take(record);
  }

  #take(record: UplinkRecord): void {
    const { stream, sequence } = record;
    const key = `${stream} ${sequence}`;
    this.#came.set(key, [...(this.#came.get(key) ?? []), { record, atMs: this.ms }]);
    const before = this.#through.get(stream) ?? 0;
    let through = before;
    while (this.#came.has(`${stream} ${through + 1}`)) through++;
    if (through === before) return;
    this.#through.set(stream, through);
    this.heldAt = this.ms;
    const life = this.#life;
    this.#at(this.ms + ROUND_TRIP_MS, () => {
      // What came since is acknowledged with it.
      if (life === this.#life && this.#through.get(stream) === through)
        this.command({ kind: 'ack', through: { [stream]: through } });
    });
  }

  async until(ms: number): Promise<void> {
    for (;;) {
      const due = this.#timers.filter(({ when }) => when <= ms).toSorted((a, b) => a.when - b.when)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter(timer => timer !== due);
      this.ms = Math.max(this.ms, due.when);
      due.wake();
      if (this.#up) await turn();
    }
    this.ms = ms;
  }

  #at(when: number, wake: () => void): () => void {
    const timer = { when, wake };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter(one => one !== timer);
    };
  }

  #now(): Now {
    return { instant: instant(5_000_000 + this.ms), unix: unixTime(T0 + this.ms) };
  }

  /** Twenty points, in the resolution of a meter's registers. */
  #points(): Record<string, number> {
    const s = Math.floor(this.ms / 1000);
    const wobble = (n: number, span: number): number => ((s * 7919 + n * 104_729) % (2 * span + 1)) - span;
    const phases = ['A', 'B', 'C'].flatMap((phase, n): [string, number][] => [
      [`PhVph${phase}`, n === 0 ? this.volts : (1200 + wobble(n, 9)) / 10],
      [`Aph${phase}`, (410 + wobble(n + 3, 40)) / 100],
      [`ThdPhVph${phase}`, (21 + wobble(n + 6, 3)) / 10],
      [`ThdAph${phase}`, (84 + wobble(n + 9, 5)) / 10],
    ]);
    return {
      ...Object.fromEntries(phases),
      W: 950 + wobble(12, 120),
      VA: 990 + wobble(13, 120),
      Var: 60 + wobble(14, 25),
      PF: (960 + wobble(15, 20)) / 1000,
      Hz: (6000 + wobble(16, 3)) / 100,
      A: (1230 + wobble(17, 90)) / 100,
      TotWhImp: 81_000 + Math.floor(s / 4),
      TotWhExp: 9000,
    };
  }
}

/** What is in use after a collection, MB. */
function heapMb(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed / 1e6;
}
