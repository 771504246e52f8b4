import { expect } from 'chai';
import { join } from 'node:path';
import { openLedger } from '../../src/io/store/mod.ts';
import type { Ledger } from '../../src/io/store/mod.ts';
import type { GatewayId, UplinkRecord } from '../../src/model/mod.ts';
import { HEALTH_DAYS, HEARD_WITHIN, NetworkHealth } from '../../src/utility/mod.ts';
import type { NmsEvents } from '../../src/utility/mod.ts';
import { tempDir } from '../support/temp.ts';
import { END_OF_EVENT, event, START, TestClock, TestHeadEnd } from './support.ts';

const GW = 'gw-1' as GatewayId;
const OTHER = 'gw-2' as GatewayId;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const RECORD = {} as UplinkRecord;

describe('utility/health', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let ledger: Ledger;
  let clock: TestClock;
  let health: NetworkHealth;
  beforeEach(async () => {
    dir = await tempDir();
    const opened = openLedger(join(dir.path, 'ledger.db'));
    if (!opened.ok) throw new Error(opened.detail);
    ledger = opened.value;
    clock = new TestClock();
    health = await open();
    link(true);
  });
  afterEach(async () => {
    await health.close();
    await ledger.close();
    await dir[Symbol.asyncDispose]();
  });

  const open = (): Promise<NetworkHealth> =>
    NetworkHealth.open({
      ledger,
      clock,
      trouble: why => {
        throw new Error(why);
      },
    });
  const link = (up: boolean): void => health.events.onLink?.({ up, why: '' });
  const heard = (gateway = GW): void => health.events.onRecord?.(gateway, RECORD);

  it('counts a gateway as away from five and a half minutes after its last record, not before', () => {
    heard();
    clock.advance(HEARD_WITHIN);
    expect(health.of(GW)).to.deep.include({ linkAvailability: 1, isThere: true, heardAt: START });
    clock.advance(1);
    expect(health.of(GW).isThere).to.equal(false);
    clock.advance(HEARD_WITHIN - 1);
    expect(health.of(GW).linkAvailability).to.equal(0.5);
    heard();
    clock.advance(2 * HEARD_WITHIN);
    heard();
    expect(health.of(GW)).to.deep.include({ linkAvailability: 0.5, watchedMs: 4 * HEARD_WITHIN });
  });

  it('blames no gateway for the time in which nobody listened: no link of our own, or not running', async () => {
    heard();
    clock.advance(MINUTE);
    link(false);
    clock.advance(DAY);
    expect(health.of(GW)).to.deep.include({ watchedMs: MINUTE, linkAvailability: 1 });
    expect(health.of(GW)).not.to.have.property('isThere');
    link(true);
    clock.advance(MINUTE);
    heard();
    await health.close();
    clock.advance(DAY);
    health = await open();
    expect(health.of(GW)).to.deep.include({ watchedMs: 2 * MINUTE, linkAvailability: 1 });
    link(true);
    clock.advance(HEARD_WITHIN + 1);
    expect(health.of(GW).isThere).to.equal(false);
  });

  it('NMS-1 gives link and command availability of thirty days, and forgets what is older', () => {
    heard();
    clock.advance(HEARD_WITHIN + 10 * MINUTE); // away for ten minutes
    heard();
    health.events.onExpired?.(GW);
    for (let n = 0; n < 3; n++) health.events.onAnswered?.(GW, 40);
    for (let at = 0; at < 2 * DAY; at += 5 * MINUTE) {
      clock.advance(5 * MINUTE);
      heard();
    }
    const early = health.of(GW);
    expect(early.commandAvailability).to.equal(0.75);
    expect(1 - (early.linkAvailability ?? 0)).to.be.closeTo((10 * MINUTE) / early.watchedMs, 1e-12);
    for (let at = 0; at < HEALTH_DAYS * DAY; at += 5 * MINUTE) {
      clock.advance(5 * MINUTE);
      heard();
    }
    const late = health.of(GW);
    expect(late).to.deep.include({ linkAvailability: 1, answered: 0, expired: 0 });
    expect(late.watchedMs).to.be.within((HEALTH_DAYS - 1) * DAY, HEALTH_DAYS * DAY);
    expect(late).not.to.have.property('commandAvailability');
  });

  it('splits an outage over the days it lasted', () => {
    heard();
    clock.advance(3 * DAY);
    heard();
    const { watchedMs, linkAvailability } = health.of(GW);
    expect(watchedMs).to.equal(3 * DAY);
    expect(linkAvailability).to.be.closeTo(HEARD_WITHIN / (3 * DAY), 1e-12);
  });

  it('NMS-1 counts refusals by name, a bounded number of names, and none of a gateway that was never heard', () => {
    heard();
    const refuse = (gateway: GatewayId, name: string): void =>
      health.events.onRefused?.(`ug/1/grid/d/${gateway}/up/status`, name as never, undefined);
    for (let n = 0; n < 40; n++) refuse(GW, `r-${n}`);
    refuse(GW, 'r-0');
    refuse(OTHER, 'bad-signature');
    const { refusals } = health.of(GW);
    expect(Object.keys(refusals)).to.have.length(33);
    expect([refusals['r-0'], refusals['other']]).to.deep.equal([2, 8]);
    expect(health.of(OTHER)).to.deep.equal({
      gateway: OTHER,
      watchedMs: 0,
      answered: 0,
      expired: 0,
      lost: 0,
      refusals: {},
    });
  });

  it('gives a group the figures of its members, and names the worst', () => {
    heard();
    heard(OTHER);
    health.events.onAnswered?.(GW, undefined);
    health.events.onExpired?.(OTHER);
    clock.advance(HEARD_WITHIN);
    heard(OTHER);
    clock.advance(HEARD_WITHIN);
    const never = 'gw-3' as GatewayId;
    expect(health.ofGroup([OTHER, GW, never])).to.deep.equal({
      members: 3,
      there: 1,
      linkAvailability: 0.75,
      commandAvailability: 0.5,
      worst: [never, GW, OTHER],
    });
  });

  it('forgets at most a minute of figures when it is killed', async () => {
    heard();
    health.events.onAnswered?.(GW, 100);
    clock.advance(MINUTE);
    await new Promise(resolve => setImmediate(() => setImmediate(resolve)));
    const after = await open();
    expect(after.of(GW)).to.deep.include({ answered: 1, roundTripMs: 100, heardAt: START });
    await after.close();
  });
});

