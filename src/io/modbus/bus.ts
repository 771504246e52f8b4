/**
 * A bus: one line, many conversations. It gives out turns, opens the link when a request needs it, waits while the
 * line must keep still, and closes what does not answer any more. Every request is answered, every conversation
 * runs to its end; trouble is a reply, never a rejection.
 */
import { refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type { Duration, Instant } from '../../base/time.ts';
import { after, instant, milliseconds } from '../../base/time.ts';
import type { Conversation, Doubt, Link, ModbusReply, ModbusRequest, Turn } from '../../local/bus/mod.ts';
import {
  BACK_OFF_MIN,
  WAITING_MAX,
  backOff,
  frameSilence,
  framingOf,
  isInDoubt,
  join,
  leave,
  linkAddress,
  noTurns,
  openLine,
  placesOfLink,
  probeFor,
  readyAt,
  takeTurn,
  transferTime,
  writeWaits,
} from '../../local/bus/mod.ts';
import type { Pipe } from './pipe.ts';
import { openPipe } from './pipe.ts';
import { exactNow, now } from './port.ts';
import type { Traffic } from './port.ts';
import { Session } from './session.ts';

export interface Bus {
  /** Holds the conversation to its end. Rejects only with what the conversation itself throws. */
  run<T>(conversation: Conversation<T>, turn: Turn): Promise<T>;
  /** Ends the link; what waits is answered `disconnected`. Resolves when every conversation has ended. */
  close(): Promise<void>;
  /** Heeds what a further device asks for; of several, the slowest wish holds for all. From the next request on. */
  mind(manners: BusManners): void;
  /** `tcp://host:port` or `serial:path`, for people: where it is, or is looked for next. */
  readonly address: string;
}

/** What a device asks of its bus. */
export interface BusManners {
  /** How long an answer may take, from the request's first byte. Default 1000, on a serial line plus the transfer. */
  readonly timeoutMs?: number;
  /** Stillness between the end of one exchange and the next request. Default 0, on a serial line 3.5 characters. */
  readonly gapMs?: number;
  /** Stillness between an open connection and its first request: some devices are not ready yet. Default 0. */
  readonly connectDelayMs?: number;
  /** Stillness after a write, where it is longer than the gap. Default 0. */
  readonly writeGapMs?: number;
  /** How soon after a lost connection the next may be opened, at the least. Default 250. */
  readonly reconnectMs?: number;
  /** Exceptions by which a device says that it is busy; then the line rests for {@link BUSY_REST_MS}. Default none. */
  readonly busyOn?: readonly number[];
}

export interface BusOptions extends BusManners {
  /** How long after a timeout a late answer is waited for. Default 200, where frames are RTU the timeout again. */
  readonly quarantineMs?: number;
  /** Timeouts in a row after which a connection is taken for dead; unlimited while units are searched. Default 3. */
  readonly timeoutsMax?: number;
  /** Uniform over [0, 1): the jitter of the back-off. */
  readonly random: () => number;
  /** Told of all bytes that go over the line, as they go; for captures. */
  readonly onTraffic?: (traffic: Traffic) => void;
  /** Told of every request that was put on the line, and its answer; for recordings and timetables. */
  readonly onExchange?: (exchange: Exchange) => void;
}

/** One request and its answer, with the moments of both on the clock of `performance.now()`, in ms. */
export interface Exchange {
  readonly request: ModbusRequest;
  readonly reply: ModbusReply;
  readonly sentMs: number;
  readonly answeredMs: number;
}

/** Its peer may have lost power without a word. */
const TIMEOUTS_MAX = 3;
const DEFAULT_TIMEOUT_MS = 1000;
/** A late answer is told by its transaction and harms nobody; this only spares a device that is behind. */
const TCP_QUARANTINE_MS = 200;
/** Long enough for a device to finish what it does, short enough that its neighbours on the line hardly wait. */
export const BUSY_REST_MS = 100;
/** A device that leaves so many unanswered as well is not asked the rest. */
const PROBES_MAX = 2;
const OUT_OF_STEP = 'an answer to an earlier request may still come, and could not be told from this one';
const NO_ANSWER = 'it takes the connection and answers nothing';

/** A conversation on the bus, and the request it waits with. */
interface Entry {
  request: ModbusRequest;
  /** Goes on with `reply`; the next request, or `undefined` when it has ended. */
  readonly next: (reply: ModbusReply) => ModbusRequest | undefined;
}

/** The bus of `link`. Nothing is opened before the first request. */
export function openBus(link: Link, options: BusOptions): Bus {
  return new ModbusBus(link, options);
}

class ModbusBus implements Bus {
  readonly #link: Link;
  /** Where the link may be; a profile knows several ports. The one that was opened last is tried first. */
  readonly #places: readonly [Link, ...Link[]];
  #place = 0;
  readonly #options: BusOptions;
  #manners: Required<BusManners>;
  /** Shared with every line, so that new manners count at once. */
  readonly #timing: { silence: Duration; quarantine: Duration };
  readonly #turns = noTurns<Entry>();
  #session: Session | undefined;
  /** The last session's end: a serial line is locked, and some devices take one connection only. */
  #ending: Promise<void> | undefined;
  /** What the last session gave up on a serial line. */
  #doubts: readonly Doubt[] = [];
  #failures = 0;
  /** The last connection that ended, or was not to be had. */
  #lost: { readonly at: Instant; readonly why: string } | undefined;
  #nextAttempt = instant(0);
  /** What the profile of a device asks for beyond the silence of the line. */
  #quietUntil = instant(0);
  #working: Promise<void> | undefined;
  #closed = false;
  /** Ends a pause early, when the bus is closed. */
  #wake: (() => void) | undefined;

  constructor(link: Link, options: BusOptions) {
    this.#link = link;
    this.#places = placesOfLink(link);
    this.#options = options;
    this.#manners = { ...mannersOf(link), ...stated(options) };
    this.#timing = { silence: milliseconds(0), quarantine: milliseconds(0) };
    this.#setTiming();
  }

  get address(): string {
    return linkAddress(this.#places[this.#place] ?? this.#link);
  }

  mind(manners: BusManners): void {
    const now = this.#manners;
    const most = (name: Exclude<keyof BusManners, 'busyOn'>) => Math.max(now[name], manners[name] ?? 0);
    this.#manners = {
      timeoutMs: most('timeoutMs'),
      gapMs: most('gapMs'),
      connectDelayMs: most('connectDelayMs'),
      writeGapMs: most('writeGapMs'),
      reconnectMs: most('reconnectMs'),
      busyOn: [...new Set([...now.busyOn, ...(manners.busyOn ?? [])])],
    };
    this.#setTiming();
  }

  run<T>(conversation: Conversation<T>, turn: Turn): Promise<T> {
    return new Promise((resolve, reject) => {
      const advance = (step: () => IteratorResult<ModbusRequest, T>): ModbusRequest | undefined => {
        try {
          const result = step();
          if (!result.done) return result.value;
          resolve(result.value);
        } catch (error) {
          reject(error);
        }
        return undefined;
      };
      const request = advance(() => conversation.next());
      if (request === undefined) return;
      const entry: Entry = { request, next: reply => advance(() => conversation.next(reply)) };
      if (this.#closed) return drain(entry, 'the bus is closed');
      if (!join(this.#turns, entry, turn)) return drain(entry, `${WAITING_MAX} conversations wait already`);
      this.#working ??= this.#work();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#session?.close();
    this.#wake?.();
    await this.#working;
    await this.#ending;
    await this.#session?.ended();
  }

  async #work(): Promise<void> {
    while (this.#turns.writes.length + this.#turns.reads.length > 0) {
      const link = await this.#ready();
      // Taken only now: who came while the link opened or kept still may be first in line.
      const entry = takeTurn(this.#turns);
      if (entry === undefined) break;
      const reply = link.ok ? await this.#answer(link.value, entry.request) : await later(link);
      const next = entry.next(reply);
      if (next === undefined) leave(this.#turns, entry);
      else entry.request = next;
    }
    this.#working = undefined;
  }

  /** What was given up before may be answered yet: then something else is asked first that tells the answers apart. */
  async #answer(session: Session, request: ModbusRequest): Promise<ModbusReply> {
    let on = session;
    for (let tried = 0; request.kind === 'read' && isInDoubt(on.line.doubts, request, now()); tried++) {
      const probe = tried < PROBES_MAX ? probeFor(on.line.doubts, request) : undefined;
      if (probe === undefined) return later(refused('timeout', OUT_OF_STEP, 'later'));
      await this.#exchange(on, probe);
      const link = await this.#ready();
      if (!link.ok) return later(link);
      on = link.value;
    }
    return this.#exchange(on, request);
  }

  async #exchange(session: Session, request: ModbusRequest): Promise<ModbusReply> {
    const sentMs = performance.now();
    const { writeGapMs, busyOn } = this.#manners;
    const reply = await session.exchange(request, this.#timeoutMs);
    if (request.kind === 'write') this.#quiet(writeGapMs);
    if (!reply.ok && reply.exception !== undefined && busyOn.includes(reply.exception))
      this.#quiet(BUSY_REST_MS);
    this.#options.onExchange?.({ request, reply, sentMs, answeredMs: performance.now() });
    return reply;
  }

  /** A session whose line is free, or why there is none. */
  async #ready(): Promise<Result<Session, 'disconnected' | 'garbled'>> {
    if (this.#closed) return refused('disconnected', 'the bus is closed', 'later');
    const link = await this.#connected();
    if (!link.ok) return link;
    await this.#hush(this.#quietUntil);
    const { line } = link.value;
    const patience = after(now(), milliseconds(4 * this.#timeoutMs));
    for (let at = readyAt(line); at !== undefined && at > exactNow(); at = readyAt(line)) {
      // A device that babbles on its own keeps pushing the quiet back.
      if (now() > patience) return refused('garbled', 'the line is never quiet', 'later');
      await this.#hush(at);
      if (this.#closed) return refused('disconnected', 'the bus is closed', 'later');
    }
    return link;
  }

  /** The session, opened if need be and if it may be now. */
  async #connected(): Promise<Result<Session, 'disconnected'>> {
    const most = this.#options.timeoutsMax ?? TIMEOUTS_MAX;
    if (this.#session !== undefined && this.#session.timeouts >= most) this.#session.close(NO_ANSWER);
    this.#mournSession();
    await this.#ending;
    if (this.#session !== undefined) return { ok: true, value: this.#session };
    // A write may try before its time, but no device is hammered.
    const soonest = this.#lost === undefined ? instant(0) : after(this.#lost.at, this.#reconnect);
    const gate = writeWaits(this.#turns) ? soonest : this.#nextAttempt;
    const wait = gate - now();
    if (wait > this.#reconnect)
      return refused('disconnected', `${this.#lost?.why ?? 'closed'}; next attempt in ${wait} ms`, 'later');
    if (wait > 0) await this.#pause(gate);
    return this.#closed ? refused('disconnected', 'the bus is closed', 'later') : this.#open();
  }

  /** Takes note of a session that ended. One that never answered is a failure like one that never opened. */
  #mournSession(): void {
    const session = this.#session;
    if (session?.closed === undefined) return;
    this.#session = undefined;
    this.#doubts = session.line.doubts;
    this.#ending = session.ended();
    if (session.answered) this.#failures = 0;
    else this.#place = (this.#place + 1) % this.#places.length;
    this.#fail(session.closed, session.answered ? this.#reconnect : undefined);
  }

  async #open(): Promise<Result<Session, 'disconnected'>> {
    const pipe = await this.#openSomewhere();
    if (!pipe.ok) {
      this.#fail({ at: now(), why: pipe.detail ?? pipe.refusal });
      return pipe;
    }
    const { onTraffic } = this.#options;
    const line = openLine(framingOf(this.#link), this.#timing, this.#doubts);
    this.#session = new Session(line, pipe.value, onTraffic === undefined ? {} : { onTraffic });
    this.#quiet(this.#manners.connectDelayMs);
    if (this.#closed) this.#session.close();
    return { ok: true, value: this.#session };
  }

  /** At the first of its places that can be opened, from the one on where it was last. */
  async #openSomewhere(): Promise<Result<Pipe, 'disconnected'>> {
    const whys: string[] = [];
    for (let left = this.#places.length; left > 0 && !this.#closed; left--) {
      const pipe = await openPipe(this.#places[this.#place] ?? this.#link, this.#timeoutMs);
      if (pipe.ok) return pipe;
      whys.push(pipe.detail ?? pipe.refusal);
      this.#place = (this.#place + 1) % this.#places.length;
    }
    return refused('disconnected', whys.join('; '), 'later');
  }

  #fail(lost: { readonly at: Instant; readonly why: string }, wait?: Duration): void {
    this.#failures += 1;
    this.#lost = lost;
    const backedOff = backOff(this.#failures, this.#options.random());
    this.#nextAttempt = after(lost.at, wait ?? milliseconds(Math.max(backedOff, this.#reconnect)));
  }

  /** A person who wrote a timeout into the link knows better than any profile. */
  get #timeoutMs(): number {
    return this.#link.timeoutMs ?? this.#manners.timeoutMs;
  }

  get #reconnect(): Duration {
    return milliseconds(this.#manners.reconnectMs);
  }

  #setTiming(): void {
    const isRtu = framingOf(this.#link) === 'rtu';
    const silence = this.#link.kind === 'serial' ? frameSilence(this.#link.baud) : 0;
    this.#timing.silence = milliseconds(Math.max(this.#manners.gapMs, silence));
    this.#timing.quarantine = milliseconds(
      this.#options.quarantineMs ?? (isRtu ? this.#timeoutMs : TCP_QUARANTINE_MS),
    );
  }

  #quiet(forMs: number): void {
    const until = after(exactNow(), milliseconds(forMs));
    if (forMs > 0 && until > this.#quietUntil) this.#quietUntil = until;
  }

  /**
   * Until `until`, to some microseconds. A timer counts whole milliseconds, so it sleeps the whole ones; the rest, less
   * than one, goes by in turns of the event loop, which miss nothing that comes in.
   */
  async #hush(until: Instant): Promise<void> {
    for (let left = until - exactNow(); left > 0 && !this.#closed; left = until - exactNow())
      await (left >= 1 ? this.#pause(instant(now() + Math.floor(left))) : turn());
  }

  #pause(until: Instant): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, until - now());
      this.#wake = done;
    });
  }
}

/** What holds where no device asks for more. */
function mannersOf(link: Link): Required<BusManners> {
  const transferMs = link.kind === 'serial' ? transferTime(link.baud) : 0;
  return {
    timeoutMs: DEFAULT_TIMEOUT_MS + transferMs,
    gapMs: 0,
    connectDelayMs: 0,
    writeGapMs: 0,
    reconnectMs: BACK_OFF_MIN,
    busyOn: [],
  };
}

/** Manners that the opener of a bus states replace the defaults, but none may hammer a device. */
function stated({ reconnectMs = 0, ...options }: BusOptions): Partial<Required<BusManners>> {
  const { timeoutMs, gapMs, connectDelayMs, writeGapMs, busyOn } = options;
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(gapMs === undefined ? {} : { gapMs }),
    ...(connectDelayMs === undefined ? {} : { connectDelayMs }),
    ...(writeGapMs === undefined ? {} : { writeGapMs }),
    ...(busyOn === undefined ? {} : { busyOn }),
    reconnectMs: Math.max(reconnectMs, BACK_OFF_MIN),
  };
}

/** Answers every request of a conversation that gets no turn. */
function drain(entry: Entry, why: string): void {
  setImmediate(() => {
    const next = entry.next(refused('disconnected', why, 'later'));
    if (next !== undefined) drain(entry, why);
  });
}

function turn(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve);
  });
}

/** Given in a turn of its own: a conversation that asks again and again must not hold up the process. */
function later<T>(value: T): Promise<T> {
  return new Promise(resolve => {
    setImmediate(() => resolve(value));
  });
}
