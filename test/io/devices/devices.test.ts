/** Devices found, read, missed, found again and ordered, at a simulated home on real sockets. */
import { EventEmitter, on, once } from 'node:events';
import { expect } from 'chai';
import { instant, milliseconds } from '../../../src/base/time.ts';
import type { DeviceOrder, DeviceState, DevicesPort } from '../../../src/gateway/mod.ts';
import { systemClock } from '../../../src/io/clock.ts';
import type { DeviceConfig, DevicesOptions } from '../../../src/io/devices/devices.ts';
import { openDevices } from '../../../src/io/devices/devices.ts';
import type { Bus, Link } from '../../../src/io/modbus/mod.ts';
import { openBus, parseLink } from '../../../src/io/modbus/mod.ts';
import { shippedModels } from '../../../src/io/models.ts';
import type { Applied, DeviceId, Held, Reading } from '../../../src/model/mod.ts';
import type { Home, Server } from '../../../src/sim/mod.ts';
import { makeHome, serveTcp } from '../../../src/sim/mod.ts';

const id = (text: string): DeviceId => text as DeviceId;

/** What the devices told, as events one can wait for. */
class Told extends EventEmitter {
  readonly states: DeviceState[] = [];
  readonly readings: Reading[] = [];

  device(state: DeviceState): void {
    this.states.push(state);
    this.emit('device', state);
  }

  reading(reading: Reading): void {
    this.readings.push(reading);
    this.emit('reading', reading);
  }

  lapsed(order: number, applied: Applied): void {
    this.emit('lapsed', order, applied);
  }

  /** The next state for which `is` holds. */
  async until(is: (state: DeviceState) => boolean): Promise<DeviceState> {
    for await (const [state] of on(this, 'device') as AsyncIterable<[DeviceState]>)
      if (is(state)) return state;
    throw new Error('no such state');
  }
}

