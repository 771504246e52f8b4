import { expect } from 'chai';
import * as fc from 'fast-check';
import { after, instant, milliseconds, unixTime } from '../../../src/base/time.ts';
import type { Instant } from '../../../src/base/time.ts';
import { STREAMS } from '../../../src/model/mod.ts';
import type { RecordBody, StreamName, UplinkRecord } from '../../../src/model/mod.ts';
import {
  ALARM_RESERVE,
  MAX_IN_FLIGHT,
  MAX_RUNS_AHEAD,
  RESEND_AFTER,
  acknowledged,
  linkChanged,
  loaded,
  newUplink,
  nextWake,
  number,
  offer,
  published,
  pump,
  tick,
} from '../../../src/wan/uplink/mod.ts';
import type { Uplink, UplinkWish } from '../../../src/wan/uplink/mod.ts';

const BODY: RecordBody = { kind: 'request', wants: 'grant', group: 'feeder-7', why: 'test' };
const T = instant(1_000_000);

describe('the uplink', () => {
  it('numbers each stream from one, without gaps, and goes on where the store stands', () => {
    const uplink = newUplink([{ stream: 'receipt', acknowledged: 3, last: 7 }]);
    const next = (stream: StreamName): number => number(uplink, stream, unixTime(0), BODY).sequence;
    expect([next('alarm'), next('alarm'), next('receipt'), next('receipt')]).to.deep.equal([1, 2, 8, 9]);
  });

  it('sends nothing while the link is down, and everything not acknowledged when it is up', () => {
    const world = new World([{ stream: 'status', acknowledged: 2, last: 5 }]);
    world.append('status');
    expect(world.sent).to.deep.equal([]);
    world.link('up');
    expect(world.sent).to.deep.equal(['status 3', 'status 4', 'status 5', 'status 6']);
  });

  it('sends a live record at once, ahead of the backlog of its stream', () => {
    const world = new World([{ stream: 'reading', acknowledged: 0, last: 60 }]);
    world.link('up');
    expect(world.sent).to.have.length(MAX_IN_FLIGHT);
    world.publishedOne('without pump');
    world.append('reading');
    expect(world.sent.at(-1)).to.equal('reading 61');
    world.publishAll();
    expect(new Set(world.sent).size).to.equal(61);
    expect(world.sent).to.have.length(61);
  });

  it('ALARM-1: sends the alarms of a backlog before all else, and the other streams in their order', () => {
    const backlog = STREAMS.toReversed().map(stream => ({ stream, acknowledged: 0, last: 2 }));
    const world = new World(backlog);
    world.link('up');
    world.publishAll();
    expect(world.sent).to.deep.equal(STREAMS.flatMap(stream => [`${stream} 1`, `${stream} 2`]));
  });

  it('ALARM-1: keeps room for alarms when everything else has filled the link', () => {
    const world = new World([{ stream: 'status', acknowledged: 0, last: 100 }]);
    world.link('up');
    expect(world.sent).to.have.length(MAX_IN_FLIGHT);
    for (let i = 0; i < ALARM_RESERVE + 1; i++) world.append('alarm');
    expect(world.sent.slice(MAX_IN_FLIGHT)).to.deep.equal(['alarm 1', 'alarm 2', 'alarm 3', 'alarm 4']);
    world.publishedOne();
    expect(world.sent.at(-1)).to.equal('alarm 5');
  });

  it('ALARM-1: lets no live record of another stream overtake an alarm that waits in the store', () => {
    const uplink = newUplink([{ stream: 'alarm', acknowledged: 0, last: 1 }]);
    linkChanged(uplink, true, T);
    const asked = pump(uplink);
    expect(asked).to.deep.equal([{ do: 'load', stream: 'alarm', after: 0, limit: 1 }]);
    expect(offer(uplink, number(uplink, 'reading', unixTime(0), BODY))).to.deep.equal([]);
    loaded(uplink, { stream: 'alarm', after: 0, limit: 1, records: [record('alarm', 1)] }, unixTime(0));
    expect(pump(uplink)).to.deep.equal([{ do: 'load', stream: 'reading', after: 0, limit: 1 }]);
  });

  it('ALARM-1: asks for no other stream while alarms are left beyond a run that was sent ahead', () => {
    const uplink = newUplink([
      { stream: 'alarm', acknowledged: 0, last: 1 },
      { stream: 'status', acknowledged: 0, last: 1 },
    ]);
    linkChanged(uplink, true, T);
    offer(uplink, number(uplink, 'alarm', unixTime(0), BODY));
    number(uplink, 'alarm', unixTime(0), BODY);
    expect(pump(uplink)).to.deep.equal([{ do: 'load', stream: 'alarm', after: 0, limit: 1 }]);
  });

  it('believes no acknowledgement beyond what was numbered, and none twice', () => {
    const uplink = newUplink([{ stream: 'receipt', acknowledged: 3, last: 7 }]);
    expect(acknowledged(uplink, 'receipt', 8, T)).to.equal(undefined);
    expect(acknowledged(uplink, 'receipt', 3, T)).to.equal(undefined);
    expect(acknowledged(uplink, 'receipt', 7, T)).to.equal(7);
    expect(acknowledged(uplink, 'receipt', 7, T)).to.equal(undefined);
  });

  it('sends again what the head end has not acknowledged for half a minute, to the millisecond', () => {
    const world = new World([]);
    world.link('up');
    world.append('receipt');
    world.publishAll();
    const due = after(T, RESEND_AFTER);
    expect(nextWake(world.uplink)).to.equal(due);
    world.tick((due - 1) as Instant);
    expect(world.sent).to.deep.equal(['receipt 1']);
    world.tick(due);
    expect(world.sent).to.deep.equal(['receipt 1', 'receipt 1']);
    world.acknowledge('receipt', 1);
    expect(nextWake(world.uplink)).to.equal(undefined);
  });

  it('puts the resending off by progress on any stream', () => {
    const world = new World([]);
    world.link('up');
    world.append('receipt');
    world.append('status');
    world.now = after(T, milliseconds(20_000));
    world.acknowledge('status', 1);
    expect(nextWake(world.uplink)).to.equal(after(world.now, RESEND_AFTER));
  });

  it('does not count the PUBACK of a link that was lost against the one that is up', () => {
    const world = new World([{ stream: 'status', acknowledged: 0, last: 40 }]);
    world.link('up');
    const old = world.uplink.session;
    world.link('down');
    world.link('up');
    published(world.uplink, old);
    expect(world.uplink.inFlight).to.equal(MAX_IN_FLIGHT);
  });

  it('drops the answer to a load that was asked on a link since lost', () => {
    const uplink = newUplink([{ stream: 'status', acknowledged: 0, last: 1 }]);
    linkChanged(uplink, true, T);
    pump(uplink);
    linkChanged(uplink, false, T);
    linkChanged(uplink, true, T);
    const old = { stream: 'status', after: 0, limit: 1, records: [record('status', 1)] } as const;
    expect(loaded(uplink, old, unixTime(0))).to.deep.equal([]);
  });

  it('says which records the store has lost: alone, at the end of an answer, and all of an answer', () => {
    const lost = [2, 5, 6, 8, 9, 10, 13, 14];
    const world = new World([{ stream: 'status', acknowledged: 0, last: 14 }], lost);
    world.link('up');
    world.publishAll();
    expect(world.sent).to.deep.equal(
      ['1', 'lost 2-2', '3', '4', 'lost 5-6', '7', 'lost 8-10', '11', '12', 'lost 13-14'].map(
        n => `status ${n}`,
      ),
    );
    world.append('status');
    expect(world.sent.at(-1)).to.equal('status 15');
    expect(pump(world.uplink)).to.deep.equal([]);
    world.acknowledge('status', 15);
    expect(nextWake(world.uplink)).to.equal(undefined);
  });

  it('remembers no more runs sent ahead than it may, and sends the forgotten ones again', () => {
    const world = new World([{ stream: 'status', acknowledged: 0, last: 1 }]);
    const { uplink } = world;
    linkChanged(uplink, true, T);
    for (let i = 0; i < MAX_RUNS_AHEAD + 2; i++) {
      world.append('status', 'full');
      world.append('status', 'without pump');
    }
    expect(uplink.streams.status.ahead).to.have.length(MAX_RUNS_AHEAD);
    world.publishAll();
    const last = 1 + 2 * (MAX_RUNS_AHEAD + 2);
    expect(new Set(world.sent).size).to.equal(last);
    expect(world.sent.length - last).to.equal(2);
  });

  it('in any life of the link sends every record, drops none unacknowledged, and keeps to its places', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), actions => {
        const world = new World([]);
        for (const act of actions) {
          perform(world, act);
          world.check();
        }
        world.link('down');
        world.sent.length = 0;
        world.link('up');
        world.publishAll();
        const owed = STREAMS.flatMap(stream => world.owed(stream).map(sequence => `${stream} ${sequence}`));
        expect(world.sent, 'sent since the last link-up').to.include.members(owed);
        expect(
          world.sent.filter(name => name.includes('lost')),
          'nothing was',
        ).to.deep.equal([]);
      }),
      { numRuns: 2000 },
    );
  });
});

