/**
 * A gateway on a bench: the step function with a store, a clock that is turned by hand, and everything it
 * wished written down. After every step the bench checks what holds for every step.
 */
import { expect } from 'chai';
import { instant, unixTime } from '../../src/base/time.ts';
import type { Now, UnixTime } from '../../src/base/time.ts';
import { hours } from '../../src/base/time.ts';
import { nextWake, restore, step, view } from '../../src/gateway/mod.ts';
import type {
  DeviceOrder,
  Effect,
  GatewayState,
  Input,
  Settings,
  StoreChange,
} from '../../src/gateway/mod.ts';
import type {
  Axis,
  CommandBody,
  CustomerBody,
  DeviceId,
  EventBody,
  Held,
  MRID,
  Outcome,
  PremiseRequest,
  PremiseView,
  ReceiptBody,
  RecordBody,
  StatusBody,
  StreamName,
  UplinkRecord,
} from '../../src/model/mod.ts';
import type { CommandClaims } from '../../src/wan/envelope/mod.ts';
import { T0, at } from '../support/events.ts';
import { GATEWAY, HeadEnd, UTILITY } from '../support/head-end.ts';
import type { Signed } from '../support/head-end.ts';
import { MemoryStore } from '../support/memory-store.ts';

export const PV = 'pv' as DeviceId;
export const BATTERY = 'battery' as DeviceId;

export class Bench {
  readonly headEnd = new HeadEnd();
  /** An aggregator with a key of its own, which may ask for nothing above dispatch. */
  readonly aggregator = new HeadEnd('aggregator-b', { highestClass: 'dispatch' });
  readonly store = new MemoryStore();
  readonly settings: Settings;
  state: GatewayState;
  /** Milliseconds after T0, on both clocks. */
  ms = -60_000;
  /** How far the system's clock is off; the monotonic one never is. */
  systemOffMs = 0;
  /** All effects so far; {@link take} empties it. */
  effects: Effect[] = [];
  #token = 0;

  constructor(settings: Partial<Settings> = {}) {
    this.settings = {
      gateway: GATEWAY,
      utility: UTILITY,
      version: '0.0.0',
      keys: new Map([this.headEnd, this.aggregator].map(({ key }) => [key.kid, key])),
      defaults: {},
      bounds: [],
      terms: { directMayBeOverridden: [] },
      reversion: 60_000 as Settings['reversion'],
      ...settings,
    };
    this.state = restore(this.settings, this.store.read());
  }

  /** With a link and one inverter that can be limited and disconnected. */
  static ready(settings: Partial<Settings> = {}): Bench {
    const bench = new Bench(settings);
    bench.link('up');
    bench.device(PV, 'present');
    bench.effects = [];
    return bench;
  }

  get now(): Now {
    return { instant: instant(10_000_000 + this.ms), unix: at(this.ms + this.systemOffMs) };
  }

  step(input: Input): readonly Effect[] {
    const effects = step(this.state, input, this.now);
    const persists = effects.map((e, i) => (e.do === 'persist' ? i : -1)).filter(i => i >= 0);
    expect(persists, 'at most one persist, and first').to.deep.equal(persists.length === 0 ? [] : [0]);
    for (const effect of effects) if (effect.do === 'persist') this.store.apply(effect.changes);
    this.#checkAppended(effects);
    this.effects.push(...effects);
    for (const effect of effects) {
      if (effect.do === 'publish') this.step({ on: 'published', session: effect.session });
      if (effect.do === 'load') this.#answerLoad(effect);
    }
    return effects;
  }

  /** Turns the clock to `ms` after T0, waking the gateway whenever it asked to be. */
  until(ms: number): void {
    for (let idle = 0; ; ) {
      const wake = nextWake(this.state, this.now);
      const due = wake === undefined ? Infinity : wake - 10_000_000;
      if (due > ms) break;
      idle = due > this.ms ? 0 : idle + 1;
      expect(idle, 'wakes without end at one moment').to.be.below(5);
      this.ms = Math.max(this.ms, due);
      this.step({ on: 'tick' });
    }
    this.ms = ms;
  }

  command(body: CommandBody, changes: Partial<CommandClaims> = {}, by = this.headEnd): Signed {
    const signed = by.sign(body, this.now.unix, changes);
    this.deliver(signed);
    return signed;
  }

  deliver(
    { topic, payload }: Omit<Signed, 'cti'> & Partial<Signed>,
    retained: 'retained' | 'live' = 'live',
  ): readonly Effect[] {
    const token = ++this.#token;
    const effects = this.step({ on: 'message', token, topic, payload, retained: retained === 'retained' });
    expect(effects.flatMap(e => (e.do === 'acknowledge' ? [e.token] : []))).to.deep.equal([token]);
    return effects;
  }

  link(to: 'up' | 'down'): void {
    this.step({ on: 'link', up: to === 'up', why: 'test' });
  }

