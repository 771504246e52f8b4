/** Kind grant: what changes in the memberships of one gateway. */
import { fromHex, toHex } from '../../../base/bytes.ts';
import { ok, refused } from '../../../base/assert.ts';
import type { GrantBody, GroupId, MembershipChange } from '../../../model/mod.ts';
import { isBetween, isCount, isIdText } from '../form.ts';
import { KEY, always, sometimes } from './kind.ts';
import type { Kind } from './kind.ts';

/** Bytes of a membership's tag: guessing one of a thousand takes 2^54 tries, and a guess moves no register. */
export const TAG_BYTES = 8;
/** A premise is in a handful of groups; with the first change 64. */
export const MAX_ALSO = 63;

const isMember = (value: unknown): boolean => isBetween(value, 0, 1);
const isTag = (value: unknown): boolean => value instanceof Uint8Array && value.length === TAG_BYTES;

export const grant: Kind<GrantBody> = {
  number: 3,
  rows: [
    always(KEY.group, 'group', isIdText),
    always(KEY.epoch, 'epoch', isCount),
    always(KEY.member, 'member', isMember),
    sometimes(KEY.tag, 'tag', isTag),
    sometimes(KEY.also, 'also', isAlso),
    sometimes(KEY.only, 'only', value => value === 1),
  ],
  read: body => {
    const first = readChange([KEY.group, KEY.epoch, KEY.member, KEY.tag].map(key => body.get(key)));
    const also = (body.get(KEY.also) as unknown[][] | undefined)?.map(readChange);
    const groups = [first, ...(also ?? [])].map(({ group }) => group);
    if (new Set(groups).size < groups.length) return refused('body-invalid', 'a group is named twice');
    return ok({
      kind: 'grant',
      ...first,
      ...(also === undefined ? {} : { also }),
      ...(body.get(KEY.only) === undefined ? {} : { only: true }),
    });
  },
  write: ({ group, epoch, member, tag, also, only }) => [
    [KEY.group, group],
    [KEY.epoch, epoch],
    [KEY.member, member ? 1 : 0],
    ...(tag === undefined ? [] : [[KEY.tag, fromHex(tag)] as const]),
    ...(also === undefined ? [] : [[KEY.also, also.map(writeChange)] as const]),
    ...(only === undefined ? [] : [[KEY.only, 1] as const]),
  ],
};

/** `[group, epoch, member]` or, with a tag, four. */
function isAlso(value: unknown): boolean {
  return Array.isArray(value) && isBetween(value.length, 1, MAX_ALSO) && value.every(isChange);
}

function isChange(value: unknown): boolean {
  if (!Array.isArray(value) || !isBetween(value.length, 3, 4)) return false;
  const [group, epoch, member, tag] = value as unknown[];
  return isIdText(group) && isCount(epoch) && isMember(member) && (value.length === 3 || isTag(tag));
}

function readChange([group, epoch, member, tag]: readonly unknown[]): MembershipChange {
  return {
    group: group as GroupId,
    epoch: epoch as number,
    member: member === 1,
    ...(tag === undefined ? {} : { tag: toHex(tag as Uint8Array) }),
  };
}

function writeChange({ group, epoch, member, tag }: MembershipChange): readonly unknown[] {
  return [group, epoch, member ? 1 : 0, ...(tag === undefined ? [] : [fromHex(tag)])];
}
