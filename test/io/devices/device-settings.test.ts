/** Settings on a device that is late, refuses half way, or is asked for too much, without a wire between. */
import { expect } from 'chai';
import { ok } from '../../../src/base/assert.ts';
import { DeviceSettings, type SettingsDoor } from '../../../src/io/devices/settings.ts';
import { plainly } from '../../../src/io/devices/treatment.ts';
import { PACKETS } from '../../../src/local/device/mod.ts';
import type { Intent, SettingsOrder } from '../../../src/model/mod.ts';
import { type Plant, deviceOf, held, plant, registersOf } from '../../local/device/plant.ts';
import { MODELS } from '../../local/sunspec/models.ts';
import { TIMEOUT, run, writes } from '../../local/sunspec/table.ts';

const CURVE: Intent = {
  kind: 'curve',
  curve: {
    mode: 'opModVoltVar',
    points: [
      { x: 90, y: 30 },
      { x: 110, y: -30 },
    ],
  },
};
const VOLT_VAR: SettingsOrder = { kind: 'special', intents: [CURVE] };

interface Scene {
  readonly settings: DeviceSettings;
  /** How often the device was given time. */
  waits: number;
}

/** Settings before `on`; `wait` is what happens there meanwhile. */
function scene(on: Plant, wait: () => void = () => {}, treatment = plainly): Scene {
  const door: SettingsDoor = {
    models: MODELS,
    treatment: () => treatment,
    reach: () => Promise.resolve(ok({ device: deviceOf() })),
    run: conversation => Promise.resolve().then(() => run(conversation, on)),
    wait: () => {
      its.waits += 1;
      wait();
      return Promise.resolve();
    },
  };
  const its: Scene = { settings: new DeviceSettings(door), waits: 0 };
  return its;
}

/** A plant that shows nothing of what it is told before `show` is called. */
function lateBy(on: Plant): () => void {
  const act = on.onWrite;
  let pending: (readonly [number, number])[] = [];
  on.onWrite = (address, word) => {
    pending.push([address, word]);
    return on.registers.get(address) ?? 0;
  };
  return () => {
    for (const [address, word] of pending) {
      const stored = act?.(address, word) ?? word;
      if (typeof stored === 'number') on.registers.set(address, stored);
    }
    pending = [];
  };
}

describe('settings of a device that', () => {
  it('is late at every step are set, step by step', async () => {
    const on = plant();
    const show = lateBy(on);
    const its = scene(on, show);
    const set = await its.settings.set(VOLT_VAR);
    expect(set.why ?? '').to.equal('');
    expect(set.outcome).to.equal('implemented');
    expect(its.waits).to.be.above(1);
    expect(held(on, '705.Ena')).to.deep.equal([1]);
  });

  it('is late for ever are given up, and not called set', async () => {
    const on = plant();
    lateBy(on);
    const its = scene(on);
    expect(await its.settings.set(VOLT_VAR)).to.include({ outcome: 'refused' });
    expect(its.waits).to.equal(16);
  });

  it('refuses one part end there: what was set stands and is told, the rest is not begun', async () => {
    const on = plant();
    const act = on.onWrite;
    const [from = 0] = registersOf('709.Crv[1].ReadOnly');
    const to = from + 60;
    on.onWrite = (address, word) => {
      if (address >= from && address < to) return { exception: 3 };
      return act?.(address, word) ?? word;
    };
    const set = await scene(on).settings.set({ kind: 'packet', name: 'ieee1547-2018-trip-2' });
    expect(set.outcome).to.equal('refused');
    expect(set.why).to.match(/^opModLFRTMustTrip: .*; 1 further parts were not begun$/);
    expect(set.parts.map(({ mode, outcome }) => `${mode} ${outcome}`)).to.deep.equal([
      'opModLVRTMustTrip implemented',
      'opModHVRTMustTrip implemented',
      'opModLFRTMustTrip refused',
    ]);
    const later = registersOf('710.Crv[1].ReadOnly')[0] ?? 0;
    expect(writes(on).filter(([address]) => address >= later && address < later + 300)).to.deep.equal([]);
  });

  it('falls silent half way are unknown, with what was written', async () => {
    const on = plant();
    const all = PACKETS['ieee1547-2018-trip-2'].intents.length;
    let written = 0;
    on.fault = request => {
      if (request.kind === 'write') written += 1;
      return written > 0 ? TIMEOUT : undefined;
    };
    const set = await scene(on).settings.set({ kind: 'packet', name: 'ieee1547-2018-trip-2' });
    expect(set.outcome).to.equal('unknown');
    expect(set.parts).to.have.length(1);
    expect(set.why).to.match(new RegExp(`; ${all - 1} further parts were not begun$`));
  });

  it('is asked for too much wait their turn, and the ninth is refused by name', async () => {
    const on = plant();
    const its = scene(on);
    const asked = Array.from({ length: 9 }, () => its.settings.set(VOLT_VAR));
    const [outcomes, last] = [await Promise.all(asked.slice(0, 8)), await asked[8]];
    expect(outcomes.map(({ outcome }) => outcome)).to.deep.equal(Array(8).fill('implemented'));
    expect(last).to.deep.equal({
      outcome: 'refused',
      why: '8 orders of settings wait for this device already',
      parts: [],
    });
    expect((await its.settings.set(VOLT_VAR)).outcome, 'there is room again').to.equal('implemented');
  });

  it('takes one register in one write is set nothing that belongs together, and is told so before anything is begun', async () => {
    const on = plant();
    const its = scene(on, () => {}, { ...plainly, maxWrite: 1 });
    const set = await its.settings.set(VOLT_VAR);
    expect([set.outcome, set.parts, writes(on)]).to.deep.equal(['refused', [], []]);
    expect(set.why).to.match(/registers that belong together, and this device takes 1 in one write/);
  });
});
