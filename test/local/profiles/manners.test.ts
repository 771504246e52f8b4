import { expect } from 'chai';
import type { Conversation, ModbusReply, ModbusRequest } from '../../../src/local/bus/mod.ts';
import { changedNothing } from '../../../src/local/bus/mod.ts';
import { BUSY_TRIES, withManners } from '../../../src/local/profiles/mod.ts';
import type { Manners } from '../../../src/local/profiles/mod.ts';
import { exception, run, table, writes } from '../sunspec/table.ts';

function* one(request: ModbusRequest): Conversation<ModbusReply> {
  return yield request;
}

const read = (address: number, count: number): ModbusRequest => ({
  kind: 'read',
  unit: 1,
  space: 'holding',
  address,
  count,
});
/** `values`: words of each value; one word each unless told. */
const write = (
  address: number,
  words: readonly number[],
  values: readonly number[] | undefined = words.map(() => 1),
): ModbusRequest => ({
  kind: 'write',
  unit: 1,
  address,
  words,
  values,
  how: words.length === 1 ? 'single' : 'multiple',
});

describe("a device's manners", () => {
  const ask = (request: ModbusRequest, manners: Manners, device = table([0, [1, 2, 3, 4]])) => ({
    reply: run(withManners(one(request), manners), device),
    device,
  });

  it('change nothing where a profile says nothing', () => {
    const { reply, device } = ask(read(0, 4), {});
    expect(reply).to.deep.equal({ ok: true, words: [1, 2, 3, 4] });
    expect(device.log).to.deep.equal([read(0, 4)]);
  });

  it('ask again on the exceptions that mean later, and only so often', () => {
    const busy = table([0, [7]]);
    busy.fault = (_, at) => (at < BUSY_TRIES - 1 ? exception(6) : undefined);
    expect(ask(read(0, 1), { retryOn: [6] }, busy).reply).to.deep.equal({ ok: true, words: [7] });
    expect(busy.log).to.have.length(BUSY_TRIES);
    const always = table([0, [7]]);
    always.fault = () => exception(6);
    expect(ask(read(0, 1), { retryOn: [6] }, always).reply).to.include({ ok: false, exception: 6 });
    expect(always.log).to.have.length(BUSY_TRIES);
    const other = table([0, [7]]);
    other.fault = () => exception(2);
    ask(read(0, 1), { retryOn: [6] }, other);
    expect(other.log).to.have.length(1);
  });

  it('never let a request touch a hole: it is refused here, and the line stays silent', () => {
    for (const request of [read(0, 3), read(2, 1), read(3, 1), write(3, [1])]) {
      const { reply, device } = ask(request, { holes: [{ from: 2, count: 2 }] });
      expect(reply).to.include({ ok: false, exception: 2 });
      expect(device.log).to.deep.equal([]);
    }
    for (const request of [read(0, 2), read(4, 1)])
      expect(ask(request, { holes: [{ from: 2, count: 2 }] }).device.log).to.have.length(1);
  });

  it('write with the one function the device has', () => {
    const six = ask(write(1, [10, 11, 12]), { writeWith: 6 }).device;
    expect(six.log.map(request => request.kind === 'write' && request.how)).to.deep.equal([
      'single',
      'single',
      'single',
    ]);
    expect(writes(six)).to.deep.equal([
      [1, [10]],
      [2, [11]],
      [3, [12]],
    ]);
    const sixteen = ask(write(1, [10]), { writeWith: 16 }).device;
    const { values: _, ...plain } = { values: [], ...write(1, [10]) };
    expect(sixteen.log).to.deep.equal([{ ...plain, how: 'multiple' }]);
  });

  it('part a write that is too long, and stop where a part is refused', () => {
    const { device } = ask(write(0, [5, 6, 7]), { maxWrite: 2 });
    expect(writes(device)).to.deep.equal([
      [0, [5, 6]],
      [2, [7]],
    ]);
    const refusing = table([0, [1, 2, 3, 4]]);
    refusing.fault = (_, at) => (at === 1 ? exception(3) : undefined);
    const stopped = ask(write(0, [5, 6, 7]), { writeWith: 6 }, refusing);
    expect(stopped.reply).to.include({ ok: false, exception: 3, partly: true });
    expect(refusing.log).to.have.length(2);
  });

  it('never tear a value: what does not go in one request is refused by name, and nothing is sent', () => {
    for (const manners of [{ writeWith: 6 }, { maxWrite: 1 }] as const)
      for (const values of [[2], [1, 2], [2, 1]]) {
        const words = [1, 2, 3].slice(
          0,
          values.reduce((sum, size) => sum + size, 0),
        );
        const { reply, device } = ask(write(0, words, values), manners);
        expect(reply).to.include({ ok: false, refusal: 'too-long' });
        expect([!reply.ok && reply.detail, device.log, changedNothing(reply)]).to.deep.equal([
          'what belongs together has 2 registers, and this device takes 1 in one write',
          [],
          true,
        ]);
      }
    const untold: ModbusRequest = { kind: 'write', unit: 1, address: 0, words: [1, 2], how: 'multiple' };
    expect(ask(untold, { maxWrite: 1 }).reply).to.include({ ok: false, refusal: 'too-long' });
    const { device } = ask(write(0, [1, 2, 3, 4], [1, 2, 1]), { maxWrite: 2 });
    expect(writes(device)).to.deep.equal([
      [0, [1]],
      [1, [2, 3]],
      [3, [4]],
    ]);
  });

  it('never call a write refused of which a part was taken, or may have been', () => {
    const refusing = table([0, [1, 2, 3, 4]]);
    refusing.fault = (_, at) => (at === 1 ? exception(3) : undefined);
    expect(changedNothing(ask(write(0, [5, 6]), { writeWith: 6 }, refusing).reply)).to.equal(false);
    for (const [code, surely] of [
      [1, true],
      [2, true],
      [3, true],
      [4, true],
      [5, false],
      [6, true],
      [10, true],
      [11, false],
    ] as const) {
      const device = table([0, [1]]);
      device.fault = () => exception(code);
      expect(changedNothing(ask(write(0, [5]), { writeWith: 6 }, device).reply), `${code}`).to.equal(surely);
    }
  });
});
