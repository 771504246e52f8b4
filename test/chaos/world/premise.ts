/**
 * One gateway of a simulated world through all its lives: a disk and devices that outlast it, and processes that end
 * between any two of the things they do. The gateway is the real one, from its interpreter inwards.
 */
import type { Bound } from '../../../src/control/mod.ts';
import { startGateway } from '../../../src/gateway/mod.ts';
import type { BrokerEvents, Gateway, GatewayPorts, Settings, StorePort } from '../../../src/gateway/mod.ts';
import { milliseconds } from '../../../src/base/time.ts';
import type { AxisValues, DeviceId, GatewayId, MRID, PremiseReply } from '../../../src/model/mod.ts';
import { signRecord, signRecords } from '../../../src/wan/envelope/mod.ts';
import type { Signer } from '../../../src/wan/envelope/mod.ts';
import { Devices } from './devices.ts';
import { Disk } from './disk.ts';
import type { KnownEvent } from './facts.ts';
import { Judge } from './judge.ts';
import type { WorldLedger } from './ledger.ts';
import type { Lies } from './lies.ts';
import type { Luck } from './luck.ts';
import type { Network, Session } from './network.ts';
import type { VirtualTime } from './time.ts';

export const UTILITY = 'grid';
export const CODE = '1234';
const CODE_MS = 50;

export interface PremiseParts {
  readonly id: GatewayId;
  readonly time: VirtualTime;
  readonly luck: Luck;
  readonly network: Network;
  readonly ledger: WorldLedger;
  readonly signer: Signer;
  readonly keys: Settings['keys'];
  readonly bounds: readonly Bound[];
  readonly defaults: AxisValues;
  readonly events: ReadonlyMap<MRID, KnownEvent>;
  readonly wrong: (what: string) => void;
  readonly tell: (what: string) => void;
  readonly crashed: () => void;
  readonly lies: Lies;
}

/** One process of the gateway. */
interface Life {
  gateway: Gateway | undefined;
  isOver: boolean;
  /** It ends when this many more things have been done in it. */
  actsLeft: number;
}

export class Premise {
  readonly disk: Disk;
  readonly devices: Devices;
  readonly judge: Judge;
  readonly id: GatewayId;
  readonly defaults: AxisValues;
  /** How far its machine's date is off. */
  offMs = 0;
  readonly #parts: PremiseParts;
  readonly #session: Session;
  #life: Life | undefined;

  constructor(parts: PremiseParts) {
    const { id, time, luck, network, ledger, bounds, defaults, events, wrong, lies } = parts;
    this.id = id;
    this.defaults = defaults;
    this.#parts = parts;
    this.#session = network.session(id);
    this.disk = new Disk(time, luck, lies.disk);
    const unix = (): number => time.now().unix;
    this.judge = new Judge({ gateway: id, disk: this.disk, ledger, unix, bounds, defaults, events, wrong });
    const ids = ['pv', 'battery'] as DeviceId[];
    this.devices = new Devices(time, luck, { ids, watch: this.judge, offMs: () => this.offMs });
  }

  get isAlive(): boolean {
    return this.#life !== undefined;
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#life?.gateway?.counts() ?? new Map();
  }

