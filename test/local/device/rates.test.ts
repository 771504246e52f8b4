/**
 * Power of storage by model 124: an order in W or in percent of WMax becomes a percentage of WChaMax, and never more
 * power than was ordered. Expected registers are worked out by hand; the plant's scale factors are −1 unless changed.
 */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { type ApplyResult, abilitiesIn, applyIntent, interrogate } from '../../../src/local/device/mod.ts';
import type { Axis, Intent } from '../../../src/model/mod.ts';
import { sharedSetpoints } from '../../../src/model/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { TIMEOUT, run, writes } from '../sunspec/table.ts';
import { type Plant, axesIn, changed, deviceOf, held, plant, registersOf } from './plant.ts';

type Changes = Readonly<Record<string, readonly number[]>>;

/** A battery of 5000 W, with nothing in force. */
const BATTERY: Changes = { '124.WChaMax': [50_000], '124.StorCtl_Mod': [4] };

const HYBRID: Changes = {};

function order(axis: Axis, value: number | undefined): Intent {
  return value === undefined ? { kind: 'release', mode: axis } : { kind: 'value', mode: axis, value };
}

function apply(on: Plant, intent: Intent, ...ids: readonly number[]): ApplyResult {
  return run(applyIntent(deviceOf(124, ...ids), intent, MODELS), on);
}

const rates = (on: Plant) =>
  [held(on, '124.OutWRte'), held(on, '124.InWRte')].map(([word = 0]) => signed(word));
const signed = (word: number) => (word > 0x7fff ? word - 0x1_0000 : word);

