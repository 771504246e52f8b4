/**
 * Every axis from a signed command over a real broker to the registers of a real Modbus device and back as a signed
 * receipt, on both generations of SunSpec controls. The devices are the simulated inverter and battery; of each only
 * the models of one generation can be seen: the others carry a number that no standard knows, and are skipped.
 */
import { EventEmitter, on } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { connectAsync } from 'mqtt';
import type { MqttClient } from 'mqtt';
import { stringify } from 'yaml';
import { toHex } from '../../src/base/bytes.ts';
import { hours } from '../../src/base/time.ts';
import { runGateway } from '../../src/cli/wiring/gateway.ts';
import type { RunningGateway } from '../../src/cli/wiring/gateway.ts';
import { startEmbeddedBroker } from '../../src/io/broker/mod.ts';
import { now } from '../../src/io/clock.ts';
import { readGatewayConfig } from '../../src/io/config.ts';
import { generateKey, writeKeyFile } from '../../src/io/keys.ts';
import { AXES } from '../../src/model/mod.ts';
import type { Axis, AxisValues, EventBody, MRID, ReceiptBody } from '../../src/model/mod.ts';
import { runHome, serveTcp } from '../../src/sim/mod.ts';
import type { RunningHome, Server, Unit } from '../../src/sim/mod.ts';
import { openRecord, trustKey } from '../../src/wan/envelope/mod.ts';
import type { TrustedKey } from '../../src/wan/envelope/mod.ts';
import { GATEWAY, HeadEnd, UTILITY } from '../support/head-end.ts';
import type { Signed } from '../support/head-end.ts';
import { tempDir } from '../support/temp.ts';

type Name = 'inverter' | 'battery';
/** `704.WSet` of each device, in its unit. */
type Held = Readonly<Partial<Record<Name, Readonly<Record<string, number>>>>>;

interface Row {
  readonly axes: AxisValues;
  readonly ordered: Held;
  readonly released: Held;
}

interface Generation {
  readonly title: string;
  /** Models that are not seen. */
  readonly hides: readonly number[];
  readonly rows: readonly Row[];
  /** What a receipt says of an axis that nothing here carries out. */
  readonly refusals: readonly (readonly [Axis, string])[];
}

const BOTH = (values: Readonly<Record<string, number>>): Held => ({ inverter: values, battery: values });

