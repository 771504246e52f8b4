/**
 * `node flooder.ts HOST PORT TOPIC RATE SECONDS QOS FILE`: publishes the messages of FILE (lines of hexadecimal) in
 * turn, RATE a second, over a socket of its own, and prints how many went out and how many the broker took. A process
 * of its own, so that sending costs the gateway under test nothing but the machine.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [host = '', port = '', topic = '', rate = '', seconds = '', qos = '', file = ''] =
  process.argv.slice(2);
/** Messages are sent in bursts this long apart, in ms. */
const BURST_EVERY_MS = 5;

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
};

/** A packet of MQTT 3.1.1: first byte, length, the rest. */
function packet(first: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  for (let left = body.length; ; left >>= 7) {
    if (left < 128) {
      length.push(left);
      break;
    }
    length.push((left & 127) | 128);
  }
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

const payloads = (await readFile(file, 'utf8'))
  .trim()
  .split('\n')
  .map(line => Buffer.from(line, 'hex'));
const ids = qos === '1' ? Buffer.from([0, 1]) : Buffer.alloc(0);
const publishes = payloads.map(payload => packet(0x30 | (Number(qos) << 1), text(topic), ids, payload));

const socket = connect(Number(port), host);
await once(socket, 'connect');
socket.setNoDelay(true);
socket.write(packet(0x10, text('MQTT'), Buffer.from([4, 2, 0, 60]), text('flooder')));
await once(socket, 'data');
let taken = 0;
socket.on('data', (bytes: Buffer) => (taken += bytes.length / 4));

const startMs = performance.now();
const all = Number(rate) * Number(seconds);
let sent = 0;
while (sent < all) {
  const due = Math.min(all, Math.floor(((performance.now() - startMs) * Number(rate)) / 1000));
  const burst: Buffer[] = [];
  for (; sent < due; sent++) {
    const bytes = publishes[sent % publishes.length];
    if (bytes !== undefined) burst.push(bytes);
  }
  if (burst.length > 0 && !socket.write(Buffer.concat(burst))) await once(socket, 'drain');
  await sleep(BURST_EVERY_MS);
}
const tookMs = performance.now() - startMs;
socket.end();
await once(socket, 'close');
process.stdout.write(JSON.stringify({ sent, tookMs: Math.round(tookMs), taken: Math.floor(taken) }));
