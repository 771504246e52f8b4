/** Profiles at work: how a device is found, read and ordered, as its profile says, on real sockets. */
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { after, hours, instant, milliseconds } from '../../../src/base/time.ts';
import type { DeviceOrder, DevicesPort } from '../../../src/gateway/mod.ts';
import type { DeviceConfig, DevicesClock, WearPort } from '../../../src/io/devices/devices.ts';
import { openDevices } from '../../../src/io/devices/devices.ts';
import { openBus, parseLink } from '../../../src/io/modbus/mod.ts';
import { shippedModels } from '../../../src/io/models.ts';
import { openStore, storedWear } from '../../../src/io/store/mod.ts';
import { systemClock } from '../../../src/io/clock.ts';
import type { ControlProfile, Profile } from '../../../src/local/profiles/mod.ts';
import type { Applied, DeviceId, GatewayId } from '../../../src/model/mod.ts';
import type { Home, Unit } from '../../../src/sim/mod.ts';
import { makeHome } from '../../../src/sim/mod.ts';
import { tempDir } from '../../support/temp.ts';
import type { Behaving, Fate } from './behaving.ts';
import { Told, fastClock, profileOf, serveUnits } from './behaving.ts';

const PV = 'pv' as DeviceId;

const LIMIT: ControlProfile = {
  steps: [
    { write: '704.WMaxLimPct', value: 'order' },
    { write: '704.WMaxLimPctEna', value: 1 },
  ],
  verify: { by: 'read-back', point: '704.WMaxLimPct', withinMs: 1000 },
  release: { steps: [{ write: '704.WMaxLimPctEna', value: 0 }] },
  storage: 'volatile',
};