/** Inverter of 8000 W, battery of 5000 W that charges at most so fast. */
const GENERATIONS: readonly Generation[] = [
  {
    title: 'models 701 to 713',
    hides: [103, 120, 121, 123, 124],
    rows: [
      { axes: { opModConnect: 0 }, ordered: BOTH({ '703.ES': 0 }), released: BOTH({ '703.ES': 1 }) },
      {
        axes: { opModMaxLimW: 5000 },
        // Falls back to the default control when the gateway dies.
        ordered: BOTH({
          '704.WMaxLimPct': 50,
          '704.WMaxLimPctEna': 1,
          '704.WMaxLimPctRvrt': 80,
          '704.WMaxLimPctEnaRvrt': 1,
        }),
        // The default holds when the event has ended.
        released: BOTH({ '704.WMaxLimPct': 80, '704.WMaxLimPctEna': 1 }),
      },
      {
        axes: { opModFixedW: 2500 },
        ordered: BOTH({ '704.WSetPct': 25, '704.WSetMod': 0, '704.WSetEna': 1 }),
        released: BOTH({ '704.WSetEna': 0 }),
      },
      {
        axes: { opModTargetW: 2600 },
        ordered: {
          inverter: { '704.WSet': 1600, '704.WSetMod': 1, '704.WSetEna': 1 },
          battery: { '704.WSet': 1000, '704.WSetMod': 1, '704.WSetEna': 1 },
        },
        released: BOTH({ '704.WSetEna': 0 }),
      },
      {
        axes: { opModFixedVar: -2000 },
        ordered: BOTH({ '704.VarSetPct': -20, '704.VarSetMod': 1, '704.VarSetEna': 1 }),
        released: BOTH({ '704.VarSetEna': 0 }),
      },
      {
        axes: { opModFixedPFInjectW: 9500 },
        ordered: BOTH({ '704.PFWInj.PF': 0.95, '704.PFWInj.Ext': 0, '704.PFWInjEna': 1 }),
        released: BOTH({ '704.PFWInjEna': 0 }),
      },
      {
        axes: { opModFixedPFAbsorbW: -9000 },
        ordered: BOTH({ '704.PFWAbs.PF': 0.9, '704.PFWAbs.Ext': 1, '704.PFWAbsEna': 1 }),
        released: BOTH({ '704.PFWAbsEna': 0 }),
      },
      {
        axes: { opModStorageTargetW: 1000 },
        ordered: {
          inverter: { '704.WSetEna': 0 },
          battery: { '704.WSet': -1000, '704.WSetMod': 1, '704.WSetEna': 1 },
        },
        released: BOTH({ '704.WSetEna': 0 }),
      },
    ],
    refusals: [],
  },
  {
    title: 'models 103 to 124',
    hides: [701, 702, 703, 704, 705, 706, 707, 708, 709, 710, 711, 712, 713, 714],
    rows: [
      {
        axes: { opModConnect: 0 },
        ordered: { inverter: { '123.Conn': 0 } },
        released: { inverter: { '123.Conn': 1 } },
      },
      {
        axes: { opModMaxLimW: 5000 },
        ordered: { inverter: { '123.WMaxLimPct': 50, '123.WMaxLim_Ena': 1 } },
        released: { inverter: { '123.WMaxLimPct': 80, '123.WMaxLim_Ena': 1 } },
      },
      {
        axes: { opModTargetW: 1000 },
        ordered: { battery: { '124.OutWRte': 20, '124.InWRte': -20, '124.StorCtl_Mod': 3 } },
        released: { battery: { '124.StorCtl_Mod': 0 } },
      },
      {
        axes: { opModFixedVar: -2000 },
        ordered: { inverter: { '123.VArMaxPct': -20, '123.VArPct_Mod': 2, '123.VArPct_Ena': 1 } },
        released: { inverter: { '123.VArPct_Ena': 0 } },
      },
      {
        // Over-excited is negative here: the sign of EEI.
        axes: { opModFixedPFInjectW: 9500 },
        ordered: { inverter: { '123.OutPFSet': -0.95, '123.OutPFSet_Ena': 1 } },
        released: { inverter: { '123.OutPFSet_Ena': 0 } },
      },
      {
        axes: { opModStorageTargetW: 1000 },
        ordered: { battery: { '124.OutWRte': -20, '124.InWRte': 20, '124.StorCtl_Mod': 3 } },
        released: { battery: { '124.StorCtl_Mod': 0 } },
      },
    ],
    refusals: [
      // The battery knows its rate, but nothing that tells WMax.
      ['opModFixedW', 'no model tells WMax: opModFixedW is a percentage of nothing'],
      ['opModFixedPFAbsorbW', 'no device here can do opModFixedPFAbsorbW'],
    ],
  },
];

const NOWHERE: readonly (readonly [Axis, string])[] = (
  ['opModExpLimW', 'opModImpLimW', 'opModGenLimW', 'opModLoadLimW'] as const
).map(axis => [axis, `no device here can do ${axis}`]);