describe('power of storage by 124', () => {
  // axis, value, tenths of a percent out and in
  const orders: readonly (readonly [string, Axis, number, number, number])[] = [
    ['a charge', 'opModStorageTargetW', 1000, -200, 200],
    ['a discharge', 'opModStorageTargetW', -2500, 500, -500],
    ['nothing: neither charges nor discharges', 'opModStorageTargetW', 0, 0, 0],
    ['all it has', 'opModStorageTargetW', -5000, 1000, -1000],
    // 24.68 % is 24.6 %, and so is −24.68 %
    ['a charge between two steps', 'opModStorageTargetW', 1234, -246, 246],
    ['a discharge between two steps', 'opModStorageTargetW', -1234, 246, -246],
    ['power given out', 'opModTargetW', 1000, 200, -200],
    ['power taken in', 'opModTargetW', -1000, -200, 200],
    // 33.33 % of 8000 W are 2666.4 W, and these 53.328 % of 5000 W
    ['a percentage of WMax', 'opModFixedW', 3333, 533, -533],
    ['a percentage of WMax the other way', 'opModFixedW', -3333, -533, 533],
  ];
  for (const [what, axis, value, out, into] of orders)
    it(`orders ${what}: ${axis} ${value}`, () => {
      const on = plant({ ...BATTERY, '121.WMax': [0xffff], '121.WMax_SF': [0] });
      // 8000 W
      for (const address of registersOf('121.WMax')) on.registers.set(address, 8000);
      const before = new Map(on.registers);
      const result = apply(on, order(axis, value), 121);
      expect(result.why ?? '').to.equal('');
      expect(rates(on)).to.deep.equal([out, into]);
      expect(held(on, '124.StorCtl_Mod'), 'both windows, and the bit that is not ours').to.deep.equal([7]);
      const own = ['OutWRte', 'InWRte', 'StorCtl_Mod'].flatMap(point => registersOf(`124.${point}`));
      expect(changed(on, before).filter(address => !own.includes(address))).to.deep.equal([]);
      expect(writes(on)[0]?.[1], 'both rates in one request, before they are put in force').to.have.length(2);
    });

  it('releases its two windows and leaves the other bit', () => {
    const on = plant({ ...BATTERY, '124.StorCtl_Mod': [7] });
    expect(apply(on, order('opModStorageTargetW', undefined)).outcome).to.equal('implemented');
    expect(held(on, '124.StorCtl_Mod')).to.deep.equal([4]);
  });

  it('brings the timers that would delay or end it to 0', () => {
    const on = plant({ ...BATTERY, '124.InOutWRte_WinTms': [30], '124.InOutWRte_RvrtTms': [600] });
    expect(apply(on, order('opModStorageTargetW', 1000)).outcome).to.equal('implemented');
    expect(held(on, '124.InOutWRte_WinTms')).to.deep.equal([0]);
    expect(held(on, '124.InOutWRte_RvrtTms')).to.deep.equal([0]);
  });

  // 0x8000: not implemented, of a scale factor and of the like
  const refused: readonly (readonly [string, Changes, Axis, number, readonly number[], RegExp])[] = [
    [
      'WChaMax is left out',
      { '124.WChaMax': [0xffff] },
      'opModStorageTargetW',
      1,
      [],
      /^124\.WChaMax is not known/,
    ],
    [
      'its scale factor is left out',
      { '124.WChaMax_SF': [0x8000] },
      'opModStorageTargetW',
      1,
      [],
      /^124\.WChaMax is not known/,
    ],
    ['WChaMax is 0', { '124.WChaMax': [0] }, 'opModStorageTargetW', 0, [], /^124\.WChaMax is not known/],
    [
      'the factor of the rates is left out',
      { '124.InOutWRte_SF': [0x8000] },
      'opModStorageTargetW',
      1,
      [],
      /factor/,
    ],
    [
      'no model tells WMax',
      {},
      'opModFixedW',
      1,
      [],
      /^no model tells WMax: opModFixedW is a percentage of nothing/,
    ],
    [
      'it is more than the battery has',
      {},
      'opModStorageTargetW',
      5001,
      [],
      /^5001 W is more than 124\.WChaMax, 5000 W/,
    ],
    [
      'a rate of discharge may be of another base',
      { '802.WDisChaRteMax': [40_000] },
      'opModStorageTargetW',
      1,
      [802],
      /^802\.WDisChaRteMax is 4000 W and 124\.WChaMax 5000 W: of which/,
    ],
  ];
  for (const [what, changes, axis, value, beside, why] of refused)
    it(`refuses by name, and writes nothing, where ${what}`, () => {
      const on = plant({ ...BATTERY, ...changes });
      const result = apply(on, order(axis, value), ...beside);
      expect(result).to.include({ outcome: 'refused' });
      expect(result.why)
        .to.match(why)
        .and.match(/nothing was written$/);
      expect(writes(on)).to.deep.equal([]);
    });

  it('takes a rate of another model that differs by a rounding for the same', () => {
    const on = plant({ ...BATTERY, '802.WDisChaRteMax': [49_990] });
    expect(apply(on, order('opModStorageTargetW', 1000), 802).outcome).to.equal('implemented');
  });

  it('is unknown, and nothing is written, where a model with a base falls silent', () => {
    const on = plant(BATTERY);
    on.fault = (_, at) => (at >= 1 ? TIMEOUT : undefined);
    expect(apply(on, order('opModStorageTargetW', 1000), 802)).to.include({ outcome: 'unknown' });
    expect(writes(on)).to.deep.equal([]);
  });

  it('comes after 704, and only where 704 leaves power out', () => {
    const on = plant(BATTERY);
    apply(on, order('opModStorageTargetW', 1000), 704);
    expect(held(on, '124.StorCtl_Mod')).to.deep.equal([4]);
    const without = plant({ ...BATTERY, '704.WSetEna': [0xffff] });
    apply(without, order('opModStorageTargetW', 1000), 704);
    expect(held(without, '124.StorCtl_Mod')).to.deep.equal([7]);
  });

  it('is an axis of storage, and the power of the device only where storage is all it is', () => {
    const on = plant(BATTERY);
    const alone = axesIn(deviceOf(124), on);
    expect(alone).to.deep.equal({ ok: true, value: ['opModStorageTargetW', 'opModTargetW', 'opModFixedW'] });
    const array = { id: 160, name: 'mppt', address: 60_000, length: 8 };
    const hybrid = { unit: 1, models: [...deviceOf(124).models, array] };
    expect(axesIn(hybrid, on)).to.deep.equal({ ok: true, value: ['opModStorageTargetW'] });
  });

  it('goes to 124 and not to the setpoint of 704 where an array feeds the same device', () => {
    const on = plant(BATTERY);
    const array = { id: 160, name: 'mppt', address: 60_000, length: 8 };
    const hybrid = { unit: 1, models: [...deviceOf(124, 704).models, array] };
    const before = held(on, '704.WSet');
    const result = run(applyIntent(hybrid, order('opModStorageTargetW', 1000), MODELS), on);
    expect(result.outcome).to.equal('implemented');
    expect(rates(on)).to.deep.equal([-200, 200]);
    expect(held(on, '704.WSet')).to.deep.equal(before);
  });

  it('shares a setpoint with what 124 carries too, and not with what 704 does', () => {
    const shared = (changes: Changes, ...ids: readonly number[]) => {
      const array = { id: 160, name: 'mppt', address: 60_000, length: 8 };
      const models = deviceOf(...ids).models;
      const device = { unit: 1, models: changes === HYBRID ? [...models, array] : models };
      const able = run(abilitiesIn(device, MODELS), plant({ ...BATTERY, ...changes }));
      return able.ok ? sharedSetpoints(able.value) : able;
    };
    expect(shared({}, 124)).to.deep.equal([['opModStorageTargetW', 'opModTargetW', 'opModFixedW']]);
    expect(shared({}, 704, 802)).to.deep.equal([['opModStorageTargetW', 'opModTargetW', 'opModFixedW']]);
    expect(shared(HYBRID, 124, 704)).to.deep.equal([['opModTargetW', 'opModFixedW']]);
    // 704 without watts, left out by its sentinel: a percentage by 704, watts by 124.
    expect(shared({ '704.WSet': [0x8000, 0] }, 124, 704)).to.deep.equal([
      ['opModStorageTargetW', 'opModTargetW'],
    ]);
    expect(shared({}, 704)).to.deep.equal([['opModTargetW', 'opModFixedW']]);
    expect(shared({}, 123)).to.deep.equal([]);
  });

  it('is shown once when a device is asked what it holds', () => {
    const on = plant({ ...BATTERY, '124.StorCtl_Mod': [7] });
    const { modes } = run(interrogate(deviceOf(124), MODELS), on);
    expect(
      modes.filter(({ state, mode }) => state === 'on' && mode !== 'setReserve').map(({ mode }) => mode),
    ).to.deep.equal(['opModStorageTargetW']);
  });

  it('is never more than ordered, never the other way, and misses it by less than one step, whatever the scales', () => {
    const scale = fc.integer({ min: -3, max: 3 });
    const word = (exponent: number) => [exponent & 0xffff];
    let done = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 65_000 }),
        scale,
        fc.integer({ min: -2, max: 0 }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        (rawBase, baseSf, rateSf, share) => {
          const on = plant({
            ...BATTERY,
            '124.WChaMax': [rawBase],
            '124.WChaMax_SF': word(baseSf),
            '124.InOutWRte_SF': word(rateSf),
          });
          const wished = Math.trunc(rawBase * 10 ** baseSf * share);
          const result = apply(on, order('opModStorageTargetW', wished));
          expect(result.why ?? '').to.equal('');
          done += 1;
          const [out = 0, into = 0] = rates(on);
          expect(out + into, 'one power is pinned').to.equal(0);
          // In units of 10^−8 W: raw × 10^(rateSf) % × rawBase × 10^(baseSf) W.
          const power = BigInt(into) * BigInt(rawBase) * 10n ** BigInt(6 + rateSf + baseSf);
          const step = BigInt(rawBase) * 10n ** BigInt(6 + rateSf + baseSf);
          const asked = BigInt(wished) * 10n ** 8n;
          expect(power * asked >= 0n, 'never the other way').to.equal(true);
          const missing = (asked < 0n ? -asked : asked) - (power < 0n ? -power : power);
          expect(missing >= 0n, `${wished} W asked, ${into} steps given`).to.equal(true);
          expect(missing < step, 'less than one step').to.equal(true);
        },
      ),
    );
    expect(done).to.be.above(0);
  });
});
