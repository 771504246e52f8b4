/** Devices that are not there, fall silent or lose a line: told once, looked for gently, and no harm to the others. */
import { once } from 'node:events';
import { expect } from 'chai';
import { SerialPort } from 'serialport';
import { instant, milliseconds } from '../../../src/base/time.ts';
import type { DevicesPort } from '../../../src/gateway/mod.ts';
import { systemClock } from '../../../src/io/clock.ts';
import type { DevicesClock } from '../../../src/io/devices/devices.ts';
import { openDevices } from '../../../src/io/devices/devices.ts';
import type { Exchange } from '../../../src/io/modbus/mod.ts';
import { openBus, parseLink } from '../../../src/io/modbus/mod.ts';
import { shippedModels } from '../../../src/io/models.ts';
import type { ModbusRequest } from '../../../src/local/bus/mod.ts';
import type { DeviceId } from '../../../src/model/mod.ts';
import type { Home } from '../../../src/sim/mod.ts';
import { makeHome, serveSerial } from '../../../src/sim/mod.ts';
import { serialPair } from '../../support/serial-pair.ts';
import { needs } from '../../support/needs.ts';
import type { SerialPair } from '../../support/serial-pair.ts';
import type { Behaving, Fate } from './behaving.ts';
import { Told, fastClock, serveUnits } from './behaving.ts';

const PV = 'pv' as DeviceId;
const limit = { order: 1, device: PV, axis: 'opModMaxLimW', value: 2500 } as const;

