/**
 * What a gateway does by a clock that it has reason to doubt.
 */
import { expect } from 'chai';
import { hours, minutes, unixTime } from '../../../src/base/time.ts';
import type { UnixTime } from '../../../src/base/time.ts';
import type { MRID } from '../../../src/model/mod.ts';
import { PV, eventBody, isolation } from '../bench.ts';
import { Started } from '../started.ts';

describe('the date of a gateway', () => {
  /** Welcomed, then the system's clock is set by `ms`. */
  function set(ms: number): Started {
    const bench = Started.begun();
    bench.welcome();
    bench.systemOffMs = ms;
    bench.step({ on: 'tick' });
    return bench;
  }

  it('is set right by the welcome, however wrong the system is', () => {
    for (const ms of [hours(-1), hours(1), hours(87_660), -Date.UTC(2026, 5, 21, 14)]) {
      const bench = new Started();
      Object.assign(bench.settings, { keys: new Map([[bench.welcoming.key.kid, bench.welcoming.key]]) });
      bench.systemOffMs = ms;
      bench.begin();
      const { nonce } = bench;
      bench.systemOffMs = 0;
      const time = bench.now.unix;
      const body = { kind: 'welcome', nonce, time, marks: [], held: {} } as const;
      const signed = bench.welcoming.sign(body, time, { stream: 'welcome', class: 'market' });
      bench.systemOffMs = ms;
      bench.deliver(signed);
      expect(bench.state.clock.trust, `${ms} ms`).to.equal('trusted');
      expect(bench.view().at).to.be.within(time, time + 1000);
    }
  });

  it('that jumped is untrusted: commands wait, the time is asked for, status and display say so', () => {
    const bench = set(hours(87_660));
    expect(bench.state.clock.trust).to.equal('untrusted');
    expect(bench.counted('clock.jump')).to.equal(1);
    expect(bench.view().clock).to.equal('untrusted');
    bench.until(bench.ms + 5000);
    expect(bench.statuses().at(-1)?.clock).to.equal('untrusted');
    bench.until(bench.ms + 60_000);
    const question = bench.questions().at(-1);
    expect(question?.wants).to.equal('time');
    const date = unixTime(bench.now.unix - hours(87_660));
    const signed = bench.welcoming.sign(eventBody(), date, { sequence: 1 });
    bench.deliver(signed);
    expect(bench.story().at(-1)).to.equal('invalid clock-untrusted');
    expect(bench.receipts().at(-1)?.retry).to.equal('later');
    if (question?.wants !== 'time') throw new Error('a question for the time');
    const answer = bench.welcoming.sign({ kind: 'time', time: date, nonce: question.nonce }, date, {
      sequence: 2,
      class: 'market',
    });
    bench.deliver(answer);
    expect(bench.state.clock.trust).to.equal('trusted');
    bench.deliver(signed);
    expect(bench.story().at(-1)).to.equal('received ev-1');
    bench.deliver(answer);
    expect(bench.counted('refused.nonce-unknown'), 'an answer is good once').to.equal(1);
  });

  it('that went back keeps what is stored on its way', () => {
    const bench = set(0);
    bench.event('ev-1');
    bench.systemOffMs = hours(-1);
    bench.until(0);
    expect(bench.values()).to.deep.equal([5000]);
  });

  it('that is untrusted does not stop an emergency that opens, and stops its release', () => {
    const bench = set(hours(-1));
    const date = unixTime(bench.now.unix + hours(1));
    bench.deliver(
      bench.welcoming.sign(isolation({ start: date }), date, { sequence: 1, class: 'emergency', primacy: 1 }),
    );
    expect(bench.values('opModConnect')).to.deep.equal([0]);
    bench.deliver(
      bench.welcoming.sign({ kind: 'cancel', mRID: 'em-7' as MRID }, date, {
        sequence: 2,
        class: 'emergency',
      }),
    );
    expect(bench.story().at(-1)).to.equal('invalid clock-untrusted');
    expect(bench.state.clock.trust).to.equal('untrusted');
  });

  for (const [name, axes, obeyed] of [
    ['closes', { opModConnect: 1 }, false],
    ['limits where nothing did', { opModMaxLimW: 6000 }, true],
    ['limits and closes', { opModMaxLimW: 0, opModConnect: 1 }, false],
    ['fixes power at 0', { opModFixedW: 0 }, true],
    ['fixes power at 10 %', { opModFixedW: 1000 }, false],
    ['orders reactive power', { opModFixedVar: 0 }, false],
  ] as const)
    it(`that is untrusted ${obeyed ? 'obeys' : 'does not obey'} an emergency that ${name}`, () => {
      const bench = set(hours(-1));
      const date = unixTime(bench.now.unix + hours(1));
      const body = eventBody({ axes, start: date });
      bench.device(PV, 'present', ['opModConnect', 'opModMaxLimW', 'opModFixedW', 'opModFixedVar']);
      bench.deliver(bench.welcoming.sign(body, date, { sequence: 1, class: 'emergency', primacy: 1 }));
      expect(bench.story()).to.deep.equal([obeyed ? 'received ev-1' : 'invalid clock-untrusted']);
      expect(bench.orders(Object.keys(axes)[0] as 'opModConnect')).to.have.length(obeyed ? 1 : 0);
    });

  it('that is untrusted lets no emergency raise a limit in force', () => {
    const bench = set(0);
    bench.event('ev-1');
    bench.until(0);
    bench.systemOffMs = hours(-1);
    bench.step({ on: 'tick' });
    const date = unixTime(bench.now.unix + hours(1));
    for (const [n, limit] of [6000, 5000].entries()) {
      const body = eventBody({ mRID: `em-${limit}` as MRID, axes: { opModMaxLimW: limit }, start: date });
      bench.deliver(bench.welcoming.sign(body, date, { sequence: 10 + n, class: 'emergency', primacy: 1 }));
    }
    expect(bench.story().filter(said => /em-|clock/.test(said))[0]).to.equal('invalid clock-untrusted');
    expect(bench.story()).to.include('received em-5000');
    expect(bench.story()).to.not.include('received em-6000');
  });

  describe('when the answer to its start comes late', () => {
    /** The answer is signed at once and comes after `ms`; the birth record was said again just before. */
    function late(ms: number, systemOffMs: number): Started {
      const bench = new Started();
      const keys = new Map([[bench.welcoming.key.kid, bench.welcoming.key]]);
      Object.assign(bench.settings, { keys });
      bench.systemOffMs = systemOffMs;
      bench.begin();
      const body = { kind: 'welcome', nonce: bench.nonce, time: date(bench), marks: [], held: {} } as const;
      const signed = bench.welcoming.sign(body, body.time, { stream: 'welcome', class: 'market' });
      bench.until(bench.ms + ms);
      bench.deliver(bench.welcoming.sign(eventBody(), bench.now.unix));
      expect(bench.reported('birth'), 'said again').to.have.length.above(1);
      bench.deliver(signed);
      return bench;
    }

    /** The true one. */
    const date = ({ now, systemOffMs }: Started): UnixTime => unixTime(now.unix - systemOffMs);

    const lag = (bench: Started): number => date(bench) - bench.view().at;

    function answer(bench: Started): void {
      const [question, ...more] = bench.questions();
      if (question?.wants !== 'time') throw new Error('a question for the time');
      expect(more).to.deep.equal([]);
      const body = { kind: 'time', time: date(bench), nonce: question.nonce } as const;
      bench.deliver(bench.welcoming.sign(body, body.time, { class: 'market' }));
      expect(bench.state.clock.trust).to.equal('trusted');
      expect(lag(bench)).to.be.within(-1000, 1000);
    }

    const held = (bench: Started): number => bench.state.uplink.streams.birth.acknowledged;

    it('is not set back by it where it was right', () => {
      const bench = late(20_000, 0);
      expect(bench.state.clock.trust).to.equal('trusted');
      expect(lag(bench)).to.equal(0);
    });

    it('is no more exact for a birth record said again meanwhile: it is proven anew within a minute', () => {
      const bench = late(20_000, hours(-1));
      expect(lag(bench)).to.be.within(19_000, 20_000);
      const ack = { kind: 'ack', through: { birth: bench.store.last('birth') } } as const;
      const signed = bench.welcoming.sign(ack, date(bench), { stream: 'ack', class: 'market' });
      bench.deliver(signed);
      expect(held(bench), 'signed at a date that has not come here').to.equal(0);
      bench.until(bench.ms + 60_000);
      answer(bench);
      bench.deliver(signed);
      expect(held(bench)).to.equal(ack.through.birth);
    });

    it('is not proven after more than a minute, and asked for at once', () => {
      const bench = late(61_000, hours(-1));
      expect(bench.state.clock.trust).to.not.equal('trusted');
      answer(bench);
    });
  });

  it('survives a restart as a floor that no system clock undercuts', () => {
    const bench = set(0);
    const before = bench.now.unix;
    bench.systemOffMs = hours(-87_660);
    bench.begin();
    expect(bench.view().at).to.be.at.least(before - 1000);
    expect(bench.state.clock.trust).to.equal('untrusted');
  });

  it('is proven anew every six hours, and held over for a day when nobody answers', () => {
    const bench = set(0);
    bench.until(bench.ms + hours(6) - 1000);
    expect(bench.questions()).to.have.length(0);
    bench.until(bench.ms + 2000);
    expect(bench.questions()).to.have.length(1);
    bench.until(bench.ms + minutes(1));
    expect(bench.questions()).to.have.length(2);
  });
});
