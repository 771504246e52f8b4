/** Orders on a device: which registers, in what order, and what is reported when the device misbehaves. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { type ApplyResult, type AxisOrder, applyOrder } from '../../../src/local/device/mod.ts';
import { hundredths, rawOf } from '../../../src/local/device/amount.ts';
import type { SunSpecDevice } from '../../../src/local/sunspec/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import {
  DISCONNECTED,
  GARBLED,
  TIMEOUT,
  type Table,
  exception,
  nameOf,
  run,
  writes,
} from '../sunspec/table.ts';
import { AT, device, registers } from './site.ts';

const HALF: AxisOrder = { axis: 'opModMaxLimW', value: 5000 };
const ISOLATE: AxisOrder = { axis: 'opModConnect', value: 0 };
const limitOf = (value: number | undefined): AxisOrder => ({ axis: 'opModMaxLimW', value });

function apply(on: Table, order: AxisOrder, to: SunSpecDevice = device(123, 703, 704)): ApplyResult {
  return run(applyOrder(to, order, MODELS), on);
}

function held(on: Table, ...addresses: readonly number[]): readonly (number | undefined)[] {
  return addresses.map(address => on.registers.get(address));
}

describe('a limit of real power', () => {
  it('is written to 704 before it is put in force, and read back', () => {
    const on = registers();
    expect(apply(on, HALF)).to.deep.equal({
      outcome: 'implemented',
      evidence: [
        { point: '704.WMaxLimPct', address: AT.pct704, wrote: [5000], readBack: [5000] },
        { point: '704.WMaxLimPctEna', address: AT.ena704, wrote: [1], readBack: [1] },
      ],
    });
    expect(on.log.map(request => request.kind)).to.deep.equal(['read', 'write', 'read', 'write', 'read']);
    expect(writes(on)).to.deep.equal([
      [AT.pct704, [5000]],
      [AT.ena704, [1]],
    ]);
    expect(on.log.every(request => request.kind === 'read' || request.how === 'single')).to.equal(true);
  });

  it('carries the fall-back in the same request as the value', () => {
    const on = registers();
    const order = { ...HALF, reversion: { afterS: 70_000, value: 2550 } };
    expect(apply(on, order).outcome).to.equal('implemented');
    // 70000 s = 0x00011170
    expect(writes(on)).to.deep.equal([
      [AT.pct704, [5000, 2550, 1, 0x0001, 0x1170]],
      [AT.ena704, [1]],
    ]);
  });

  it('holds without a timer where the device cannot fall back to a value', () => {
    const order = { ...HALF, reversion: { afterS: 600, value: 2550 } };
    const without = registers({ [AT.rvrt704]: 0xffff, [AT.rvrtTms704 + 1]: 30 });
    expect(apply(without, order).outcome).to.equal('implemented');
    expect(writes(without)).to.deep.equal([
      [AT.pct704, [5000]],
      [AT.rvrtTms704, [0, 0]],
      [AT.ena704, [1]],
    ]);
    const only123 = registers({ [AT.pct123RvrtTms]: 30 });
    expect(apply(only123, order, device(123)).outcome).to.equal('implemented');
    expect(held(only123, AT.pct123, AT.pct123RvrtTms, AT.ena123)).to.deep.equal([50, 0, 1]);
  });

  it('goes to 123 where there is no 704, or 704 leaves the limit out', () => {
    const plain = registers();
    expect(apply(plain, HALF, device(123)).outcome).to.equal('implemented');
    expect(held(plain, AT.pct123, AT.ena123, AT.ena704)).to.deep.equal([50, 1, 0]);
    const bare = registers({ [AT.pct704]: 0xffff });
    expect(apply(bare, HALF).outcome).to.equal('implemented');
    expect(held(bare, AT.pct123, AT.ena123, AT.ena704)).to.deep.equal([50, 1, 0]);
  });

  it('clears the delay and the timer of 123 that would end it', () => {
    const on = registers({ [AT.pct123WinTms]: 5, [AT.pct123RvrtTms]: 0xffff });
    expect(apply(on, HALF, device(123)).outcome).to.equal('implemented');
    expect(writes(on)).to.deep.equal([
      [AT.pct123, [50, 0]],
      [AT.ena123, [1]],
    ]);
  });

  it('is rounded down to the step of the device, never up', () => {
    // 33.33 % in whole percents is 33, in tenths 333; 0.99 % in whole percents is 0
    expect(rawOf(hundredths(3333), 0)).to.equal(33);
    expect(rawOf(hundredths(3333), -1)).to.equal(333);
    expect(rawOf(hundredths(3333), -2)).to.equal(3333);
    expect(rawOf(hundredths(3333), -3)).to.equal(33_330);
    expect(rawOf(hundredths(3333), 1)).to.equal(3);
    expect(rawOf(hundredths(99), 0)).to.equal(0);
    expect(rawOf(hundredths(10_000), 0)).to.equal(100);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: -2, max: 2 }), (asked, exponent) => {
        const step = 10 ** (exponent + 2);
        const set = (rawOf(hundredths(asked), exponent) ?? -1) * step;
        expect(set).to.be.at.most(asked);
        expect(asked - set).to.be.below(step);
      }),
    );
  });

  it('of 0 % is a limit like any other, and its release is no limit of 100 %', () => {
    const on = registers();
    expect(apply(on, limitOf(0)).outcome).to.equal('implemented');
    expect(held(on, AT.pct704, AT.ena704)).to.deep.equal([0, 1]);
    expect(apply(on, limitOf(undefined))).to.deep.equal({
      outcome: 'implemented',
      evidence: [{ point: '704.WMaxLimPctEna', address: AT.ena704, wrote: [0], readBack: [0] }],
    });
    expect(held(on, AT.pct704, AT.ena704)).to.deep.equal([0, 0]);
  });

  it('leaves a limit in 123 alone when it releases its own in 704', () => {
    const on = registers({ [AT.pct123]: 70, [AT.ena123]: 1, [AT.ena704]: 1 });
    expect(apply(on, limitOf(undefined)).outcome).to.equal('implemented');
    expect(held(on, AT.ena123, AT.pct123, AT.ena704)).to.deep.equal([1, 70, 0]);
  });

  it('touches no register beside its own', () => {
    for (const order of [HALF, limitOf(undefined), { ...HALF, reversion: { afterS: 60, value: 0 } }]) {
      const on = registers();
      const before = new Map(on.registers);
      apply(on, order);
      const mine = new Set<number>([
        AT.ena704,
        AT.pct704,
        AT.rvrt704,
        AT.enaRvrt704,
        AT.rvrtTms704,
        AT.rvrtTms704 + 1,
      ]);
      for (const [address, word] of on.registers)
        if (!mine.has(address)) expect(word).to.equal(before.get(address));
    }
  });

  const impossible: readonly (readonly [
    string,
    AxisOrder,
    Readonly<Record<number, number>>,
    readonly number[],
  ])[] = [
    ['no model for it', HALF, {}, [703]],
    ['an axis nobody has', { axis: 'opModGenLimW', value: 1 }, {}, [123, 703, 704]],
    ['a value out of range', limitOf(10_001), {}, [704]],
    ['a value that is not whole', limitOf(0.5), {}, [704]],
    ['a negative value', limitOf(-1), {}, [704]],
    ['no scale factor', HALF, { [AT.pct704SF]: 0x8000 }, [704]],
    ['an absurd scale factor', HALF, { [AT.pct704SF]: 11 }, [704]],
    ['a step too fine for the register', limitOf(10_000), { [AT.pct704SF]: 0xfffd }, [704, 123]],
    ['no enable', HALF, { [AT.ena704]: 0xffff }, [704]],
    ['another model at its place', HALF, { 40_200: 705 }, [704]],
    ['another length', HALF, { 40_201: 64 }, [704]],
    ['a reversion of no time', { ...HALF, reversion: { afterS: 0, value: 0 } }, {}, [704]],
    ['a reversion to no value', { ...HALF, reversion: { afterS: 60, value: -1 } }, {}, [704]],
  ];
  for (const [what, order, changes, models] of impossible)
    it(`is refused without a write: ${what}`, () => {
      const on = registers(changes);
      const result = apply(on, order, device(...models));
      expect(result).to.include({ outcome: 'refused' });
      expect(result.why).to.be.a('string').that.is.not.equal('');
      expect(result.evidence).to.deep.equal([]);
      expect(writes(on)).to.deep.equal([]);
    });
});

describe('connection to the grid', () => {
  it('OVR-4: an isolation is the switch in 123, without any timer that would undo it', () => {
    const on = registers({ [AT.connRvrtTms]: 300, [AT.connWinTms]: 20 });
    const order = { ...ISOLATE, reversion: { afterS: 60, value: 1 } };
    expect(apply(on, order)).to.deep.equal({
      outcome: 'implemented',
      evidence: [
        { point: '123.Conn_WinTms', address: AT.connWinTms, wrote: [0], readBack: [0] },
        { point: '123.Conn_RvrtTms', address: AT.connRvrtTms, wrote: [0], readBack: [0] },
        { point: '123.Conn', address: AT.conn123, wrote: [0], readBack: [0] },
      ],
    });
    expect(writes(on)).to.deep.equal([[AT.connWinTms, [0, 0, 0]]]);
  });

  it('OVR-4: a device that will not clear its timer is isolated all the same, and it is said', () => {
    const on = registers({ [AT.connRvrtTms]: 300 });
    on.onWrite = (address, word) => (address === AT.connRvrtTms ? { exception: 2 } : word);
    const result = apply(on, ISOLATE);
    expect(held(on, AT.conn123)).to.deep.equal([0]);
    expect(result).to.include({
      outcome: 'refused',
      why: 'exception 2 writing 123.Conn_RvrtTms; it holds 300',
    });
    expect(result.evidence.at(-1)).to.deep.equal({
      point: '123.Conn',
      address: AT.conn123,
      wrote: [0],
      readBack: [0],
    });
  });

  it('is the permit of 703 where there is no switch', () => {
    const on = registers();
    expect(apply(on, ISOLATE, device(703, 704)).outcome).to.equal('implemented');
    expect(writes(on)).to.deep.equal([[AT.es703, [0]]]);
  });

  it('is released by connecting', () => {
    const on = registers({ [AT.conn123]: 0 });
    expect(apply(on, { axis: 'opModConnect', value: undefined }).outcome).to.equal('implemented');
    expect(writes(on)).to.deep.equal([[AT.conn123, [1]]]);
  });
});

describe('an order to a device that misbehaves', () => {
  it('is refused with what the register holds when a write is acknowledged without effect', () => {
    const on = registers();
    on.onWrite = (address, word) => (address === AT.pct704 ? 10_000 : word);
    const result = apply(on, HALF);
    expect(result).to.include({ outcome: 'refused', why: '704.WMaxLimPct holds 10000, not 5000' });
    expect(result.evidence).to.deep.equal([
      { point: '704.WMaxLimPct', address: AT.pct704, wrote: [5000], readBack: [10_000] },
    ]);
    expect(held(on, AT.ena704), 'a value that did not arrive is not put in force').to.deep.equal([0]);
  });

  it('is taken up again by a recheck when the device was only late', () => {
    const on = registers();
    on.onWrite = address => on.registers.get(address) ?? 0;
    const late = apply(on, HALF);
    delete on.onWrite;
    on.registers.set(AT.pct704, 5000);
    if (late.recheck === undefined) throw new Error('a late register can be rechecked');
    expect(run(late.recheck(), on)).to.include({ outcome: 'implemented' });
    expect(held(on, AT.pct704, AT.ena704)).to.deep.equal([5000, 1]);
  });

  it('is put in force by a recheck though a guard was refused, and says so', () => {
    const on = registers();
    const order = { ...HALF, reversion: { afterS: 600, value: 2000 } };
    on.onWrite = (address, word) => {
      if (address === AT.rvrt704) return { exception: 3 };
      return address === AT.pct704 ? 10_000 : word;
    };
    const late = apply(on, order);
    on.registers.set(AT.pct704, 5000);
    if (late.recheck === undefined) throw new Error('a late register can be rechecked');
    expect(run(late.recheck(), on)).to.include({
      outcome: 'refused',
      why: 'exception 3 writing 704.WMaxLimPctRvrt; it holds 0',
    });
    expect(held(on, AT.pct704, AT.ena704)).to.deep.equal([5000, 1]);
  });

  it('offers no recheck where the device said no', () => {
    const on = registers();
    on.onWrite = () => ({ exception: 4 });
    expect(apply(on, HALF)).not.to.have.property('recheck');
  });

  it('is refused with the exception, and with what is there instead', () => {
    const on = registers();
    on.onWrite = address => (address === AT.ena704 ? { exception: 3 } : 5000);
    const result = apply(on, HALF);
    expect(result).to.include({
      outcome: 'refused',
      why: 'exception 3 writing 704.WMaxLimPctEna; it holds 0',
    });
  });

  it('reports a fall-back that was not taken, but keeps the limit', () => {
    const on = registers();
    on.onWrite = (address, word) => (address === AT.rvrt704 ? { exception: 3 } : word);
    const result = apply(on, { ...HALF, reversion: { afterS: 600, value: 2000 } });
    expect(result.outcome).to.equal('refused');
    expect(result.why).to.equal('exception 3 writing 704.WMaxLimPctRvrt; it holds 0');
    expect(held(on, AT.pct704, AT.ena704)).to.deep.equal([5000, 1]);
    expect(held(on, AT.rvrtTms704, AT.rvrtTms704 + 1), 'no timer towards a value not taken').to.deep.equal([
      0, 0,
    ]);
  });

  for (const [only, how] of [
    [6, 'single'],
    [16, 'multiple'],
  ] as const)
    it(`finds its way with a device that knows only function ${only}`, () => {
      const on = registers({ [AT.pct123RvrtTms]: 30, [AT.pct123WinTms]: 30 });
      on.fault = request => (request.kind === 'write' && request.how !== how ? exception(1) : undefined);
      expect(apply(on, HALF, device(123)).outcome).to.equal('implemented');
      expect(held(on, AT.pct123, AT.pct123WinTms, AT.pct123RvrtTms, AT.ena123)).to.deep.equal([50, 0, 0, 1]);
    });

  it('reads around registers that cannot be read', () => {
    const on = registers();
    for (const hole of [40_230, 40_231]) on.registers.delete(hole);
    expect(apply(on, HALF).outcome).to.equal('implemented');
  });

  it('is unknown when nobody answers, and nothing is written', () => {
    for (const fault of [TIMEOUT, DISCONNECTED, GARBLED]) {
      const on = registers();
      on.fault = () => fault;
      expect(apply(on, HALF)).to.include({ outcome: 'unknown' });
      expect(writes(on)).to.deep.equal([]);
    }
  });

  // 5: the device is still at it. 11: a gateway heard nothing from it. Neither says that nothing was done.
  for (const fault of [TIMEOUT, GARBLED, DISCONNECTED, exception(5), exception(11)])
    for (const order of [HALF, ISOLATE, { ...HALF, reversion: { afterS: 60, value: 0 } }, limitOf(undefined)])
      it(`never lies when ${nameOf(fault)} strikes at any request: ${JSON.stringify(order)}`, () => {
        const start = order.value === undefined ? { [AT.ena704]: 1 } : {};
        const calm = registers(start);
        apply(calm, order);
        const done = new Map(calm.registers);
        for (let bad = 0; bad < calm.log.length; bad++)
          for (const through of [true, false]) {
            const on = registers(start);
            on.fault = (request, at) => {
              if (at !== bad) return undefined;
              if (through && request.kind === 'write')
                request.words.forEach((word, each) => on.registers.set(request.address + each, word));
              return fault;
            };
            const result = apply(on, order);
            const inForce = [...done].every(([address, word]) => on.registers.get(address) === word);
            if (result.outcome === 'implemented') expect(inForce, `request ${bad}`).to.equal(true);
            if (result.outcome === 'refused')
              expect(result.evidence.some(each => each.readBack !== undefined)).to.equal(true);
            expect(result.outcome === 'implemented' || (result.why ?? '') !== '').to.equal(true);
            const wasWrite = calm.log[bad]?.kind === 'write';
            if (wasWrite && through) expect(result.outcome, `request ${bad} arrived`).to.equal('implemented');
            if (wasWrite && !through) expect(result.outcome, `request ${bad} was lost`).to.equal('refused');
          }
      });

  it('is unknown when neither the write nor the read-back is answered', () => {
    const on = registers();
    on.fault = (_, at) => (at >= 1 ? TIMEOUT : undefined);
    const result = apply(on, HALF);
    expect(result).to.include({ outcome: 'unknown', why: '704.WMaxLimPct was not read back: no answer' });
    expect(result.evidence).to.deep.equal([{ point: '704.WMaxLimPct', address: AT.pct704, wrote: [5000] }]);
  });
});
