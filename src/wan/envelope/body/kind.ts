/**
 * What one kind of body needs: its number in the contract, the form of its fields, and a reader and a writer that
 * are proven against each other and, for the bytes, against a second implementation.
 */
import type { Result } from '../../../base/assert.ts';
import type { CommandBody, CommandClass } from '../../../model/mod.ts';
import type { ClaimMap } from '../codec.ts';
import type { Row } from '../form.ts';
import type { ContentRefusal } from '../refusals.ts';

export interface Kind<B extends CommandBody> {
  readonly number: number;
  /** Every field, with that of the kind itself left out. */
  readonly rows: readonly Row[];
  /** Is given only a body whose fields met their rows. */
  readonly read: (body: ClaimMap, commandClass: CommandClass) => Result<B, ContentRefusal>;
  /** The fields without the kind. Times are rounded down to whole seconds. */
  readonly write: (body: B) => readonly (readonly [number, unknown])[];
}

/** Keys of a body's fields. One number has one meaning in all kinds; a new field takes the next free number. */
export const KEY = {
  kind: 1,
  mRID: 2,
  axes: 3,
  start: 4,
  duration: 5,
  note: 6,
  service: 7,
  group: 8,
  epoch: 9,
  member: 10,
  through: 11,
  nonce: 12,
  time: 13,
  marks: 14,
  held: 15,
  sha256: 30,
  size: 31,
  listSha256: 32,
  delivers: 33,
  model: 34,
  versions: 35,
  version: 36,
  box: 37,
  documents: 40,
  tag: 50,
  also: 51,
  only: 52,
  from: 53,
  all: 54,
  left: 55,
  device: 60,
  packet: 61,
  intents: 62,
  every: 63,
  earlier: 64,
} as const;

export const always = (key: number, name: string, fits: Row['fits']): Row => ({
  key,
  name,
  need: 'always',
  fits,
});
export const sometimes = (key: number, name: string, fits: Row['fits']): Row => ({
  key,
  name,
  need: 'sometimes',
  fits,
});

export const isFilledMap = (value: unknown): boolean => value instanceof Map && value.size > 0;
