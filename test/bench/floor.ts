/**
 * The floor under `bench -- command`: the same broker and the same inverter, driven by mqtt and modbus-serial
 * as they come. Receive, write a register, read it back, publish. No signature, no store, no decision; only
 * TCP_NODELAY on every socket, without which Nagle and delayed acknowledgement would be all there is to see.
 */
import type { Socket } from 'node:net';
import modbus from 'modbus-serial';
import { connectAsync } from 'mqtt';
import type { MqttClient } from 'mqtt';

export interface FloorOptions {
  readonly broker: string;
  readonly inverter: {
    readonly host: string;
    readonly port: number;
    readonly unit: number;
    readonly address: number;
  };
  readonly commands: number;
}

/** The time of each round trip, in ms. */
export async function measureFloor({ broker, inverter, commands }: FloorOptions): Promise<number[]> {
  const line = new modbus.default();
  await line.connectTCP(inverter.host, { port: inverter.port });
  noDelay((line as unknown as { _port: { _client: Socket } })._port._client);
  line.setID(inverter.unit);
  const [headEnd, gateway] = await Promise.all([quick(broker), quick(broker)]);
  await gateway.subscribeAsync('floor/command', { qos: 1 });
  await headEnd.subscribeAsync('floor/receipt', { qos: 1 });
  const answer = async (payload: Buffer): Promise<void> => {
    const value = payload.readUInt16BE(0);
    await line.writeRegister(inverter.address, value);
    const { data } = await line.readHoldingRegisters(inverter.address, 1);
    await gateway.publishAsync('floor/receipt', Buffer.from([(data[0] ?? 0) >> 8, (data[0] ?? 0) & 0xff]), {
      qos: 1,
    });
  };
  gateway.on('message', (_topic, payload) => void answer(payload));
  const times: number[] = [];
  for (let n = 0; n < commands; n++) {
    const value = 100 + (n % 800);
    const receipt = new Promise<Buffer>(resolve =>
      headEnd.once('message', (_topic, payload) => resolve(payload)),
    );
    const startMs = performance.now();
    headEnd.publish('floor/command', Buffer.from([value >> 8, value & 0xff]), { qos: 1 });
    const held = (await receipt).readUInt16BE(0);
    times.push(performance.now() - startMs);
    if (held !== value) throw new Error(`the inverter holds ${held}, not ${value}`);
  }
  await Promise.all([
    headEnd.endAsync(),
    gateway.endAsync(),
    new Promise<void>(resolve => line.close(() => resolve())),
  ]);
  return times;
}

async function quick(broker: string): Promise<MqttClient> {
  const client = await connectAsync(broker, { protocolVersion: 4, reconnectPeriod: 0 });
  noDelay(client.stream as unknown as Socket);
  return client;
}

function noDelay(socket: Socket): void {
  socket.setNoDelay(true);
}
