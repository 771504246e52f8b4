import { expect } from 'chai';
import * as fc from 'fast-check';
import { minutes } from '../../src/base/time.ts';
import { RANKS, compareEvents, decide, mayOverride } from '../../src/control/mod.ts';
import type { Bound, Decision, Question } from '../../src/control/mod.ts';
import { AXES, CLASSES, axisRow, eventKey } from '../../src/model/mod.ts';
import type { Axis, AxisValues, CommandClass, DerEvent } from '../../src/model/mod.ts';
import { T0, at, derEvent, keyOf, mRID, openEnded } from '../support/events.ts';

const NOTHING: Question = { events: [], defaults: {}, bounds: [] };
const LIMITS: readonly Axis[] = [
  'opModMaxLimW',
  'opModExpLimW',
  'opModImpLimW',
  'opModGenLimW',
  'opModLoadLimW',
];

describe('the decision', () => {
  it('ranks emergency over transmission over reliability over dispatch over market over the default', () => {
    const classes: CommandClass[] = ['market', 'dispatch', 'reliability', 'transmission', 'emergency'];
    const values = [6000, 7000, 8000, 9000, 10_000];
    let question: Question = { ...NOTHING, defaults: { opModMaxLimW: 5000 } };
    expect(valueOf(question, 'opModMaxLimW')).to.equal(5000);
    for (const [i, commandClass] of classes.entries()) {
      const event = derEvent({
        mRID: mRID(`ev-${i}`),
        class: commandClass,
        primacy: 255 - i,
        createdAt: at(-i),
        axes: { opModMaxLimW: values[i] ?? 0 },
      });
      question = { ...question, events: [...question.events, { event, overridden: false }] };
      expect(valueOf(question, 'opModMaxLimW'), commandClass).to.equal(values[i]);
    }
    expect(RANKS.map(row => row.class)).to.deep.equal(CLASSES);
  });

  it('inside a class takes the lower primacy, then the newer event, then the higher sequence, then the mRID', () => {
    const base = derEvent();
    const lower = derEvent({ mRID: mRID('ev-2'), primacy: 9, createdAt: at(-99_000) });
    const newer = derEvent({ mRID: mRID('ev-3'), createdAt: at(-59_999) });
    const named = derEvent({ mRID: mRID('ev-0') });
    const next = derEvent({ mRID: mRID('ev-4'), sequence: 2 });
    for (const other of [lower, newer, next, named]) {
      expect(compareEvents(other, base)).to.be.below(0);
      expect(compareEvents(base, other)).to.be.above(0);
    }
    expect(compareEvents(base, base)).to.equal(0);
  });

  it('decides each axis apart: a newer event takes one axis of an older one and leaves the other', () => {
    const older = derEvent({ axes: { opModMaxLimW: 5000, opModFixedVar: 100 } });
    const newer = derEvent({ mRID: mRID('ev-2'), createdAt: T0, axes: { opModMaxLimW: 3000 } });
    const decided = decide(asked(older, newer));
    expect(decided.get('opModMaxLimW')?.holder).to.equal(keyOf('ev-2'));
    expect(decided.get('opModFixedVar')?.holder).to.equal(keyOf('ev-1'));
  });

  it('keeps "none", "limit 0 W" and "nothing asked, but bounded" apart', () => {
    expect(orderOf(NOTHING, 'opModMaxLimW')).to.deep.equal({ kind: 'none' });
    const zero = asked(derEvent({ axes: { opModMaxLimW: 0 } }));
    expect(orderOf(zero, 'opModMaxLimW')).to.deep.equal({ kind: 'value', value: 0 });
    expect(orderOf(zero, 'opModExpLimW')).to.deep.equal({ kind: 'none' });
    const defaultZero = { ...NOTHING, defaults: { opModFixedW: 0 } };
    expect(orderOf(defaultZero, 'opModFixedW')).to.deep.equal({ kind: 'value', value: 0 });
  });

  it('says who, by what, and until when: the reason of an isolation, of a limit, of a default, of nothing', () => {
    const emergency = openEnded({ mRID: mRID('em-7'), issuer: 'grid-ops' });
    expect(reasonOf(asked(emergency), 'opModConnect')).to.deep.equal({
      rule: 'OVR-4',
      text: 'disconnected: emergency isolation em-7 by grid-ops until released',
    });
    const limit = derEvent({ duration: minutes(5) });
    expect(reasonOf(asked(limit), 'opModMaxLimW').text).to.equal(
      '50 %: dispatch event ev-1 by utility-a until 14:05 UTC',
    );
    const site = derEvent({ class: 'transmission', axes: { opModExpLimW: 4000 } });
    expect(reasonOf(asked(site), 'opModExpLimW').text).to.equal(
      '4 kW: transmission constraint ev-1 by utility-a until 15:00 UTC',
    );
    expect(reasonOf({ ...NOTHING, defaults: { opModExpLimW: 1500 } }, 'opModExpLimW')).to.deep.equal({
      rule: 'default',
      text: '1500 W: default control',
    });
    expect(reasonOf(NOTHING, 'opModConnect')).to.deep.equal({
      rule: 'none',
      text: 'no event and no default asks for a connection to the grid',
    });
  });

  it('OVR-4: no bound keeps an emergency from isolating, and every other class stays within it', () => {
    const bounds = [bound('opModConnect', 1, 1)];
    const isolating = (commandClass: CommandClass): Question => ({
      ...asked(derEvent({ class: commandClass, axes: { opModConnect: 0, opModMaxLimW: 0 } })),
      bounds: [...bounds, bound('opModMaxLimW', 1000, 10_000)],
    });
    expect(valueOf(isolating('emergency'), 'opModConnect')).to.equal(0);
    expect(reasonOf(isolating('emergency'), 'opModConnect').rule).to.equal('OVR-4');
    expect(valueOf(isolating('emergency'), 'opModMaxLimW'), 'of the connection only').to.equal(1000);
    for (const below of CLASSES.slice(1))
      expect(valueOf(isolating(below), 'opModConnect'), below).to.equal(1);
  });

  it('calls an emergency that does not isolate an event, not an isolation', () => {
    const event = derEvent({ class: 'emergency', axes: { opModMaxLimW: 0 } });
    expect(reasonOf(asked(event), 'opModMaxLimW').text).to.match(/^0 %: emergency event ev-1 by utility-a/);
  });

  it('holds a ceiling though nothing is asked, and puts its reason first', () => {
    const question = { ...NOTHING, bounds: [bound('opModExpLimW', 0, 5000)] };
    expect(valueOf(question, 'opModExpLimW')).to.equal(5000);
    expect(reasonOf(question, 'opModExpLimW')).to.deep.equal({
      rule: 'TAR-2',
      text: '5 kW: opModExpLimW within 0 and 5000',
    });
  });

  it('keeps a site disconnected that has no permission to connect', () => {
    expect(valueOf({ ...NOTHING, bounds: [bound('opModConnect', 0, 0)] }, 'opModConnect')).to.equal(0);
  });

  for (const axis of AXES.map(row => row.axis)) {
    const isTarget = !LIMITS.includes(axis) && axis !== 'opModConnect';
    if (isTarget) {
      it(`asks for nothing on ${axis} because it may only be asked within bounds`, () => {
        const { min, max } = axisRow(axis);
        const question = { ...NOTHING, bounds: [bound(axis, min / 2, max / 2)] };
        expect(orderOf(question, axis)).to.deep.equal({ kind: 'none' });
      });
    } else {
      it(`does not lower ${axis} because an order may not go below some value`, () => {
        const { max } = axisRow(axis);
        const question = { ...NOTHING, bounds: [bound(axis, 1, max)] };
        expect(orderOf(question, axis)).to.deep.equal({ kind: 'none' });
      });
    }
  }

  it('lets the lowest maximum hold where bounds leave no room between them', () => {
    const bounds = [bound('opModMaxLimW', 6000, 10_000), bound('opModMaxLimW', 0, 4000)];
    for (const value of [0, 5000, 10_000])
      for (const order of [bounds, bounds.toReversed()])
        expect(
          valueOf({ ...asked(derEvent({ axes: { opModMaxLimW: value } })), bounds: order }, 'opModMaxLimW'),
        ).to.equal(4000);
  });

  describe('of any set of events, defaults and bounds', () => {
    const runs = { numRuns: 2000 };

    it('is one setpoint for every axis, with reasons that name event and issuer of its holder', () => {
      fc.assert(
        fc.property(questions, question => {
          const decided = decide(question);
          expect([...decided.keys()]).to.deep.equal(AXES.map(row => row.axis));
          for (const [axis, { setpoint, holder }] of decided) {
            expect(setpoint.axis).to.equal(axis);
            expect(setpoint.reasons.length).to.be.above(0);
            const event = question.events.find(e => eventKey(e.event) === holder)?.event;
            const told = setpoint.reasons.some(
              r => event !== undefined && r.text.includes(`${event.mRID} by ${event.issuer}`),
            );
            expect(told).to.equal(event !== undefined);
          }
        }),
        runs,
      );
    });

    it('is the same whatever the order of events and bounds', () => {
      const shuffled = questions.chain(question =>
        fc.record({
          question: fc.constant(question),
          events: shuffle(question.events),
          bounds: shuffle(question.bounds),
        }),
      );
      fc.assert(
        fc.property(shuffled, ({ question, events, bounds }) => {
          expect([...decide({ ...question, events, bounds })]).to.deep.equal([...decide(question)]);
        }),
        runs,
      );
    });

    it('OVR-3 OVR-4: is held by the highest emergency or transmission event that names the axis, whoever else asks', () => {
      fc.assert(
        fc.property(questions, question => {
          for (const { axis } of AXES) {
            const grid = question.events.filter(
              ({ event }) =>
                event.axes[axis] !== undefined &&
                (event.class === 'emergency' || event.class === 'transmission'),
            );
            if (grid.length === 0) continue;
            const { holder } = decisionOf(question, axis);
            const isGrid = grid.some(({ event }) => eventKey(event) === holder);
            expect(isGrid).to.equal(true);
            const emergency = grid.some(({ event }) => event.class === 'emergency');
            const held = grid.find(({ event }) => eventKey(event) === holder)?.event.class;
            expect(held).to.equal(emergency ? 'emergency' : 'transmission');
          }
        }),
        runs,
      );
    });

    it('TAR-2: never leaves the bounds of tariff, device and interconnection, overridden or not', () => {
      fc.assert(
        fc.property(questions, question => {
          for (const [axis, { setpoint }] of decide(question)) {
            if (setpoint.order.kind === 'none') {
              if (LIMITS.includes(axis))
                expect(
                  question.bounds.filter(b => b.axis === axis && b.max < axisRow(axis).max),
                ).to.deep.equal([]);
              continue;
            }
            for (const b of question.bounds.filter(each => each.axis === axis))
              expect(setpoint.order.value, axis).to.be.within(b.min, b.max);
          }
        }),
        runs,
      );
    });

    it('is as if an event had never been, once it is gone', () => {
      fc.assert(
        fc.property(questions, fc.nat(), (question, n) => {
          const [gone] = question.events.slice(n % Math.max(1, question.events.length));
          const rest = { ...question, events: question.events.filter(e => e !== gone) };
          const once = JSON.stringify([...decide(rest)]);
          decide(question);
          expect(JSON.stringify([...decide(rest)])).to.equal(once);
          expect(once).to.not.include(JSON.stringify(gone?.event.mRID ?? 'never'));
        }),
        runs,
      );
    });

    it('OVR-1: is never held by an overridden event, and otherwise as without it', () => {
      fc.assert(
        fc.property(questions, question => {
          const others = { ...question, events: question.events.filter(e => !e.overridden) };
          const without = decide(others);
          for (const [axis, { setpoint, holder }] of decide(question)) {
            expect(question.events.some(e => e.overridden && eventKey(e.event) === holder)).to.equal(false);
            expect(setpoint.order).to.deep.equal(without.get(axis)?.setpoint.order);
          }
        }),
        runs,
      );
    });
  });
});

