/**
 * Between the interpreter and the door of deliveries: wishes go through it, chunks from the broker go to it past the
 * step function, and what it says comes back as an input. It listens to the chunks of what is being fetched only.
 */
import { blobTopic, parseTopic } from '../../model/mod.ts';
import type { DeviceId, FileId, ManifestBody } from '../../model/mod.ts';
import type { Product } from '../../wan/delivery/mod.ts';
import type { DeliveryWish, Input } from '../effects.ts';
import type { BrokerEvents, BrokerPort, DeliveryEvents, DeliveryPort, DeviceState } from '../ports.ts';

export interface DeliveryDoorOptions {
  readonly utility: string;
  readonly open: (events: DeliveryEvents) => DeliveryPort;
  readonly broker: Pick<BrokerPort, 'subscribe' | 'unsubscribe'>;
  readonly devices: ReadonlyMap<DeviceId, DeviceState>;
  readonly take: (input: Input) => void;
}

/** The door, or none where nothing is delivered. */
export function openDoor(
  open: DeliveryDoorOptions['open'] | undefined,
  rest: Omit<DeliveryDoorOptions, 'open'>,
): DeliveryDoor | undefined {
  return open === undefined ? undefined : new DeliveryDoor({ ...rest, open });
}

export class DeliveryDoor {
  readonly #options: DeliveryDoorOptions;
  readonly #port: DeliveryPort;
  /** Topics listened to, by file: one entry for each file being fetched. */
  readonly #topics = new Map<FileId, readonly string[]>();

  constructor(options: DeliveryDoorOptions) {
    this.#options = options;
    this.#port = options.open({
      said: (file, said) => {
        if (said.is === 'whole' || said.is === 'failed') this.#silence(file);
        options.take({ on: 'delivery', file, said });
      },
    });
  }

  run(wish: DeliveryWish): void {
    switch (wish.is) {
      case 'fetch':
        this.#listen(wish.manifest);
        return this.#port.fetch(wish.manifest);
      case 'install':
        return this.#port.install(
          wish.manifest,
          wish.devices.map(device => this.#product(device)),
        );
      case 'settle':
        return this.#port.settle(wish.file, wish.verdict, wish.why);
      case 'discard':
        this.#silence(wish.file);
        return this.#port.discard(wish.file);
    }
  }

  /** Whether the message is a chunk; one is acknowledged when it is on the disk or was not wanted. */
  takes({ topic, payload, acknowledge }: Parameters<BrokerEvents['message']>[0]): boolean {
    const parsed = parseTopic(topic);
    if (parsed?.kind !== 'blob') return false;
    const mine = parsed.utility === this.#options.utility;
    if (!mine) acknowledge();
    else
      void this.#port.chunk({ of: parsed.file, n: parsed.n, bytes: payload }).then(acknowledge, acknowledge);
    return true;
  }

  link(up: boolean): void {
    this.#port.link(up);
  }

  close(): Promise<void> {
    return this.#port.close();
  }

  #listen({ file, list }: ManifestBody): void {
    const { broker, utility } = this.#options;
    if (this.#topics.has(file)) return;
    const topics = [file, list].map(id => blobTopic(utility, id, '+'));
    this.#topics.set(file, topics);
    broker.subscribe(topics);
  }

  #silence(file: FileId): void {
    const topics = this.#topics.get(file);
    if (topics === undefined) return;
    this.#topics.delete(file);
    this.#options.broker.unsubscribe(topics);
  }

  #product(device: DeviceId): Product {
    return { device, ...this.#options.devices.get(device)?.product };
  }
}
