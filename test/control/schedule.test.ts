import { expect } from 'chai';
import * as fc from 'fast-check';
import { after, hours, milliseconds } from '../../src/base/time.ts';
import type { UnixTime } from '../../src/base/time.ts';
import { schedule } from '../../src/control/mod.ts';
import type { Entry, EntryStatus, Schedule } from '../../src/control/mod.ts';
import type { DerEvent, GroupId } from '../../src/model/mod.ts';
import { T0, at, derEvent, keyOf, mRID, openEnded } from '../support/events.ts';

const HOUR = hours(1);
const END = after(T0, HOUR);
const own = { mRID: mRID('ev-1'), issuer: 'utility-a', class: 'dispatch' } as const;

/** A schedule with one event in the state named, reached by the machine's own steps. */
const STATES: Record<EntryStatus | 'unknown' | 'cancel waiting', () => Schedule> = {
  unknown: () => schedule.newSchedule(),
  'cancel waiting': () => {
    const s = schedule.newSchedule();
    schedule.cancel(s, own, at(-2000));
    return s;
  },
  scheduled: () => holding(derEvent()),
  active: () => {
    const s = holding(derEvent());
    schedule.advance(s, T0);
    return s;
  },
  completed: () => {
    const s = holding(derEvent());
    schedule.advance(s, T0);
    schedule.advance(s, END);
    return s;
  },
  cancelled: () => {
    const s = holding(derEvent());
    schedule.cancel(s, own, at(-500));
    return s;
  },
};

const INPUTS = {
  'event comes': s => answer(schedule.receive(s, derEvent(), at(-1000))),
  'event comes after its end': s => answer(schedule.receive(s, derEvent(), END)),
  'issuer cancels': s => answer(schedule.cancel(s, own, at(-500))),
  'other issuer cancels': s => answer(schedule.cancel(s, { ...own, issuer: 'utility-b' }, at(-500))),
  'lower class cancels': s => answer(schedule.cancel(s, { ...own, class: 'market' }, at(-500))),
  'its group is left before its start': s => left(s, 'feeder-7', at(-500)),
  'its group is left at its start': s => left(s, 'feeder-7', T0),
  'another group is left': s => left(s, 'feeder-8', at(-500)),
  'time before start': s => times(s, at(-1)),
  'time at start': s => times(s, T0),
  'time at end': s => times(s, END),
} as const satisfies Record<string, (s: Schedule) => string>;

