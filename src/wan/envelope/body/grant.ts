/** Kind grant: membership of one gateway in one group. */
import { ok } from '../../../base/assert.ts';
import type { GrantBody, GroupId } from '../../../model/mod.ts';
import { isBetween, isCount, isIdText } from '../form.ts';
import { KEY, always } from './kind.ts';
import type { Kind } from './kind.ts';

export const grant: Kind<GrantBody> = {
  number: 3,
  rows: [
    always(KEY.group, 'group', isIdText),
    always(KEY.epoch, 'epoch', isCount),
    always(KEY.member, 'member', value => isBetween(value, 0, 1)),
  ],
  read: body =>
    ok({
      kind: 'grant',
      group: body.get(KEY.group) as GroupId,
      epoch: body.get(KEY.epoch) as number,
      member: body.get(KEY.member) === 1,
    }),
  write: ({ group, epoch, member }) => [
    [KEY.group, group],
    [KEY.epoch, epoch],
    [KEY.member, member ? 1 : 0],
  ],
};
