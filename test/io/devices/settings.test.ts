/** Modes of a device asked for and set, at the simulated inverter on real sockets. */
import { expect } from 'chai';
import { milliseconds } from '../../../src/base/time.ts';
import type { DevicesPort, SettingsPort } from '../../../src/gateway/mod.ts';

import { openDevices } from '../../../src/io/devices/devices.ts';
import { openBus, parseLink } from '../../../src/io/modbus/mod.ts';
import { shippedModels } from '../../../src/io/models.ts';
import { PACKETS, differences } from '../../../src/local/device/mod.ts';
import type { DeviceId, Interrogation, SettingsOrder } from '../../../src/model/mod.ts';
import type { RunningHome } from '../../../src/sim/mod.ts';
import { runHome } from '../../../src/sim/mod.ts';
import { fastClock } from './behaving.ts';

const PV = 'pv' as DeviceId;
const VOLT_VAR: SettingsOrder = { kind: 'packet', name: 'ieee1547-2018-volt-var-b' };

describe('settings of a device', () => {
  let home: RunningHome;
  let devices: DevicesPort & SettingsPort;

  beforeEach(async () => {
    home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 }, tickMs: 20 });
    const link = (name: 'inverter' | 'battery') => {
      const parsed = parseLink(home.links[name]);
      if (!parsed.ok) throw new Error(parsed.detail);
      return parsed.value;
    };
    devices = openDevices(
      {
        devices: [
          { id: PV, link: link('inverter') },
          { id: 'store' as DeviceId, link: link('battery') },
        ],
        models: await shippedModels(),
        // Waits of a second for a late register pass in 50 ms.
        clock: fastClock(20),
        random: () => 0,
        pollEvery: milliseconds(1000),
        busOf: to => openBus(to, { random: () => 0, timeoutMs: 300, quarantineMs: 10 }),
      },
      { reading: () => {}, device: () => {}, lapsed: () => {} },
    );
  });

  afterEach(async () => {
    await devices.close();
    await home.close();
  });

  async function held(device = PV): Promise<Interrogation> {
    const answer = await devices.interrogate(device);
    if (answer.outcome !== 'told') throw new Error(answer.why);
    return answer.held;
  }

  for (const name of [
    'ieee1547-2018-volt-var-b',
    'ieee1547-2018-trip-3',
    'ieee1547-2018-enter-service',
  ] as const)
    it(`${name} is set, verified, and seen without a deviation`, async () => {
      const { intents } = PACKETS[name];
      expect(differences(intents, await held())).not.to.deep.equal([]);
      const set = await devices.set(PV, { kind: 'packet', name });
      expect(set.why ?? '').to.equal('');
      expect(set).to.include({ device: PV, outcome: 'implemented' });
      expect(set.parts).to.have.length(intents.length);
      for (const { evidence } of set.parts)
        for (const { point, readBack } of evidence) expect(readBack, point).to.be.an('array');
      expect(differences(intents, await held())).to.deep.equal([]);
    }).timeout(10_000);

  it('special ones are set beside a packet, and a curve is released again', async () => {
    const points = [
      { x: 90, y: 30 },
      { x: 110, y: -30 },
    ];
    const curve: SettingsOrder = {
      kind: 'special',
      intents: [{ kind: 'curve', curve: { mode: 'opModVoltVar', points } }],
    };
    // Two at once: the second waits for the first, or both would fill one slot.
    const [packet, special] = await Promise.all([devices.set(PV, VOLT_VAR), devices.set(PV, curve)]);
    expect([packet.outcome, special.outcome]).to.deep.equal(['implemented', 'implemented']);
    const voltVar = (await held()).modes.find(({ mode }) => mode === 'opModVoltVar');
    expect(voltVar).to.include({ state: 'on', model: 705 });
    expect(voltVar?.curve?.points).to.deep.equal(points);
    const off = await devices.set(PV, {
      kind: 'special',
      intents: [{ kind: 'release', mode: 'opModVoltVar' }],
    });
    expect(off.outcome).to.equal('implemented');
    expect(home.home.inverter.image.get('705.Ena')).to.equal(0);
  }).timeout(10_000);

  it('that no model of the device can hold are refused, and nothing is written', async () => {
    expect(await devices.set('store' as DeviceId, VOLT_VAR)).to.deep.equal({
      device: 'store',
      outcome: 'refused',
      why: 'opModVoltVar: no model of this device controls opModVoltVar; nothing was written',
      parts: [],
    });
    expect(await devices.set(PV, { kind: 'packet', name: 'x' })).to.deep.include({
      outcome: 'refused',
      parts: [],
    });
    const none = await devices.set('gone' as DeviceId, VOLT_VAR);
    expect(none).to.include({ outcome: 'refused', why: 'there is no device gone' });
  });

  it('of a device that does not answer are unknown', async () => {
    await home.close();
    expect(await devices.interrogate(PV)).to.include({ device: PV, outcome: 'unknown' });
    const set = await devices.set(PV, VOLT_VAR);
    expect(set).to.deep.include({ outcome: 'unknown', parts: [] });
    expect(set.why).to.include('nothing was written');
  });
});