/** Events as they can stand in a schedule: ids differ, and only what may be overridden is. */
const events = fc.uniqueArray(
  fc
    .record({
      id: fc.nat(40),
      class: fc.constantFrom(...CLASSES),
      service: fc.constantFrom('demand-response' as const, 'direct' as const),
      primacy: fc.integer({ min: 1, max: 4 }),
      createdAt: fc.integer({ min: -3, max: 0 }),
      issuer: fc.constantFrom('utility-a', 'aggregator-b'),
      axes: axisValues(),
      wish: fc.boolean(),
    })
    .map(({ id, createdAt, wish, ...rest }) => {
      const event: DerEvent = derEvent({ ...rest, mRID: mRID(`ev-${id}-`), createdAt: at(createdAt) });
      const may = mayOverride(event, { directMayBeOverridden: ['market'] }).allowed;
      return { event, overridden: wish && may };
    }),
  { selector: e => e.event.mRID, maxLength: 8 },
);

const questions: fc.Arbitrary<Question> = fc.record({
  events,
  defaults: axisValues(),
  bounds: fc.array(overlapping(), { maxLength: 6 }),
});

function axisValues(): fc.Arbitrary<AxisValues> {
  return fc.dictionary(
    fc.constantFrom('opModMaxLimW', 'opModFixedVar', 'opModExpLimW', 'opModStorageTargetW'),
    fc.integer({ min: 0, max: 10_000 }),
    { maxKeys: 4, noNullPrototype: true },
  ) as fc.Arbitrary<AxisValues>;
}

