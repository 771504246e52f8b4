/**
 * A head end and a gateway on real sockets, real files and somebody else's brokers: what is sent from one to the
 * other while these die, and the books of both ends compared afterwards.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { assert } from '../../src/base/assert.ts';
import { toHex } from '../../src/base/bytes.ts';
import { hours } from '../../src/base/time.ts';
import { openHeadEnd, readUtilityConfig } from '../../src/cli/utility/head-end.ts';
import type { HeadEnd } from '../../src/cli/utility/head-end.ts';
import { runGateway } from '../../src/cli/wiring/gateway.ts';
import type { RunningGateway } from '../../src/cli/wiring/gateway.ts';
import { now } from '../../src/io/clock.ts';
import { readGatewayConfig } from '../../src/io/config.ts';
import { generateKey, writeKeyFile } from '../../src/io/keys.ts';
import { openStore } from '../../src/io/store/mod.ts';
import type { GatewayId, MRID, StreamName } from '../../src/model/mod.ts';
import { runHome } from '../../src/sim/mod.ts';
import { Books } from './books.ts';

const UTILITY = 'north';
const GATEWAY = 'gw-1' as GatewayId;
const COMMAND_EVERY_MS = 10;
/** After the last command: elections (30 s), and the pauses between repetitions behind them. */
const DRAIN_MS = 120_000;
const RECORDS_AT_ONCE = 1000;

export interface BrokerFigures {
  readonly commands: number;
  readonly answered: number;
  readonly records: number;
  /** Command messages that reached the gateway, the same bytes counted each time. */
  readonly arrived: number;
  /** How often the gateway lost its link, and the longest time until it was up again. */
  readonly lost: number;
  readonly longestDownMs: number;
  /** What broke a promise, in sentences; empty when nothing did. */
  readonly wrong: readonly string[];
}

/** What happens to the brokers, once so many commands were sent. */
export type Blows = ReadonlyMap<number, (world: BrokerWorld) => Promise<void>>;

export class BrokerWorld {
  readonly #headEnd: HeadEnd;
  readonly #gateway: RunningGateway;
  readonly #link: LinkTimes;
  readonly #stateFile: string;
  readonly #books = new Books();
  readonly #undo: (() => Promise<unknown>)[];
  #arrived = 0;

  private constructor(
    parts: { headEnd: HeadEnd; gateway: RunningGateway; link: LinkTimes; stateFile: string },
    undo: (() => Promise<unknown>)[],
  ) {
    this.#headEnd = parts.headEnd;
    this.#gateway = parts.gateway;
    this.#link = parts.link;
    this.#stateFile = parts.stateFile;
    this.#undo = undo;
  }

