/** Which axes a device can carry, by its models and by what of them is implemented. */
import { expect } from 'chai';
import { axesOf } from '../../../src/local/device/mod.ts';
import { TIMEOUT } from '../sunspec/table.ts';
import { axesIn, deviceOf, plant } from './plant.ts';
import { device } from './site.ts';

describe('the axes of a device', () => {
  it('follow from its models', () => {
    expect(axesOf(device(123, 703, 704))).to.deep.equal(['opModConnect', 'opModMaxLimW']);
    expect(axesOf(device(703))).to.deep.equal(['opModConnect']);
    expect(axesOf(device(704))).to.deep.equal(['opModMaxLimW']);
    expect(axesOf(device())).to.deep.equal([]);
  });

  it('count only what is implemented, once that has been read; the connection and the limit always', () => {
    const axes = (changes: Readonly<Record<string, readonly number[]>>) =>
      axesIn(deviceOf(123, 704), plant(changes));
    const all = [
      'opModConnect',
      'opModMaxLimW',
      'opModFixedW',
      'opModTargetW',
      'opModFixedVar',
      'opModFixedPFInjectW',
      'opModFixedPFAbsorbW',
    ];
    expect(axes({})).to.deep.equal({ ok: true, value: all });
    const without = (...names: readonly string[]) => ({
      ok: true,
      value: all.filter(axis => !names.includes(axis)),
    });
    // 704.WSetPct left out; then its scale factor, which makes any number in it unknown.
    expect(axes({ '704.WSetPct': [0x8000] })).to.deep.equal(without('opModFixedW'));
    expect(axes({ '704.WSetPct_SF': [0x8000] })).to.deep.equal(without('opModFixedW'));
    expect(axes({ '704.WSetEna': [0xffff] })).to.deep.equal(without('opModFixedW', 'opModTargetW'));
    expect(axes({ '704.PFWAbs.Ext': [0xffff] })).to.deep.equal(without('opModFixedPFAbsorbW'));
    // 123 carries it too, until it leaves it out.
    expect(axes({ '704.VarSetEna': [0xffff] })).to.deep.equal(without());
    expect(axes({ '704.VarSetEna': [0xffff], '123.VArMaxPct': [0x8000] })).to.deep.equal(
      without('opModFixedVar'),
    );
    // A device that sleeps may say so of everything: an emergency is tried on it all the same.
    const asleep = { '704.WMaxLimPct': [0xffff], '123.WMaxLimPct': [0xffff], '123.Conn': [0xffff] };
    expect(axes(asleep)).to.deep.equal(without());
  });

  it('are unknown of a device that stops answering', () => {
    const on = plant();
    on.fault = () => TIMEOUT;
    expect(axesIn(deviceOf(704), on)).to.include({ ok: false, refusal: 'silent' });
  });
});