describe('every axis, from a signed command to a device', function () {
  this.timeout(60_000);
  let world: World | undefined;

  afterEach(() => world?.close());

  for (const { title, hides, rows, refusals } of GENERATIONS)
    it(`is carried out, verified, and released, or refused by name: ${title}`, async () => {
      world = await World.open(hides);
      const tried = new Set<string>();
      for (const [at, { axes, ordered, released }] of rows.entries()) {
        const name = Object.keys(axes)[0] ?? '';
        tried.add(name);
        const started = await world.order(`ev-${at}`, axes);
        expect(started, `${name}: ${started.why}`).to.include({ response: 'started' });
        const devices = Object.keys(ordered).filter(
          each => name !== 'opModStorageTargetW' || each === 'battery',
        );
        expect((started.applied ?? []).map(({ device }) => String(device)).toSorted(), name).to.deep.equal(
          devices.toSorted(),
        );
        for (const { outcome, evidence, why } of started.applied ?? []) {
          expect(outcome, `${name}: ${why}`).to.equal('implemented');
          expect(evidence, name).not.to.deep.equal([]);
          for (const each of evidence) expect(each.readBack, each.point).to.deep.equal(each.wrote);
        }
        expect(world.held(ordered), name).to.deep.equal(ordered);
        const ended = await world.cancel(`ev-${at}`);
        for (const { outcome, why } of ended.applied ?? [])
          expect(outcome, `${name}: ${why}`).to.equal('implemented');
        expect(world.held(released), `${name} released`).to.deep.equal(released);
      }
      for (const [at, [axis, why]] of [...refusals, ...NOWHERE].entries()) {
        tried.add(axis);
        const before = world.writes;
        const receipt = await world.order(`no-${at}`, { [axis]: 0 });
        expect(receipt.why, axis).to.include(why);
        expect(receipt.applied?.some(({ outcome }) => outcome === 'implemented') ?? false, axis).to.equal(
          false,
        );
        expect(world.writes, axis).to.equal(before);
        await world.cancel(`no-${at}`);
      }
      expect([...tried].toSorted()).to.deep.equal(AXES.map(({ axis }) => axis).toSorted());
    });
});

/** `unit` without some of its models: where their numbers stood stands one that no standard knows. */
function without(unit: Unit, hidden: ReadonlySet<number>): Unit {
  const places = new Set<number>();
  for (let at = 40_002; ; ) {
    const head = unit.read(at, 2);
    if ('exception' in head) throw new Error(`exception ${head.exception} at ${at}`);
    const [id = 0, length = 0] = head;
    if (id === 0xffff) break;
    if (hidden.has(id)) places.add(at);
    at += 2 + length;
  }
  return {
    unit: unit.unit,
    read: (address, count) => {
      const words = unit.read(address, count);
      return 'exception' in words
        ? words
        : words.map((word, at) => (places.has(address + at) ? 64_999 : word));
    },
    write: (address, words) => unit.write(address, words),
  };
}

/** A broker, two devices and a gateway in front of them, and one client that is the head end's. */
class World {
  readonly headEnd = new HeadEnd();
  readonly #events = new EventEmitter();
  writes = 0;
  #deviceKey: TrustedKey | undefined;
  readonly #closers: (() => PromiseLike<unknown>)[] = [];
  #client!: MqttClient;
  #running!: RunningGateway;
  #home!: RunningHome;

