/**
 * When each of many things is due next, as a heap: the earliest is known at once, and one change costs the logarithm
 * of their number, so that ten thousand commands on their way cost ten thousand steps and not their square.
 */
import type { Instant } from '../base/time.ts';

interface Entry<K> {
  readonly key: K;
  readonly at: Instant;
}

/** Entries that no longer hold are thrown out when they are more than those that do, and more than this. */
const MAX_STALE = 1024;

export class Wakes<K> {
  /** One entry a key; its owner bounds their number. */
  readonly #at = new Map<K, Instant>();
  /** A heap by time. Holds stale entries: a key that was set again or deleted has another time in the map, or none. */
  #heap: Entry<K>[] = [];

  /** `key` is due at `at`, and at no other time. */
  set(key: K, at: Instant): void {
    if (this.#at.get(key) === at) return;
    this.#at.set(key, at);
    this.#push({ key, at });
    if (this.#heap.length - this.#at.size > Math.max(MAX_STALE, this.#at.size)) this.#rebuild();
  }

  delete(key: K): void {
    this.#at.delete(key);
  }

  /** The earliest time, or `undefined`. */
  next(): Instant | undefined {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined || this.#holds(first)) return first?.at;
      this.#pop();
    }
  }

  /** Takes out what is due at `now`, earliest first. */
  due(now: Instant): readonly K[] {
    const due: K[] = [];
    for (let at = this.next(); at !== undefined && at <= now; at = this.next()) {
      const entry = this.#pop();
      if (entry === undefined) break;
      this.#at.delete(entry.key);
      due.push(entry.key);
    }
    return due;
  }

  #holds({ key, at }: Entry<K>): boolean {
    return this.#at.get(key) === at;
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [key, at] of this.#at) this.#push({ key, at });
  }

  #push(entry: Entry<K>): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= entry.at) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): Entry<K> | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const child =
        (heap[left + 1]?.at ?? Number.POSITIVE_INFINITY) < (heap[left]?.at ?? 0) ? left + 1 : left;
      const below = heap[child];
      if (below === undefined || last.at <= below.at) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
