/**
 * Many callers, one flush: what is handed over during one turn of the event loop goes to the disk in one
 * transaction at the turn's end. A flush costs the same for one row or for two hundred, and it is the flush
 * that wears the card. Each caller's changes stand or fall together, and each caller hears only of its own.
 */
import type { DatabaseSync } from 'node:sqlite';
import { AssertionError } from '../../base/assert.ts';
import { inTransaction } from './file.ts';
import { asTrouble, StoreTrouble } from './trouble.ts';

/** Bounds how long one transaction holds the loop (some 1 ms here). One call is never divided, however large. */
export const MAX_CHANGES_A_COMMIT = 256;
/** Memory for a disk that stalls: some 20 MB. When full, further calls are rejected as `full`. */
export const MAX_CHANGES_WAITING = 65_536;

/** Each frees more than a command needs; a batch that does not fit after these will not fit at all. */
const MAX_RELIEFS = 4;

interface Call {
  readonly size: number;
  readonly apply: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class GroupCommit {
  readonly #db: DatabaseSync;
  readonly #assertThere: () => void;
  readonly #relieve: () => boolean;
  #waiting: Call[] = [];
  #changesWaiting = 0;
  #scheduled = false;

  /**
   * `assertThere` throws when what is committed would be lost with a file that is no longer there. `relieve` makes room
   * where a commit found none, and says whether another try is worth it.
   */
  constructor(db: DatabaseSync, assertThere: () => void, relieve: () => boolean = () => false) {
    this.#db = db;
    this.#assertThere = assertThere;
    this.#relieve = relieve;
  }

  /** Settles when the changes that `apply` makes are on the disk, or with what kept them from it. */
  commit(size: number, apply: () => void): Promise<void> {
    if (this.#changesWaiting + size > MAX_CHANGES_WAITING)
      return Promise.reject(
        new StoreTrouble('full', `more than ${MAX_CHANGES_WAITING} changes wait for the disk`),
      );
    return new Promise((resolve, reject) => {
      this.#waiting.push({ size, apply, resolve, reject });
      this.#changesWaiting += size;
      this.#schedule();
    });
  }

  /** Commits everything that waits, now. */
  flush(): void {
    while (this.#waiting.length > 0) this.#commitGroup(this.#nextGroup());
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#waiting.length === 0) return;
      this.#commitGroup(this.#nextGroup());
      // One transaction a turn, so that sockets are served between two of them.
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #nextGroup(): readonly Call[] {
    let size = 0;
    const tooMany = this.#waiting.findIndex((call, index) => {
      size += call.size;
      return index > 0 && size > MAX_CHANGES_A_COMMIT;
    });
    const group = this.#waiting.splice(0, tooMany === -1 ? this.#waiting.length : tooMany);
    for (const call of group) this.#changesWaiting -= call.size;
    return group;
  }

  #commitGroup(group: readonly Call[], tries = MAX_RELIEFS): void {
    let current: Call | undefined;
    try {
      this.#assertThere();
      inTransaction(this.#db, () => {
        for (current of group) current.apply();
        current = undefined;
      });
    } catch (error) {
      if (tries > 0 && isFull(error) && this.#relieve()) return this.#commitGroup(group, tries - 1);
      this.#settleFailed(group, current, error);
      return;
    }
    for (const call of group) call.resolve();
  }

  /** A call that broke a promise, or found no room kept for its kind, fails alone: the others had no part in it. */
  #settleFailed(group: readonly Call[], culprit: Call | undefined, error: unknown): void {
    if (culprit !== undefined && (error instanceof AssertionError || error instanceof StoreTrouble)) {
      culprit.reject(error);
      const others = group.filter(call => call !== culprit);
      if (others.length > 0) this.#commitGroup(others);
      return;
    }
    for (const call of group) call.reject(asTrouble(error));
  }
}

function isFull(error: unknown): boolean {
  const trouble = asTrouble(error);
  return trouble instanceof StoreTrouble && trouble.refusal === 'full';
}