describe('io/devices', () => {
  let home: Home;
  let server: Server;
  let port: DevicesPort | undefined;
  let told: Told;

  beforeEach(async () => {
    home = makeHome(instant(0), { startHour: 12, battery: { unit: 2 }, meter: { unit: 3 } });
    home.advance(instant(5000));
    server = await serve(0);
    told = new Told();
  });

  afterEach(async () => {
    await port?.close();
    await server.close();
    port = undefined;
  });

  function serve(at: number): Promise<Server> {
    return serveTcp({ units: [home.inverter.wire, home.battery.wire, home.meter.wire], port: at });
  }

  function config(name: string, unit: number): DeviceConfig {
    const link = parseLink(`tcp://127.0.0.1:${server.port}?unit=${unit}`);
    if (!link.ok) throw new Error(link.detail);
    return { id: id(name), link: link.value };
  }

  async function open(
    devices: readonly DeviceConfig[],
    busOf?: (link: Link) => Bus,
    times: Partial<DevicesOptions> = {},
  ): Promise<DevicesPort> {
    port = openDevices(
      {
        devices,
        models: await shippedModels(),
        clock: systemClock,
        random: () => 0,
        pollEvery: milliseconds(10),
        busOf: busOf ?? (link => openBus(link, { random: () => 0, timeoutMs: 300, quarantineMs: 10 })),
        ...times,
      },
      told,
    );
    return port;
  }

  function order(value: number | undefined, more: Partial<DeviceOrder> = {}): DeviceOrder {
    return { order: 1, device: id('pv'), axis: 'opModMaxLimW', value, ...more };
  }

  it('finds every device behind one address over one bus, and says what it is', async () => {
    const buses: string[] = [];
    await open([config('pv', 1), config('store', 2), config('meter', 3)], link => {
      const bus = openBus(link, { random: () => 0 });
      buses.push(bus.address);
      return bus;
    });
    const seen = new Set<string>();
    await told.until(state => seen.add(state.device).size === 3);
    expect(buses).to.have.length(1);
    const [pv] = told.states.filter(state => state.device === 'pv');
    expect(pv).to.deep.include({ present: true, model: 'Underglass Sim PV 1.0' });
    const power = ['opModConnect', 'opModMaxLimW', 'opModFixedW', 'opModTargetW'];
    const reactive = ['opModFixedVar', 'opModFixedPFInjectW', 'opModFixedPFAbsorbW'];
    expect(pv?.axes).to.have.members([...power, ...reactive]);
    const store = told.states.find(state => state.device === 'store');
    expect(store?.axes).to.have.members([...power, ...reactive, 'opModStorageTargetW']);
    expect(told.states.find(state => state.device === 'meter')?.axes).to.deep.equal([]);
  });

  it('TIME-1: reads devices over and over, in engineering values, with the time of the reading', async () => {
    const before = Date.now();
    await open([config('pv', 1), config('meter', 3)]);
    const last = new Map<string, number>();
    for await (const [reading] of on(told, 'reading') as AsyncIterable<[Reading]>) {
      last.set(reading.device, (last.get(reading.device) ?? 0) + 1);
      if ((last.get('pv') ?? 0) > 3 && (last.get('meter') ?? 0) > 3) break;
    }
    const pv = told.readings.find(reading => reading.device === 'pv');
    const meter = told.readings.find(reading => reading.device === 'meter');
    expect(pv?.role).to.equal('inverter');
    expect(pv?.points['W']).to.equal(home.inverter.image.get('103.W'));
    expect(meter?.role).to.equal('meter');
    expect(meter?.points['W']).to.equal(home.meter.image.get('203.W'));
    expect(pv?.at).to.be.within(before, Date.now());
  });

  it('tells once a minute what a device holds on axes that no reading shows, in the unit of the axis', async () => {
    // A minute in 60 ms.
    const fast = 1000;
    const clock: DevicesOptions['clock'] = {
      now: () => ({ ...systemClock.now(), instant: instant(systemClock.now().instant * fast) }),
      at: (when, wake) => systemClock.at(instant(Math.ceil(when / fast)), wake),
    };
    const devices = await open([config('pv', 1)], undefined, { clock, pollEvery: milliseconds(10 * fast) });
    await told.until(state => state.present);
    const looks = async (): Promise<Held> => {
      let others = 0;
      for await (const [{ held }] of on(told, 'reading') as AsyncIterable<[Reading]>) {
        if (held === undefined) others += 1;
        else if (others > 0) return held;
      }
      throw new Error('never');
    };
    expect((await looks()).opModFixedVar).to.equal('none');
    await devices.apply(order(-2550, { axis: 'opModFixedVar' }));
    expect((await looks()).opModFixedVar).to.deep.include({ value: -2550 });
    home.inverter.image.set('704.VarSetEna', 0);
    expect((await looks()).opModFixedVar).to.equal('none');
  });

  it('writes an order, reads it back and says implemented, with the registers for evidence', async () => {
    const devices = await open([config('pv', 1)]);
    await told.until(state => state.present);
    const applied = await devices.apply(order(2500, { reversion: { afterS: 60, value: 5000 } }));
    expect(applied).to.deep.include({ device: 'pv', axis: 'opModMaxLimW', outcome: 'implemented' });
    expect(applied.evidence.map(each => each.point)).to.include.members([
      '704.WMaxLimPct',
      '704.WMaxLimPctEna',
    ]);
    home.advance(instant(8000));
    expect(home.inverter.image.get('103.W')).to.equal(2000);
    expect(home.inverter.image.get('704.WMaxLimPctRvrt')).to.equal(50);
    const released = await devices.apply(order(undefined));
    expect(released.outcome).to.equal('implemented');
    expect(home.inverter.image.get('704.WMaxLimPctEna')).to.equal(0);
  });

  it('releases no setpoint that serves another axis by now, and the other with it', async () => {
    const devices = await open([config('pv', 2)]);
    await told.until(state => state.present);
    const get = (point: string): number => home.battery.image.get(`704.${point}`);
    await devices.apply(order(1500, { axis: 'opModTargetW' }));
    expect([get('WSetEna'), get('WSet')]).to.deep.equal([1, 1500]);
    // Orders that come at once are carried out in their turn: the release knows of the charge before it.
    const [charge, release] = await Promise.all([
      devices.apply(order(1000, { axis: 'opModStorageTargetW' })),
      devices.apply(order(undefined, { axis: 'opModTargetW' })),
    ]);
    expect(charge.outcome).to.equal('implemented');
    expect(release).to.deep.include({
      outcome: 'implemented',
      why: 'its setpoint serves opModStorageTargetW by now',
      evidence: [],
    });
    expect([get('WSetEna'), get('WSet')]).to.deep.equal([1, -1000]);
    await devices.apply(order(undefined, { axis: 'opModStorageTargetW' }));
    expect(get('WSetEna')).to.equal(0);
  });

  it('carries out an order that comes before the device was found', async () => {
    const devices = await open([config('pv', 1)]);
    const applied = await devices.apply(order(0, { axis: 'opModConnect' }));
    expect(applied.outcome).to.equal('implemented');
    expect(home.inverter.image.get('123.Conn')).to.equal(0);
  });

  it('refuses an order to a device that is not configured, and one that a device has no model for', async () => {
    const devices = await open([config('meter', 3)]);
    expect(await devices.apply(order(0))).to.include({ outcome: 'refused', why: 'there is no device pv' });
    const meter = await devices.apply(order(0, { device: id('meter') }));
    expect(meter.outcome).to.equal('refused');
  });

  it('reports a lost device once, answers orders to it with unknown, and finds it again', async () => {
    const devices = await open([config('pv', 1)]);
    await told.until(state => state.present);
    const at = server.port;
    const lost = told.until(state => !state.present);
    await server.close();
    expect((await lost).why).to.match(
      /^lost at tcp:\/\/127\.0\.0\.1:\d+\?unit=1: no .*; looked for again, at most 60 s apart$/,
    );
    const applied = await devices.apply(order(2500));
    expect(applied.outcome).to.equal('unknown');
    expect(applied.why).to.include('nothing was written');
    const back = told.until(state => state.present);
    server = await serve(at);
    await back;
    expect(told.states.map(state => state.present)).to.deep.equal([true, false, true]);
    expect((await devices.apply(order(2500))).outcome).to.equal('implemented');
  });

  it('reports a device that is not there once, and answers an order with unknown', async () => {
    await server.close();
    const devices = await open([config('pv', 1)]);
    expect((await told.until(() => true)).why).to.match(
      /^not found at tcp:\/\/127\.0\.0\.1:\d+\?unit=1: no connection: .*ECONNREFUSED.*; looked for again, at most 60 s apart$/,
    );
    expect(await devices.apply(order(0))).to.deep.include({ outcome: 'unknown', evidence: [] });
    server = await serve(0);
    expect(told.states).to.have.length(1);
  });

  it('scans anew when the map has changed', async () => {
    await open([config('pv', 1)]);
    await told.until(state => state.present);
    const at = server.port;
    const again = told.until(state => state.model.includes('Storage'));
    // The unit is now another device: its models lie elsewhere.
    const other = makeHome(instant(0), { battery: { unit: 1 } });
    await server.close();
    server = await serveTcp({ units: [other.battery.wire], port: at });
    expect((await again).present).to.equal(true);
  });

  it('closes while a device is being looked for, and tells nothing afterwards', async () => {
    const devices = await open([config('pv', 1), config('gone', 9)]);
    await once(told, 'device');
    await devices.close();
    const count = told.states.length + told.readings.length;
    await devices.close();
    expect(told.states.length + told.readings.length).to.equal(count);
    expect((await devices.apply(order(0))).outcome).to.equal('unknown');
  });
});
