/** Kinds interrogate and read: questions to a gateway about its devices. */
import { ok } from '../../../base/assert.ts';
import type { DeviceId, InterrogateBody, ReadBody } from '../../../model/mod.ts';
import { isIdText } from '../form.ts';
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
  rows: [],
  read: () => ok({ kind: 'read' }),
  write: () => [],
};