  /** `urls`: where the brokers are, in the order in which both ends turn to them. */
  static async open(urls: readonly string[]): Promise<BrokerWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'underglass-chaos-'));
    const home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 }, inverter: { rampS: 1 } });
    const [url = '', ...standby] = urls;
    await writeFiles(folder, { broker: { url, standby }, inverter: home.links.inverter });
    const headEnd = await openHeadEnd(await readUtilityConfig(join(folder, 'utility.yaml')));
    const config = await readGatewayConfig(join(folder, 'gateway.yaml'));
    assert(config.ok, `the gateway's configuration${config.ok ? '' : `: ${config.detail}`}`);
    const link = new LinkTimes();
    const found = Promise.withResolvers<void>();
    let world: BrokerWorld | undefined;
    const gateway = await runGateway(config.value, {
      log: ({ event }) => {
        if (event === 'device.found') found.resolve();
      },
      observe: what => {
        if (!('input' in what)) return;
        if (what.input.on === 'link') link.told(what.input);
        if (what.input.on === 'message' && world !== undefined) world.#arrived++;
      },
    });
    world = new BrokerWorld({ headEnd, gateway, link, stateFile: config.value.stateFile }, [
      () => rm(folder, { recursive: true, force: true }),
      () => home.close(),
    ]);
    await Promise.all([found.promise, link.up()]);
    return world;
  }

  /** Waits until the gateway's link is up. The address at which its session is then. */
  async gatewayIsAt(): Promise<string> {
    await this.#link.up();
    return this.#link.at;
  }

  /** Sends `commands`, one after the other and whatever the link says, and waits until each was answered. */
  async send(commands: number, blows: Blows): Promise<void> {
    const settled: Promise<void>[] = [];
    let blow: Promise<void> = Promise.resolve();
    for (let n = 0; n < commands; n++) {
      const next = blows.get(n);
      if (next !== undefined) blow = blow.then(() => next(this));
      settled.push((await this.#sendOne(n)).settled);
      await sleep(COMMAND_EVERY_MS);
    }
    await blow;
    const end = new AbortController();
    await Promise.race([
      Promise.all(settled),
      sleep(DRAIN_MS, undefined, { signal: end.signal }).catch(() => {}),
    ]);
    end.abort();
  }

  /** Ends both, and compares what they hold. */
  async close(): Promise<BrokerFigures> {
    const { nms } = this.#headEnd;
    for (const { command } of nms.open()) this.#books.wrong(`command ${command.cti} was never answered`);
    await this.#gateway.stop();
    const held = new Map<StreamName, number>();
    const store = openStore(this.#stateFile);
    assert(store.ok, 'the gateway left its store in order');
    const { streams } = await store.value.snapshot(GATEWAY);
    for (const { stream, acknowledged, last } of streams) {
      await this.#readLedger(stream);
      held.set(stream, this.#books.through(stream));
      const rest = await store.value.load(GATEWAY, stream, acknowledged, RECORDS_AT_ONCE);
      for (const record of rest) this.#books.take(record);
      const through = this.#books.through(stream);
      if (through !== last)
        this.#books.wrong(`${stream}: ${last} were numbered, ${through} are accounted for`);
      if (acknowledged > (held.get(stream) ?? 0))
        this.#books.wrong(`${stream}: ${acknowledged} were acknowledged, ${held.get(stream)} are held`);
    }
    this.#books.close();
    await store.value.close();
    await this.#headEnd.close();
    for (const undo of this.#undo.toReversed()) await undo();
    const { commands, answered, records, wrong } = this.#books.figures();
    const { lost, longestDownMs } = this.#link;
    return { commands, answered, records, arrived: this.#arrived, lost, longestDownMs, wrong };
  }

  async #sendOne(n: number): Promise<{ readonly settled: Promise<void> }> {
    const body = {
      kind: 'event',
      service: 'demand-response',
      mRID: `brokers-${n}` as MRID,
      axes: { opModMaxLimW: 1000 + (n % 80) * 100 },
      start: now().unix,
      duration: hours(1),
    } as const;
    const how = { class: 'dispatch', primacy: 10 } as const;
    const sent = await this.#headEnd.nms.send({ kind: 'device', id: GATEWAY }, body, how);
    assert(sent.ok, `the head end takes command ${n}${sent.ok ? '' : `: ${sent.refusal}`}`);
    const { cti, settled } = sent.value;
    this.#books.send(cti);
    return {
      settled: settled.then(end => {
        if (end === 'expired') this.#books.wrong(`command ${cti} has expired`);
      }),
    };
  }

  async #readLedger(stream: StreamName): Promise<void> {
    for (let after = 0; ; ) {
      const some = await this.#headEnd.ledger.records(GATEWAY, stream, after, RECORDS_AT_ONCE);
      for (const record of some) this.#books.take(record);
      const last = some.at(-1);
      if (last === undefined) return;
      after = last.sequence;
    }
  }
}

/** When the gateway's link was up, and where. */
class LinkTimes {
  at = '';
  lost = 0;
  longestDownMs = 0;
  #downSinceMs: number | undefined;
  #next = Promise.withResolvers<void>();

  told({ up, why }: { readonly up: boolean; readonly why: string }): void {
    const nowMs = performance.now();
    if (up) {
      this.at = why;
      this.longestDownMs = Math.max(this.longestDownMs, Math.round(nowMs - (this.#downSinceMs ?? nowMs)));
      this.#downSinceMs = undefined;
      this.#next.resolve();
    } else if (this.at !== '') {
      this.lost++;
      this.#downSinceMs ??= nowMs;
      this.#next = Promise.withResolvers();
    }
  }

  up(): Promise<void> {
    return this.#next.promise;
  }
}

async function writeFiles(
  folder: string,
  { broker, inverter }: { broker: object; inverter: string },
): Promise<void> {
  const [headEnd, gateway] = [generateKey(), generateKey()];
  await writeKeyFile(join(folder, 'head-end.key'), headEnd);
  await writeKeyFile(join(folder, 'gateway.key'), gateway);
  const utility = {
    utility: UTILITY,
    issuer: 'grid-ops',
    keyFile: 'head-end.key',
    ledgerFile: 'head-end.sqlite',
    broker,
    gateways: [{ id: GATEWAY, publicKey: toHex(gateway.publicKey) }],
  };
  const key = {
    issuer: 'grid-ops',
    publicKey: toHex(headEnd.publicKey),
    epoch: 1,
    operations: ['event', 'cancel', 'grant', 'ack', 'welcome', 'time'],
    highestClass: 'emergency',
    validFrom: '2020-01-01T00:00:00Z',
    validUntil: '2090-01-01T00:00:00Z',
  };
  const premise = {
    utility: UTILITY,
    gateway: GATEWAY,
    stateFile: 'gateway.sqlite',
    keyFile: 'gateway.key',
    broker,
    trustedKeys: [key],
    devices: [{ id: 'inverter', link: inverter }],
    defaults: {},
  };
  await writeFile(join(folder, 'utility.yaml'), stringify(utility));
  await writeFile(join(folder, 'gateway.yaml'), stringify(premise));
}
