import { expect } from 'chai';
import { after, milliseconds, minutes } from '../../src/base/time.ts';
import type { UnixTime } from '../../src/base/time.ts';
import {
  FIRST_LOCK,
  LONGEST_LOCK,
  MAX_WRONG,
  RANKS,
  acknowledge,
  codeChecked,
  endOverride,
  mayOverride,
  mayTry,
  schedule,
} from '../../src/control/mod.ts';
import type { Attempts, Entry, OverrideTerms, Schedule } from '../../src/control/mod.ts';
import { CLASSES } from '../../src/model/mod.ts';
import type { CommandClass, DerEvent } from '../../src/model/mod.ts';
import { T0, at, derEvent, keyOf, mRID } from '../support/events.ts';

const NO_TERMS: OverrideTerms = { directMayBeOverridden: [] };

describe('the customer override', () => {
  it('OVR-1: lifts the event after acknowledge and the right code, and no earlier', () => {
    const s = active(derEvent());
    expect(attempt(s, fresh(), at(1))).to.equal('not-acknowledged');
    expect(acknowledge(s, mRID('ev-1'), at(2)).ok).to.equal(true);
    expect(entryOf(s).overriddenAt).to.equal(undefined);
    expect(attempt(s, fresh(), at(3))).to.equal('overridden');
    expect(entryOf(s).overriddenAt).to.equal(at(3));
    expect(attempt(s, fresh(), at(4))).to.equal('already-overridden');
  });

  it('OVR-1: lifts no other event', () => {
    const s = active(derEvent(), derEvent({ mRID: mRID('ev-2') }));
    acknowledge(s, mRID('ev-1'), at(1));
    expect(attempt(s, fresh(), at(2))).to.equal('overridden');
    expect(s.entries.get(keyOf('ev-2'))?.overriddenAt).to.equal(undefined);
    expect(mayTry(s, fresh(), { mRID: mRID('ev-2'), terms: NO_TERMS, now: at(3) })).to.include({
      refusal: 'not-acknowledged',
    });
  });

  it('counts the first acknowledgement of two', () => {
    const s = active(derEvent());
    acknowledge(s, mRID('ev-1'), at(1));
    acknowledge(s, mRID('ev-1'), at(2));
    expect(entryOf(s).acknowledgedAt).to.equal(at(1));
  });

  it('refuses to acknowledge an event that is unknown or over', () => {
    const s = active(derEvent());
    expect(acknowledge(s, mRID('ev-2'), T0)).to.include({ refusal: 'event-unknown' });
    schedule.advance(s, at(3_600_000));
    expect(acknowledge(s, mRID('ev-1'), at(3_600_000))).to.include({ refusal: 'event-not-active' });
  });

  it('refuses an override of an event that has not begun, is over, or is unknown', () => {
    const s = active(derEvent({ start: at(10) }));
    acknowledge(s, mRID('ev-1'), at(1));
    expect(attempt(s, fresh(), at(9))).to.equal('event-not-active');
    schedule.advance(s, at(10 + 3_600_000));
    expect(attempt(s, fresh(), at(10 + 3_600_000))).to.equal('event-not-active');
    expect(mayTry(s, fresh(), { mRID: mRID('ev-9'), terms: NO_TERMS, now: T0 })).to.include({
      refusal: 'event-unknown',
    });
  });

  it('does not lift an event that ended while the code was being checked', () => {
    const s = active(derEvent());
    acknowledge(s, mRID('ev-1'), at(1));
    const entry = entryOf(s);
    schedule.advance(s, at(3_600_000));
    expect(codeChecked(entry, fresh(), { right: true, now: at(3_600_001) })).to.include({
      refusal: 'event-not-active',
    });
    expect(entry.overriddenAt).to.equal(undefined);
  });

  it('OVR-2: a wrong code lifts nothing, is counted, and tells how many tries are left', () => {
    const s = acknowledged();
    const attempts = fresh();
    const told = Array.from({ length: MAX_WRONG }, (_, i) => wrong(s, attempts, at(i)));
    expect(told).to.deep.equal([
      'The code is wrong. 4 tries left before a pause.',
      'The code is wrong. 3 tries left before a pause.',
      'The code is wrong. 2 tries left before a pause.',
      'The code is wrong. 1 try left before a pause.',
      'The code is wrong. Next try in 60 s.',
    ]);
    expect(entryOf(s).overriddenAt).to.equal(undefined);
    expect(attempts.wrong).to.equal(MAX_WRONG);
  });

  it('OVR-2: after five wrong codes locks for a minute, to the millisecond, the right code too', () => {
    const s = acknowledged();
    const attempts = fresh();
    for (let i = 0; i < MAX_WRONG; i++) wrong(s, attempts, T0);
    expect(attempt(s, attempts, at(1))).to.equal('code-locked');
    expect(attempt(s, attempts, at(FIRST_LOCK - 1))).to.equal('code-locked');
    expect(attempt(s, attempts, at(FIRST_LOCK))).to.equal('overridden');
    expect(attempts).to.deep.equal({ wrong: 0 });
  });

  it('OVR-2: locks for twice as long after each further wrong code, up to an hour', () => {
    const s = acknowledged();
    const attempts = fresh();
    for (let i = 1; i < MAX_WRONG; i++) wrong(s, attempts, T0);
    let now: UnixTime = T0;
    const locks = Array.from({ length: 9 }, () => {
      wrong(s, attempts, now);
      const lock = (attempts.lockedUntil ?? now) - now;
      expect(attempt(s, attempts, after(now, milliseconds(lock - 1)))).to.equal('code-locked');
      now = after(now, milliseconds(lock));
      return lock / 60_000;
    });
    expect(locks).to.deep.equal([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect(LONGEST_LOCK).to.equal(minutes(60));
  });

  it('OVR-2: the lock is on the customer, not on one event', () => {
    const s = acknowledged();
    schedule.receive(s, derEvent({ mRID: mRID('ev-2') }), at(-1));
    schedule.advance(s, T0);
    acknowledge(s, mRID('ev-2'), T0);
    const attempts = fresh();
    for (let i = 0; i < MAX_WRONG; i++) wrong(s, attempts, T0);
    expect(mayTry(s, attempts, { mRID: mRID('ev-2'), terms: NO_TERMS, now: at(1) })).to.include({
      refusal: 'code-locked',
    });
  });

  it('OVR-2: ends a lock that a clock since put back has left further off than any lock lasts', () => {
    const s = acknowledged();
    const lockedUntil = at(LONGEST_LOCK);
    expect(attempt(s, { wrong: 9, lockedUntil }, T0)).to.equal('code-locked');
    expect(attempt(s, { wrong: 9, lockedUntil }, at(-1))).to.equal('overridden');
  });

  it('OVR-3 OVR-4: refuses transmission and emergency before any code is looked at, with the reason', () => {
    const terms: OverrideTerms = { directMayBeOverridden: CLASSES };
    for (const [commandClass, says] of [
      ['transmission', 'A transmission constraint cannot be overridden.'],
      ['emergency', 'An emergency of the grid cannot be overridden.'],
    ] as const) {
      for (const service of ['demand-response', 'direct'] as const) {
        const s = active(derEvent({ class: commandClass, service }));
        acknowledge(s, mRID('ev-1'), T0);
        expect(mayTry(s, fresh(), { mRID: mRID('ev-1'), terms, now: at(1) })).to.deep.equal({
          ok: false,
          refusal: 'override-not-allowed',
          retry: 'never',
          detail: says,
        });
      }
    }
  });

  it('answers every class and service, with and without the tariff’s leave, as the table says', () => {
    const leave = (terms: OverrideTerms): string[] =>
      CLASSES.flatMap(c =>
        (['demand-response', 'direct'] as const).map(service => {
          const { allowed, rule } = mayOverride({ class: c, service }, terms);
          return `${c} ${service}: ${allowed ? 'yes' : 'no'} by ${rule}`;
        }),
      );
    const fixed = [
      'emergency demand-response: no by OVR-4',
      'emergency direct: no by OVR-4',
      'transmission demand-response: no by OVR-3',
      'transmission direct: no by OVR-3',
    ];
    const rest = (direct: string): string[] =>
      ['reliability', 'dispatch', 'market'].flatMap(c => [
        `${c} demand-response: yes by OVR-1`,
        `${c} direct: ${direct} by TAR-1`,
      ]);
    expect(leave(NO_TERMS)).to.deep.equal([...fixed, ...rest('no')]);
    expect(leave({ directMayBeOverridden: CLASSES })).to.deep.equal([...fixed, ...rest('yes')]);
    expect(RANKS).to.have.length(CLASSES.length);
  });

  it('refuses a direct order of a class the tariff does not name', () => {
    const s = active(derEvent({ service: 'direct' }));
    acknowledge(s, mRID('ev-1'), T0);
    const may = (directMayBeOverridden: readonly CommandClass[]): boolean =>
      mayTry(s, fresh(), { mRID: mRID('ev-1'), terms: { directMayBeOverridden }, now: at(1) }).ok;
    expect(may(['market'])).to.equal(false);
    expect(may(['dispatch'])).to.equal(true);
  });

  it('OVR-5: an override that ends tells how long it lasted, once', () => {
    const s = acknowledged();
    attempt(s, fresh(), at(1000));
    expect(endOverride(entryOf(s), at(4500))).to.deep.equal({ ok: true, value: { totalMs: 3500 } });
    expect(endOverride(entryOf(s), at(5000))).to.include({ refusal: 'not-overridden' });
  });

  it('never tells a negative total, though the clock was put back', () => {
    const s = acknowledged();
    attempt(s, fresh(), at(1000));
    expect(endOverride(entryOf(s), at(-9000))).to.deep.equal({ ok: true, value: { totalMs: 0 } });
  });
});

function fresh(): Attempts {
  return { wrong: 0 };
}

function active(...events: readonly DerEvent[]): Schedule {
  const s = schedule.newSchedule();
  for (const event of events) schedule.receive(s, event, at(-1000));
  schedule.advance(s, T0);
  return s;
}

function acknowledged(): Schedule {
  const s = active(derEvent());
  acknowledge(s, mRID('ev-1'), T0);
  return s;
}

function entryOf(s: Schedule): Entry {
  const entry = s.entries.get(keyOf('ev-1'));
  if (entry === undefined) throw new Error('ev-1 is known');
  return entry;
}

/** Tries the right code. */
function attempt(s: Schedule, attempts: Attempts, now: UnixTime): string {
  const may = mayTry(s, attempts, { mRID: mRID('ev-1'), terms: NO_TERMS, now });
  if (!may.ok) return may.refusal;
  const done = codeChecked(may.value, attempts, { right: true, now });
  return done.ok ? 'overridden' : done.refusal;
}

/** Tries a wrong code, which must be let through to the check; gives what the customer reads. */
function wrong(s: Schedule, attempts: Attempts, now: UnixTime): string | undefined {
  const may = mayTry(s, attempts, { mRID: mRID('ev-1'), terms: NO_TERMS, now });
  if (!may.ok) throw new Error(`not tried: ${may.refusal}`);
  const done = codeChecked(may.value, attempts, { right: false, now });
  expect(done).to.include({ ok: false, refusal: 'code-wrong' });
  return done.ok ? undefined : done.detail;
}
