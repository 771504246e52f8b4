/** Curves: how a slot is filled and adopted, and what is said when the device does otherwise. */
import { expect } from 'chai';
import { type ApplyResult, applyIntent } from '../../../src/local/device/mod.ts';
import type { Curve, Intent } from '../../../src/model/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import {
  DISCONNECTED,
  GARBLED,
  TIMEOUT,
  type Table,
  exception,
  run,
  table,
  writes,
} from '../sunspec/table.ts';
import { writePhase } from '../../../src/local/device/write.ts';
import { type Plant, deviceOf, held, plant, registersOf } from './plant.ts';

/** Category B of IEEE 1547-2018. */
const CATEGORY_B: Curve = {
  mode: 'opModVoltVar',
  points: [
    { x: 92, y: 44 },
    { x: 98, y: 0 },
    { x: 102, y: 0 },
    { x: 108, y: -44 },
  ],
  reference: 'VAMax',
  responseS: 5,
};
const ORDER: Intent = { kind: 'curve', curve: CATEGORY_B };
const OFF = { '705.Ena': [0] };
const curve = (its: Curve): Intent => ({ kind: 'curve', curve: its });

/**
 * Counted in the definition of 705, which stands at 49600 in the plant: its own points are 15 words, a slot
 * with four points 18.
 */
const AT = { ena: 49_602, request: 49_603, result: 49_604, timer: 49_607, slot2: 49_633, slot3: 49_651 };
/** Raw words of {@link CATEGORY_B} with factors of −1; −440 = 0xFE48. */
const POINTS = [920, 440, 980, 0, 1020, 0, 1080, 0xfe48];

function apply(on: Table, intent: Intent = ORDER, ...ids: readonly number[]): ApplyResult {
  return run(applyIntent(deviceOf(...(ids.length === 0 ? [705] : ids)), intent, MODELS), on);
}

function again(result: ApplyResult, on: Table): ApplyResult {
  if (result.recheck === undefined) throw new Error('a recheck was expected');
  return run(result.recheck(), on);
}

