/**
 * Whether the write-ahead log beside a store proves itself, before SQLite looks at it. SQLite takes the log as far as
 * its checksums hold and forgets the rest in silence; that is right for what was being written when the power failed,
 * and a loss of what was acknowledged when the card has flipped a bit. Nobody can tell one from the other by the last
 * transaction alone, so either is reported.
 *
 * It reads and changes nothing (format: sqlite.org/fileformat2.html#the_write_ahead_log).
 */
import { existsSync, readFileSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** The lowest bit of the magic number says in which byte order the checksums are made. */
const MAGIC = 0x377f0682;

type Sums = readonly [number, number];

/** What is wrong with the log of the store at `path`, as a sentence; `undefined`: nothing, or there is none. */
export function logTrouble(path: string): string | undefined {
  const file = `${path}-wal`;
  if (!existsSync(file)) return undefined;
  const log = readFileSync(file);
  if (log.length === 0) return undefined;
  const whole = 'the write-ahead log does not prove itself; what it held is gone';
  if (log.length < HEADER_BYTES) return whole;
  const magic = log.readUInt32BE(0);
  if ((magic & ~1) >>> 0 !== MAGIC) return whole;
  const isBig = (magic & 1) === 1;
  const first = sum(log.subarray(0, 24), { isBig, from: [0, 0] });
  if (!matches(first, log, 24)) return whole;
  return frameTrouble(log, { isBig, from: first });
}

/** Frames of this round have its salts. The first that does not prove itself ends what SQLite takes. */
function frameTrouble(log: Buffer, { isBig, from }: { isBig: boolean; from: Sums }): string | undefined {
  const frameBytes = FRAME_HEADER_BYTES + log.readUInt32BE(8);
  const salts: Sums = [log.readUInt32BE(16), log.readUInt32BE(20)];
  let sums = from;
  for (let at = HEADER_BYTES, n = 1; at + FRAME_HEADER_BYTES <= log.length; at += frameBytes, n++) {
    const end = at + frameBytes;
    const isOurs = log.readUInt32BE(at + 8) === salts[0] && log.readUInt32BE(at + 12) === salts[1];
    if (!isOurs) return isRemnant(log, at, { frameBytes, salts }) ? undefined : endsAt(n);
    if (end > log.length) return endsAt(n);
    sums = sum(log.subarray(at, at + 8), { isBig, from: sums });
    sums = sum(log.subarray(at + FRAME_HEADER_BYTES, end), { isBig, from: sums });
    if (!matches(sums, log, at + 16)) return endsAt(n);
  }
  return undefined;
}

/** Of an earlier round are frames in which neither salt is that of this one, to the end. */
function isRemnant(
  log: Buffer,
  from: number,
  { frameBytes, salts }: { frameBytes: number; salts: Sums },
): boolean {
  for (let at = from; at + FRAME_HEADER_BYTES <= log.length; at += frameBytes)
    if (log.readUInt32BE(at + 8) === salts[0] || log.readUInt32BE(at + 12) === salts[1]) return false;
  return true;
}

function endsAt(frame: number): string {
  return `the write-ahead log does not prove itself from frame ${frame} on; what was written there is gone`;
}

function matches([a, b]: Sums, log: Buffer, at: number): boolean {
  return log.readUInt32BE(at) === a && log.readUInt32BE(at + 4) === b;
}

function sum(bytes: Buffer, { isBig, from: [a, b] }: { isBig: boolean; from: Sums }): Sums {
  let [s0, s1] = [a, b];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    s0 = (s0 + (isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + s1) >>> 0;
    s1 = (s1 + (isBig ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + s0) >>> 0;
  }
  return [s0, s1];
}
