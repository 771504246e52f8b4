/** Paces of reading: what moves each time, what hardly moves each minute, the nameplate once. */
import { expect } from 'chai';
import { instant } from '../../../src/base/time.ts';
import type { Polled } from '../../../src/local/device/mod.ts';
import { poll, pollPlanOf, polledPoints } from '../../../src/local/device/mod.ts';
import type { ModelEntry, SunSpecDevice } from '../../../src/local/sunspec/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { TIMEOUT, run, table } from '../sunspec/table.ts';
import type { Table } from '../sunspec/table.ts';

/** 300 registers apart; each register holds 1, so that every value is there. */
function site(...ids: readonly number[]): { readonly device: SunSpecDevice; readonly on: Table } {
  const models = ids.map((id, at): ModelEntry => ({ id, name: null, address: 300 * at, length: 200 }));
  const blocks = models.map(
    ({ id, address }) => [address, [id, 200, ...Array<number>(200).fill(1)]] as const,
  );
  return { device: { unit: 1, models }, on: table(...blocks) };
}

/** Models asked for since the last look, by their place in the chain. */
function asked(on: Table, device: SunSpecDevice): readonly number[] {
  const addresses = on.log.splice(0).map(request => request.address);
  return device.models.filter(({ address }) => addresses.includes(address)).map(({ id }) => id);
}

describe('the pace of a reading', () => {
  const paces: readonly (readonly [string, 'inverter' | 'storage' | 'meter', readonly number[], object])[] = [
    [
      '701 and controls are fast, settings slow',
      'inverter',
      [1, 120, 701, 702, 704],
      { fast: [701, 704], slow: [702], once: [] },
    ],
    ['a nameplate is read once', 'inverter', [1, 103, 120, 123], { fast: [103, 123], slow: [], once: [120] }],
    ['a state of charge is slow', 'storage', [1, 701, 713, 704], { fast: [701, 704], slow: [713], once: [] }],
    ['a model is as fast as its most urgent point', 'storage', [1, 802], { fast: [802], slow: [], once: [] }],
    ['a meter moves', 'meter', [1, 203], { fast: [203], slow: [], once: [] }],
    [
      'where nothing moves, what hardly moves is asked each time',
      'storage',
      [1, 713],
      { fast: [713], slow: [], once: [] },
    ],
  ];
  for (const [title, role, ids, expected] of paces)
    it(title, () => {
      const { fast, slow, once } = pollPlanOf(site(...ids).device, role);
      const idsOf = (wants: typeof fast) => wants.map(({ entry }) => entry.id);
      expect({ fast: idsOf(fast), slow: idsOf(slow), once: idsOf(once) }).to.deep.equal(expected);
    });

  /** Which models are asked for at each of these times, in ms. */
  function askedAt(times: readonly number[], ...ids: readonly number[]): readonly (readonly number[])[] {
    const { device, on } = site(...ids);
    const plan = pollPlanOf(device, 'inverter');
    let last: Polled | undefined;
    return times.map(ms => {
      const read = run(poll(plan, last, { models: MODELS, now: instant(ms) }), on);
      if (!read.ok) throw new Error(read.detail);
      last = read.value;
      return asked(on, device);
    });
  }

  it('TIME-1: reads what moves each time, and what hardly moves at a minute, not a millisecond before', () => {
    expect(askedAt([5000, 6000, 64_999, 65_000, 66_000], 1, 701, 702, 704)).to.deep.equal([
      [701, 702, 704],
      [701, 704],
      [701, 704],
      [701, 702, 704],
      [701, 704],
    ]);
  });

  it('reads a nameplate once, however long it lasts', () => {
    expect(askedAt([5000, 6000, 999_000], 1, 103, 120, 123)).to.deep.equal([
      [103, 120, 123],
      [103, 123],
      [103, 123],
    ]);
  });

  it('asks with the same list each time, so that its requests are worked out once', () => {
    const { device } = site(1, 701, 702, 704);
    const { due, once, slow, fast } = pollPlanOf(device, 'inverter');
    expect(due.fast).to.equal(fast);
    expect(due.withSlow).to.deep.equal([...slow, ...fast]);
    expect(due.first).to.deep.equal([...once, ...slow, ...fast]);
  });

  it('keeps what was read before beside what is read now', () => {
    const { device, on } = site(1, 103, 120, 123);
    const plan = pollPlanOf(device, 'inverter');
    const first = run(poll(plan, undefined, { models: MODELS, now: instant(0) }), on);
    on.registers.set(300 + 2, 7); // 103.A, its first point
    on.registers.set(600 + 3, 7); // 120.WRtg, its second
    const second = run(
      poll(plan, first.ok ? first.value : undefined, { models: MODELS, now: instant(1) }),
      on,
    );
    const points = second.ok ? polledPoints(plan, second.value) : {};
    // Scale factors hold 1: times ten.
    expect(points).to.include({ A: 70, WMax: 10 });
  });

  it('fails as a whole, and what was known is not touched', () => {
    const { device, on } = site(1, 701, 702, 704);
    const plan = pollPlanOf(device, 'inverter');
    const first = run(poll(plan, undefined, { models: MODELS, now: instant(0) }), on);
    if (!first.ok) throw new Error(first.detail);
    on.fault = () => TIMEOUT;
    const second = run(poll(plan, first.value, { models: MODELS, now: instant(60_000) }), on);
    expect(second).to.include({ ok: false, refusal: 'silent' });
    expect(first.value.slowDue).to.equal(60_000);
  });
});
