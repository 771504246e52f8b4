/** Kind probe: a group's newest epoch, who has left it, and the question who of the new hears it. */
import { fromHex, toHex } from '../../../base/bytes.ts';
import { ok } from '../../../base/assert.ts';
import type { ProbeBody } from '../../../model/mod.ts';
import { isCount } from '../form.ts';
import { TAG_BYTES } from './grant.ts';
import { KEY, always, sometimes } from './kind.ts';
import type { Kind } from './kind.ts';

/** 8 KiB of the 16 that a command may have. */
export const MAX_LEFT = 1024;

const isTags = (value: unknown): boolean =>
  value instanceof Uint8Array && value.length % TAG_BYTES === 0 && value.length <= MAX_LEFT * TAG_BYTES;

export const probe: Kind<ProbeBody> = {
  number: 5,
  rows: [
    always(KEY.from, 'from', isCount),
    sometimes(KEY.all, 'all', value => value === 1),
    always(KEY.left, 'left', isTags),
  ],
  read: body => {
    const tags = toHex(body.get(KEY.left) as Uint8Array);
    return ok({
      kind: 'probe',
      from: body.get(KEY.from) as number,
      ...(body.get(KEY.all) === undefined ? {} : { all: true }),
      left: tags.match(/.{16}/g) ?? [],
    });
  },
  write: ({ from, all, left }) => [
    [KEY.from, from],
    ...(all === undefined ? [] : [[KEY.all, 1] as const]),
    [KEY.left, fromHex(left.join('')) ?? new Uint8Array()],
  ],
};
