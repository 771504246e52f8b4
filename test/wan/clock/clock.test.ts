/**
 * The clock as a machine: every state met by everything that can happen to it, the edges of each duration, and jumps
 * of the system's clock from a second to ten years, both ways.
 */
import { expect } from 'chai';
import { hours, instant, minutes, seconds, unixTime } from '../../../src/base/time.ts';
import type { Now } from '../../../src/base/time.ts';
import {
  ASK_AGAIN,
  ASK_EVERY,
  FIRST_DATE,
  FLOOR_EVERY,
  HOLDOVER_FOR,
  JUMP,
  SMALL_JUMP,
  TRUSTED_FOR,
  WIDEST_PROOF,
  assume,
  atLeast,
  floorToStore,
  look,
  newClock,
  nextAging,
  nextQuestion,
  nonceOf,
  prove,
  read,
} from '../../../src/wan/clock/mod.ts';
import type { Clock } from '../../../src/wan/clock/mod.ts';

const T = Date.UTC(2026, 5, 21, 14);
const YEAR = hours(365.25 * 24);
const FLOOR = unixTime(T - hours(24));

/** A computer: a monotonic clock, and a system clock that is off from it by what somebody did to it. */
class Computer {
  ms = 0;
  off = 0;
  clock: Clock;

  constructor(vouched = true) {
    this.clock = newClock({ stored: FLOOR, vouched });
  }

  get now(): Now {
    return { instant: instant(7_000 + this.ms), unix: unixTime(T + this.ms + this.off) };
  }

  /** Looks after `ms` more; what the date is off by then. */
  look(ms = 0): number {
    this.ms += ms;
    return look(this.clock, this.now).now.unix - (T + this.ms);
  }

  /** A signed answer with the true time, `tookMs` after the question. */
  prove(tookMs = 0, aheadMs = 0): boolean {
    const asked = this.now.instant;
    this.ms += tookMs;
    const time = unixTime(Math.floor((T + this.ms + aheadMs) / 1000) * 1000);
    return prove(this.clock, { asked, time }, this.now.instant);
  }

  /** In a state, at T, with everything looked at. */
  static in(state: Clock['trust'], vouched = true): Computer {
    const computer = new Computer(vouched);
    if (state === 'untrusted') computer.off = hours(-48);
    computer.look();
    if (state === 'trusted') computer.prove();
    expect(computer.clock.trust).to.equal(state);
    return computer;
  }
}

const STATES = ['trusted', 'holdover', 'untrusted'] as const;

/** What can happen, and which state follows in which; `=` is the same. */
const TABLE: readonly [
  name: string,
  happens: (computer: Computer) => void,
  then: Readonly<Record<Clock['trust'], string>>,
][] = [
  ['nothing for a second', c => c.look(1000), { trusted: '=', holdover: '=', untrusted: '=' }],
  [
    'a slew of half a second less 1 ms',
    c => jump(c, JUMP - 1),
    { trusted: '=', holdover: '=', untrusted: '=' },
  ],
  ['a jump of half a second', c => jump(c, JUMP), { trusted: 'holdover', holdover: '=', untrusted: '=' }],
  ['a jump of 1 s', c => jump(c, 1000), { trusted: 'holdover', holdover: '=', untrusted: '=' }],
  ['a jump of −1 s', c => jump(c, -1000), { trusted: 'holdover', holdover: '=', untrusted: '=' }],
  ['a jump of 5 s', c => jump(c, SMALL_JUMP), { trusted: 'holdover', holdover: '=', untrusted: '=' }],
  [
    'a jump of 5.001 s',
    c => jump(c, SMALL_JUMP + 1),
    { trusted: 'untrusted', holdover: 'untrusted', untrusted: '=' },
  ],
  [
    'a jump back by an hour',
    c => jump(c, hours(-1)),
    { trusted: 'untrusted', holdover: 'untrusted', untrusted: '=' },
  ],
  ['a jump to 1970', c => jump(c, -T), { trusted: 'untrusted', holdover: 'untrusted', untrusted: '=' }],
  [
    'a jump forward by ten years',
    c => jump(c, 10 * YEAR),
    { trusted: 'untrusted', holdover: 'untrusted', untrusted: '=' },
  ],
  [
    'a jump back by ten years',
    c => jump(c, -10 * YEAR),
    { trusted: 'untrusted', holdover: 'untrusted', untrusted: '=' },
  ],
  ['a prompt answer', c => c.prove(100), { trusted: '=', holdover: 'trusted', untrusted: 'trusted' }],
  [
    'an answer after a minute',
    c => c.prove(WIDEST_PROOF),
    { trusted: '=', holdover: 'trusted', untrusted: 'trusted' },
  ],
  [
    'an answer after a minute and 1 ms',
    c => c.prove(WIDEST_PROOF + 1),
    { trusted: '=', holdover: '=', untrusted: '=' },
  ],
  [
    'a late answer with a date to come',
    c => c.prove(WIDEST_PROOF + 1, hours(1)),
    { trusted: 'untrusted', holdover: 'untrusted', untrusted: '=' },
  ],
  [
    'a signed date of an hour ago',
    c => atLeast(c.clock, unixTime(T - hours(1)), c.now.instant),
    { trusted: '=', holdover: '=', untrusted: '=' },
  ],
  [
    'a signed date of an hour to come',
    c => atLeast(c.clock, unixTime(T + hours(1)), c.now.instant),
    { trusted: 'untrusted', holdover: 'untrusted', untrusted: '=' },
  ],
  ['a day less 1 ms', c => c.look(TRUSTED_FOR - 1), { trusted: '=', holdover: '=', untrusted: '=' }],
  ['a day', c => c.look(TRUSTED_FOR), { trusted: 'holdover', holdover: '=', untrusted: '=' }],
  ['a week less 1 ms', c => c.look(HOLDOVER_FOR - 1), { trusted: 'holdover', holdover: '=', untrusted: '=' }],
  ['a week', c => c.look(HOLDOVER_FOR), { trusted: 'untrusted', holdover: 'untrusted', untrusted: '=' }],
  [
    'an emergency obeyed',
    c => assume(c.clock, unixTime(T), c.now.instant),
    { trusted: '=', holdover: '=', untrusted: '=' },
  ],
];