describe('a curve for a device of 1547', () => {
  it('fills a slot, has it adopted, and only then switches the mode on', () => {
    const on = plant(OFF);
    expect(apply(on)).to.include({ outcome: 'implemented' });
    expect(writes(on)).to.deep.equal([
      // four points, of VA_MAX; Pri is as in force; VRef 23.0 and its time constant 26 s copied; 5.0 s
      [AT.slot2, [4, 3]],
      [AT.slot2 + 3, [230]],
      [AT.slot2 + 6, [26, 0, 50]],
      [AT.slot2 + 10, POINTS],
      [AT.request, [2]],
      [AT.ena, [1]],
    ]);
    expect(held(on, '705.Crv[0].Pt[3].Var')).to.deep.equal([0xfe48]);
  });

  it('is unknown while the adoption is in progress, and is not switched on before its end', () => {
    const on = plant(OFF);
    on.adopts = 'in-progress';
    const first = apply(on);
    expect(first).to.include({
      outcome: 'unknown',
      why: '705.AdptCrvRslt says that it is still in progress',
    });
    expect(held(on, '705.Ena')).to.deep.equal([0]);
    expect(again(first, on).outcome, 'not yet').to.equal('unknown');
    on.finish();
    expect(again(first, on)).to.include({ outcome: 'implemented' });
    expect(held(on, '705.Ena')).to.deep.equal([1]);
  });

  it('is refused when the device says that the adoption failed', () => {
    const on = plant(OFF);
    on.adopts = 'fails';
    const result = apply(on);
    expect(result).to.include({ outcome: 'refused', why: '705.AdptCrvRslt holds 2, not 1' });
    expect(again(result, on).outcome).to.equal('refused');
    expect(held(on, '705.Ena')).to.deep.equal([0]);
  });

  it('does not take the result of an earlier adoption for its own', () => {
    const on = plant(OFF);
    on.adopts = 'late';
    const result = apply(on);
    expect(held(on, '705.AdptCrvRslt'), 'completed, but not this').to.deep.equal([1]);
    expect(result.outcome).to.equal('refused');
    expect(result.why).to.equal('705.Crv[0].ActPt holds 2, not 4');
    expect(held(on, '705.Ena')).to.deep.equal([0]);
    on.finish();
    expect(again(result, on).outcome).to.equal('implemented');
  });

  it('does not expect the request to stay in its register', () => {
    const on = plant(OFF);
    const usual = on.onWrite;
    on.onWrite = (address, word) => {
      const stored = usual?.(address, word) ?? word;
      return address === AT.request ? 0 : stored;
    };
    expect(apply(on)).to.include({ outcome: 'implemented' });
    expect(held(on, '705.AdptCrvReq')).to.deep.equal([0]);
  });

  it('never takes the mirror for a slot, whatever it says of itself', () => {
    const on = plant({
      '705.Crv[0].ReadOnly': [0],
      '705.Crv[1].ReadOnly': [1],
      '705.Crv[2].ReadOnly': [1],
    });
    expect(apply(on).why).to.match(/no slot that can be written/);
    expect(writes(on)).to.deep.equal([]);
  });

  it('offers no recheck where the device would not hear of the slot', () => {
    const on = plant(OFF);
    on.fault = request =>
      request.kind === 'write' && request.address === AT.request ? exception(4) : undefined;
    const result = apply(on);
    expect(result).to.include({
      outcome: 'refused',
      why: 'exception 4 writing 705.AdptCrvReq; it holds 21',
    });
    expect(result).not.to.have.property('recheck');
    expect(held(on, '705.Ena')).to.deep.equal([0]);
  });

  it('is not adopted when a point did not arrive in the slot', () => {
    const on = plant(OFF);
    const usual = on.onWrite;
    on.onWrite = (address, word) => (address === AT.slot2 + 11 ? 1 : (usual?.(address, word) ?? word));
    expect(apply(on)).to.include({
      outcome: 'refused',
      why: '705.Crv[1].Pt[0].Var holds 1, not 440',
    });
    expect(writes(on).map(([address]) => address)).not.to.include(AT.request);
  });

  it('takes the slot that is neither read-only nor what the device falls back to', () => {
    const fallsTo2 = plant({ '705.RvrtCrv': [2] });
    expect(apply(fallsTo2).outcome).to.equal('implemented');
    expect(held(fallsTo2, '705.AdptCrvReq')).to.deep.equal([3]);
    const only3 = plant({ '705.Crv[1].ReadOnly': [1] });
    expect(apply(only3).outcome).to.equal('implemented');
    expect(held(only3, '705.AdptCrvReq')).to.deep.equal([3]);
    const none = plant({ '705.Crv[1].ReadOnly': [1], '705.Crv[2].ReadOnly': [1] });
    expect(apply(none).why).to.equal('model 705 has no slot that can be written; nothing was written');
    expect(writes(none)).to.deep.equal([]);
  });

  it('writes the fall-back to another slot before the timer that leads there', () => {
    const on = plant();
    const flat: Curve = {
      mode: 'opModVoltVar',
      points: [
        { x: 90, y: 0 },
        { x: 110, y: 0 },
      ],
    };
    const result = apply(on, {
      kind: 'curve',
      curve: CATEGORY_B,
      reversion: { afterS: 70_000, curve: flat },
    });
    expect(result).to.include({ outcome: 'implemented' });
    expect(held(on, '705.RvrtCrv')).to.deep.equal([3]);
    expect(held(on, '705.RvrtTms'), '70000 = 0x00011170').to.deep.equal([1, 0x1170]);
    expect(held(on, '705.Crv[2].Pt[1].V')).to.deep.equal([1100]);
    const order = writes(on).map(([address]) => address);
    expect(order.indexOf(AT.timer)).to.be.above(order.findLastIndex(address => address >= AT.slot3));
    expect(order.indexOf(AT.request)).to.be.above(order.indexOf(AT.timer));
  });

  it('stops a timer that would end it, where no fall-back is wanted', () => {
    const on = plant({ '705.RvrtTms': [0, 60] });
    expect(apply(on).outcome).to.equal('implemented');
    expect(held(on, '705.RvrtTms')).to.deep.equal([0, 0]);
  });

  const impossible: readonly (readonly [string, Intent, readonly number[], RegExp])[] = [
    [
      'more points than it holds',
      curve({ ...CATEGORY_B, points: [...CATEGORY_B.points, { x: 110, y: -44 }] }),
      [705],
      /room for 4 points/,
    ],
    [
      'a value beyond its registers',
      curve({ ...CATEGORY_B, points: [{ x: 7000, y: 0 }] }),
      [705],
      /cannot hold it/,
    ],
    ['a reference it does not know', ORDER, [126], /knows no reference of VAMax/],
    [
      'a setting it has no place for',
      curve({ mode: 'opModVoltWatt', points: [{ x: 106, y: 100 }], vRefPct: 100 }),
      [706],
      /no place for vRefPct/,
    ],
    [
      'points that go back',
      curve({
        mode: 'opModVoltVar',
        points: [
          { x: 98, y: 0 },
          { x: 92, y: 44 },
        ],
      }),
      [705],
      /point 2 of opModVoltVar/,
    ],
    ['no points', curve({ mode: 'opModVoltVar', points: [] }), [705], /1 to 20 points/],
    [
      'no number',
      curve({ mode: 'opModVoltVar', points: [{ x: Number.NaN, y: 0 }] }),
      [705],
      /NaN is no number/,
    ],
    [
      'a fall-back of another kind',
      { ...ORDER, reversion: { afterS: 60, curve: { ...CATEGORY_B, mode: 'opModVoltWatt' } } },
      [705],
      /is none/,
    ],
    ['the release of a trip', { kind: 'release', mode: 'opModLVRTMustTrip' }, [707], /has no off/],
    ['a model it has not', ORDER, [706], /no model of this device controls opModVoltVar/],
    [
      'a droop finer than its step',
      { kind: 'settings', settings: { mode: 'opModFreqDroop', values: { kOf: 0.04 } } },
      [711, 127],
      /less than the step/,
    ],
    [
      'settings that name nothing',
      { kind: 'settings', settings: { mode: 'setReserve', values: {} } },
      [802],
      /names nothing/,
    ],
  ];
  for (const [what, intent, ids, why] of impossible)
    it(`is refused without a write: ${what}`, () => {
      const on = plant();
      const result = apply(on, intent, ...ids);
      expect(result.outcome).to.equal('refused');
      expect(result.why)
        .to.match(why)
        .and.to.match(/nothing was written$/);
      expect(writes(on)).to.deep.equal([]);
    });

  it('goes to 705 before 126, and to 126 where 705 has no slot', () => {
    const both = plant();
    expect(apply(both, ORDER, 705, 126).outcome).to.equal('implemented');
    expect(held(both, '126.ActCrv')).to.deep.equal([1]);
    const bare = plant({ '705.NCrv': [0] });
    const asShare: Intent = curve({ ...CATEGORY_B, reference: 'VArMax' });
    expect(apply(bare, asShare, 705, 126).outcome).to.equal('implemented');
    expect(held(bare, '126.ActCrv')).to.deep.equal([2]);
  });

  for (const fault of [TIMEOUT, GARBLED, DISCONNECTED, exception(4)])
    for (const through of [true, false])
      it(`never lies, and never switches on what is not adopted: ${fault.ok ? '' : fault.refusal}, ${through ? 'written' : 'lost'}`, () => {
        const calm = plant(OFF);
        apply(calm);
        for (let bad = 0; bad < calm.log.length; bad++) {
          const on = plant(OFF);
          on.fault = (request, at) => {
            if (at !== bad) return undefined;
            if (through && request.kind === 'write') store(on, request.address, request.words);
            return fault;
          };
          const result = apply(on);
          const adopted = [...calm.registers].every(
            ([address, word]) => address === AT.ena || on.registers.get(address) === word,
          );
          const isOn = on.registers.get(AT.ena) === 1;
          if (isOn) expect(adopted, `request ${bad}`).to.equal(true);
          if (result.outcome === 'implemented') expect(isOn && adopted, `request ${bad}`).to.equal(true);
          else expect(result.why ?? '', `request ${bad}`).not.to.equal('');
        }
      });
});