type Act =
  | { readonly do: 'append' | 'acknowledge'; readonly stream: StreamName; readonly n: number }
  | { readonly do: 'publish' | 'tick' | 'link'; readonly n: number }
  | { readonly do: 'answer load' | 'hold loads' };

const action: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constantFrom('append', 'append', 'acknowledge'),
      stream: fc.constantFrom(...STREAMS),
      n: fc.nat(100),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('publish', 'tick', 'link'), n: fc.nat(100) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('answer load', 'answer load', 'hold loads') }) },
);

/** `n` is a share in per cent, of what each action has at most. */
function perform(world: World, act: Act): void {
  switch (act.do) {
    case 'append':
      return times(1 + act.n / 10, () => world.append(act.stream));
    case 'acknowledge':
      return world.acknowledge(act.stream, Math.floor((world.uplink.streams[act.stream].last * act.n) / 100));
    case 'publish':
      return times(act.n / 10, () => world.publishedOne());
    case 'tick':
      return world.tick(after(world.now, milliseconds(act.n * 400)));
    case 'link':
      return world.link(act.n < 20 ? 'down' : 'up');
    case 'answer load':
      return world.answerLoad();
    case 'hold loads':
      return world.hold();
  }
}

/** The simple reference beside the machine: a store that keeps what is not acknowledged, and a broker. */
class World {
  readonly uplink: Uplink;
  readonly sent: string[] = [];
  readonly acked = Object.fromEntries(STREAMS.map(s => [s, 0])) as Record<StreamName, number>;
  now: Instant = T;
  readonly #store = new Map<StreamName, UplinkRecord[]>(STREAMS.map(s => [s, []]));
  readonly #flying: { session: number; name: string }[] = [];
  readonly #loads: Extract<UplinkWish, { do: 'load' }>[] = [];
  #answered = 0;
  /** While held, loads wait for {@link answerLoad}. */
  #held = false;

