/**
 * A gateway as far as its deliveries go: the door on a real folder, a head end that serves chunks, and the phases
 * that a gateway keeps in its store. A start is counted as a launcher does.
 */
import { ok } from '../../../src/base/assert.ts';
import { after, instant, unixTime } from '../../../src/base/time.ts';
import type { Instant, Now } from '../../../src/base/time.ts';
import type { DeliveryPort, DeliverySaid } from '../../../src/gateway/mod.ts';
import { countedStart, openDeliveries } from '../../../src/io/delivery/mod.ts';
import type { DeliveryOptions, Disk } from '../../../src/io/delivery/mod.ts';
import type { FileId } from '../../../src/model/mod.ts';
import type { Product } from '../../../src/wan/delivery/mod.ts';
import { testFile } from '../../wan/delivery/files.ts';
import type { TestFile } from '../../wan/delivery/files.ts';

/** Stands still; `turn` calls what is due. */
export class HandClock {
  #now = instant(1000);
  #wakes = new Set<{ when: Instant; wake: () => void }>();

  now(): Now {
    return { instant: this.#now, unix: unixTime(1_800_000_000_000 + this.#now) };
  }

  at(when: Instant, wake: () => void): () => void {
    const entry = { when, wake };
    this.#wakes.add(entry);
    return () => void this.#wakes.delete(entry);
  }

  turn(ms: number): void {
    this.#now = after(this.#now, ms as never);
    for (const entry of this.#wakes)
      if (entry.when <= this.#now) {
        this.#wakes.delete(entry);
        entry.wake();
      }
  }
}

const BARRIER = 'ff'.repeat(32) as FileId;
const NOTHING = testFile(Uint8Array.of(0)).manifest;

export interface RigOptions extends Partial<DeliveryOptions> {
  /** What a served piece becomes on its way; `undefined` is lost. */
  readonly onWay?: (bytes: Uint8Array, n: number) => Uint8Array | undefined;
}

export class Rig {
  readonly clock = new HandClock();
  readonly said: DeliverySaid[] = [];
  readonly restarts: string[] = [];
  readonly logs: string[] = [];
  readonly files: readonly TestFile[];
  readonly port: DeliveryPort;
  /** Settled when everything that was served is on the disk. */
  #served: Promise<unknown> = Promise.resolve();
  #barrier: () => void = () => {};
  readonly #onWay: NonNullable<RigOptions['onWay']>;

  constructor(disk: Disk, files: readonly TestFile[], options: RigOptions = {}) {
    const { onWay = bytes => bytes, ...rest } = options;
    this.files = files;
    this.#onWay = onWay;
    this.port = openDeliveries(
      {
        disk,
        maxBytes: 10_000_000,
        clock: this.clock,
        check: () => Promise.resolve(ok({ is: 'configuration' })),
        restart: why => void this.restarts.push(why),
        log: ({ text }) => void this.logs.push(text),
        ...rest,
      },
      { said: (file, said) => this.#heard(file, said) },
    );
    this.port.link(true);
  }

  /** Started as a launcher starts it: the start is counted first. */
  static async started(disk: Disk, files: readonly TestFile[], options: RigOptions = {}): Promise<Rig> {
    const { trial } = await countedStart(disk);
    return new Rig(disk, files, {
      ...options,
      ...(trial === undefined ? {} : { runningOnTrial: trial.file }),
    });
  }

  /** Everything that was wished for before is done: the answer to a wish of no meaning follows it. */
  async settled(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#barrier = resolve;
    this.port.install({ ...NOTHING, file: BARRIER }, []);
    await promise;
  }

  async fetch(file: TestFile): Promise<void> {
    this.port.fetch(file.manifest);
    await this.until(() => this.said.some(({ is }) => is === 'whole' || is === 'failed'));
  }

  async install(file: TestFile, devices: readonly Product[] = []): Promise<void> {
    const before = this.said.length + this.restarts.length;
    this.port.install(file.manifest, devices);
    await this.until(() => this.said.length + this.restarts.length > before);
  }

  /** Until `done`, however long that takes; what is lost on the way is asked for again as the clock turns. */
  async until(done: () => boolean): Promise<void> {
    for (let i = 1; !done(); i++) {
      await this.#served;
      await new Promise<void>(resolve => setImmediate(resolve));
      if (i % 500 === 0) this.clock.turn(10_000);
    }
  }

  names(): readonly string[] {
    return this.said.map(said => (said.is === 'failed' ? `failed ${said.refusal}` : said.is));
  }

  #heard(id: FileId, said: DeliverySaid): void {
    if (id === BARRIER) return this.#barrier();
    this.said.push(said);
    if (said.is !== 'wants') return;
    const file = this.files.find(({ manifest }) => manifest.file === id);
    for (const n of said.pieces) {
      const bytes = file === undefined ? undefined : this.#onWay(file.piece(said.of, n), n);
      if (bytes !== undefined)
        this.#served = Promise.all([this.#served, this.port.chunk({ of: said.of, n, bytes })]);
    }
  }
}
