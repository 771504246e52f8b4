/** Standard packets and special settings: what an order is made of, whether a device would carry it, and how it differs. */
import { expect } from 'chai';
import {
  PACKETS,
  applyIntent,
  differences,
  interrogate,
  intentsOf,
  preview,
} from '../../../src/local/device/mod.ts';
import type { Intent, SettingsOrder } from '../../../src/model/mod.ts';
import { MAX_INTENTS } from '../../../src/model/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { TIMEOUT, run, writes } from '../sunspec/table.ts';
import { type Plant, deviceOf, plant } from './plant.ts';

const TRIP: SettingsOrder = { kind: 'packet', name: 'ieee1547-2018-trip-2' };
const RESERVE: Intent = { kind: 'settings', settings: { mode: 'setReserve', values: { minPct: 15 } } };

function intents(order: SettingsOrder): readonly Intent[] {
  const its = intentsOf(order);
  if (!its.ok) throw new Error(its.detail);
  return its.value;
}

function told(on: Plant, ...ids: readonly number[]) {
  return run(interrogate(deviceOf(...ids), MODELS), on);
}

describe('an order of settings', () => {
  it('is a packet by its name, or the intents it names', () => {
    expect(intents(TRIP)).to.equal(PACKETS['ieee1547-2018-trip-2'].intents);
    expect(intents({ kind: 'special', intents: [RESERVE] })).to.deep.equal([RESERVE]);
  });

  const wrong: readonly (readonly [SettingsOrder, string])[] = [
    [{ kind: 'packet', name: 'ieee1547-1999' }, 'unknown-packet'],
    [{ kind: 'packet', name: 'toString' }, 'unknown-packet'],
    [{ kind: 'special', intents: [] }, 'none'],
    [{ kind: 'special', intents: Array.from({ length: MAX_INTENTS + 1 }, () => RESERVE) }, 'too-many'],
    [
      { kind: 'special', intents: [RESERVE, { kind: 'value', mode: 'opModMaxLimW', value: 0 }] },
      'no-setting',
    ],
    [{ kind: 'special', intents: [{ kind: 'release', mode: 'opModConnect' }] }, 'no-setting'],
  ];
  for (const [order, refusal] of wrong)
    it(`is refused as ${refusal}: ${JSON.stringify(order).slice(0, 60)}`, () => {
      expect(intentsOf(order)).to.include({ ok: false, refusal });
    });

  it('names the packets there are where it names another', () => {
    const result = intentsOf({ kind: 'packet', name: 'x' });
    expect(result.ok ? '' : result.detail).to.include('ieee1547-2018-volt-var-b');
  });

  it('is looked at as a whole before anything is written', () => {
    const on = plant();
    // No 710 on this device: its trip would come last.
    expect(run(preview(deviceOf(707, 708, 709), intents(TRIP), MODELS), on)).to.deep.include({
      outcome: 'refused',
      why: 'opModHFRTMustTrip: no model of this device controls opModHFRTMustTrip; nothing was written',
    });
    expect(run(preview(deviceOf(), intents(TRIP), MODELS), on)).to.equal(undefined);
    expect(writes(on)).to.deep.equal([]);
    on.fault = () => TIMEOUT;
    expect(run(preview(deviceOf(), intents(TRIP), MODELS), on)).to.include({ outcome: 'unknown' });
  });
});

describe('the deviation of a device from a packet', () => {
  for (const [name, packet] of Object.entries(PACKETS))
    it(`is there before ${name} is set, and none after`, () => {
      // Finer steps than the plant has of itself, so that 0.036 Hz is one.
      const on = plant(FINE);
      const before = differences(packet.intents, told(on));
      expect(before).not.to.deep.equal([]);
      for (const intent of packet.intents)
        expect(run(applyIntent(deviceOf(), intent, MODELS), on).outcome).to.equal('implemented');
      expect(differences(packet.intents, told(on))).to.deep.equal([]);
    });

  it('names mode, place, what is wanted and what is held', () => {
    const on = plant(FINE);
    const { intents: its } = PACKETS['ieee1547-2018-trip-3'];
    for (const intent of PACKETS['ieee1547-2018-trip-2'].intents)
      run(applyIntent(deviceOf(), intent, MODELS), on);
    expect(differences(its, told(on))).to.deep.equal([
      { mode: 'opModLVRTMustTrip', what: 'points[0].x', wanted: 88, held: 70 },
      { mode: 'opModLVRTMustTrip', what: 'points[0].y', wanted: 21, held: 10 },
      { mode: 'opModLVRTMustTrip', what: 'points[1].x', wanted: 50, held: 45 },
      { mode: 'opModLVRTMustTrip', what: 'points[1].y', wanted: 2, held: 0.16 },
      { mode: 'opModHVRTMustTrip', what: 'points[0].y', wanted: 13, held: 2 },
    ]);
  });

  it('tells of a mode that is off, and of one that the device has not', () => {
    const on = plant({ ...FINE, '705.Ena': [0] });
    const { intents: its } = PACKETS['ieee1547-2018-volt-var-b'];
    expect(differences(its, told(on, 705))).to.deep.include({
      mode: 'opModVoltVar',
      what: 'state',
      wanted: 'on',
      held: 'off',
    });
    expect(differences(its, told(on, 706))).to.deep.equal([
      { mode: 'opModVoltVar', what: 'state', wanted: 'on' },
    ]);
  });

  it('is plain data: JSON holds all that a device told', () => {
    const answer = told(plant());
    expect(JSON.parse(JSON.stringify(answer))).to.deep.equal(answer);
  });
});

/** Scale factors with which every number of the packets is a register of its own. −2 = 0xFFFE, −3 = 0xFFFD. */
const FINE = {
  // Off, so that setting it is a change.
  '704.AntiIslEna': [0],
  '707.Tms_SF': [0xfffe],
  '708.Tms_SF': [0xfffe],
  '709.Tms_SF': [0xfffe],
  '710.Tms_SF': [0xfffe],
  '711.Db_SF': [0xfffd],
  '711.K_SF': [0xfffd],
};
