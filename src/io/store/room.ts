/**
 * Room for commands. Of the file, its last eighth is not for telemetry; of the disk, a second file is held that serves
 * nothing but to be given up when others have filled the disk. What is freed, and in which order, is decided elsewhere.
 */
import { closeSync, ftruncateSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { assert } from '../../base/assert.ts';

/** A year of a home's receipts and audit, or some days of its readings while the head end is away. */
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;
/** The part of the file that only commands and what answers them may fill: one eighth. */
const RESERVED_PART = 1 / 8;
/** What SQLite lets its WAL grow to before it starts over, or a hundred commands. */
const DEFAULT_BALLAST_BYTES = 4 * 1024 * 1024;

export interface RoomOptions {
  /** Size of the file beyond which changes are rejected as `full`, in bytes; at least 1 MiB. */
  readonly maxBytes?: number;
  /** Room of the disk that is held for commands in a file beside the store, in bytes; 0 for none. */
  readonly ballastBytes?: number;
}

/** How much of the file is used. */
export class Room {
  readonly #pageCount: StatementSync;
  readonly #freePages: StatementSync;
  readonly #unreserved: number;
  readonly #pageBytes: number;

  constructor(db: DatabaseSync, { maxBytes = DEFAULT_MAX_BYTES }: RoomOptions) {
    assert(maxBytes >= 1024 * 1024, 'a store may grow to 1 MiB at least');
    this.#pageBytes = Number(db.prepare('PRAGMA page_size').get()?.['page_size']);
    const pages = Math.floor(maxBytes / this.#pageBytes);
    db.exec(`PRAGMA max_page_count = ${pages}`);
    this.#unreserved = Math.floor(pages * (1 - RESERVED_PART));
    this.#pageCount = db.prepare('PRAGMA page_count');
    this.#freePages = db.prepare('PRAGMA freelist_count');
  }

  /** Whether `bytes` of telemetry fit beside what is kept for commands. */
  hasRoomFor(bytes: number): boolean {
    const free = Number(this.#freePages.get()?.['freelist_count']);
    const used = Number(this.#pageCount.get()?.['page_count']) - free;
    // A page is not filled to the last byte; half as much again is more than a tree of ours ever took.
    return used + Math.ceil((bytes * 1.5) / this.#pageBytes) <= this.#unreserved;
  }

  /** What is freed at once, in bytes: a sixty-fourth of what telemetry may take, so that it is not freed every minute. */
  get portionBytes(): number {
    return Math.ceil((this.#unreserved * this.#pageBytes) / 64);
  }
}

/** Where the ballast of the store at `store` lies. */
export function ballastOf(store: string): string {
  return `${store}-ballast`;
}

/** The file that is given up. It is written once and only its size matters. */
export class Ballast {
  readonly #path: string;
  readonly #bytes: number;
  #held = false;

  /** `store`: the path of the store that it lies beside. */
  constructor(store: string, { ballastBytes = DEFAULT_BALLAST_BYTES }: RoomOptions) {
    this.#path = ballastOf(store);
    this.#bytes = ballastBytes;
    this.#held = statSync(this.#path, { throwIfNoEntry: false })?.size === ballastBytes;
    this.hold();
  }

  /** Whether there is room of the disk for commands that others cannot take. */
  get isHeld(): boolean {
    return this.#held || this.#bytes === 0;
  }

  /** Takes the room, where the disk has twice as much; whether it did. Never throws: there is no room to lose. */
  hold(): boolean {
    if (this.isHeld || this.#freeBytes() < 2 * this.#bytes) return false;
    try {
      const file = openSync(this.#path, 'w', 0o600);
      try {
        const block = Buffer.alloc(64 * 1024, 0x55);
        for (let at = 0; at < this.#bytes; )
          at += writeSync(file, block, 0, Math.min(block.length, this.#bytes - at));
        this.#held = true;
      } finally {
        closeSync(file);
      }
    } catch {
      rmSync(this.#path, { force: true });
    }
    return this.#held;
  }

  /** Gives the room up where the disk is full. Says whether there was any to give. */
  release(): boolean {
    if (!this.#held || this.#freeBytes() >= this.#bytes) return false;
    this.#held = false;
    try {
      const file = openSync(this.#path, 'r+');
      ftruncateSync(file, 0);
      closeSync(file);
      return true;
    } catch {
      return false;
    }
  }

  #freeBytes(): number {
    try {
      const { bavail, bsize } = statfsSync(dirname(this.#path));
      return bavail * bsize;
    } catch {
      return 0;
    }
  }
}
