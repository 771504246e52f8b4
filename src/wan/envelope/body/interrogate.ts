/** Kinds interrogate and read: questions to a gateway about its devices. */
import { ok, refused } from '../../../base/assert.ts';
import { MAX_SAMPLED_S, MAX_SAMPLE_EVERY_S } from '../../../model/mod.ts';
import type { DeviceId, InterrogateBody, ReadBody } from '../../../model/mod.ts';
import { isBetween, isIdText } from '../form.ts';
import { KEY, sometimes } from './kind.ts';
import type { Kind } from './kind.ts';

export const interrogate: Kind<InterrogateBody> = {
  number: 13,
  rows: [sometimes(KEY.device, 'device', isIdText)],
  read: body => {
    const device = body.get(KEY.device) as DeviceId | undefined;
    return ok({ kind: 'interrogate', ...(device === undefined ? {} : { device }) });
  },
  write: ({ device }) => (device === undefined ? [] : [[KEY.device, device]]),
};

export const read: Kind<ReadBody> = {
  number: 15,
  rows: [
    sometimes(KEY.every, 'every', value => isBetween(value, 1, MAX_SAMPLE_EVERY_S)),
    sometimes(KEY.duration, 'duration', value => isBetween(value, 1, MAX_SAMPLED_S)),
  ],
  read: body => {
    const s = body.get(KEY.every) as number | undefined;
    const forS = body.get(KEY.duration) as number | undefined;
    if (s === undefined && forS === undefined) return ok({ kind: 'read' });
    if (s === undefined || forS === undefined)
      return refused('body-invalid', 'samples need both: how often, and for how long');
    return ok({ kind: 'read', every: { s, forS } });
  },
  write: ({ every }) =>
    every === undefined
      ? []
      : [
          [KEY.duration, every.forS],
          [KEY.every, every.s],
        ],
};
