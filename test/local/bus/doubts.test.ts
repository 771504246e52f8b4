import { expect } from 'chai';
import { instant } from '../../../src/base/time.ts';
import type { Doubt, ModbusRequest } from '../../../src/local/bus/mod.ts';
import {
  DOUBT_MS,
  afterAnswer,
  isInDoubt,
  probeFor,
  withDoubt,
  withoutOne,
} from '../../../src/local/bus/mod.ts';

type Read = Extract<ModbusRequest, { kind: 'read' }>;
const read = (count: number, address = 0, changes: Partial<Read> = {}): Read => ({
  kind: 'read',
  unit: 1,
  space: 'holding',
  address,
  count,
  ...changes,
});
const write = (address: number): ModbusRequest => ({
  kind: 'write',
  unit: 1,
  address,
  words: [1],
  how: 'multiple',
});
const NOW = instant(0);
const doubt = (request: ModbusRequest): Doubt => ({
  request,
  frame: { unit: request.unit, pdu: new Uint8Array(0) },
  since: NOW,
});
const doubts = (...requests: readonly ModbusRequest[]): readonly Doubt[] => requests.map(doubt);
const inDoubt = (given: readonly Doubt[], request: ModbusRequest): boolean => isInDoubt(given, request, NOW);
const left = (given: readonly Doubt[]) => given.map(({ request }) => request);

describe('local/bus doubts', () => {
  it('tell requests apart by unit, function and length, for an answer says no more', () => {
    const given = doubts(read(3));
    expect(inDoubt(given, read(3, 77)), 'another address').to.equal(true);
    expect(inDoubt(given, read(2))).to.equal(false);
    expect(inDoubt(given, read(3, 0, { space: 'input' }))).to.equal(false);
    expect(inDoubt(given, read(3, 0, { unit: 2 }))).to.equal(false);
    expect(inDoubt(given, write(0))).to.equal(false);
    expect(inDoubt(doubts(write(5)), write(5))).to.equal(true);
    expect(inDoubt(doubts(write(5)), write(6)), 'a write is answered with its address').to.equal(false);
  });

  it('end for a unit with an answer that only one request can have', () => {
    const given = doubts(read(3), read(9), read(3, 0, { unit: 2 }));
    expect(left(afterAnswer(given, doubt(read(1)), { exception: false }))).to.deep.equal([
      read(3, 0, { unit: 2 }),
    ]);
  });

  it('grow by one where the answer could be that of another', () => {
    const given = doubts(read(3));
    expect(left(afterAnswer(given, doubt(read(3, 7)), { exception: false }))).to.have.length(2);
    expect(left(afterAnswer(given, doubt(read(1)), { exception: true })), 'an exception').to.have.length(2);
    const other = read(1, 0, { space: 'input' });
    expect(left(afterAnswer(given, doubt(other), { exception: true })), 'of its own').to.deep.equal([]);
  });

  it('end one by one where a late answer comes, and all after ten seconds', () => {
    const given = doubts(read(3), read(3, 7), read(4));
    expect(left(withoutOne(given, read(3, 99)))).to.deep.equal([read(3, 7), read(4)]);
    expect(isInDoubt(given, read(3), instant(DOUBT_MS - 1))).to.equal(true);
    expect(isInDoubt(given, read(3), instant(DOUBT_MS))).to.equal(false);
  });

  it('are sixteen at most, the newest', () => {
    let given: readonly Doubt[] = [];
    for (let count = 1; count <= 20; count++) given = withDoubt(given, doubt(read(count)));
    expect(left(given)).to.deep.equal(Array.from({ length: 16 }, (_, n) => read(n + 5)));
  });

  it('are met by a probe that is like none of them: one register, the other function, then other lengths', () => {
    const input = read(1, 40, { space: 'input' });
    let given = doubts(read(3));
    const probes: (ModbusRequest | undefined)[] = [];
    for (let n = 0; n < 5; n++) {
      const probe = probeFor(given, read(3, 40));
      probes.push(probe);
      if (probe !== undefined) given = withDoubt(given, doubt(probe));
    }
    expect(probes).to.deep.equal([read(1, 40), input, read(2, 40), read(4, 40), read(5, 40)]);
  });
});