/** Bounds that always leave 4000 … 5000, as those of one site do. */
function overlapping(): fc.Arbitrary<Bound> {
  return fc
    .tuple(
      fc.constantFrom<Axis>('opModMaxLimW', 'opModFixedVar', 'opModExpLimW', 'opModStorageTargetW'),
      fc.integer({ min: 0, max: 4000 }),
      fc.integer({ min: 5000, max: 10_000 }),
    )
    .map(([axis, min, max]) => bound(axis, min, max));
}

function shuffle<T>(list: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...list], { minLength: list.length });
}

function bound(axis: Axis, min: number, max: number): Bound {
  return { axis, min, max, rule: 'TAR-2', why: `${axis} within ${min} and ${max}` };
}

function asked(...asking: readonly DerEvent[]): Question {
  return { ...NOTHING, events: asking.map(event => ({ event, overridden: false })) };
}

function decisionOf(question: Question, axis: Axis): Decision {
  const decision = decide(question).get(axis);
  if (decision === undefined) throw new Error(`no decision for ${axis}`);
  return decision;
}

function orderOf(question: Question, axis: Axis): Decision['setpoint']['order'] {
  return decisionOf(question, axis).setpoint.order;
}

function valueOf(question: Question, axis: Axis): number | undefined {
  const order = orderOf(question, axis);
  return order.kind === 'value' ? order.value : undefined;
}

function reasonOf(question: Question, axis: Axis): { rule: string; text: string } {
  const [first] = decisionOf(question, axis).setpoint.reasons;
  if (first === undefined) throw new Error(`no reason for ${axis}`);
  return first;
}