describe('io/devices, where one is not there', () => {
  let home: Home;
  let device: Behaving | undefined;
  let port: DevicesPort | undefined;
  let told: Told;
  const seen: Exchange[] = [];

  beforeEach(() => {
    home = makeHome(instant(0), { startHour: 12, battery: { unit: 2 }, meter: { unit: 3 } });
    home.advance(instant(5000));
    told = new Told();
    seen.length = 0;
  });

  afterEach(async () => {
    await port?.close();
    await device?.close();
    [port, device] = [undefined, undefined];
  });

  async function serve(fate: (request: ModbusRequest) => Fate): Promise<void> {
    device = await serveUnits([home.inverter.wire, home.battery.wire, home.meter.wire], fate);
  }

  async function open(
    links: Readonly<Record<string, string>>,
    clock: DevicesClock = systemClock,
  ): Promise<DevicesPort> {
    const devices = Object.entries(links).map(([id, text]) => {
      const link = parseLink(text);
      if (!link.ok) throw new Error(link.detail);
      return { id: id as DeviceId, link: link.value };
    });
    const onExchange = (exchange: Exchange): void => void seen.push(exchange);
    port = openDevices(
      {
        devices,
        models: await shippedModels(),
        clock,
        random: () => 0,
        pollEvery: milliseconds(10),
        busOf: link => openBus(link, { random: () => 0, timeoutMs: 40, quarantineMs: 5, onExchange }),
      },
      told,
    );
    return port;
  }

  const at = (unit: number): string => `tcp://127.0.0.1:${device?.port}?unit=${unit}`;

  it('tells once of a device that takes the connection and says nothing, and finds it when it speaks', async () => {
    let isMute = true;
    await serve(() => (isMute ? 'lost' : 'answered'));
    await open({ pv: at(1) });
    expect((await told.until()).why).to.match(
      /^not found at tcp:\/\/127\.0\.0\.1:\d+\?unit=1: no answer; looked for again, at most 60 s apart$/,
    );
    const asked = seen.length;
    while (seen.length < asked + 3) await turn();
    isMute = false;
    expect(await told.until()).to.include({ present: true });
    expect(told.states.map(({ present }) => present)).to.deep.equal([false, true]);
  });

  it('asks who is not there one question at a time, at each place where a map may begin', async () => {
    await serve(() => 'lost');
    await open({ pv: at(1) }, fastClock(100));
    while (seen.length < 6) await turn();
    const asked = seen.slice(0, 6).map(({ request }) => request.address);
    expect(asked).to.deep.equal([40_000, 0, 50_000, 40_000, 0, 50_000]);
  });

  it('gives a lost device one part in sixteen of a shared line at most', async () => {
    await serve(({ unit }) => (unit === 2 ? 'lost' : 'answered'));
    await open({ pv: at(1), store: at(2), meter: at(3) }, fastClock(50));
    await told.until(({ device: which, present }) => which === 'store' && !present);
    const questions = (): readonly Exchange[] => seen.filter(({ request }) => request.unit === 2);
    while (questions().length < 3) await told.further(1, PV);
    const [first, second, third] = questions();
    for (const [earlier, later] of [
      [first, second],
      [second, third],
    ]) {
      const cost = (earlier?.answeredMs ?? 0) - (earlier?.sentMs ?? 0);
      expect((later?.sentMs ?? 0) - (earlier?.answeredMs ?? 0)).to.be.at.least(14 * cost);
    }
    expect(told.states.filter(({ device: which }) => which === 'store')).to.have.length(1);
  });

  it('does not let orders to a lost device use up a shared line', async () => {
    await serve(({ unit }) => (unit === 1 ? 'lost' : 'answered'));
    const devices = await open({ pv: at(1), meter: at(3) });
    await told.until(({ device: which, present }) => which === 'pv' && !present);
    const before = seen.filter(({ request }) => request.unit === 1).length;
    const applied = await Promise.all(Array.from({ length: 8 }, () => devices.apply(limit)));
    for (const each of applied) {
      expect(each).to.deep.include({ outcome: 'unknown', evidence: [] });
      expect(each.why).to.match(/nothing was written$/);
    }
    expect(seen.filter(({ request }) => request.unit === 1).length - before).to.be.at.most(1);
  });

  it('loses a device in the middle after four unanswered questions, and tells once', async () => {
    let isMute = false;
    await serve(({ unit }) => (unit === 1 && isMute ? 'lost' : 'answered'));
    await open({ pv: at(1), meter: at(3) });
    await told.further(2, PV);
    const from = seen.length;
    isMute = true;
    const { why } = await told.until(({ device: which, present }) => which === 'pv' && !present);
    expect(why).to.match(/^lost at tcp:.*: no answer; looked for again/);
    const unanswered = seen.slice(from).filter(({ request, reply }) => request.unit === 1 && !reply.ok);
    expect(unanswered).to.have.length(4);
    await told.further(3, 'meter');
    expect(told.states.filter(({ present }) => !present)).to.have.length(1);
  });

  describe('a write that is not answered', () => {
    let isWriting = false;

    async function order(fate: (request: ModbusRequest) => Fate): Promise<string> {
      isWriting = false;
      await serve(request => {
        isWriting ||= request.kind === 'write';
        return fate(request);
      });
      const devices = await open({ pv: at(1) });
      await told.until(({ present }) => present);
      const { outcome } = await devices.apply(limit);
      return outcome;
    }

    it('is confirmed by what the registers hold, where it took effect', async () => {
      expect(await order(({ kind }) => (kind === 'write' ? 'mute' : 'answered'))).to.equal('implemented');
      expect(home.inverter.image.get('704.WMaxLimPct')).to.equal(25);
    });

    it('is refuted by what the registers hold, where it did not', async () => {
      expect(await order(({ kind }) => (kind === 'write' ? 'lost' : 'answered'))).to.equal('refused');
    });

    it('is unknown where the registers cannot be read either', async () => {
      expect(await order(() => (isWriting ? 'mute' : 'answered'))).to.equal('unknown');
    });
  });

  describe('on a serial line', () => {
    let pair: SerialPair | undefined;
    let far: SerialPort | undefined;

    beforeEach(async function () {
      needs(this, 'socat');
      pair = await serialPair();
      far = new SerialPort({ path: pair.paths[0], baudRate: 115_200 });
      await once(far, 'open');
    });

    afterEach(async () => {
      await port?.close();
      if (far?.isOpen) {
        const closed = once(far, 'close');
        far.close();
        await closed;
      }
      await pair?.close();
    });

    it('tells once that the adapter is gone, with its path, and carries on', async () => {
      if (far === undefined || pair === undefined) throw new Error('no line');
      serveSerial({ stream: far, units: [home.inverter.wire], silenceMs: 20 });
      const path = pair.paths[1];
      const devices = await open({ pv: `serial:${path}?baud=115200&unit=1` });
      await told.further(2, PV);
      const lost = told.until(({ present }) => !present);
      await pair.close();
      expect((await lost).why).to.include(`lost at serial:${path}?unit=1: no connection`);
      expect(await devices.apply(limit)).to.deep.include({ outcome: 'unknown', evidence: [] });
      expect(told.states.map(({ present }) => present)).to.deep.equal([true, false]);
    });
  });
});

/** Lets the event loop go round once. */
function turn(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve);
  });
}
