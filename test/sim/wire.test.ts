/** The paced wire: its times worked out by hand from the baud rate, and the process on pseudo-terminals. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { openBus } from '../../src/io/modbus/mod.ts';
import { WIRE_MAX, Wire } from '../../src/sim/wire.ts';
import { asking, readOf } from '../io/modbus/fakes.ts';
import { serialPair } from '../support/serial-pair.ts';
import { needs } from '../support/needs.ts';

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, n) => n & 0xff);

/** All chunks as `due:length`. */
function chunks(wire: Wire): string[] {
  const seen: string[] = [];
  for (let due = wire.next(); due !== undefined; due = wire.next()) {
    const early = wire.take(due - 0.001);
    const chunk = wire.take(due);
    seen.push(`${early === undefined ? '' : 'early '}${due.toFixed(3)}:${chunk?.bytes.length}`);
  }
  return seen;
}

describe('sim wire', () => {
  it('carries a byte in 10 bits, or 11, of the baud rate', () => {
    // 10 / 9600 s = 1.0417 ms; 11 / 19200 s = 0.5729 ms, so that one fits in a millisecond.
    const slow = new Wire({ baud: 9600, bits: 10 });
    slow.put(bytes(3), 100);
    expect(chunks(slow)).to.deep.equal(['101.042:1', '102.083:1', '103.125:1']);
    const parity = new Wire({ baud: 19_200, bits: 11 });
    parity.put(bytes(2), 0);
    expect(chunks(parity)).to.deep.equal(['0.573:1', '1.146:1']);
  });

  it('joins the bytes of a millisecond, and ends the chunk with its last byte', () => {
    // 0.0868 ms a byte at 115200: eleven in 0.955 ms.
    const wire = new Wire({ baud: 115_200, bits: 10 });
    wire.put(bytes(25), 0);
    expect(chunks(wire)).to.deep.equal(['0.955:11', '1.910:11', '2.170:3']);
  });

  it('begins anew after silence, and queues what comes while it is busy', () => {
    const wire = new Wire({ baud: 9600, bits: 10 });
    wire.put(bytes(1), 0);
    wire.put(bytes(1), 0.5);
    wire.put(bytes(1), 50);
    expect(chunks(wire)).to.deep.equal(['1.042:1', '2.083:1', '51.042:1']);
  });

  it('drops what does not fit, and has room again for what has left', () => {
    const wire = new Wire({ baud: 115_200, bits: 10 });
    wire.put(bytes(WIRE_MAX + 5), 0);
    const all = chunks(wire).map(chunk => Number(chunk.split(':')[1]));
    expect(all.reduce((sum, length) => sum + length)).to.equal(WIRE_MAX);
    wire.put(bytes(2), 1000);
    expect(chunks(wire)).to.have.length(1);
  });

  it('is a line between pseudo-terminals that takes its time and says how late it was', async function () {
    needs(this, 'socat');
    const pair = await serialPair();
    const args = ['src/sim/paced.ts', JSON.stringify({ near: pair.paths[0], baud: 9600 })];
    const line = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(line, 'exit');
    const reports = createInterface({ input: line.stdout });
    const told = reports[Symbol.asyncIterator]();
    const bus = openBus(
      { kind: 'serial', path: pair.paths[1], baud: 9600, parity: 'none', stopBits: 1, unit: 1 },
      { random: () => 0, timeoutMs: 5000 },
    );
    try {
      const start = performance.now();
      const replies = await bus.run(asking(readOf(7, 20), readOf(300, 1)), 'read');
      expect(replies[0]).to.deep.equal({ ok: true, words: Array.from({ length: 20 }, (_, n) => 7 + n) });
      expect(replies[1]).to.deep.equal({ ok: true, words: [300] });
      // 8 + 45 and 8 + 7 bytes of 10 bits at 9600 baud.
      expect(performance.now() - start).to.be.at.least(70);
      // On a busy machine the line may fall still, and report, between the two.
      let chunks = 0;
      while (chunks < 68) ({ chunks } = JSON.parse(String((await told.next()).value)) as { chunks: number });
      expect(chunks).to.equal(68);
    } finally {
      await bus.close();
      line.kill();
      await exit;
      reports.close();
      await pair.close();
    }
  });
});
