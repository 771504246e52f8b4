/**
 * Memberships: the table of grant × what is held, the table of command × what is held, and the digest.
 */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import * as fc from 'fast-check';
import type { Audience, Command, GatewayId, GrantBody, GroupId, KeyId } from '../../../src/model/mod.ts';
import {
  MAX_GROUPS,
  applyGrant,
  groupsOf,
  judgeAudience,
  membershipDigest,
  membershipsFromRows,
} from '../../../src/wan/groups/mod.ts';
import type { Memberships } from '../../../src/wan/groups/mod.ts';
import { CLAIMS } from '../envelope/vectors.ts';

const SELF = 'gw-1' as GatewayId;
const FEEDER = 'feeder-7' as GroupId;

const held = (epoch: number, member: boolean): Memberships => new Map([[FEEDER, { epoch, member }]]);
const grant = (epoch: number, member: boolean, group = FEEDER): GrantBody => ({
  kind: 'grant',
  group,
  epoch,
  member,
});

function command(audience: Audience, groupEpoch?: number): Command {
  const { groupEpoch: _, ...rest } = CLAIMS;
  const epoch = groupEpoch === undefined ? {} : { groupEpoch };
  return { ...rest, ...epoch, audience, kid: '' as KeyId, digest: '' };
}

function verdict(result: { ok: true; value: unknown } | { ok: false; refusal: string }): string {
  return result.ok ? 'ok' : result.refusal;
}

describe('judgeAudience', () => {
  const rows: readonly [string, Memberships, number, string][] = [
    ['a member, the epoch it knows', held(7, true), 7, 'ok'],
    ['a member, an older epoch', held(7, true), 6, 'group-epoch-stale'],
    ['a member, a newer epoch', held(7, true), 8, 'group-epoch-future'],
    ['removed, the epoch of its removal', held(7, false), 7, 'not-member'],
    ['removed, an older epoch', held(7, false), 6, 'not-member'],
    ['removed, a newer epoch: it may have been taken in again', held(7, false), 8, 'group-epoch-future'],
    ['never granted', new Map(), 1, 'not-member'],
  ];
  for (const [name, memberships, epoch, expected] of rows)
    it(`GRP-2 ${name}: ${expected}`, () => {
      const asked = command({ kind: 'group', id: FEEDER }, epoch);
      expect(verdict(judgeAudience(memberships, SELF, asked))).to.equal(expected);
    });

  it('tries again only what a grant can change', () => {
    const future = judgeAudience(held(7, true), SELF, command({ kind: 'group', id: FEEDER }, 8));
    const stale = judgeAudience(held(7, true), SELF, command({ kind: 'group', id: FEEDER }, 6));
    expect([future, stale].map(result => !result.ok && result.retry)).to.deep.equal(['later', 'never']);
  });

  it('takes what is for this gateway, and nothing for another', () => {
    const to = (id: string) => command({ kind: 'device', id: id as GatewayId });
    expect(verdict(judgeAudience(held(7, true), SELF, to('gw-1')))).to.equal('ok');
    expect(verdict(judgeAudience(held(7, true), SELF, to('gw-2')))).to.equal('not-addressed');
  });

  it('does not take a group for a gateway of the same name', () => {
    const named = command({ kind: 'group', id: 'gw-1' as GroupId }, 1);
    expect(verdict(judgeAudience(new Map(), SELF, named))).to.equal('not-member');
  });
});

describe('applyGrant', () => {
  const rows: readonly [string, Memberships, GrantBody, 'row' | 'nothing' | 'grant-stale'][] = [
    ['the first grant', new Map(), grant(1, true), 'row'],
    ['a removal before any grant', new Map(), grant(1, false), 'row'],
    ['the same again', held(7, true), grant(7, true), 'nothing'],
    ['the same removal again', held(7, false), grant(7, false), 'nothing'],
    ['the same epoch with other content', held(7, true), grant(7, false), 'grant-stale'],
    ['an older grant, the same content', held(7, true), grant(6, true), 'grant-stale'],
    ['an older grant after a removal', held(7, false), grant(6, true), 'grant-stale'],
    ['a newer epoch', held(7, true), grant(8, true), 'row'],
    ['a removal', held(7, true), grant(8, false), 'row'],
    ['taken in again', held(7, false), grant(9, true), 'row'],
  ];
  for (const [name, memberships, body, expected] of rows)
    it(`GRP-2 ${name}: ${expected}`, () => {
      const before = new Map(memberships);
      const result = applyGrant(memberships, body);
      if (expected === 'row') {
        const value = { epoch: body.epoch, member: body.member };
        expect(result).to.deep.equal({ ok: true, value: { kind: 'membership', key: FEEDER, value } });
        expect(memberships.get(FEEDER)).to.deep.equal(value);
        return;
      }
      expect(memberships).to.deep.equal(before);
      if (expected === 'nothing') expect(result).to.deep.equal({ ok: true, value: undefined });
      else expect(result).to.include({ ok: false, refusal: expected });
    });

  it('GRP-2 converges on the newest grant, in whatever order and however often they come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), epochs => {
        const memberships: Memberships = new Map();
        for (const epoch of epochs) applyGrant(memberships, grant(epoch, epoch % 3 !== 0));
        const newest = Math.max(...epochs);
        expect(memberships.get(FEEDER)).to.deep.equal({ epoch: newest, member: newest % 3 !== 0 });
      }),
    );
  });

  it('refuses a group too many, and goes on with those it knows', () => {
    const memberships: Memberships = new Map();
    for (let n = 0; n < MAX_GROUPS; n++) applyGrant(memberships, grant(1, true, `g-${n}` as GroupId));
    expect(verdict(applyGrant(memberships, grant(1, true)))).to.equal('too-many-groups');
    expect(memberships.size).to.equal(MAX_GROUPS);
    expect(verdict(applyGrant(memberships, grant(2, false, 'g-0' as GroupId)))).to.equal('ok');
  });
});

describe('membershipsFromRows', () => {
  it('gives back what the rows of grants say', () => {
    const memberships: Memberships = new Map();
    const rows = [grant(3, true), grant(5, false, 'model-x' as GroupId)].flatMap(body => {
      const result = applyGrant(memberships, body);
      return result.ok && result.value !== undefined ? [result.value] : [];
    });
    expect(membershipsFromRows(JSON.parse(JSON.stringify(rows)) as typeof rows)).to.deep.equal(memberships);
  });

  it('does not believe a row that is not its own', () => {
    expect(() => membershipsFromRows([{ key: 'x', value: { epoch: '1', member: true } }])).to.throw(
      /membership/,
    );
  });
});

describe('membershipDigest', () => {
  const sha = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

  it('GRP-2 is over group and epoch, in order, of the groups it is in', () => {
    const memberships: Memberships = new Map([
      ['model-x' as GroupId, { epoch: 2, member: true }],
      ['left' as GroupId, { epoch: 9, member: false }],
      [FEEDER, { epoch: 7, member: true }],
    ]);
    expect(groupsOf(memberships)).to.deep.equal(['feeder-7', 'model-x']);
    expect(membershipDigest(memberships)).to.equal(sha('feeder-7 7\nmodel-x 2\n'));
  });

  it('of no group is that of no bytes', () => {
    expect(membershipDigest(new Map())).to.equal('e3b0c44298fc1c14');
  });

  it('tells an epoch missed and a removal missed from being in step', () => {
    const digests = [held(7, true), held(8, true), held(8, false)].map(membershipDigest);
    expect(new Set(digests).size).to.equal(3);
  });
});
