import { expect } from 'chai';
import { minutes } from '../../src/base/time.ts';
import type { GatewayId } from '../../src/model/mod.ts';
import { offsetOf, ReadSchedule } from '../../src/utility/mod.ts';
import { START, TestClock } from './support.ts';

const EVERY = minutes(15);
const PLAN = { every: EVERY, seed: 'north' };
const names = (count: number): readonly GatewayId[] =>
  Array.from({ length: count }, (_, at) => `gw-${at}` as GatewayId);

describe('utility/read-schedule', () => {
  it('NMS-1 spreads ten thousand gateways evenly: no second has to bear what a quarter of an hour can', () => {
    const seconds = new Map<number, number>();
    for (const gateway of names(10_000)) {
      const second = Math.floor(offsetOf(gateway, PLAN) / 1000);
      expect(second).to.be.within(0, 899);
      seconds.set(second, (seconds.get(second) ?? 0) + 1);
    }
    // 11.1 a second on average; 30 is further out than five deviations of drawing by chance.
    expect(Math.max(...seconds.values())).to.be.below(30);
    expect(seconds.size).to.be.above(895);
  });

  it('asks each gateway once a period, at its own moment, and gives it half the period', () => {
    const clock = new TestClock();
    const asked: { gateway: GatewayId; at: number }[] = [];
    const ask = (gateway: GatewayId, expires: number): Promise<void> => {
      const { unix } = clock.now();
      expect(expires - unix).to.equal(EVERY / 2);
      asked.push({ gateway, at: unix });
      return Promise.resolve();
    };
    const gateways = names(100);
    const schedule = new ReadSchedule({ ...PLAN, gateways }, { clock, ask });
    clock.advance(3 * EVERY);
    expect(asked).to.have.length(300);
    for (const { gateway, at } of asked) expect(at % EVERY, gateway).to.equal(offsetOf(gateway, PLAN));
    const first = asked.slice(0, 100).map(({ gateway }) => gateway);
    expect(new Set(first)).to.have.property('size', 100);
    schedule.close();
    clock.advance(EVERY);
    expect(asked).to.have.length(300);
  });

  it('asks at the same moments after a restart, and nobody twice in the period in which it began', () => {
    const clock = new TestClock();
    const asked: GatewayId[] = [];
    const start = (): ReadSchedule =>
      new ReadSchedule(
        { ...PLAN, gateways: names(50) },
        { clock, ask: gateway => Promise.resolve(void asked.push(gateway)) },
      );
    const first = start();
    // START lies on a whole quarter of an hour, so this is half of a period.
    expect(START % EVERY).to.equal(0);
    clock.advance(EVERY / 2);
    first.close();
    const before = asked.length;
    expect(before).to.be.within(10, 40);
    const second = start();
    clock.advance(EVERY / 2 - 1);
    second.close();
    expect(asked).to.have.length(50);
    expect(new Set(asked)).to.have.property('size', 50);
  });

  it('asks nobody twice where the wall clock lags a little behind the other', () => {
    const clock = new TestClock();
    let asked = 0;
    let lag = 0;
    const lagging = {
      at: clock.at.bind(clock),
      now: () => ({ ...clock.now(), unix: (clock.now().unix - lag) as never }),
    };
    const ask = (): Promise<void> => {
      asked++;
      return Promise.resolve();
    };
    const schedule = new ReadSchedule({ ...PLAN, gateways: names(20) }, { clock: lagging, ask });
    lag = 5;
    clock.advance(EVERY);
    expect(asked).to.equal(20);
    schedule.close();
  });

  it('gives another utility other moments', () => {
    const same = names(1000).filter(
      gateway => offsetOf(gateway, PLAN) === offsetOf(gateway, { ...PLAN, seed: 'south' }),
    );
    expect(same.length).to.be.below(5);
  });
});
