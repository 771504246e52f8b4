/** 704 has one WSetEna for a percentage of WMax and for W: every state of it × every order and release. */
import { expect } from 'chai';
import { applyIntent } from '../../../src/local/device/mod.ts';
import type { Axis } from '../../../src/model/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { run } from '../sunspec/table.ts';
import { type Plant, deviceOf, held, plant } from './plant.ts';

/** What 704.WSetMod says of each: 0 a percentage, 1 W. */
const MEANT: readonly (readonly [Axis, number])[] = [
  ['opModFixedW', 0],
  ['opModTargetW', 1],
  ['opModStorageTargetW', 1],
];

/** What is in force: nothing, or `0: 20`. */
function inForce(on: Plant): string {
  const [[enabled], [mode]] = [held(on, '704.WSetEna'), held(on, '704.WSetMod')];
  if (enabled !== 1) return 'nothing';
  return `${mode}: ${held(on, mode === 0 ? '704.WSetPct' : '704.WSet').join(' ')}`;
}

function apply(on: Plant, axis: Axis, value: number | undefined): string {
  const intent =
    value === undefined
      ? ({ kind: 'release', mode: axis } as const)
      : ({ kind: 'value', mode: axis, value } as const);
  return run(applyIntent(deviceOf(704, 802), intent, MODELS), on).outcome;
}

describe('the setpoint of 704', () => {
  for (const enabled of [0, 1])
    for (const mode of [0, 1])
      for (const [axis, meant] of MEANT) {
        const state = `${enabled === 1 ? 'on' : 'off'}, meant ${mode === 0 ? 'in percent' : 'in W'}`;
        const start = () => plant({ '704.WSetEna': [enabled], '704.WSetMod': [mode] });

        it(`${state}: a release of ${axis} ${mode === meant ? 'switches it off' : 'is nothing to it'}`, () => {
          const on = start();
          const before = inForce(on);
          expect(apply(on, axis, undefined)).to.equal('implemented');
          expect(inForce(on)).to.equal(mode === meant ? 'nothing' : before);
          expect(held(on, '704.WSetMod')).to.deep.equal([mode]);
        });

        it(`${state}: an order on ${axis} is never in force but whole`, () => {
          const on = start();
          const states = new Set([inForce(on)]);
          const write = on.onWrite;
          on.onWrite = (address, word) => {
            states.add(inForce(on));
            return write?.(address, word) ?? word;
          };
          const before = inForce(on);
          expect(apply(on, axis, 1000)).to.equal('implemented');
          const after = inForce(on);
          expect(after)
            .to.match(new RegExp(`^${meant}: `))
            .and.not.to.equal(before);
          expect([...states].filter(each => each !== before && each !== after)).to.deep.equal([]);
        });
      }
});