function store(on: Plant, address: number, words: readonly number[]): void {
  for (const [at, word] of words.entries()) {
    const stored = on.onWrite?.(address + at, word) ?? word;
    if (typeof stored === 'number') on.registers.set(address + at, stored);
  }
}

describe('a phase of more registers than one request holds', () => {
  it('goes in as few as hold it, in order', () => {
    const on = table([1000, Array<number>(200).fill(0)]);
    const all = Array.from({ length: 130 }, (_, at) => ({
      point: `${at}`,
      address: 1000 + at,
      words: [at],
      role: 'order' as const,
    }));
    const done = run(writePhase({ unit: 1 }, all), on);
    expect(done.every(({ reply }) => reply.ok)).to.equal(true);
    // 123 registers, Modbus Application Protocol 1.1b3, 6.12; the table refuses more as a device would
    expect(writes(on).map(([address, words]) => [address, words.length])).to.deep.equal([
      [1000, 123],
      [1123, 7],
    ]);
  });
});

describe('a curve for a device before 1547', () => {
  const shares: Intent = curve({ ...CATEGORY_B, reference: 'VArMax', responseS: 10 });

  it('fills a slot that is not in force, selects it, and clears what would delay or end it', () => {
    const on = plant({ '126.WinTms': [30], '126.RvrtTms': [60], '126.ModEna': [4] });
    expect(apply(on, shares, 126)).to.include({ outcome: 'implemented' });
    const asked = writes(on).map(([address]) => address);
    const [selects, enables] = [registersOf('126.ActCrv')[0], registersOf('126.ModEna')[0]];
    expect(asked.at(-1)).to.equal(enables);
    expect(asked.at(-2)).to.equal(selects);
    expect(held(on, '126.curve[1].VAr4')).to.deep.equal([0xfe48]);
    const name = 'curve 1'; // as the plant calls the second
    expect(held(on, '126.curve[1].CrvNam').slice(0, 4), 'a name is not copied').to.deep.equal(
      [0, 2, 4, 6].map(at => (name.charCodeAt(at) << 8) | (at < 6 ? name.charCodeAt(at + 1) : 0)),
    );
    expect(held(on, '126.WinTms')).to.deep.equal([0]);
    expect(held(on, '126.RvrtTms')).to.deep.equal([0]);
    expect(held(on, '126.ModEna'), 'the bit beside it stays').to.deep.equal([5]);
    // 10 s to 90 % are 13.01 s to 95 %
    expect(held(on, '126.curve[1].RmpTms')).to.deep.equal([13]);
  });

  it('is written in place where there is one slot, and stays on meanwhile', () => {
    const on = plant({
      '126.curve[0].ReadOnly': [0],
      '126.curve[1].ReadOnly': [1],
      '126.curve[2].ReadOnly': [1],
    });
    const [enable] = registersOf('126.ModEna');
    const seen: (number | undefined)[] = [];
    on.onWrite = (_, word) => {
      seen.push(on.registers.get(enable ?? 0));
      return word;
    };
    expect(apply(on, shares, 126).outcome).to.equal('implemented');
    expect(held(on, '126.ActCrv')).to.deep.equal([1]);
    expect(held(on, '126.curve[0].V1')).to.deep.equal([920]);
    expect(new Set(seen)).to.deep.equal(new Set([5]));
  });
});