describe('io/devices, with profiles', () => {
  let home: Home;
  let device: Behaving | undefined;
  let port: DevicesPort | undefined;
  let told: Told;

  beforeEach(() => {
    home = makeHome(instant(0), { startHour: 12 });
    home.advance(instant(5000));
    told = new Told();
  });

  afterEach(async () => {
    await port?.close();
    await device?.close();
    [port, device] = [undefined, undefined];
  });

  interface Given {
    readonly unit?: Unit;
    readonly fate?: Parameters<typeof serveUnits>[1];
    /** Named in the configuration. */
    readonly profile?: Profile;
    /** To be matched. */
    readonly profiles?: readonly Profile[];
    readonly clock?: DevicesClock;
    readonly wear?: WearPort;
  }

  async function open(given: Given): Promise<DevicesPort> {
    device = await serveUnits([given.unit ?? home.inverter.wire], given.fate);
    const link = parseLink(`tcp://127.0.0.1:${device.port}?unit=1`);
    if (!link.ok) throw new Error(link.detail);
    const { profile, profiles = [], clock = systemClock } = given;
    const config: DeviceConfig = { id: PV, link: link.value, ...(profile === undefined ? {} : { profile }) };
    port = openDevices(
      {
        devices: [config],
        profiles,
        models: await shippedModels(),
        clock,
        ...(given.wear === undefined ? {} : { wear: given.wear }),
        random: () => 0,
        pollEvery: milliseconds(10),
        busOf: each => openBus(each, { random: () => 0, timeoutMs: 300, quarantineMs: 10 }),
      },
      told,
    );
    return port;
  }

  const limit = (value: number | undefined): DeviceOrder => ({
    order: 1,
    device: PV,
    axis: 'opModMaxLimW',
    value,
  });

  /** Words written to a point of 704, in their order. */
  function written(point: string): readonly number[] {
    const register = home.inverter.image.address(`704.${point}`);
    return (device?.log ?? []).flatMap(request => {
      if (request.kind !== 'write') return [];
      const word = request.words[register - request.address];
      return word === undefined ? [] : [word];
    });
  }

  it('treats a device as the one profile says that its own name leads to', async () => {
    const other = profileOf({ profile: 'other', match: { manufacturer: ['Other'] }, link: { maxRead: 7 } });
    await open({ profiles: [other, profileOf({ link: { maxRead: 20 } })] });
    const { why } = await told.until();
    expect(why).to.match(/^found at tcp:.*, treated as Simulated PV \(profile sim-pv\)$/);
    const from = device?.log.length ?? 0;
    await told.further(2, PV);
    const counts = (device?.log ?? [])
      .slice(from)
      .map(request => (request.kind === 'read' ? request.count : 0));
    expect(Math.max(...counts)).to.equal(20);
    expect(told.readings.at(-1)?.points['W']).to.equal(home.inverter.image.get('701.W'));
  });

  it('keeps the line as still as the profile asks', async () => {
    const sent: number[] = [];
    const fate = (): Fate => {
      sent.push(performance.now());
      return 'answered';
    };
    await open({ fate, profiles: [profileOf({ link: { gapMs: 40 } })] });
    await told.until();
    sent.length = 0;
    while (sent.length < 4) await told.further(1, PV);
    // The bus counts whole milliseconds, and its clock may have just turned.
    for (const [at, time] of sent.slice(1).entries())
      expect(time - (sent[at] ?? 0), `request ${at + 1}`).to.be.at.least(40 - 1);
  });

  it('looks at a device anew by the lengths of its profile', async () => {
    const { wire, image } = home.inverter;
    const lengthAt = image.address('120.DERTyp') - 1;
    // Its nameplate states a wrong length, so that the chain leads nowhere behind it.
    const lying: Unit = {
      ...wire,
      read: (address, count) => {
        const words = wire.read(address, count);
        if ('exception' in words) return words;
        return words.map((word, at) => (address + at === lengthAt ? 24 : word));
      },
    };
    await open({ unit: lying, profiles: [profileOf({ sunspec: { lengthOverrides: { 120: 26 } } })] });
    const { axes } = await told.until();
    expect(axes).to.include('opModMaxLimW');
  });

  it('finds a device at the base of the profile that the configuration names', async () => {
    const { wire } = home.inverter;
    const moved: Unit = {
      ...wire,
      read: (address, count) => (address < 3000 ? wire.read(address + 39_000, count) : { exception: 2 }),
    };
    await open({ unit: moved, profile: profileOf({ sunspec: { bases: [1000] } }) });
    expect(await told.until()).to.include({ present: true });
    await told.further(1, PV);
    expect(told.readings[0]?.points['W']).to.equal(home.inverter.image.get('701.W'));
  });

  it('never asks for a hole of the profile', async () => {
    const from = home.inverter.image.address('702.WMaxRtg') + 3;
    await open({
      profile: profileOf({ link: { gaps: 'listed' }, sunspec: { holes: [{ from, count: 5 }] } }),
    });
    await told.until();
    await told.further(2, PV);
    const touching = device?.log.filter(
      request => request.kind === 'read' && request.address <= from && request.address + request.count > from,
    );
    expect(touching).to.deep.equal([]);
  });

  it('asks a busy device again where the profile names the exception, and only there', async () => {
    let busy = 2;
    const fate = (request: { readonly kind: string }): Fate =>
      request.kind === 'write' && busy-- > 0 ? { exception: 6 } : 'answered';
    const patient = await open({ fate, profile: profileOf({ link: { retryOn: [6] } }) });
    expect(await patient.apply(limit(2500))).to.include({ outcome: 'implemented' });
    await patient.close();
    await device?.close();
    busy = 2;
    const plain = await open({ fate });
    expect(await plain.apply(limit(5000))).to.include({ outcome: 'refused' });
  });

  it('switches an enable off and on where a new value counts only then', async () => {
    const control = { ...LIMIT, toggleEnable: '704.WMaxLimPctEna' };
    const devices = await open({ profile: profileOf({ controls: { limit: control } }) });
    expect(await devices.apply(limit(2500))).to.include({ outcome: 'implemented' });
    expect(await devices.apply(limit(5000))).to.include({ outcome: 'implemented' });
    expect(written('WMaxLimPctEna')).to.deep.equal([1, 0, 1]);
    expect(home.inverter.image.get('704.WMaxLimPct')).to.equal(50);
  });

  it('writes to flash no more than the day allows, and again the day after', async () => {
    let days = 0;
    const shifted: DevicesClock = {
      ...systemClock,
      now: () => ({ ...systemClock.now(), unix: after(systemClock.now().unix, hours(24 * days)) }),
    };
    const control: ControlProfile = { ...LIMIT, storage: { flash: { writesPerDay: 3 } } };
    const devices = await open({ profile: profileOf({ controls: { limit: control } }), clock: shifted });
    expect(await devices.apply(limit(2500))).to.include({ outcome: 'implemented' });
    const before = written('WMaxLimPct').length;
    const again = await devices.apply(limit(2500));
    expect(again).to.include({ outcome: 'implemented' });
    expect(written('WMaxLimPct')).to.have.length(before);
    const answers = [await devices.apply(limit(5000)), await devices.apply(limit(6000))];
    expect(answers.map(({ outcome }) => outcome)).to.include('refused');
    expect(answers.at(-1)?.why).to.match(/exceed the 3 of a day/);
    days = 1;
    expect(await devices.apply(limit(7000))).to.include({ outcome: 'implemented' });
  });

  it('holds to the budget of a day over a restart, and while its counts cannot be kept', async () => {
    await using dir = await tempDir();
    const gateway = 'gw-1' as GatewayId;
    const control: ControlProfile = { ...LIMIT, storage: { flash: { writesPerDay: 4 } } };
    const profile = profileOf({ controls: { limit: control } });
    const outcomes = [];
    for (const value of [2500, 5000, 7500]) {
      const store = openStore(join(dir.path, 'state'));
      if (!store.ok) throw new Error(store.detail);
      const wear = await storedWear(store.value, gateway, why => expect.fail(why));
      const devices = await open({ profile, wear });
      outcomes.push((await devices.apply(limit(value))).outcome);
      await devices.close();
      await device?.close();
      await store.value.close();
    }
    // The value and its enable, twice; then the day is over.
    expect(outcomes).to.deep.equal(['implemented', 'implemented', 'refused']);
    const troubles: string[] = [];
    const broken = {
      snapshot: () => Promise.resolve({ rows: [], streams: [] }),
      persist: () => Promise.reject(new Error('the disk is full')),
    };
    const wear = await storedWear(broken, gateway, why => void troubles.push(why));
    const devices = await open({ profile, wear });
    for (const value of [2000, 3000, 4000, 6000, 7000])
      outcomes.push((await devices.apply(limit(value))).outcome);
    expect(outcomes.at(-1)).to.equal('refused');
    expect(troubles[0]).to.equal('pv/opModMaxLimW: the disk is full');
  });

  it('reminds a device of an order though the day of its flash is over, and takes no new one', async () => {
    const control: ControlProfile = {
      ...LIMIT,
      carries: 'opModMaxLimW',
      storage: { flash: { writesPerDay: 3 } },
      keepAlive: { everyS: 1, deadManS: 3 },
    };
    const devices = await open({
      profile: profileOf({ controls: { limit: control } }),
      clock: fastClock(50),
    });
    expect(await devices.apply(limit(2500))).to.include({ outcome: 'implemented' });
    while (written('WMaxLimPctEna').length < 5) await told.further(1, PV);
    expect(written('WMaxLimPct')).to.have.length(1);
    expect(await devices.apply(limit(5000))).to.include({ outcome: 'refused' });
    // What was refused before anything was written changes nothing: the order that stands is reminded of as before.
    const count = written('WMaxLimPctEna').length;
    while (written('WMaxLimPctEna').length < count + 3) await told.further(1, PV);
    expect(written('WMaxLimPct')).to.have.length(1);
  });

  it('tells when a device does not take the reminder of an order that stood, and which order', async () => {
    const control: ControlProfile = { ...LIMIT, keepAlive: { everyS: 1, deadManS: 3 } };
    let refuses = false;
    const devices = await open({
      profile: profileOf({ controls: { limit: control } }),
      clock: fastClock(20),
      // Exception 4: server device failure.
      fate: ({ kind }) => (refuses && kind === 'write' ? { exception: 4 } : 'answered'),
    });
    expect(await devices.apply({ ...limit(2500), order: 7 })).to.include({ outcome: 'implemented' });
    while (written('WMaxLimPct').length < 2) await told.further(1, PV);
    const lapsed = once(told, 'lapsed');
    refuses = true;
    const [order, applied] = (await lapsed) as [number, Applied];
    expect(order).to.equal(7);
    expect(applied).to.include({ device: PV, axis: 'opModMaxLimW', outcome: 'refused' });
    expect(applied.why).to.contain('exception 4');
  });

  it('repeats what a device forgets, until it is released', async () => {
    const control: ControlProfile = { ...LIMIT, keepAlive: { everyS: 1, deadManS: 3 } };
    const profile = profileOf({ controls: { limit: control } });
    const devices = await open({ profile, clock: fastClock(50) });
    await devices.apply(limit(2500));
    const word = written('WMaxLimPct')[0] ?? -1;
    while (written('WMaxLimPct').length < 4) await told.further(1, PV);
    expect(written('WMaxLimPct').slice(0, 4)).to.deep.equal([word, word, word, word]);
    await devices.apply(limit(undefined));
    const count = device?.log.filter(({ kind }) => kind === 'write').length;
    // Five times as long as it takes to be repeated.
    const readings = told.readings.at(-1)?.at ?? 0;
    while ((told.readings.at(-1)?.at ?? 0) < readings + 5000) await told.further(1, PV);
    expect(device?.log.filter(({ kind }) => kind === 'write')).to.have.length(count ?? -1);
  });
});
