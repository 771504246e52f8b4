/**
 * Kinds welcome and time: the head end's answer to a start, and the date. Both are believed for the nonce they
 * carry, which one gateway drew; a time without one proves only that it is not earlier.
 */
import { ok, refused } from '../../../base/assert.ts';
import type { Result } from '../../../base/assert.ts';
import { fromHex, toHex } from '../../../base/bytes.ts';
import { toUnixSeconds, unixSeconds } from '../../../base/time.ts';
import { STREAMS, isId } from '../../../model/mod.ts';
import type { Nonce, StreamName, StreamTold, TimeBody, WelcomeBody } from '../../../model/mod.ts';
import type { ClaimMap } from '../codec.ts';
import { isBetween, isCount, isSeconds } from '../form.ts';
import type { ContentRefusal } from '../refusals.ts';
import { KEY, always, isFilledMap, sometimes } from './kind.ts';
import type { Kind } from './kind.ts';

const isNonce = (value: unknown): boolean => value instanceof Uint8Array && value.length === 16;
const isMap = (value: unknown): boolean => value instanceof Map;
const isSequence = (value: unknown): boolean => isBetween(value, 0, Number.MAX_SAFE_INTEGER);

export const welcome: Kind<WelcomeBody> = {
  number: 11,
  rows: [
    always(KEY.nonce, 'nonce', isNonce),
    always(KEY.time, 'time', isSeconds),
    always(KEY.marks, 'marks', isMap),
    always(KEY.held, 'held', isMap),
    sometimes(KEY.earlier, 'earlier', isFilledMap),
  ],
  read: body => {
    const marks = readMarks(body.get(KEY.marks) as ClaimMap);
    if (!marks.ok) return marks;
    const earlier = readEarlier(body.get(KEY.earlier) as ClaimMap | undefined);
    if (!earlier.ok) return earlier;
    const held = readHeld(body.get(KEY.held) as ClaimMap);
    if (!held.ok) return held;
    return ok({
      kind: 'welcome',
      nonce: toHex(body.get(KEY.nonce) as Uint8Array) as Nonce,
      time: unixSeconds(body.get(KEY.time) as number),
      marks: [...marks.value, ...earlier.value],
      held: held.value,
    });
  },
  write: ({ nonce, time, marks, held }) => {
    const { none: own = [], ...earlier } = Object.groupBy(marks, ({ keyEpoch }) => keyEpoch ?? 'none');
    const maps = Object.entries(earlier).map(
      ([epoch, told = []]) => [Number(epoch), writeMarks(told)] as const,
    );
    return [
      [KEY.nonce, fromHex(nonce)],
      [KEY.time, toUnixSeconds(time)],
      [KEY.marks, writeMarks(own)],
      [KEY.held, new Map(Object.entries(held))],
      ...(maps.length === 0 ? [] : [[KEY.earlier, new Map(maps)] as const]),
    ];
  },
};

export const time: Kind<TimeBody> = {
  number: 6,
  rows: [sometimes(KEY.nonce, 'nonce', isNonce), always(KEY.time, 'time', isSeconds)],
  read: body => {
    const nonce = body.get(KEY.nonce) as Uint8Array | undefined;
    return ok({
      kind: 'time',
      time: unixSeconds(body.get(KEY.time) as number),
      ...(nonce === undefined ? {} : { nonce: toHex(nonce) as Nonce }),
    });
  },
  write: body => [
    ...(body.nonce === undefined ? [] : [[KEY.nonce, fromHex(body.nonce)] as const]),
    [KEY.time, toUnixSeconds(body.time)],
  ],
};

function writeMarks(marks: readonly StreamTold[]): ClaimMap {
  return new Map(marks.map(({ stream, through, open }) => [stream, [through, ...open]]));
}

/** Marks by key epoch; that they are earlier ones is judged where the epoch of the command is known. */
function readEarlier(map: ClaimMap | undefined): Result<readonly StreamTold[], ContentRefusal> {
  const all: StreamTold[] = [];
  for (const [keyEpoch, told] of map ?? []) {
    if (!isCount(keyEpoch) || !isFilledMap(told)) return refused('body-invalid', 'marks of an earlier key');
    const marks = readMarks(told as ClaimMap);
    if (!marks.ok) return marks;
    all.push(...marks.value.map(mark => ({ ...mark, keyEpoch: keyEpoch as number })));
  }
  return ok(all);
}

/** A list for each stream: its mark, then the open sequences below it, ascending. */
function readMarks(map: ClaimMap): Result<readonly StreamTold[], ContentRefusal> {
  const marks: StreamTold[] = [];
  for (const [stream, list] of map) {
    if (typeof stream !== 'string' || !isId(stream)) return refused('body-invalid', 'name of a stream');
    if (!Array.isArray(list) || list.length === 0 || !list.every(isSequence))
      return refused('body-invalid', `mark of ${stream}`);
    const [through, ...open] = list as [number, ...number[]];
    if (open.some((n, i) => n < 1 || n > through || n <= (open[i - 1] ?? 0)))
      return refused('body-invalid', `open commands of ${stream}: ascending, up to its mark`);
    marks.push({ stream, through, open });
  }
  return ok(marks);
}

function readHeld(map: ClaimMap): Result<WelcomeBody['held'], ContentRefusal> {
  const held: { [stream in StreamName]?: number } = {};
  for (const [name, sequence] of map) {
    const stream = STREAMS.find(known => known === name);
    if (stream === undefined || !isSequence(sequence)) return refused('body-invalid', 'held');
    held[stream] = sequence as number;
  }
  return ok(held);
}
