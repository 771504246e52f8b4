/** Kind sealed: a box to one gateway's key. What is in it is read by wan/sealed, after the box was opened. */
import { ok } from '../../../base/assert.ts';
import { fromHex, toHex } from '../../../base/bytes.ts';
import type { MRID, SealedBody } from '../../../model/mod.ts';
import { isIdText } from '../form.ts';
import { KEY, always, sometimes } from './kind.ts';
import type { Kind } from './kind.ts';

/** Ephemeral key, authenticator, and one block of content. */
const MIN_BOX = 32 + 16 + 1;
/** A message of 280 letters needs 1.2 kB in any script; there is room for twice that. */
const MAX_BOX = 4096;

export const sealed: Kind<SealedBody> = {
  number: 9,
  rows: [
    always(
      KEY.box,
      'box',
      value => value instanceof Uint8Array && value.length >= MIN_BOX && value.length <= MAX_BOX,
    ),
    sometimes(KEY.mRID, 'mRID', isIdText),
  ],
  read: body => {
    const mRID = body.get(KEY.mRID) as MRID | undefined;
    return ok({
      kind: 'sealed',
      box: toHex(body.get(KEY.box) as Uint8Array),
      ...(mRID === undefined ? {} : { mRID }),
    });
  },
  write: ({ box, mRID }) => [
    [KEY.box, fromHex(box) ?? new Uint8Array()],
    ...(mRID === undefined ? [] : [[KEY.mRID, mRID] as const]),
  ],
};
