/**
 * The interpreter: feeds inputs to the step, one at a time, and carries out what it returns. Everything a
 * step wants done waits until what it persisted is on the disk, and follows what earlier steps wanted.
 *
 * When persisting fails, all that was waiting is dropped, unacknowledged messages come again, and the state
 * is read anew from the store. Until that takes changes again, what is stored goes on and nothing new is taken.
 */
import { after, milliseconds } from '../../base/time.ts';
import type { Now } from '../../base/time.ts';
import { commandTopic, gatewaySubscriptions, upTopic } from '../../model/mod.ts';
import type { GroupId, PremiseReply, PremiseRequest, Reading, UplinkRecord } from '../../model/mod.ts';
import type { DeviceId } from '../../model/mod.ts';
import { openDoor } from './delivery-door.ts';
import type { DeliveryDoor } from './delivery-door.ts';
import type { GatewayPorts } from './doors.ts';
import type { Effect, Input } from '../effects.ts';
import type { BrokerPort, DeviceOrder, DeviceState, DevicesPort, SettingsPort, Snapshot } from '../ports.ts';
import { Pubacks } from './pubacks.ts';
import type { Message } from './pubacks.ts';
import { effectToShow, inputToShow } from '../premise/shown.ts';
import { askDevice } from '../commands/asking.ts';
import { inMessages, messagesOf } from '../uplink/sending.ts';
import { carryOver, isLocal, noteSaid, Storeless, tryStore } from './storeless.ts';
import { restore, standingKey } from '../state.ts';
import type { GatewayState, Settings } from '../state.ts';
import { dateOf, nextWake, step, view } from '../step.ts';

/** The display follows at most ten times a second: a person sees no more, and a flood costs no more. */
const SHOW_EVERY = milliseconds(100);
/** How often a store that failed is tried again. */
const REOPEN_EVERY = milliseconds(1000);

const STOPPING: PremiseReply = { ok: false, refusal: 'stopping', why: 'The gateway is stopping.' };
const CANNOT_STORE: PremiseReply = {
  ok: false,
  refusal: 'storage',
  why: 'The gateway cannot store anything at the moment.',
};

/** Why the store failed, and the messages that were not acknowledged by then. */
type Failure = { readonly why: string; readonly dropped: readonly Message[] };

export interface Gateway {
  /** A request from the premise; answered when what it changed is durable. */
  request(ask: PremiseRequest): Promise<PremiseReply>;
  /** Refusals and other events by name, since the start. */
  counts(): ReadonlyMap<string, number>;
  /** Resolves when a tick and all before it is carried out, or the store was tried again: never, where something hangs. */
  turn(): Promise<void>;
  /** Ends cleanly: what is being persisted is finished, links are closed. The store stays its owner's. */
  stop(): Promise<void>;
}

/** Starts a gateway. Resolves when its state is restored and its links are being made. */
export async function startGateway(settings: Settings, ports: GatewayPorts): Promise<Gateway> {
  const state = restore(settings, await ports.store.snapshot(settings.gateway));
  const runtime = new Runtime(settings, ports, state);
  runtime.start();
  return runtime;
}

