/** Whom one setpoint of a device serves, where several axes share it: every state × every order × every outcome. */
import { expect } from 'chai';
import { Setpoints } from '../../../src/io/devices/setpoints.ts';
import type { AxisOrder } from '../../../src/local/device/mod.ts';
import type { Axis, Outcome } from '../../../src/model/mod.ts';

const [MINE, OTHER]: readonly [Axis, Axis] = ['opModTargetW', 'opModStorageTargetW'];
type Serves = 'nobody' | 'mine' | 'other';

async function serving(state: Serves): Promise<Setpoints> {
  const setpoints = new Setpoints();
  if (state !== 'nobody') await carry(setpoints, { axis: state === 'mine' ? MINE : OTHER, value: 1 });
  return setpoints;
}

/** Carries `order` out; whether anything was written, and how it ended. */
async function carry(
  setpoints: Setpoints,
  order: AxisOrder,
  outcome: Outcome = 'implemented',
): Promise<string> {
  let written = false;
  const result = await setpoints.inTurn(order, () => {
    written = true;
    return Promise.resolve({ outcome, evidence: [], ...(outcome === 'implemented' ? {} : { why: 'x' }) });
  });
  return `${written ? 'written' : 'left'}, ${result.outcome}`;
}

function whom(setpoints: Setpoints): Serves {
  if (setpoints.isTaken(OTHER)) return 'mine';
  return setpoints.isTaken(MINE) ? 'other' : 'nobody';
}

describe('one setpoint for several axes', () => {
  // before, order of mine, outcome at the device: what is done, and whom it serves afterwards
  const rows: readonly (readonly [Serves, 'value' | 'release', Outcome, string, Serves])[] = [
    ['nobody', 'value', 'implemented', 'written, implemented', 'mine'],
    ['nobody', 'value', 'refused', 'written, refused', 'nobody'],
    ['nobody', 'value', 'unknown', 'written, unknown', 'nobody'],
    ['nobody', 'release', 'implemented', 'written, implemented', 'nobody'],
    ['nobody', 'release', 'refused', 'written, refused', 'nobody'],
    ['nobody', 'release', 'unknown', 'written, unknown', 'nobody'],
    ['mine', 'value', 'implemented', 'written, implemented', 'mine'],
    ['mine', 'value', 'refused', 'written, refused', 'nobody'],
    ['mine', 'value', 'unknown', 'written, unknown', 'nobody'],
    ['mine', 'release', 'implemented', 'written, implemented', 'nobody'],
    ['mine', 'release', 'refused', 'written, refused', 'mine'],
    ['mine', 'release', 'unknown', 'written, unknown', 'mine'],
    ['other', 'value', 'implemented', 'written, implemented', 'mine'],
    // It may have overwritten what served the other: that one's release has to reach the device, and so has this one's.
    ['other', 'value', 'refused', 'written, refused', 'nobody'],
    ['other', 'value', 'unknown', 'written, unknown', 'nobody'],
    ['other', 'release', 'implemented', 'left, implemented', 'other'],
    ['other', 'release', 'refused', 'left, implemented', 'other'],
    ['other', 'release', 'unknown', 'left, implemented', 'other'],
  ];
  for (const [before, kind, outcome, done, after] of rows)
    it(`serves ${before}; ${kind} of mine, ${outcome}: ${done}, serves ${after}`, async () => {
      const setpoints = await serving(before);
      const order: AxisOrder = { axis: MINE, value: kind === 'value' ? 2 : undefined };
      expect(await carry(setpoints, order, outcome)).to.equal(done);
      expect(whom(setpoints)).to.equal(after);
    });

  it('is asked for by one at a time: a release that came first is over before the next order begins', async () => {
    const setpoints = await serving('mine');
    const told: string[] = [];
    const slow = Promise.withResolvers<void>();
    const release = setpoints.inTurn({ axis: MINE, value: undefined }, async () => {
      told.push('release begins');
      await slow.promise;
      told.push('release ends');
      return { outcome: 'unknown', why: 'x', evidence: [] };
    });
    const order = setpoints.inTurn({ axis: OTHER, value: 1 }, () => {
      told.push('order');
      return Promise.resolve({ outcome: 'implemented', evidence: [] });
    });
    slow.resolve();
    await Promise.all([release, order]);
    expect(told).to.deep.equal(['release begins', 'release ends', 'order']);
    expect(await carry(setpoints, { axis: MINE, value: undefined })).to.equal('left, implemented');
  });

  it('is one of two where the device has one for each: no release is left out', async () => {
    const setpoints = new Setpoints(() => [['opModTargetW', 'opModFixedW']]);
    expect(await carry(setpoints, { axis: OTHER, value: 1 })).to.equal('written, implemented');
    expect(await carry(setpoints, { axis: MINE, value: 1 })).to.equal('written, implemented');
    expect([setpoints.isTaken(MINE), setpoints.isTaken(OTHER)]).to.deep.equal([false, false]);
    expect(await carry(setpoints, { axis: OTHER, value: undefined })).to.equal('written, implemented');
  });

  it('of its own holds up nobody', async () => {
    const setpoints = await serving('other');
    expect(await carry(setpoints, { axis: 'opModMaxLimW', value: undefined })).to.equal(
      'written, implemented',
    );
  });
});
