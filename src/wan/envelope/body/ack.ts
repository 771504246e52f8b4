/** Kind ack: the head end holds every record up to and including a sequence, by stream. */
import { ok, refused } from '../../../base/assert.ts';
import { STREAMS } from '../../../model/mod.ts';
import type { AckBody, StreamName } from '../../../model/mod.ts';
import type { ClaimMap } from '../codec.ts';
import { isBetween } from '../form.ts';
import { KEY, always, isFilledMap } from './kind.ts';
import type { Kind } from './kind.ts';

export const ack: Kind<AckBody> = {
  number: 4,
  rows: [always(KEY.through, 'through', isFilledMap)],
  read: body => {
    const through: { [stream in StreamName]?: number } = {};
    for (const [name, sequence] of body.get(KEY.through) as ClaimMap) {
      const stream = STREAMS.find(known => known === name);
      if (stream === undefined) return refused('body-invalid', `stream ${JSON.stringify(name)}`);
      if (!isBetween(sequence, 0, Number.MAX_SAFE_INTEGER))
        return refused('body-invalid', `through of ${stream}`);
      through[stream] = sequence as number;
    }
    return ok({ kind: 'ack', through });
  },
  write: ({ through }) => [[KEY.through, new Map(Object.entries(through))]],
};
