/**
 * The time of a simulated world: it stands until it is told to pass, and then goes from one thing that is due to the
 * next. Between two of them everything that was begun is finished, so one seed gives one history.
 */
import { setImmediate } from 'node:timers/promises';
import { instant, unixTime } from '../../../src/base/time.ts';
import type { Instant, Now } from '../../../src/base/time.ts';
import { T0 } from '../../support/events.ts';

interface Due {
  readonly ms: number;
  /** Of two things due together the one that was asked for first happens first. */
  readonly order: number;
  readonly wake: () => void;
  cancelled: boolean;
}

/** What the monotonic clocks show when a world begins. */
const BOOTED_MS = 5_000_000;

export class VirtualTime {
  /** Since the world began. */
  ms = 0;
  #order = 0;
  /** A binary heap. */
  readonly #due: Due[] = [];

  /** What a machine's clocks show whose date is off by `offMs`. */
  now(offMs = 0): Now {
    return { instant: instant(BOOTED_MS + this.ms), unix: unixTime(T0 + this.ms + offMs) };
  }

  /** Calls `wake` in `ms`; what it returns takes that back. */
  after(ms: number, wake: () => void): () => void {
    const due = { ms: this.ms + Math.max(0, Math.ceil(ms)), order: this.#order++, wake, cancelled: false };
    this.#push(due);
    return () => {
      due.cancelled = true;
    };
  }

  at(when: Instant, wake: () => void): () => void {
    return this.after(when - BOOTED_MS - this.ms, wake);
  }

  /** Lets `ms` pass, or less when `done` says so after one of the things that were due. */
  async pass(ms: number, done: () => boolean = () => false): Promise<void> {
    const end = this.ms + ms;
    for (let next = this.#due[0]; next !== undefined && next.ms <= end; next = this.#due[0]) {
      this.#pop();
      if (next.cancelled) continue;
      this.ms = next.ms;
      next.wake();
      // Nothing here waits for a real door, so all that was begun ends before the next turn of the loop.
      await setImmediate();
      if (done()) return;
    }
    this.ms = end;
  }

  #push(due: Due): void {
    const heap = this.#due;
    heap.push(due);
    for (let n = heap.length - 1; n > 0; ) {
      const parent = (n - 1) >> 1;
      if (!isBefore(due, heap[parent])) return;
      heap[n] = heap[parent] as Due;
      heap[parent] = due;
      n = parent;
    }
  }

  #pop(): void {
    const heap = this.#due;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let n = 0; ; ) {
      const left = 2 * n + 1;
      const child = isBefore(heap[left + 1], heap[left]) ? left + 1 : left;
      if (!isBefore(heap[child], last)) return;
      heap[n] = heap[child] as Due;
      heap[child] = last;
      n = child;
    }
  }
}

function isBefore(a: Due | undefined, b: Due | undefined): boolean {
  if (a === undefined || b === undefined) return a !== undefined;
  return a.ms < b.ms || (a.ms === b.ms && a.order < b.order);
}