/** What each input answers in each state, and where the event stands then. Every cell is named. */
const TABLE: Record<keyof typeof STATES, Record<keyof typeof INPUTS, string>> = {
  unknown: {
    'event comes': 'scheduled → scheduled',
    'event comes after its end': 'event-expired → unknown',
    'issuer cancels': 'event-unknown → cancel waiting',
    'other issuer cancels': 'event-unknown → cancel waiting',
    'lower class cancels': 'event-unknown → cancel waiting',
    'its group is left before its start': 'ignored → unknown',
    'its group is left at its start': 'ignored → unknown',
    'another group is left': 'ignored → unknown',
    'time before start': 'ignored → unknown',
    'time at start': 'ignored → unknown',
    'time at end': 'ignored → unknown',
  },
  'cancel waiting': {
    'event comes': 'cancelled → cancelled',
    'event comes after its end': 'event-expired → cancel waiting',
    'issuer cancels': 'event-unknown → cancel waiting',
    'other issuer cancels': 'event-unknown → cancel waiting',
    'lower class cancels': 'event-unknown → cancel waiting',
    'its group is left before its start': 'ignored → cancel waiting',
    'its group is left at its start': 'ignored → cancel waiting',
    'another group is left': 'ignored → cancel waiting',
    'time before start': 'ignored → cancel waiting',
    'time at start': 'ignored → cancel waiting',
    'time at end': 'ignored → cancel waiting',
  },
  scheduled: {
    'event comes': 'event-changed → scheduled',
    'event comes after its end': 'event-changed → scheduled',
    'issuer cancels': 'cancelled → cancelled',
    'other issuer cancels': 'cancel-issuer → scheduled',
    'lower class cancels': 'cancel-class → scheduled',
    'its group is left before its start': 'cancelled → cancelled',
    'its group is left at its start': 'ignored → scheduled',
    'another group is left': 'ignored → scheduled',
    'time before start': 'ignored → scheduled',
    'time at start': 'started → active',
    'time at end': 'started, completed → completed',
  },
  active: {
    'event comes': 'event-changed → active',
    'event comes after its end': 'event-changed → active',
    'issuer cancels': 'cancelled → cancelled',
    'other issuer cancels': 'cancel-issuer → active',
    'lower class cancels': 'cancel-class → active',
    'its group is left before its start': 'ignored → active',
    'its group is left at its start': 'ignored → active',
    'another group is left': 'ignored → active',
    'time before start': 'ignored → active',
    'time at start': 'ignored → active',
    'time at end': 'completed → completed',
  },
  completed: {
    'event comes': 'event-changed → completed',
    'event comes after its end': 'event-changed → completed',
    'issuer cancels': 'event-over → completed',
    'other issuer cancels': 'cancel-issuer → completed',
    'lower class cancels': 'event-over → completed',
    'its group is left before its start': 'ignored → completed',
    'its group is left at its start': 'ignored → completed',
    'another group is left': 'ignored → completed',
    'time before start': 'ignored → completed',
    'time at start': 'ignored → completed',
    'time at end': 'ignored → completed',
  },
  cancelled: {
    'event comes': 'event-changed → cancelled',
    'event comes after its end': 'event-changed → cancelled',
    'issuer cancels': 'event-over → cancelled',
    'other issuer cancels': 'cancel-issuer → cancelled',
    'lower class cancels': 'event-over → cancelled',
    'its group is left before its start': 'ignored → cancelled',
    'its group is left at its start': 'ignored → cancelled',
    'another group is left': 'ignored → cancelled',
    'time before start': 'ignored → cancelled',
    'time at start': 'ignored → cancelled',
    'time at end': 'ignored → cancelled',
  },
};

