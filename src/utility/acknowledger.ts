/**
 * Says to each gateway what is held of its records, a little later than it is so: one signed acknowledgement
 * covers all that came in between. What it is told of must be durable already.
 */
import { after, milliseconds, seconds } from '../base/time.ts';
import type { GatewayId, StreamName } from '../model/mod.ts';
import type { ClockPort } from './ports.ts';

/** Records of one gateway that are acknowledged together at most: as many as it has in flight. */
export const ACK_AFTER_RECORDS = 20;
/** The longest a record waits for its acknowledgement here. */
export const ACK_AFTER = milliseconds(20);

/** A broker that is gone takes nothing; the gateways send again. */
const FINISH_WITHIN = seconds(1);

export type Through = Partial<Record<StreamName, number>>;

export class Acknowledger {
  readonly #clock: ClockPort;
  readonly #say: (gateway: GatewayId, through: Through) => Promise<void>;
  /** Said, and not taken by the broker yet. */
  readonly #underWay = new Set<Promise<void>>();
  /** At most one entry a gateway that reports, and none for longer than {@link ACK_AFTER}. */
  readonly #owed = new Map<GatewayId, { through: Through; records: number }>();
  #cancelWake: (() => void) | undefined;

  /** `say` resolves when the broker has it, or when it came to nothing; it never rejects. */
  constructor(clock: ClockPort, say: (gateway: GatewayId, through: Through) => Promise<void>) {
    this.#clock = clock;
    this.#say = say;
  }

  /** `stream` of `gateway` is held up to `through`; a repetition counts, its acknowledgement may have been lost. */
  owe(gateway: GatewayId, stream: StreamName, through: number): void {
    const owed = this.#owed.get(gateway) ?? { through: {}, records: 0 };
    this.#owed.set(gateway, owed);
    owed.through[stream] = through;
    if (++owed.records >= ACK_AFTER_RECORDS) this.#sayTo(gateway, owed.through);
    else
      this.#cancelWake ??= this.#clock.at(after(this.#clock.now().instant, ACK_AFTER), () => this.#sayAll());
  }

  /** Says at once what is owed, and waits for the broker to take it, {@link FINISH_WITHIN} at most. */
  async finish(): Promise<void> {
    this.#cancelWake?.();
    this.#sayAll();
    let stopWaiting: (() => void) | undefined;
    const impatient = new Promise<void>(resolve => {
      stopWaiting = this.#clock.at(after(this.#clock.now().instant, FINISH_WITHIN), resolve);
    });
    await Promise.race([Promise.all(this.#underWay), impatient]);
    stopWaiting?.();
  }

  #sayAll(): void {
    this.#cancelWake = undefined;
    for (const [gateway, { through }] of this.#owed) this.#sayTo(gateway, through);
  }

  #sayTo(gateway: GatewayId, through: Through): void {
    this.#owed.delete(gateway);
    const saying = this.#say(gateway, through).finally(() => this.#underWay.delete(saying));
    this.#underWay.add(saying);
  }
}