  device(
    device: DeviceId,
    is: 'present' | 'lost',
    axes: readonly Axis[] = ['opModConnect', 'opModMaxLimW'],
  ): void {
    this.step({
      on: 'device',
      state: { device, present: is === 'present', model: 'Test 1', axes, why: 'test' },
    });
  }

  request(ask: PremiseRequest, request = 1): readonly Effect[] {
    return this.step({ on: 'request', request, ask });
  }

  /** Acknowledges and overrides with the right code. */
  override(mRID: MRID): void {
    this.request({ kind: 'acknowledge', mRID });
    this.request({ kind: 'override', mRID, code: '1234' }, 2);
    this.step({ on: 'codeChecked', request: 2, right: true });
  }

  /** The device answers its newest order on `axis`. */
  answer(outcome: Outcome = 'implemented', axis: Axis = 'opModMaxLimW', device: DeviceId = PV): void {
    const order = this.orders(axis, device).at(-1);
    if (order === undefined) throw new Error(`no order on ${axis} of ${device}`);
    this.answerOrder(order, outcome);
  }

  answerOrder({ order, axis, device, value }: DeviceOrder, outcome: Outcome): void {
    const words = value === undefined ? [] : [value];
    const evidence = [{ point: '704.WMaxLimPct', address: 40_300, wrote: words, readBack: words }];
    const why = outcome === 'implemented' ? {} : { why: `the device is ${outcome}` };
    this.step({ on: 'applied', order, applied: { device, axis, outcome, evidence, ...why } });
  }

  reading(points: Record<string, number>, device: DeviceId = PV, held?: Held): readonly Effect[] {
    const reading = { device, role: 'inverter', at: this.now.unix, points } as const;
    return this.step({ on: 'reading', reading: held === undefined ? reading : { ...reading, held } });
  }

  orders(axis: Axis = 'opModMaxLimW', device: DeviceId = PV): readonly DeviceOrder[] {
    return this.effects.flatMap(e =>
      e.do === 'actuate' && e.order.axis === axis && e.order.device === device ? [e.order] : [],
    );
  }

  values(axis: Axis = 'opModMaxLimW', device: DeviceId = PV): readonly (number | undefined)[] {
    return this.orders(axis, device).map(o => o.value);
  }

  changes(): readonly StoreChange[] {
    return this.effects.flatMap(e => (e.do === 'persist' ? e.changes : []));
  }

  /** Everything ever reported on `stream`, from the outbox. */
  reported(stream: StreamName): readonly UplinkRecord[] {
    return this.store.records(stream);
  }

  receipts(): readonly ReceiptBody[] {
    return bodies(this.reported('receipt'), 'receipt');
  }

  /** `received ev-1`, `started ev-1`: what each receipt said, in order. */
  story(): readonly string[] {
    return this.receipts().map(({ response, mRID, refusal }) =>
      [response, refusal ?? mRID].filter(word => word !== undefined).join(' '),
    );
  }

  customer(): readonly CustomerBody[] {
    return bodies(this.reported('customer'), 'customer');
  }

  statuses(): readonly StatusBody[] {
    return bodies(this.reported('status'), 'status');
  }

  view(): PremiseView {
    return view(this.state, this.now);
  }

  /** The process ends here and begins again from what is in the store, which went through JSON. */
  restart(): void {
    this.state = restore(this.settings, this.store.read());
    this.effects = [];
    this.step({ on: 'tick' });
  }

  /** The effects since last asked. */
  take(): readonly Effect[] {
    const { effects } = this;
    this.effects = [];
    return effects;
  }

  /** Nothing is handed to the broker before it is in the outbox. */
  #checkAppended(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.do !== 'publish') continue;
      const { stream, sequence } = effect.record;
      expect(sequence, 'a record is published only from the outbox').to.be.at.most(this.store.last(stream));
    }
  }

  #answerLoad({ stream, after, limit }: Extract<Effect, { do: 'load' }>): void {
    this.step({ on: 'loaded', stream, after, limit, records: this.store.records(stream, after, limit) });
  }
}

/** An event of one hour from T0 on that halves the real power. */
export function eventBody(changes: Partial<EventBody> = {}): EventBody {
  return {
    kind: 'event',
    service: 'demand-response',
    mRID: 'ev-1' as MRID,
    axes: { opModMaxLimW: 5000 },
    start: T0,
    duration: hours(1),
    ...changes,
  };
}

/** An isolation from T0 on, until it is cancelled. */
export function isolation(changes: Partial<EventBody> = {}): EventBody {
  const { duration: _, ...body } = eventBody({
    mRID: 'em-7' as MRID,
    service: 'direct',
    axes: { opModConnect: 0 },
  });
  return { ...body, ...changes };
}

export function unix(ms: number): UnixTime {
  return unixTime(T0 + ms);
}

function bodies<K extends RecordBody['kind']>(
  records: readonly UplinkRecord[],
  kind: K,
): readonly Extract<RecordBody, { kind: K }>[] {
  return records.flatMap(({ body }) =>
    body.kind === kind ? [body as Extract<RecordBody, { kind: K }>] : [],
  );
}