describe('the schedule', () => {
  for (const [state, row] of Object.entries(TABLE)) {
    for (const [input, expected] of Object.entries(row)) {
      it(`when ${state}, ${input}: ${expected}`, () => {
        const s = STATES[state as keyof typeof STATES]();
        const answered = INPUTS[input as keyof typeof INPUTS](s);
        expect(`${answered} → ${standing(s)}`).to.equal(expected);
      });
    }
  }

  it('starts an event at its first millisecond and ends it at the millisecond after its last', () => {
    const s = holding(derEvent());
    expect(times(s, at(-1))).to.equal('ignored');
    expect(times(s, T0)).to.equal('started');
    expect(times(s, at(HOUR - 1))).to.equal('ignored');
    expect(times(s, at(HOUR))).to.equal('completed');
    expect(s.entries.get(keyOf('ev-1'))?.endedAt).to.equal(END);
  });

  it('notes the time at which an event fell due, however late it was looked at', () => {
    const s = holding(derEvent());
    expect(times(s, at(10 * HOUR))).to.equal('started, completed');
    expect(s.entries.get(keyOf('ev-1'))?.endedAt).to.equal(END);
  });

  it('never ends an event without a duration by time, and ends it by its cancel', () => {
    const s = holding(openEnded());
    expect(times(s, at(1000 * HOUR))).to.equal('started');
    expect(schedule.nextWake(s)).to.equal(undefined);
    expect(answer(schedule.cancel(s, { ...own, class: 'emergency' }, at(1001 * HOUR)))).to.equal('cancelled');
  });

  it('wakes at the start, then at the end, then not at all', () => {
    const s = holding(derEvent());
    expect(schedule.nextWake(s)).to.equal(T0);
    schedule.advance(s, T0);
    expect(schedule.nextWake(s)).to.equal(END);
    schedule.advance(s, END);
    expect(schedule.nextWake(s)).to.equal(undefined);
  });

  it('wakes for the earliest of many, whatever the order in which they came', () => {
    const starts = [3, 1, 2].map(n => derEvent({ mRID: mRID(`ev-${n}`), start: at(n * 1000) }));
    expect(schedule.nextWake(holding(...starts))).to.equal(at(1000));
  });

  it('leaves no gap between events that meet: one advance ends the first and starts the second', () => {
    const second = derEvent({ mRID: mRID('ev-2'), start: END });
    for (const events of [
      [derEvent(), second],
      [second, derEvent()],
    ]) {
      const s = holding(...events);
      schedule.advance(s, T0);
      expect(schedule.nextWake(s)).to.equal(END);
      const met = schedule.advance(s, END).map(t => `${t.entry.event.mRID} ${t.to}`);
      expect(met).to.have.members(['ev-1 completed', 'ev-2 started']);
      expect(schedule.activeEntries(s).map(e => e.event.mRID)).to.deep.equal(['ev-2']);
    }
  });

  it('tells what fell due in the order in which it did', () => {
    const s = holding(
      derEvent({ mRID: mRID('ev-late'), start: at(2000) }),
      derEvent({ mRID: mRID('ev-early'), start: at(1000), duration: milliseconds(500) }),
    );
    const told = schedule.advance(s, at(5000)).map(t => `${t.entry.event.mRID} ${t.to}`);
    expect(told).to.deep.equal(['ev-early started', 'ev-early completed', 'ev-late started']);
  });

  it('continues from its rows, written as JSON at any instant, exactly as if it had not stopped', () => {
    const life = fc.record({
      events: fc.uniqueArray(
        fc.record({
          id: fc.nat(9),
          start: fc.integer({ min: -50, max: 50 }),
          length: fc.integer({ min: 1, max: 40 }),
        }),
        { selector: e => e.id, minLength: 1 },
      ),
      cancels: fc.array(fc.record({ id: fc.nat(11), at: fc.integer({ min: -60, max: 60 }) })),
      stopAt: fc.integer({ min: -60, max: 100 }),
    });
    fc.assert(
      fc.property(life, ({ events, cancels, stopAt }) => {
        expect(play(events, cancels, stopAt)).to.deep.equal(play(events, cancels, undefined));
      }),
      { numRuns: 500 },
    );
  });

  it("does not let another issuer's early cancel displace the right one", () => {
    const s = schedule.newSchedule();
    schedule.cancel(s, own, at(-2000));
    schedule.cancel(s, { ...own, issuer: 'utility-b' }, at(-1500));
    expect(answer(schedule.receive(s, derEvent(), at(-1000)))).to.equal('cancelled');
  });

  it('does not let a later cancel of a lower class weaken one that waits', () => {
    const s = schedule.newSchedule();
    schedule.cancel(s, own, at(-2000));
    schedule.cancel(s, { ...own, class: 'market' }, at(-1500));
    expect(answer(schedule.receive(s, derEvent(), at(-1000)))).to.equal('cancelled');
  });

  it('lets an event live that only a stranger, or too low a class, cancelled before it came', () => {
    for (const by of [
      { ...own, issuer: 'utility-b' },
      { ...own, class: 'market' as const },
    ]) {
      const s = schedule.newSchedule();
      schedule.cancel(s, by, at(-2000));
      expect(answer(schedule.receive(s, derEvent(), at(-1000)))).to.equal('scheduled');
    }
  });

  it('ends an event of its own class or below on a higher class of its issuer', () => {
    const s = holding(derEvent());
    expect(answer(schedule.cancel(s, { ...own, class: 'emergency' }, T0))).to.equal('cancelled');
  });

  it('remembers an ended event for a day less a millisecond, and then names its row', () => {
    const s = STATES.completed();
    const day = after(END, schedule.REMEMBER_ENDED);
    expect(schedule.forget(s, (day - 1) as UnixTime)).to.deep.equal([]);
    expect(schedule.forget(s, day)).to.deep.equal([{ kind: 'event', key: keyOf('ev-1') }]);
    expect(s.entries.size).to.equal(0);
  });

  it('forgets a cancel whose event never came after a day, so that room for others never runs out', () => {
    const s = STATES['cancel waiting']();
    const day = after(at(-2000), schedule.REMEMBER_ENDED);
    expect(schedule.forget(s, (day - 1) as UnixTime)).to.deep.equal([]);
    expect(schedule.forget(s, day)).to.deep.equal([{ kind: 'cancel', key: 'utility-a/ev-1' }]);
    expect(s.early.size).to.equal(0);
  });

  it('refuses a further early cancel when as many wait as may, and says so', () => {
    const s = schedule.newSchedule();
    for (let i = 0; i < schedule.MAX_EARLY_CANCELS; i++)
      expect(answer(schedule.cancel(s, { ...own, mRID: mRID(`e-${i}`) }, T0))).to.equal('event-unknown');
    expect(answer(schedule.cancel(s, { ...own, mRID: mRID('one-more') }, T0))).to.equal('schedule-full');
    expect(answer(schedule.cancel(s, { ...own, mRID: mRID('e-0') }, T0))).to.equal('event-unknown');
    expect(s.early.size).to.equal(schedule.MAX_EARLY_CANCELS);
  });

  it('refuses a further event when all it holds are still to come, and otherwise lets the oldest ended go', () => {
    const s = schedule.newSchedule();
    for (let i = 0; i < schedule.MAX_EVENTS; i++)
      schedule.receive(s, derEvent({ mRID: mRID(`e-${i}`), start: at(i) }), at(-1000));
    const further = (): string => answer(schedule.receive(s, derEvent({ mRID: mRID('one-more') }), at(-500)));
    expect(further()).to.equal('schedule-full');
    schedule.cancel(s, { ...own, mRID: mRID('e-7') }, at(-900));
    schedule.cancel(s, { ...own, mRID: mRID('e-3') }, at(-800));
    const taken = schedule.receive(s, derEvent({ mRID: mRID('one-more') }), at(-500));
    expect(taken.ok && taken.value.displaced).to.equal(keyOf('e-7'));
    expect(s.entries.size).to.equal(schedule.MAX_EVENTS);
    expect(s.entries.has(keyOf('e-3'))).to.equal(true);
  });
});