  static async open(hides: readonly number[]): Promise<World> {
    const world = new World();
    const folder = await tempDir();
    world.#closers.push(() => folder[Symbol.asyncDispose]());
    const broker = await startEmbeddedBroker({ port: 0 });
    if (!broker.ok) throw new Error(broker.detail);
    world.#closers.push(() => broker.value.close());
    world.#home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 } });
    world.#closers.push(() => world.#home.close());
    const [inverter, battery] = [await world.#serve('inverter', hides), await world.#serve('battery', hides)];
    const devices = Object.entries({ inverter, battery }).map(([id, { port }]) => ({
      id,
      link: `tcp://127.0.0.1:${port}?unit=1`,
    }));
    world.#client = await connectAsync(broker.value.url, { protocolVersion: 4, reconnectPeriod: 0 });
    world.#closers.push(() => world.#client.endAsync());
    world.#client.on('message', (topic, payload) => world.#record(topic, payload));
    await world.#client.subscribeAsync(`ug/1/${UTILITY}/d/+/up/+`, { qos: 1 });
    await world.#start(await world.#configIn(folder.path, { url: broker.value.url, devices }));
    return world;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
  }

  /** Orders `axes` from now on; the receipt that says what became of it, or that nothing here can. */
  order(mRID: string, axes: AxisValues): Promise<ReceiptBody> {
    const start = now().unix;
    const body: EventBody = {
      kind: 'event',
      service: 'demand-response',
      mRID: mRID as MRID,
      axes,
      start,
      duration: hours(1),
    };
    return this.#send(this.headEnd.sign(body, start), { mRID, ends: ['started', 'notApplicable'] });
  }

  cancel(mRID: string): Promise<ReceiptBody> {
    const body = { kind: 'cancel', mRID: mRID as MRID } as const;
    return this.#send(this.headEnd.sign(body, now().unix), { mRID, ends: ['cancelled'] });
  }

  /** What the registers named in `wanted` hold, seen inside the simulator. */
  held(wanted: Held): Held {
    const { home } = this.#home;
    return Object.fromEntries(
      Object.entries(wanted).map(([name, points]) => {
        const { image } = home[name as Name];
        return [name, Object.fromEntries(Object.keys(points).map(point => [point, image.get(point)]))];
      }),
    );
  }

  /** Sends a command and waits for the first receipt about the event that says one of `ends`. */
  async #send(
    { topic, payload }: Signed,
    { mRID, ends }: { readonly mRID: string; readonly ends: readonly string[] },
  ): Promise<ReceiptBody> {
    const receipts = on(this.#events, 'receipt') as AsyncIterable<[ReceiptBody]>;
    await this.#client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
    for await (const [receipt] of receipts)
      if (receipt.mRID === mRID && ends.includes(receipt.response)) return receipt;
    throw new Error('no receipt');
  }

  async #serve(name: Name, hides: readonly number[]): Promise<Server> {
    const server = await serveTcp({ units: [without(this.#home.home[name].wire, new Set(hides))], port: 0 });
    this.#closers.push(() => server.close());
    return server;
  }

  #record(topic: string, payload: Buffer): void {
    const opened = openRecord(payload, { topic, keyOf: () => this.#deviceKey });
    if (!opened.ok) return;
    const { body } = opened.value.record;
    this.#events.emit(body.kind, body);
  }

  async #start(path: string): Promise<void> {
    const config = await readGatewayConfig(path);
    if (!config.ok) throw new Error(config.detail);
    const found = new Set<unknown>();
    const all = Promise.withResolvers<void>();
    this.#running = await runGateway(config.value, {
      log: ({ event, device }) => {
        if (event === 'device.found') found.add(device);
        if (found.size === 2) all.resolve();
      },
      onExchange: (_address, { request }) => {
        if (request.kind === 'write') this.writes++;
      },
    });
    this.#closers.push(() => this.#running.stop());
    await all.promise;
  }

  async #configIn(
    folder: string,
    { url, devices }: { readonly url: string; readonly devices: readonly unknown[] },
  ): Promise<string> {
    const key = generateKey();
    await writeKeyFile(join(folder, 'gateway.key'), key);
    const device = trustKey({ ...this.headEnd.key, publicKey: key.publicKey, issuer: GATEWAY });
    if (!device.ok) throw new Error(device.refusal);
    this.#deviceKey = device.value;
    const file = join(folder, 'gateway.yaml');
    const trusted = {
      issuer: this.headEnd.issuer,
      publicKey: toHex(this.headEnd.key.publicKey),
      epoch: 1,
      operations: ['event', 'cancel'],
      highestClass: 'emergency',
      validFrom: '2020-01-01T00:00:00Z',
      validUntil: '2090-01-01T00:00:00Z',
    };
    const config = {
      utility: UTILITY,
      gateway: GATEWAY,
      stateFile: 'state.sqlite',
      keyFile: 'gateway.key',
      broker: { url },
      trustedKeys: [trusted],
      devices,
      defaults: { opModMaxLimW: 8000 },
    };
    await writeFile(file, stringify(config));
    return file;
  }
}
