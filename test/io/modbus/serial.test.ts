/**
 * The bus on a serial line: a pair of pseudo-terminals by socat, the simulated inverter at the other end, or a
 * device that answers late.
 */
import { once } from 'node:events';
import { expect } from 'chai';
import { SerialPort } from 'serialport';
import { instant } from '../../../src/base/time.ts';
import { shippedModels } from '../../../src/io/models.ts';
import type { Bus } from '../../../src/io/modbus/mod.ts';
import { openBus } from '../../../src/io/modbus/mod.ts';
import { applyOrder, pollPoints } from '../../../src/local/device/mod.ts';
import { discover } from '../../../src/local/sunspec/mod.ts';
import type { Home } from '../../../src/sim/mod.ts';
import { makeHome, serveSerial } from '../../../src/sim/mod.ts';
import type { SerialPair } from '../../support/serial-pair.ts';
import { serialPair } from '../../support/serial-pair.ts';
import { needs } from '../../support/needs.ts';
import { asking, readOf } from './fakes.ts';

const BAUD = 115_200;
/** Replies of unit 1 to a read of one register that holds 0x0666, or 7; CRC by pymodbus 3.0.0rc1. */
const LATE = '01030206663bce';
const FRESH = '0103020007f986';

describe('io/modbus bus over a serial line', () => {
  let pair: SerialPair | undefined;
  let bus: Bus | undefined;
  let far: SerialPort | undefined;

  beforeEach(async function () {
    needs(this, 'socat');
    pair = await serialPair();
    far = new SerialPort({ path: pair.paths[0], baudRate: BAUD });
    await once(far, 'open');
  });

  afterEach(async () => {
    await bus?.close();
    if (far?.isOpen) {
      const closed = once(far, 'close');
      far.close();
      await closed;
    }
    await pair?.close();
    [pair, bus, far] = [undefined, undefined, undefined];
  });

  function open(timeoutMs: number, quarantineMs = timeoutMs): Bus {
    bus = openBus(
      { kind: 'serial', path: pair?.paths[1] ?? '', baud: BAUD, parity: 'none', stopBits: 1, unit: 1 },
      { timeoutMs, quarantineMs, random: () => 0 },
    );
    return bus;
  }

  it('discovers, reads and limits the simulated inverter with the same conversations as over TCP', async () => {
    const home: Home = makeHome(instant(0), { startHour: 12 });
    home.advance(instant(5000));
    if (far === undefined) throw new Error('no line');
    serveSerial({ stream: far, units: [home.inverter.wire], silenceMs: 20 });
    const models = await shippedModels();
    const line = open(2000);
    const found = await line.run(discover({ unit: 1, models }), 'read');
    const device = found.ok ? found.value.devices[0] : undefined;
    if (device === undefined) throw new Error('not found');
    const ids = device.models.map(model => model.id);
    expect(ids.slice(0, 9)).to.deep.equal([1, 103, 120, 121, 123, 701, 702, 703, 704]);
    expect(ids.slice(9)).to.deep.equal([705, 706, 707, 708, 709, 710, 711, 712, 714]);
    const order = { axis: 'opModMaxLimW', value: 2500 } as const;
    const applied = await line.run(applyOrder(device, order, models), 'write');
    expect(applied.outcome).to.equal('implemented');
    home.advance(instant(8000));
    const points = await line.run(pollPoints(device, 'inverter', { models }), 'read');
    expect(points.ok && points.value).to.include({ W: 2000, WMaxLimPct: 25, WMaxLimPctEna: 1 });
  });

  it('keeps 1.75 ms of silence before each request on a fast line, and not a moment less', async () => {
    far?.on('data', () => far?.write(Buffer.from(FRESH, 'hex')));
    const stillMs: number[] = [];
    let heardMs = 0;
    bus = openBus(
      { kind: 'serial', path: pair?.paths[1] ?? '', baud: 115_200, parity: 'none', stopBits: 1, unit: 1 },
      {
        random: () => 0,
        onTraffic: ({ direction, atMs }) => {
          if (direction === 'received') heardMs = atMs;
          else if (heardMs > 0) stillMs.push(atMs - heardMs);
        },
      },
    );
    const replies = await bus.run(asking(...Array.from({ length: 21 }, () => readOf(2))), 'read');
    expect(replies.every(reply => reply.ok)).to.equal(true);
    expect(stillMs).to.have.length(20);
    expect(Math.min(...stillMs)).to.be.at.least(1.75);
  });

  it('does not take a late reply for the answer to the next request', async () => {
    let count = 0;
    far?.on('data', () => ++count === 2 && far?.write(Buffer.from(FRESH, 'hex')));
    const line = open(100, 400);
    const [silent] = await line.run(asking(readOf(1)), 'read');
    far?.write(Buffer.from(LATE, 'hex'));
    const [answered] = await line.run(asking(readOf(2)), 'read');
    expect(silent).to.include({ ok: false, refusal: 'timeout' });
    expect(answered).to.deep.equal({ ok: true, words: [7] });
  });

  it('answers garbled to a reply with a wrong CRC, keeps still, and goes on', async () => {
    let count = 0;
    far?.on('data', () => far?.write(Buffer.from(++count === 1 ? `${FRESH.slice(0, -2)}00` : FRESH, 'hex')));
    const replies = await open(500).run(asking(readOf(2), readOf(2)), 'read');
    expect(replies[0]).to.include({ ok: false, refusal: 'garbled', detail: 'wrong CRC' });
    expect(replies[1]).to.deep.equal({ ok: true, words: [7] });
  });

  it('answers disconnected when there is no such line, and when the adapter is pulled', async () => {
    const [none] = await openBus(
      { kind: 'serial', path: '/dev/there-is-none', baud: 9600, parity: 'none', stopBits: 1, unit: 1 },
      { random: () => 0 },
    ).run(asking(readOf(1)), 'read');
    expect(none).to.include({ ok: false, refusal: 'disconnected' });
    far?.once('data', () => void pair?.close());
    const [pulled] = await open(5000).run(asking(readOf(1)), 'read');
    expect(pulled).to.include({ ok: false, refusal: 'disconnected' });
  });
});