function jump(computer: Computer, ms: number): void {
  computer.off += ms;
  computer.look(1000);
}

describe('the clock', () => {
  for (const [name, happens, then] of TABLE)
    for (const state of STATES) {
      const next = then[state] === '=' ? state : then[state];
      it(`${state}, after ${name}: ${next}`, () => {
        const computer = Computer.in(state);
        happens(computer);
        expect(computer.clock.trust).to.equal(next);
      });
    }

  it('goes by the monotonic clock once proven: no jump moves the date by a millisecond', () => {
    for (const ms of [1000, -1000, hours(1), hours(-1), 10 * YEAR, -10 * YEAR, -T]) {
      const computer = Computer.in('trusted');
      computer.off = ms;
      expect(computer.look(5000), `${ms} ms`).to.equal(0);
      expect(computer.look(hours(1)), 'nor later').to.equal(0);
    }
  });

  it('tells of a jump once, with its size', () => {
    const computer = Computer.in('trusted');
    computer.off = hours(-1);
    computer.ms += 1000;
    expect(look(computer.clock, computer.now).jumped).to.equal(hours(-1));
    computer.ms += 1000;
    expect(look(computer.clock, computer.now).jumped).to.equal(undefined);
  });

  it('follows a slewing system clock before it is proven, and does not after', () => {
    const holdover = Computer.in('holdover');
    const trusted = Computer.in('trusted');
    for (let n = 0; n < 100; n++)
      for (const computer of [holdover, trusted]) {
        computer.off += 100;
        computer.look(1000);
      }
    expect(holdover.look()).to.equal(10_000);
    expect(trusted.look()).to.equal(0);
    expect(holdover.clock.trust).to.equal('holdover');
  });

  it('is never before the floor, whatever the system says', () => {
    const computer = Computer.in('untrusted');
    expect(read(computer.clock, computer.now).unix).to.equal(FLOOR);
    jump(computer, -10 * YEAR);
    expect(read(computer.clock, computer.now).unix).to.equal(FLOOR + 1000);
  });

  it('keeps a date that lies between question and answer, and moves one that does not to the nearer end', () => {
    const fits = Computer.in('holdover');
    fits.off = 400;
    fits.look(700);
    fits.prove(300);
    expect(fits.look()).to.equal(400);
    const behind = Computer.in('untrusted');
    behind.prove(300);
    expect(behind.look(), 'rounded down to the second it was signed in').to.equal(-300);
    const ahead = new Computer();
    ahead.off = 3000;
    ahead.look();
    ahead.prove(300);
    expect(ahead.look(), 'a second of rounding and the way').to.equal(1000);
  });

  it('that an answer on a long way proved is proven anew within a minute, for it may be further off than commands allow', () => {
    const due = (tookMs: number): number => {
      const computer = Computer.in('untrusted');
      computer.prove(tookMs);
      return (nextQuestion(computer.clock, undefined) ?? 0) - computer.now.instant;
    };
    expect(due(SMALL_JUMP)).to.equal(ASK_EVERY);
    expect(due(SMALL_JUMP + 1)).to.equal(ASK_AGAIN);
    expect(due(WIDEST_PROOF)).to.equal(ASK_AGAIN);
  });

  it('raises its floor by what is proven, and asks to store it once an hour', () => {
    const computer = Computer.in('holdover');
    expect(floorToStore(computer.clock, computer.now), 'nothing was proven').to.equal(undefined);
    computer.prove();
    const stored = floorToStore(computer.clock, computer.now);
    expect(stored).to.equal(T);
    computer.look(FLOOR_EVERY - 1);
    expect(floorToStore(computer.clock, read(computer.clock, computer.now))).to.equal(undefined);
    computer.look(1);
    expect(floorToStore(computer.clock, read(computer.clock, computer.now))).to.equal(T + FLOOR_EVERY);
    const next = newClock({ stored: unixTime(T + FLOOR_EVERY), vouched: true });
    expect(look(next, { instant: instant(0), unix: unixTime(T) }).now.unix, 'after a restart').to.equal(
      T + FLOOR_EVERY,
    );
    expect(next.trust).to.equal('untrusted');
  });

  it('does not let a wrong system clock raise its floor', () => {
    const computer = Computer.in('holdover');
    jump(computer, 10 * YEAR);
    expect(floorToStore(computer.clock, computer.now)).to.equal(undefined);
    expect(computer.clock.floor).to.equal(FLOOR);
  });

  it('knows of no date before this program, even without a store', () => {
    const clock = newClock({ vouched: false });
    expect(look(clock, { instant: instant(0), unix: unixTime(0) }).now.unix).to.equal(FIRST_DATE);
    expect(clock.trust).to.equal('untrusted');
  });

  describe('where no key may tell the time', () => {
    it('follows the system through a jump, above the floor', () => {
      const computer = Computer.in('holdover', false);
      jump(computer, 10 * YEAR);
      expect(computer.look()).to.equal(10 * YEAR);
      jump(computer, -10 * YEAR);
      expect(computer.look()).to.equal(0);
      expect(computer.clock.trust).to.equal('holdover');
      jump(computer, -10 * YEAR);
      expect(computer.look(), 'stays where it was').to.equal(0);
      expect(computer.clock.trust).to.equal('untrusted');
      jump(computer, 10 * YEAR);
      expect(computer.clock.trust, 'as when time came late to a computer without a battery').to.equal(
        'holdover',
      );
    });

    it('loses no belief by age, and asks nobody', () => {
      const computer = Computer.in('holdover', false);
      computer.look(10 * YEAR);
      expect(computer.clock.trust).to.equal('holdover');
      expect(nextAging(computer.clock)).to.equal(undefined);
      expect(nextQuestion(computer.clock, undefined)).to.equal(undefined);
    });
  });

  it('asks at once without a proof, once a minute until it is answered, and every six hours after', () => {
    const computer = Computer.in('holdover');
    const start = computer.now.instant;
    expect(nextQuestion(computer.clock, undefined)).to.equal(start);
    expect(nextQuestion(computer.clock, start)).to.equal(start + ASK_AGAIN);
    computer.prove(minutes(0));
    expect(nextQuestion(computer.clock, undefined)).to.equal(start + ASK_EVERY);
    expect(nextAging(computer.clock)).to.equal(start + TRUSTED_FOR);
    computer.look(seconds(10));
    jump(computer, hours(1));
    expect(nextQuestion(computer.clock, undefined), 'after a jump').to.equal(start);
  });

  it('draws other nonces for every question and every seed, 16 bytes each', () => {
    const drawn = ['a', 'b'].flatMap(seed => Array.from({ length: 50 }, (_, n) => nonceOf(seed, n)));
    expect(new Set(drawn).size).to.equal(100);
    for (const nonce of drawn) expect(nonce).to.match(/^[0-9a-f]{32}$/);
  });
});
