import { expect } from 'chai';
import * as fc from 'fast-check';
import { minutes } from '../../src/base/time.ts';
import type { DeviceId, DeviceRole, GatewayId, Reading } from '../../src/model/mod.ts';
import { apportion, reachTarget, roomOf } from '../../src/utility/mod.ts';
import type { Ended, MemberRoom } from '../../src/utility/mod.ts';
import { START } from './support.ts';

const gw = (n: number): GatewayId => `gw-${n}` as GatewayId;
const rooms = (...watts: readonly number[]) => watts.map((roomW, n) => ({ gateway: gw(n), roomW }));
const watts = (targetW: number, ...of: readonly number[]): unknown =>
  apportion(targetW, rooms(...of)).shares.map(share => share.watts);

describe('utility/apportion', () => {
  it('GRP-4: splits by the stated rule', () => {
    // By hand: 200 kW over 50, 100 and 250 kW of room.
    expect(watts(-200_000, 50_000, 100_000, 250_000)).to.deep.equal([-25_000, -50_000, -125_000]);
    // 10 over three alike: 3.33 each, and the one that is left to the first by name.
    expect(watts(10, 100, 100, 100)).to.deep.equal([4, 3, 3]);
    // 7 over 1 and 9: 0.7 and 6.3, cut by 0.7 and 0.3.
    expect(watts(7, 1, 9)).to.deep.equal([1, 6]);
    expect(watts(5, 0, 3)).to.deep.equal([0, 3]);
    expect(apportion(-5, rooms(0, 3)).shortW).to.equal(-2);
    expect(apportion(5, []).shortW).to.equal(5);
    expect(watts(0, 4)).to.deep.equal([0]);
  });

  it('GRP-4: gives no watt twice, loses none, and puts nobody above its room, for any target and members', () => {
    const members = fc.array(fc.oneof(fc.nat(20), fc.nat(1e12)), { maxLength: 30 });
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), members, (targetW, of) => {
        const { shares, shortW } = apportion(targetW, rooms(...of));
        const sum = shares.reduce((total, share) => total + share.watts, 0);
        expect(sum + shortW).to.equal(targetW);
        const whole = of.reduce((total, room) => total + room, 0);
        expect(Math.abs(shortW)).to.equal(Math.max(0, Math.abs(targetW) - whole));
        for (const [n, share] of shares.entries()) {
          const room = of[n] ?? 0;
          expect(share.watts * Math.sign(targetW)).to.be.within(0, room);
          // Within one watt of its exact part.
          const part = whole === 0 ? 0 : (Math.min(Math.abs(targetW), whole) * room) / whole;
          expect(Math.abs(Math.abs(share.watts) - part)).to.be.below(1 + part * 1e-9);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('GRP-4: the same members in another order get the same', () => {
    const of = rooms(7, 7, 7, 3, 11);
    const byName = (members: typeof of) =>
      new Map(apportion(17, members).shares.map(({ gateway, watts: w }) => [gateway, w]));
    expect(byName([...of].reverse())).to.deep.equal(new Map([...byName(of)].reverse()));
  });
});

describe('utility/target', () => {
  const known = (...of: readonly number[]): readonly MemberRoom[] =>
    of.map((roomW, n) => ({ gateway: gw(n), roomW, why: 'test' }));

  /** Every member answers as `ends` says, by its number; the orders that were sent, in rounds. */
  function field(ends: Readonly<Record<number, Ended['state']>>) {
    const sent: string[] = [];
    const order = ({
      gateway,
      watts: asked,
      round,
    }: {
      gateway: GatewayId;
      watts: number;
      round: number;
    }) => {
      sent.push(`${round} ${gateway} ${asked}`);
      return Promise.resolve({
        state: ends[Number(gateway.slice(3))] ?? 'implemented',
        why: 'test',
      } as const);
    };
    return { sent, order };
  }

  it('GRP-4: sends each member its own share, and reports the sum that receipts prove', async () => {
    const { sent, order } = field({});
    const report = await reachTarget(-200_000, known(50_000, 100_000, 250_000), order);
    expect(sent).to.deep.equal(['1 gw-0 -25000', '1 gw-1 -50000', '1 gw-2 -125000']);
    expect(report).to.include({ implementedW: -200_000, unprovenW: 0, shortW: 0, rounds: 1 });
  });

  it('GRP-4: makes up for who refuses, from those who have room left, with their whole share anew', async () => {
    const { sent, order } = field({ 1: 'refused' });
    const report = await reachTarget(300, known(200, 200, 200), order);
    expect(sent.slice(3)).to.deep.equal(['2 gw-0 150', '2 gw-2 150']);
    expect(report).to.include({ implementedW: 300, shortW: 0, rounds: 2 });
    expect(report.members[1]).to.include({ state: 'refused', implementedW: 0, askedW: 100 });
  });

  it('GRP-4: does not make up for who is silent or did it in part: it may still come', async () => {
    const { sent, order } = field({ 0: 'silent', 1: 'partly' });
    const report = await reachTarget(300, known(200, 200, 200), order);
    expect(sent).to.have.length(3);
    expect(report).to.include({ implementedW: 100, unprovenW: 200, shortW: 0, rounds: 1 });
  });

  it('GRP-4: reports what nobody has room for, and asks nothing of who is not known', async () => {
    const { sent, order } = field({ 0: 'refused' });
    const members = [...known(100, 100), { gateway: gw(2), why: 'it has sent no status yet' }];
    const report = await reachTarget(180, members, order);
    expect(sent).to.deep.equal(['1 gw-0 90', '1 gw-1 90', '2 gw-1 100']);
    expect(report).to.include({ implementedW: 100, shortW: 80 });
    expect(report.members[2]).to.include({ state: 'room-unknown', askedW: 0 });
    expect(report.members[2]).to.not.have.property('roomW');
  });

  it('GRP-4: counts nothing as proven of a member that took more and whose devices did not follow', async () => {
    for (const [second, unprovenW] of [
      ['undone', 150],
      ['partly', 200],
    ] as const) {
      const ends: Ended['state'][] = ['implemented', 'refused', second];
      let n = 0;
      const report = await reachTarget(300, known(200, 200), () =>
        Promise.resolve({ state: ends[n++] ?? 'refused', why: 'test' }),
      );
      expect(report).to.include({ implementedW: 0, unprovenW, shortW: 300 - unprovenW });
    }
  });

  it('GRP-4: a member that refuses more keeps what it has', async () => {
    const ends: Ended['state'][] = ['implemented', 'refused', 'refused'];
    let n = 0;
    const report = await reachTarget(300, known(200, 200), () => {
      const state = ends[n++] ?? 'refused';
      return Promise.resolve({ state, why: 'test' });
    });
    expect(report).to.include({ implementedW: 150, unprovenW: 0, shortW: 150 });
    expect(report.members[0]).to.include({ implementedW: 150, askedW: 200 });
  });

  it('GRP-4: for any members and answers, what is proven, unproven and short make the target, and nothing is overdone', async () => {
    const state = fc.constantFrom('implemented', 'refused', 'undone', 'silent', 'partly');
    const members = fc.array(fc.tuple(fc.nat(1000), fc.array(state, { minLength: 3, maxLength: 3 })), {
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: -3000, max: 3000 }), members, async (targetW, of) => {
        const report = await reachTarget(targetW, known(...of.map(([room]) => room)), ({ gateway, round }) =>
          Promise.resolve({ state: of[Number(gateway.slice(3))]?.[1][round - 1] ?? 'silent', why: '' }),
        );
        expect(report.implementedW + report.unprovenW + report.shortW).to.equal(targetW);
        expect(Math.abs(report.implementedW + report.unprovenW)).to.be.at.most(Math.abs(targetW));
        expect(Math.sign(report.shortW) * Math.sign(targetW)).to.be.at.least(0);
        for (const [n, member] of report.members.entries())
          expect(Math.abs(member.askedW)).to.be.at.most(of[n]?.[0] ?? 0);
      }),
      { numRuns: 300 },
    );
  });
});

describe('utility/target, room', () => {
  const reading = (role: DeviceRole, points: Record<string, number>, at = START): Reading => ({
    device: role as string as DeviceId,
    role,
    at,
    points,
  });
  const room = (readings: readonly Reading[] | undefined, targetW: number, ageMs = 0): number | string => {
    const about = { axis: 'opModTargetW', targetW, now: (START + ageMs) as typeof START } as const;
    const { roomW, why } = roomOf(gw(1), readings, about);
    return roomW ?? why;
  };
  const site = [
    reading('inverter', { WMax: 6000, W: 900 }),
    reading('storage', { WMax: 5000, SoC: 40 }),
    reading('meter', { W: 100 }),
  ];

  it('GRP-4: is what the devices that act in that direction are rated for', () => {
    expect(room(site, 1)).to.equal(11_000);
    expect(room(site, -1)).to.equal(5000);
    expect(room([reading('storage', { WMax: 5000, SoC: 100 })], -1)).to.equal(0);
    expect(room([reading('storage', { WMax: 5000, SoC: 0 })], 1)).to.equal(0);
    expect(room([reading('inverter', { WMax: 6000 })], -1)).to.equal(0);
    const charging = { axis: 'opModStorageTargetW', targetW: 1, now: START } as const;
    expect(roomOf(gw(1), site, charging)).to.include({ roomW: 5000 });
  });

  it('GRP-4: is unknown without a status, with an old reading, or without a size; then nothing is asked', () => {
    expect(room(undefined, 1)).to.equal('it has sent no status yet');
    expect(room(site, 1, minutes(15))).to.equal(11_000);
    expect(room(site, 1, minutes(15) + 1)).to.equal('inverter was read 15 minutes ago');
    expect(room([reading('inverter', { W: 1 })], 1)).to.equal('inverter does not tell its greatest power');
  });
});
