/**
 * The doors of a gateway in memory, for tests of the interpreter: everything that goes out is written down in
 * one order, nothing settles before the test says so, and time is turned by hand.
 */
import { setImmediate } from 'node:timers/promises';
import { instant, milliseconds, unixTime } from '../../src/base/time.ts';
import type { Instant, Now } from '../../src/base/time.ts';
import { startGateway } from '../../src/gateway/mod.ts';
import type {
  BrokerEvents,
  DeviceEvents,
  DeviceOrder,
  Gateway,
  GatewayPorts,
  Settings,
} from '../../src/gateway/mod.ts';
import type { Applied, CommandBody, PremiseView } from '../../src/model/mod.ts';
import type { CommandClaims } from '../../src/wan/envelope/mod.ts';
import { T0 } from '../support/events.ts';
import { GATEWAY, HeadEnd, UTILITY } from '../support/head-end.ts';
import type { Signed } from '../support/head-end.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { PV } from './bench.ts';

interface Apply {
  readonly order: DeviceOrder;
  finish(): void;
}

export class World {
  readonly headEnd = new HeadEnd();
  readonly store = new MemoryStore();
  /** What happened outside the gateway, in order: `puback`, `publish receipt 1`, `apply 5000`, `renew`. */
  readonly log: string[] = [];
  readonly logged: string[] = [];
  readonly views: PremiseView[] = [];
  readonly applies: Apply[] = [];
  readonly checks: { resolve(right: boolean): void }[] = [];
  readonly codes: string[] = [];
  publishes: { settle(): void }[] = [];
  closed: string[] = [];
  broker: BrokerEvents | undefined;
  devices: DeviceEvents | undefined;
  gateway: Gateway | undefined;
  #ms = 0;
  #timers: { when: Instant; wake: () => void }[] = [];

  get now(): Now {
    return { instant: instant(5_000_000 + this.#ms), unix: unixTime(T0 + this.#ms) };
  }

  get timers(): number {
    return this.#timers.length;
  }

  async start(more: Partial<GatewayPorts> = {}, told: Partial<Settings> = {}): Promise<Gateway> {
    const settings: Settings = {
      gateway: GATEWAY,
      utility: UTILITY,
      version: '0.0.0',
      keys: new Map([[this.headEnd.key.kid, this.headEnd.key]]),
      defaults: {},
      bounds: [],
      terms: { directMayBeOverridden: [] },
      reversion: milliseconds(60_000),
      ...told,
    };
    this.gateway = await startGateway(settings, { ...this.#ports(), ...more });
    return this.gateway;
  }

  /** Started, with a link and one inverter, and all of that settled. */
  static async running(): Promise<World> {
    const world = new World();
    await world.start();
    world.broker?.link({ up: true, why: 'test' });
    world.present();
    await world.settled();
    world.log.length = 0;
    return world;
  }

  present(): void {
    const state = {
      device: PV,
      present: true,
      model: 'Test 1',
      axes: ['opModMaxLimW'],
      why: 'test',
    } as const;
    this.devices?.device(state);
  }

  /** The broker hands over a command; `puback` is logged when it is acknowledged. */
  command(body: CommandBody, changes: Partial<CommandClaims> = {}): Signed {
    const signed = this.headEnd.sign(body, this.now.unix, changes);
    this.deliver(signed);
    return signed;
  }

  deliver({ topic, payload }: Signed): void {
    const acknowledge = (): void => void this.log.push('puback');
    this.broker?.message({ topic, payload, retained: false, acknowledge });
  }

  /** Everything that can go on without the test has gone on: promises settle within one turn of the loop. */
  async settled(): Promise<void> {
    await setImmediate();
    await setImmediate();
  }

  async turn(ms: number): Promise<void> {
    this.#ms += ms;
    for (;;) {
      const due = this.#timers.find(t => t.when <= this.now.instant);
      if (due === undefined) return this.settled();
      this.#timers = this.#timers.filter(t => t !== due);
      due.wake();
      await this.settled();
    }
  }

  #ports(): GatewayPorts {
    return {
      store: this.store,
      broker: events => {
        this.broker = events;
        return {
          publish: (topic, payload) => {
            this.log.push(`publish ${topic.split('/').at(-1)} ${payload.join('')}`);
            return new Promise(resolve => this.publishes.push({ settle: resolve }));
          },
          subscribe: topics => void this.log.push(`subscribe ${topics.length}`),
          unsubscribe: topics => void this.log.push(`unsubscribe ${topics.length}`),
          renew: () => void this.log.push('renew'),
          close: () => this.#close('broker'),
        };
      },
      devices: events => {
        this.devices = events;
        return { apply: order => this.#apply(order), close: () => this.#close('devices') };
      },
      signer: { signRecord: ({ sequence }) => Uint8Array.of(sequence) },
      display: { show: view => void this.views.push(view) },
      code: {
        check: code => {
          this.codes.push(code);
          return new Promise(resolve => this.checks.push({ resolve }));
        },
      },
      clock: {
        now: () => this.now,
        at: (when, wake) => {
          const timer = { when, wake };
          this.#timers.push(timer);
          return () => {
            this.#timers = this.#timers.filter(t => t !== timer);
          };
        },
      },
      seed: () => '5e'.repeat(32),
      log: entry => void this.logged.push(entry.event),
    };
  }

  #apply(order: DeviceOrder): Promise<Applied> {
    this.log.push(`apply ${order.value}`);
    const { device, axis } = order;
    return new Promise(resolve => {
      const finish = (): void => resolve({ device, axis, outcome: 'implemented', evidence: [] });
      this.applies.push({ order, finish });
    });
  }

  #close(what: string): Promise<void> {
    this.closed.push(what);
    return Promise.resolve();
  }
}
