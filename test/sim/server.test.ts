/** The simulated server and a home on real sockets, asked through the bus. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { instant } from '../../src/base/time.ts';
import type { Bus } from '../../src/io/modbus/mod.ts';
import { openBus, parseLink } from '../../src/io/modbus/mod.ts';
import type { ModbusRequest } from '../../src/local/bus/mod.ts';
import type { Server } from '../../src/sim/mod.ts';
import { HOME_DEVICES, makeHome, runHome, serveTcp } from '../../src/sim/mod.ts';
import { asking } from '../io/modbus/fakes.ts';

function readOf(
  address: number,
  more: Partial<Extract<ModbusRequest, { kind: 'read' }>> = {},
): ModbusRequest {
  return { kind: 'read', unit: 1, space: 'holding', address, count: 1, ...more };
}

function busTo(link: string): Bus {
  const parsed = parseLink(link);
  if (!parsed.ok) throw new Error(parsed.detail);
  return openBus(parsed.value, { random: () => 0, timeoutMs: 2000 });
}

describe('sim server', () => {
  let server: Server;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    const home = makeHome(instant(0), { battery: { unit: 2 } });
    server = await serveTcp({ units: [home.inverter.wire, home.battery.wire], port: 0, clientsMax: 2 });
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
  });

  async function client(): Promise<Socket> {
    const socket = connect(server.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  it('answers several units behind one port, and exception 11 for one that is not there', async () => {
    const bus = busTo(`tcp://127.0.0.1:${server.port}`);
    const replies = await bus.run(asking(...[1, 2, 3].map(unit => readOf(40_070, { unit }))), 'read');
    await bus.close();
    expect(replies[0]).to.deep.equal({ ok: true, words: [103] });
    expect(replies[1]).to.deep.equal({ ok: true, words: [124] });
    expect(replies[2]).to.include({ refusal: 'exception', exception: 11 });
  });

  it('answers several clients, requests in one piece or in bytes, and turns one too many away', async () => {
    // Read one register at 40000: unit 1, transaction 7 and 8. The reply is "Su".
    const ask = (transaction: string): Buffer => Buffer.from(`00${transaction}0000000601039c400001`, 'hex');
    const [first, second] = [await client(), await client()];
    first.write(Buffer.concat([ask('07'), ask('08')]));
    for (const byte of ask('07')) second.write(Buffer.of(byte));
    expect(await heard(first, 22)).to.equal('00070000000501030253750008000000050103025375');
    expect(await heard(second, 11)).to.equal('0007000000050103025375');
    const third = await client();
    await once(third, 'close');
  });

  it('closes the connection of a client that speaks no Modbus, and serves the next', async () => {
    const bad = await client();
    bad.write('GET / HTTP/1.1\r\n\r\n');
    await once(bad, 'close');
    const good = await client();
    good.write(Buffer.from('00070000000601039c400001', 'hex'));
    expect(await heard(good, 11)).to.equal('0007000000050103025375');
  });

  it('rejects when the port is taken', async () => {
    const error: unknown = await serveTcp({ units: [], port: server.port }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).to.have.property('code', 'EADDRINUSE');
  });
});

/** The first `length` bytes that come, in hexadecimal. */
async function heard(socket: Socket, length: number): Promise<string> {
  let bytes = Buffer.alloc(0);
  while (bytes.length < length) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
  }
  return bytes.toString('hex');
}

describe('sim home on real sockets', () => {
  it('opens a port for each device, moves on by itself, and leaves nothing behind', async () => {
    const home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 }, tickMs: 10, startHour: 12 });
    const found: number[] = [];
    for (const device of HOME_DEVICES) {
      const bus = busTo(home.links[device]);
      const [reply] = await bus.run(asking(readOf(40_070)), 'read');
      await bus.close();
      found.push(reply?.ok ? (reply.words[0] ?? 0) : 0);
    }
    expect(found).to.deep.equal([103, 124, 203]);
    // W of model 103 stands at 40084; it grows from nothing to what the sun gives.
    const bus = busTo(home.links.inverter);
    for (let powerW = 0; powerW < 1000; ) {
      const [reply] = await bus.run(asking(readOf(40_084)), 'read');
      powerW = reply?.ok ? (reply.words[0] ?? 0) : 0;
    }
    await home.close();
    const [gone] = await bus.run(asking(readOf(40_084)), 'read');
    expect(gone?.ok).to.equal(false);
    await bus.close();
  });

  it('leaves no port open when one cannot be opened', async () => {
    const home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 } });
    const taken = Number(new URL(home.links.meter.replace('tcp', 'http')).port);
    const error: unknown = await runHome({ ports: { inverter: 0, battery: 0, meter: taken } }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).to.have.property('code', 'EADDRINUSE');
    await home.close();
  });
});