  constructor(
    marks: readonly { stream: StreamName; acknowledged: number; last: number }[],
    lost: readonly number[] = [],
  ) {
    this.uplink = newUplink(marks);
    for (const { stream, acknowledged: from, last } of marks) {
      this.acked[stream] = from;
      for (let n = from + 1; n <= last; n++)
        if (!lost.includes(n)) this.#rows(stream).push(record(stream, n));
    }
  }

  append(stream: StreamName, how: 'pump' | 'without pump' | 'full' = 'pump'): void {
    const made = number(this.uplink, stream, unixTime(0), BODY);
    this.#rows(stream).push(made);
    if (how !== 'full') this.#follow(offer(this.uplink, made));
    if (how === 'pump') this.#pump();
  }

  link(to: 'up' | 'down'): void {
    linkChanged(this.uplink, to === 'up', this.now);
    this.#flying.length = 0;
    this.#pump();
  }

  tick(now: Instant): void {
    this.now = now;
    tick(this.uplink, now);
    this.#pump();
  }

  acknowledge(stream: StreamName, through: number): void {
    const upTo = acknowledged(this.uplink, stream, through, this.now);
    if (upTo !== undefined) {
      this.acked[stream] = upTo;
      this.#store.set(
        stream,
        this.#rows(stream).filter(r => r.sequence > upTo),
      );
    }
    this.#pump();
  }

  publishedOne(how: 'pump' | 'without pump' = 'pump'): void {
    const flight = this.#flying.shift();
    if (flight !== undefined) published(this.uplink, flight.session);
    if (how === 'pump') this.#pump();
  }

  publishAll(): void {
    this.#held = false;
    do {
      while (this.#loads.length > 0) this.answerLoad();
      this.publishedOne();
    } while (this.#flying.length > 0 || this.#loads.length > 0);
  }

  hold(): void {
    this.#held = true;
  }

  answerLoad(): void {
    const load = this.#loads.shift();
    if (load === undefined) return;
    expect(++this.#answered, 'loads without end').to.be.below(10_000);
    const rows = this.#rows(load.stream).filter(r => r.sequence > load.after);
    const answer = { ...load, records: rows.slice(0, load.limit) };
    this.#follow(loaded(this.uplink, answer, unixTime(0)));
    this.#pump();
  }

  /** What holds at every moment. */
  check(): void {
    const others = this.#flying.filter(f => !f.name.startsWith('alarm'));
    expect(this.uplink.inFlight).to.equal(this.#flying.length);
    expect(this.#flying.length).to.be.at.most(MAX_IN_FLIGHT + ALARM_RESERVE);
    expect(others.length).to.be.at.most(MAX_IN_FLIGHT);
    for (const stream of STREAMS) {
      const held = this.#rows(stream).map(r => r.sequence);
      expect(held, 'only what was acknowledged has left').to.deep.equal(this.owed(stream));
    }
  }

  /** What the head end has not acknowledged of all that was ever numbered. */
  owed(stream: StreamName): number[] {
    const { last } = this.uplink.streams[stream];
    return Array.from({ length: last - this.acked[stream] }, (_, i) => this.acked[stream] + 1 + i);
  }

  #pump(): void {
    this.#follow(pump(this.uplink));
  }

  #follow(wishes: readonly UplinkWish[]): void {
    for (const wish of wishes) {
      if (wish.do === 'load') {
        this.#loads.push(wish);
        continue;
      }
      const name = nameOf(wish.record);
      this.sent.push(name);
      if (wish.session === this.uplink.session) this.#flying.push({ session: wish.session, name });
    }
    if (!this.#held) while (this.#loads.length > 0) this.answerLoad();
  }

  #rows(stream: StreamName): UplinkRecord[] {
    return this.#store.get(stream) ?? [];
  }
}

function record(stream: StreamName, sequence: number): UplinkRecord {
  return { stream, sequence, at: unixTime(0), body: BODY };
}

function nameOf({ stream, sequence, body }: UplinkRecord): string {
  return `${stream} ${body.kind === 'lost' ? `lost ${body.first}-${body.last}` : sequence}`;
}

function times(n: number, act: () => void): void {
  for (let i = 0; i < Math.floor(n); i++) act();
}
