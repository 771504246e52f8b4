/**
 * What goes into a step and what comes out of it. Inputs are facts that happened; effects are wishes the
 * interpreter carries out, in order, after everything the step persists is on the disk.
 */
import type {
  Applied,
  DeviceId,
  FileId,
  GroupId,
  ManifestBody,
  PremiseReply,
  PremiseRequest,
  Reading,
  StreamName,
  UplinkRecord,
} from '../model/mod.ts';
import type { SealedContext } from '../wan/envelope/mod.ts';
import type { DeliverySaid, DeviceOrder, DeviceState, Opened, StoreChange } from './ports.ts';
import type { Answer, Question } from './commands/asking.ts';

export type Input =
  /** The first of a run. `seed`: 32 unpredictable bytes in hexadecimal, from which the nonces of this run are made. */
  | { readonly on: 'started'; readonly seed: string }
  /** `token` names the message to the interpreter, so that a later `acknowledge` finds its PUBACK. */
  | {
      readonly on: 'message';
      readonly token: number;
      readonly topic: string;
      readonly payload: Uint8Array;
      readonly retained: boolean;
    }
  | { readonly on: 'link'; readonly up: boolean; readonly why: string }
  /** The broker took so many records, one unless given, or the link was lost before it did. */
  | { readonly on: 'published'; readonly session: number; readonly records?: number }
  | {
      readonly on: 'loaded';
      readonly stream: StreamName;
      /** As they were asked. */
      readonly after: number;
      readonly limit: number;
      readonly records: readonly UplinkRecord[];
    }
  | { readonly on: 'reading'; readonly reading: Reading }
  | { readonly on: 'device'; readonly state: DeviceState }
  | { readonly on: 'applied'; readonly order: number; readonly applied: Applied }
  | { readonly on: 'request'; readonly request: number; readonly ask: PremiseRequest }
  /** `sealed` as it was asked. */
  | { readonly on: 'opened'; readonly sealed: string; readonly opened: Opened }
  | { readonly on: 'delivery'; readonly file: FileId; readonly said: DeliverySaid }
  | { readonly on: 'codeChecked'; readonly request: number; readonly right: boolean }
  | Answer
  | { readonly on: 'tick' };

export type Effect =
  /** At most one a step, and always its first effect. */
  | { readonly do: 'persist'; readonly changes: readonly StoreChange[] }
  /** `fruitless`: the message came to nothing, and its PUBACK may wait. */
  | { readonly do: 'acknowledge'; readonly token: number; readonly fruitless?: true }
  | { readonly do: 'listen'; readonly group: GroupId; readonly member: boolean }
  | { readonly do: 'actuate'; readonly order: DeviceOrder }
  | { readonly do: 'publish'; readonly record: UplinkRecord; readonly session: number }
  | { readonly do: 'load'; readonly stream: StreamName; readonly after: number; readonly limit: number }
  /** What the display shows has changed; the interpreter asks for the view, at most some times a second. */
  | { readonly do: 'show' }
  /** `hash`: what the code is checked against, where it is not the one of the configuration. */
  | { readonly do: 'check'; readonly request: number; readonly code: string; readonly hash?: string }
  | {
      readonly do: 'open';
      readonly sealed: string;
      readonly box: string;
      readonly context: SealedContext;
    }
  /** A question to a device, or settings for it; the answer names the inquiry it belongs to. */
  | ({ readonly do: 'ask' } & Question)
  | { readonly do: 'deliver'; readonly wish: DeliveryWish }
  | { readonly do: 'reply'; readonly request: number; readonly reply: PremiseReply }
  | { readonly do: 'log'; readonly entry: LogEntry };

/** What the door of deliveries is asked for; each may be asked again. */
export type DeliveryWish =
  | { readonly is: 'fetch'; readonly manifest: ManifestBody }
  | { readonly is: 'install'; readonly manifest: ManifestBody; readonly devices: readonly DeviceId[] }
  | {
      readonly is: 'settle';
      readonly file: FileId;
      readonly verdict: 'keep' | 'roll-back';
      readonly why: string;
    }
  | { readonly is: 'discard'; readonly file: FileId };

/** One line of the log: a decision or an observation, as a value. */
export interface LogEntry {
  readonly level: 'info' | 'warn' | 'error';
  /** Short and stable, for filtering: `command.refused`, `order.implemented`. */
  readonly event: string;
  /** A sentence for a person. */
  readonly text: string;
  readonly mRID?: string;
  readonly cti?: string;
  readonly device?: string;
}

/**
 * Collects what one step wants; every change to the store in it is one batch. The PUBACK and
 * then the orders to devices come before everything that tells of them: a register waits for no signature.
 */
export class Work {
  readonly #changes: StoreChange[] = [];
  readonly #urgent: Effect[] = [];
  readonly #effects: Effect[] = [];
  /** The message of this step was refused, or changed nothing. */
  fruitless = false;
  /** It did not even touch the state, but for counters and log: what is due can wait for its own time. */
  untouched = false;

  store(change: StoreChange): void {
    this.#changes.push(change);
  }

  wish(effect: Effect): void {
    const urgent = effect.do === 'acknowledge' || effect.do === 'actuate';
    (urgent ? this.#urgent : this.#effects).push(effect);
  }

  log(
    level: LogEntry['level'],
    event: string,
    text: string,
    about: Pick<LogEntry, 'mRID' | 'cti' | 'device'> = {},
  ): void {
    this.#effects.push({ do: 'log', entry: { level, event, text, ...about } });
  }

  /** All effects: the persist, the PUBACK, the orders, the rest. */
  effects(): readonly Effect[] {
    const effects = [...this.#urgent, ...this.#effects];
    return this.#changes.length === 0 ? effects : [{ do: 'persist', changes: this.#changes }, ...effects];
  }
}