  async start(): Promise<void> {
    const life: Life = { gateway: undefined, isOver: false, actsLeft: Number.POSITIVE_INFINITY };
    this.#life = life;
    this.judge.begin(this.offMs);
    this.judge.isStoreless = this.disk.mood !== 'well';
    try {
      life.gateway = await startGateway(this.#settings(), this.#ports(life));
    } catch (error) {
      if (life.isOver) return;
      this.#parts.tell(`${this.id} does not start: ${String(error)}`);
      this.crash(1000);
    }
  }

  /** For good. */
  end(): void {
    if (this.#life !== undefined) this.#life.isOver = true;
    this.#life = undefined;
  }

  /** The process ends now, without a word, and begins again after `ms`. */
  crash(ms: number): void {
    if (this.#life === undefined) return;
    this.end();
    this.#parts.crashed();
    this.#session.gone();
    this.devices.gone();
    this.disk.offMs = this.offMs;
    this.disk.crash();
    this.#parts.time.after(ms, () => void this.start());
  }

  /** The process will end between two of the things it does, when it has done `acts` more. */
  crashAfter(acts: number): void {
    if (this.#life !== undefined) this.#life.actsLeft = acts;
  }

  press(mRID: MRID, code: string): void {
    const { time } = this.#parts;
    const gateway = this.#life?.gateway;
    if (gateway === undefined) return;
    void gateway.request({ kind: 'acknowledge', mRID });
    time.after(100, () => {
      if (code === CODE) this.judge.mayBeLifted.add(mRID);
      void gateway.request({ kind: 'override', mRID, code });
    });
  }

  endOverride(mRID: MRID): Promise<PremiseReply> | undefined {
    return this.#life?.gateway?.request({ kind: 'end-override', mRID });
  }

  cut(forMs: number): void {
    this.#session.cut(forMs);
  }

  #settings(): Settings {
    const { id, keys, bounds, defaults, lies } = this.#parts;
    return {
      gateway: id,
      utility: UTILITY,
      version: '0.0.0',
      keys,
      defaults,
      bounds: lies.bounds ?? bounds,
      terms: { directMayBeOverridden: [] },
      reversion: milliseconds(60_000),
    };
  }

  #ports(life: Life): GatewayPorts {
    const { time, luck, signer, lies } = this.#parts;
    const record = { gateway: this.id, utility: UTILITY, keyEpoch: 1 };
    return {
      store: this.#store(life),
      broker: events => this.#session.connect(lies.broker?.(this.#watched(events)) ?? this.#watched(events)),
      devices: events => this.devices.connect(events),
      signer: {
        signRecord: (said, at) => {
          if (!life.isOver) this.judge.said(said);
          return signRecord(said, { ...record, at }, signer);
        },
        signRecords: (several, at) => {
          if (!life.isOver) for (const said of several) this.judge.said(said);
          return signRecords(several, { ...record, at }, signer);
        },
      },
      display: { show: view => void (life.isOver || this.judge.shown(view)) },
      code: {
        check: code =>
          new Promise(resolve => void time.after(CODE_MS, () => resolve(lies.code ?? code === CODE))),
      },
      clock: {
        now: () => time.now(this.offMs),
        at: (when, wake) => time.at(when, () => void (life.isOver || wake())),
      },
      seed: () => luck.hex(32),
      log: ({ event, text }) => {
        if (life.isOver) return;
        if (event === 'store.failed') this.judge.isStoreless = true;
        if (event === 'store.restored') this.judge.isStoreless = false;
        this.#parts.tell(`${this.id} ${event}: ${text}`);
      },
      observe: () => {
        if (!life.isOver && --life.actsLeft <= 0) this.#fall();
      },
    };
  }

  #fall(): void {
    this.#parts.tell(`${this.id} loses its power between two acts`);
    this.crash(this.#parts.luck.between(200, 20_000));
  }

  /** A process that is over writes nothing and hears nothing more. */
  #store(life: Life): StorePort {
    const never = <T>(): Promise<T> => new Promise(() => {});
    return {
      snapshot: () => (life.isOver ? never() : this.disk.snapshot()),
      persist: (id, changes, urgency) => {
        if (life.isOver) return never();
        for (const change of changes)
          if (change.op === 'trim') {
            const { acknowledged } = this.disk.image.stream(change.stream);
            this.judge.trimmed(change.stream, acknowledged, change.through);
          }
        return this.disk.persist(id, changes, urgency);
      },
      load: (...args) => (life.isOver ? never() : this.disk.load(...args)),
    };
  }

  /** Sees which batches the step of each message gave to the disk, and whether they are there at its PUBACK. */
  #watched(events: BrokerEvents): BrokerEvents {
    return {
      link: state => events.link(state),
      message: message => {
        const first = this.disk.issued + 1;
        let last: number | undefined;
        events.message({
          ...message,
          acknowledge: () => {
            this.judge.acknowledged(first, last ?? this.disk.issued);
            message.acknowledge();
          },
        });
        last = this.disk.issued;
      },
    };
  }
}