describe('utility/ami-nms, health', () => {
  it('tells how long an answer took, of a command that went out once, and who let one expire', async () => {
    await using dir = await tempDir();
    const told: unknown[] = [];
    const events: NmsEvents = {
      onAnswered: (gateway, tookMs) => told.push([gateway, tookMs]),
      onExpired: gateway => told.push([gateway, 'expired']),
    };
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), { events });
    const send = async (mRID: string): Promise<string> => {
      const rank = { class: 'dispatch', primacy: 1 } as const;
      const sent = await head.nms.send({ kind: 'device', id: GW }, event(mRID), rank);
      if (!sent.ok) throw new Error(sent.refusal);
      return sent.value.cti;
    };
    const answer = async (cti: string, refusal?: string, retry?: 'later'): Promise<void> => {
      const more = retry === undefined ? {} : { retry };
      const { topic, payload } = head.gateway.receipt(cti as never, refusal, more);
      await head.broker.deliver(topic, payload);
    };
    const quick = await send('ev-1');
    await answer(quick, 'storage', 'later');
    expect(told).to.deep.equal([]);
    await answer(quick);
    await answer(quick);
    expect(told).to.deep.equal([[GW, 0]]);
    const slow = await send('ev-2');
    head.clock.advance(10 * MINUTE);
    await answer(slow);
    expect(told.slice(1)).to.deep.equal([[GW, undefined]]);
    await send('ev-3');
    head.clock.advance(END_OF_EVENT - START);
    expect(told.slice(2)).to.deep.equal([[GW, 'expired']]);
    await head.close();
  });

  it('knows how many records are missing between those that are held', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const status = { kind: 'status', readings: [], setpoints: [], membershipDigest: '00' } as const;
    for (const number of [1, 4, 5, 9]) {
      const { topic, payload } = head.gateway.signs('status', status, number);
      await head.broker.deliver(topic, payload);
    }
    expect(head.nms.missing(GW)).to.equal(5);
    const { topic, payload } = head.gateway.signs('status', status, 2);
    await head.broker.deliver(topic, payload);
    expect([head.nms.missing(GW), head.nms.missing(OTHER)]).to.deep.equal([4, 0]);
    await head.close();
  });
});