function holding(...events: readonly DerEvent[]): Schedule {
  const s = schedule.newSchedule();
  for (const event of events) expect(answer(schedule.receive(s, event, at(-600_000)))).to.equal('scheduled');
  return s;
}

function answer(result: ReturnType<typeof schedule.receive>): string {
  return result.ok ? result.value.to : result.refusal;
}

function times(s: Schedule, now: UnixTime): string {
  return (
    schedule
      .advance(s, now)
      .map(t => t.to)
      .join(', ') || 'ignored'
  );
}

function left(s: Schedule, group: string, now: UnixTime): string {
  const gone = schedule.withdraw(s, group as GroupId, now);
  return gone.map(t => t.to).join(', ') || 'ignored';
}

function standing(s: Schedule): string {
  return s.entries.get(keyOf('ev-1'))?.status ?? (s.early.size > 0 ? 'cancel waiting' : 'unknown');
}

/** Runs a life in steps of one millisecond; with `stopAt`, the schedule is rebuilt from JSON at that moment. */
function play(
  events: readonly { id: number; start: number; length: number }[],
  cancels: readonly { id: number; at: number }[],
  stopAt: number | undefined,
): unknown {
  let s = schedule.newSchedule();
  const log: string[] = [];
  for (let ms = -60; ms <= 100; ms++) {
    if (ms === stopAt) s = throughJson(s);
    for (const e of events) if (e.start - 5 === ms) log.push(answer(schedule.receive(s, timed(e), at(ms))));
    for (const c of cancels)
      if (c.at === ms) log.push(answer(schedule.cancel(s, { ...own, mRID: mRID(`e-${c.id}`) }, at(ms))));
    log.push(...schedule.advance(s, at(ms)).map(t => `${ms} ${t.entry.event.mRID} ${t.to}`));
    log.push(`next ${schedule.nextWake(s)}`);
  }
  return { log, entries: [...s.entries.values()], early: [...s.early.values()] };
}

function timed({ id, start, length }: { id: number; start: number; length: number }): DerEvent {
  return derEvent({ mRID: mRID(`e-${id}`), start: at(start), duration: milliseconds(length) });
}

function throughJson(s: Schedule): Schedule {
  const rows = JSON.parse(JSON.stringify([[...s.entries.values()], [...s.early.values()]])) as [
    Entry[],
    Parameters<typeof schedule.newSchedule>[1],
  ];
  return schedule.newSchedule(...rows);
}
