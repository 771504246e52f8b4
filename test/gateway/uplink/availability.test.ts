import { expect } from 'chai';
import { hours, instant, minutes, unixTime } from '../../../src/base/time.ts';
import type { Now } from '../../../src/base/time.ts';
import { AVAILABILITY_DAYS, Availability } from '../../../src/gateway/mod.ts';
import type { AvailabilityDay } from '../../../src/gateway/mod.ts';

const DAY = hours(24);
const START = Date.UTC(2026, 6, 1);
/** `ms` after the start of a run that began at `unix`. */
const at = (ms: number, unix = START): Now => ({ instant: instant(1000 + ms), unix: unixTime(unix + ms) });

describe('availability', () => {
  it('SIWG-6 is the share of the time in which the link was up, and in which a command could be carried out', () => {
    const availability = new Availability([], at(0));
    expect(availability.figures()).to.deep.equal({ watchedMs: 0 });
    availability.note({ link: true, commands: true }, at(minutes(10)));
    availability.note({ link: true, commands: false }, at(minutes(70)));
    availability.note({ link: false, commands: false }, at(minutes(80)));
    availability.look(at(minutes(100)));
    expect(availability.figures()).to.deep.equal({ watchedMs: minutes(100), link: 0.7, commands: 0.6 });
  });

  it('SIWG-6 goes on over a restart, and counts the time between as not available', () => {
    const first = new Availability([], at(0));
    first.note({ link: true, commands: true }, at(0));
    const { keep } = first.look(at(hours(9)));
    const back = START + hours(10);
    expect(keep).to.have.length(1);
    const second = new Availability(keep, at(0, back));
    second.note({ link: true, commands: true }, at(0, back));
    second.look(at(minutes(60), back));
    const figures = second.figures();
    expect(figures.watchedMs).to.equal(hours(11));
    expect(figures.link).to.be.closeTo(10 / 11, 1e-9);
  });

  it('SIWG-6 is of 30 days: what is older is dropped, and said so', () => {
    const availability = new Availability([], at(0));
    const dropped: number[] = [];
    for (let day = 0; day < 40; day++) {
      availability.note({ link: day >= 9, commands: false }, at(day * DAY));
      dropped.push(...availability.look(at(day * DAY + hours(23))).drop);
    }
    expect(dropped).to.have.length(9);
    const { watchedMs, link = 0 } = availability.figures();
    expect(watchedMs).to.be.within(AVAILABILITY_DAYS * DAY, (AVAILABILITY_DAYS + 1) * DAY);
    expect(link).to.be.above(0.99);
  });

  it('gives every day that changed since it was last asked, yesterday too, and no other', () => {
    const availability = new Availability([], at(0));
    const days = (now: Now) => availability.look(now).keep.map(({ day }) => day - START / DAY);
    expect(days(at(minutes(1)))).to.deep.equal([0]);
    availability.note({ link: true, commands: true }, at(hours(23)));
    expect(days(at(hours(25)))).to.deep.equal([0, 1]);
    expect(days(at(hours(26)))).to.deep.equal([1]);
  });

  it('waits for the date to settle before it counts the time between two runs, a minute long', () => {
    const kept: AvailabilityDay = {
      day: START / DAY,
      watchedMs: 1000,
      linkMs: 1000,
      commandsMs: 0,
      at: unixTime(START),
    };
    // The machine kept no date: it starts where it ended, and is put right by two days after half a minute.
    const availability = new Availability([kept], at(0));
    availability.look(at(30_000));
    availability.look(at(59_000, START + 2 * DAY));
    expect(availability.figures().watchedMs).to.equal(60_000);
    availability.look(at(60_000, START + 2 * DAY));
    expect(availability.figures().watchedMs).to.equal(1000 + 60_000 + 2 * DAY);
  });

  it('neither loses nor invents time when the date goes back', () => {
    const availability = new Availability([], at(0));
    availability.note({ link: true, commands: true }, at(0));
    availability.look(at(minutes(5), START - 3 * DAY));
    availability.look(at(minutes(10), START - 3 * DAY));
    expect(availability.figures()).to.deep.equal({ watchedMs: minutes(10), link: 1, commands: 1 });
  });
});