class Runtime implements Gateway {
  readonly #settings: Settings;
  readonly #ports: GatewayPorts;
  #state: GatewayState;
  #broker: BrokerPort | undefined;
  #devices: (DevicesPort & Partial<SettingsPort>) | undefined;
  #deliveries: DeliveryDoor | undefined;
  /** Steps whose effects wait, in order; a failed persist raises the generation and so drops the rest. */
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  #generation = 0;
  #failed = false;
  /** While the store has failed and can be read: the state is what it says, and this is what is said upstream. */
  #storeless: Storeless | undefined;
  #reopening: Promise<void> = Promise.resolve();
  #stopped = false;
  #cancelWake: (() => void) | undefined;
  #cancelShow: (() => void) | undefined;
  #nextRequest = 1;
  readonly #pubacks: Pubacks;
  readonly #requests = new Map<number, (reply: PremiseReply) => void>();
  /** The newest order of each device and axis while an older one is being carried out. */
  readonly #mailbox = new Map<string, DeviceOrder | undefined>();
  /** What the world last said, to be told again to a state read anew. */
  readonly #world = {
    link: { up: false, why: 'not connected yet' },
    devices: new Map<DeviceId, DeviceState>(),
    readings: new Map<DeviceId, Reading>(),
  };

  constructor(settings: Settings, ports: GatewayPorts, state: GatewayState) {
    this.#settings = settings;
    this.#ports = ports;
    this.#state = state;
    this.#pubacks = new Pubacks(ports.clock, () => this.#broker?.renew());
  }

  start(): void {
    this.#devices = this.#ports.devices({
      reading: reading => {
        this.#world.readings.set(reading.device, reading);
        this.#take({ on: 'reading', reading });
      },
      device: state => {
        this.#world.devices.set(state.device, state);
        this.#take({ on: 'device', state });
      },
      lapsed: (order, applied) => this.#take({ on: 'applied', order, applied }),
    });
    this.#broker = this.#ports.broker({
      message: message => {
        if (this.#stopped || this.#deliveries?.takes(message) === true) return;
        if (this.#failed) return this.#storeless?.refuse(message);
        const { topic, payload, retained, acknowledge } = message;
        const token = this.#pubacks.take(acknowledge, message);
        if (token !== undefined) this.#take({ on: 'message', token, topic, payload, retained });
      },
      link: link => {
        this.#world.link = link;
        this.#deliveries?.link(link.up);
        this.#take({ on: 'link', ...link });
      },
    });
    this.#deliveries = openDoor(this.#ports.delivery, {
      utility: this.#settings.utility,
      broker: this.#broker,
      devices: this.#world.devices,
      take: input => this.#take(input),
    });
    // Every door is there before the first wish, and none says anything before this returns.
    this.#take({ on: 'started', seed: this.#ports.seed() });
    const groups = [...this.#state.memberships].flatMap(([group, m]) => (m.member ? [group] : []));
    this.#broker.subscribe(gatewaySubscriptions(this.#settings.utility, this.#settings.gateway, groups));
    this.#take({ on: 'tick' });
  }

  request(ask: PremiseRequest): Promise<PremiseReply> {
    if (this.#stopped) return Promise.resolve(STOPPING);
    if (this.#failed) return Promise.resolve(CANNOT_STORE);
    return new Promise(resolve => {
      const request = this.#nextRequest++;
      this.#requests.set(request, resolve);
      this.#take({ on: 'request', request, ask });
    });
  }

  counts(): ReadonlyMap<string, number> {
    return this.#state.counts;
  }

  async turn(): Promise<void> {
    this.#take({ on: 'tick' });
    await this.#tail;
    if (this.#failed) await this.#reopening;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelWake?.();
    this.#cancelShow?.();
    await this.#tail;
    await this.#reopening;
    this.#pubacks.drop();
    for (const [request, resolve] of this.#requests) {
      this.#requests.delete(request);
      resolve(STOPPING);
    }
    await this.#broker?.close();
    await this.#devices?.close();
    await this.#deliveries?.close();
  }

  #take(input: Input): void {
    if (this.#stopped || (this.#failed && (this.#storeless === undefined || !isLocal(input)))) return;
    this.#ports.observe?.({ input: inputToShow(input) });
    const now = this.#ports.clock.now();
    const effects = step(this.#state, input, now);
    if (effects.some(effect => effect.do === 'acknowledge' && effect.fruitless === true))
      this.#pubacks.charge(now.instant);
    this.#ports.observe?.({ stepped: effects.map(effectToShow) });
    if (this.#failed) return this.#runAll(this.#storeless?.unstored(effects) ?? []);
    this.#follow(effects);
    this.#setWake();
  }

  /** Carries `effects` out: at once when nothing is to be persisted and nothing waits, else in its turn. */
  #follow(effects: readonly Effect[]): void {
    const [first, ...rest] = effects;
    const durable =
      first?.do === 'persist' ? this.#ports.store.persist(this.#settings.gateway, first.changes) : undefined;
    if (durable === undefined && this.#waiting === 0) return this.#runAll(effects);
    const generation = this.#generation;
    this.#waiting++;
    this.#tail = this.#inTurn(this.#tail, durable, () => {
      if (generation === this.#generation) this.#runAll(durable === undefined ? effects : rest);
    });
  }

  /** Runs `then` when all before it is settled and `durable` is on the disk. Rejects only by a broken promise of ours. */
  async #inTurn(
    previous: Promise<void>,
    durable: Promise<void> | undefined,
    then: () => void,
  ): Promise<void> {
    const [before, stored] = await Promise.allSettled([previous, durable]);
    this.#waiting--;
    if (before.status === 'rejected') throw before.reason;
    if (stored.status === 'rejected') this.#fail(stored.reason);
    else then();
  }

  #runAll(effects: readonly Effect[]): void {
    for (const { effect, records } of inMessages(effects)) {
      this.#ports.observe?.({ effect: effectToShow(effect) });
      this.#run(effect, records);
    }
  }

  #run(effect: Effect, records: readonly UplinkRecord[]): void {
    switch (effect.do) {
      case 'persist':
        return;
      case 'acknowledge':
        if (effect.fruitless === true) return this.#pubacks.acknowledgeLater(effect.token);
        return this.#pubacks.acknowledge(effect.token);
      case 'listen':
        return this.#listen(effect.group, effect.member);
      case 'actuate':
        return this.#actuate(effect.order);
      case 'publish':
        return this.#publish(effect.session, records);
      case 'load':
        return this.#load(effect);
      case 'show':
        return this.#show();
      case 'check':
        return this.#check(effect);
      case 'open':
        return this.#open(effect);
      case 'ask':
        return void askDevice(this.#devices, effect).then(answer => this.#take(answer));
      case 'deliver':
        return this.#deliveries?.run(effect.wish);
      case 'reply':
        this.#requests.get(effect.request)?.(effect.reply);
        this.#requests.delete(effect.request);
        return;
      case 'log':
        return this.#ports.log(effect.entry);
    }
  }

  #listen(group: GroupId, member: boolean): void {
    const topic = commandTopic(this.#settings.utility, { kind: 'group', id: group });
    if (member) this.#broker?.subscribe([topic]);
    else this.#broker?.unsubscribe([topic]);
  }

  /** A mailbox for each device and axis: while an order runs, a newer one replaces the one that waits. */
  #actuate(order: DeviceOrder): void {
    const box = standingKey(order.device, order.axis);
    if (this.#mailbox.has(box)) {
      this.#mailbox.set(box, order);
      return;
    }
    this.#mailbox.set(box, undefined);
    void this.#carryOut(box, order);
  }

  async #carryOut(box: string, first: DeviceOrder): Promise<void> {
    for (let order: DeviceOrder | undefined = first; order !== undefined; ) {
      const applied = await this.#devices?.apply(order);
      const next: DeviceOrder | undefined = this.#mailbox.get(box);
      this.#mailbox.set(box, undefined);
      if (next === undefined) this.#mailbox.delete(box);
      if (applied !== undefined) this.#take({ on: 'applied', order: order.order, applied });
      order = next;
    }
  }

  /** `records` are of one stream. */
  #publish(session: number, records: readonly UplinkRecord[]): void {
    const { utility, gateway } = this.#settings;
    const at = dateOf(this.#state, this.#ports.clock.now()).unix;
    for (const message of messagesOf(this.#ports.signer, records, at)) {
      const done = (): void => this.#take({ on: 'published', session, records: message.records });
      const topic = upTopic(utility, gateway, records[0]?.stream ?? 'status');
      void this.#broker?.publish(topic, message.payload).then(done, done);
    }
  }

  #load({ stream, after: from, limit }: Extract<Effect, { do: 'load' }>): void {
    const generation = this.#generation;
    void this.#ports.store.load(this.#settings.gateway, stream, from, limit).then(
      records => {
        if (generation === this.#generation)
          this.#take({ on: 'loaded', stream, after: from, limit, records });
      },
      error => {
        if (generation === this.#generation) this.#fail(error);
      },
    );
  }

  #show(): void {
    if (this.#cancelShow !== undefined) return;
    const { clock, display } = this.#ports;
    this.#cancelShow = clock.at(after(clock.now().instant, SHOW_EVERY), () => {
      this.#cancelShow = undefined;
      display.show(view(this.#state, clock.now()));
    });
  }

  #open({ sealed, box, context }: Extract<Effect, { do: 'open' }>): void {
    const generation = this.#generation;
    void this.#ports.opener?.open(box, context).then(opened => {
      if (generation === this.#generation) this.#take({ on: 'opened', sealed, opened });
    });
  }

  #check({ request, code, hash }: Extract<Effect, { do: 'check' }>): void {
    const done = (right: boolean): void => this.#take({ on: 'codeChecked', request, right });
    void this.#ports.code.check(code, hash).then(done, () => done(false));
  }

  #setWake(): void {
    this.#cancelWake?.();
    const { clock } = this.#ports;
    const when = nextWake(this.#state, clock.now());
    this.#cancelWake = when === undefined ? undefined : clock.at(when, () => this.#take({ on: 'tick' }));
  }

  /** The store failed: nothing that waited happens, and the state is what the store says, when it can be read. */
  #fail(error: unknown): void {
    this.#generation++;
    if (this.#failed || this.#stopped) return;
    this.#failed = true;
    this.#cancelWake?.();
    const dropped = this.#pubacks.drop();
    for (const resolve of this.#requests.values()) resolve(CANNOT_STORE);
    this.#requests.clear();
    const why = `the store failed: ${error instanceof Error ? error.message : String(error)}`;
    const text = `${why}; commands are refused until it works again`;
    this.#ports.log({ level: 'error', event: 'store.failed', text });
    this.#reopening = this.#reopen({ why, dropped });
  }

  /** Reads the state anew when everything that was being persisted has settled, for it may still become durable. */
  async #reopen(failure: Failure): Promise<void> {
    const { clock, store } = this.#ports;
    await this.#tail;
    const how = { now: clock.now(), storeless: this.#storeless };
    const { snapshot, works } = await tryStore(store, this.#settings.gateway, how);
    if (this.#stopped) return;
    if (works && snapshot !== undefined) return this.#resume(restore(this.#settings, snapshot));
    if (snapshot !== undefined && this.#storeless === undefined) this.#goOnWithout(snapshot, failure);
    this.#cancelWake = clock.at(after(clock.now().instant, REOPEN_EVERY), () => {
      this.#take({ on: 'tick' });
      this.#reopening = this.#reopen(failure);
    });
  }

  /** What is stored goes on; what was not taken is refused. */
  #goOnWithout(snapshot: Snapshot, { why, dropped }: Failure): void {
    const state = restore(this.#settings, snapshot);
    carryOver(this.#state, state);
    this.#state = state;
    const date = (): Now => dateOf(state, this.#ports.clock.now());
    this.#storeless = new Storeless({ state, why, marks: snapshot.streams, date, say: r => this.#say(r) });
    for (const message of dropped) this.#storeless.refuse(message);
    this.#tellWorld();
  }

  /** Sends a record whose number was promised; where none is, the store refuses it, and it is not sent. */
  #say(record: UplinkRecord): Promise<void> {
    return this.#ports.store.persist(this.#settings.gateway, [{ op: 'append', record }], 'soon').then(
      () => this.#publish(-1, [noteSaid(this.#state, record)]),
      () => this.#storeless?.mute(),
    );
  }

  /** Goes on with a state read anew. What is still under way in the world must not be taken for its own. */
  #resume(state: GatewayState): void {
    carryOver(this.#state, state);
    this.#state = state;
    this.#failed = false;
    this.#storeless = undefined;
    const text = 'the store works again; the state was read anew';
    this.#ports.log({ level: 'info', event: 'store.restored', text });
    this.#tellWorld();
    this.#take({ on: 'link', ...this.#world.link });
    this.#broker?.renew();
  }

  #tellWorld(): void {
    for (const device of this.#world.devices.values()) this.#take({ on: 'device', state: device });
    for (const reading of this.#world.readings.values()) this.#take({ on: 'reading', reading });
  }
}
