/**
 * Whom a gateway trusts: roots walked one by one, thresholds, delegations and revocations, each attack by its name.
 */
import { expect } from 'chai';
import { unixTime } from '../../../src/base/time.ts';
import { CLASSES, classNumber } from '../../../src/model/mod.ts';
import type { GroupId } from '../../../src/model/mod.ts';
import { KIND_NUMBERS } from '../../../src/wan/envelope/mod.ts';
import {
  ROLES,
  classOf,
  delegatedKey,
  learn,
  operationsOf,
  restoreTrust,
  rootInForce,
} from '../../../src/wan/trust/mod.ts';
import type { Role, TrustState } from '../../../src/wan/trust/mod.ts';
import { VECTORS, bytesOf, testKey } from '../envelope/vectors.ts';
import {
  ANN,
  AT,
  BEN,
  CAT,
  DAN,
  DISPATCHER,
  EVE,
  GW,
  SECOND,
  UTILITY,
  YEAR,
  delegation,
  learnt,
  placed,
  revocations,
  root,
  signed,
  stored,
  verdict,
} from './support.ts';

const versionOf = (state: TrustState): number | undefined => rootInForce(state)?.document.version;
const knows = (state: TrustState, key = DISPATCHER): boolean => delegatedKey(state, key.kid) !== undefined;
const publicKeys = (...holders: readonly { publicKey: Uint8Array }[]) => holders.map(h => h.publicKey);

describe('a delegation', () => {
  it('SIWG-2 gives its key the scope it says, under the root that lay on the gateway', () => {
    const scope = {
      groups: ['feeder-7' as GroupId],
      gateways: [GW],
      primacy: { min: 10, max: 20 },
      bounds: { opModMaxLimW: { min: 2000, max: 9000 } },
    };
    const { state, changed, lost } = learnt(placed(), signed(delegation({ scope })));
    const key = delegatedKey(state, DISPATCHER.kid);
    expect(key).to.deep.include({ issuer: 'grid-ops', epoch: 1, alg: -19, kid: DISPATCHER.kid });
    expect(key?.scope).to.deep.equal({
      ...scope,
      operations: ['event', 'cancel', 'ack'],
      highestClass: 'transmission',
      validFrom: AT,
      validUntil: AT + YEAR,
    });
    expect({ changed, lost }).to.deep.equal({ changed: [DISPATCHER.kid], lost: [] });
    expect(key?.rootExpires).to.equal(AT + YEAR);
  });

  const rows: readonly [string, Parameters<typeof delegation>[0], string][] = [
    ['of an emergency by a dispatcher', { scope: { highestClass: 'emergency' } }, 'role-exceeded'],
    ['of grants by a dispatcher', { operations: ['grant'] }, 'role-exceeded'],
    [
      'of transmission by an aggregator',
      { roles: ['aggregator'], scope: { highestClass: 'transmission' } },
      'role-exceeded',
    ],
    ['of events by the keeper of time', { roles: ['time'], operations: ['event'] }, 'role-exceeded'],
    ['of firmware by a registrar', { roles: ['registrar'], operations: ['manifest'] }, 'role-exceeded'],
    ['for another utility', { utility: 'south' }, 'utility-mismatch'],
    ['of a root key', { publicKey: CAT.publicKey }, 'root-key-delegated'],
    ['with a validity upside down', { scope: { validUntil: unixTime(AT - 1000) } }, 'key-refused'],
  ];
  for (const [what, change, refusal] of rows)
    it(`${what} is refused as ${refusal}`, () =>
      expect(verdict(placed(), signed(delegation(change)))).to.equal(refusal));

  it('of a role that does not exist is refused as role-unknown', () => {
    const strange = delegation({ roles: ['king' as Role] });
    expect(verdict(placed(), signed(strange))).to.equal('role-unknown');
  });

  it('of a key of small or mixed order, or in no canonical form, is refused as key-refused', () => {
    for (const { name, hex, valid } of VECTORS.points) {
      const result = verdict(placed(), signed(delegation({ publicKey: bytesOf(hex) })));
      expect(result, name).to.equal(valid ? 'ok' : 'key-refused');
    }
  }).timeout(20_000);

  it('needs as many signatures as the root says: one, or two by one key, are not two', () => {
    expect(verdict(placed(), signed(delegation(), ANN))).to.equal('threshold-not-met');
    expect(verdict(placed(), signed(delegation(), ANN, ANN))).to.equal('signer-twice');
    expect(verdict(placed(), signed(delegation(), ANN, DAN))).to.equal('threshold-not-met');
    expect(verdict(placed(), signed(delegation(), ANN, CAT))).to.equal('ok');
  });

  it('of emergencies needs its own threshold', () => {
    const emergency = delegation({ roles: ['emergency'], scope: { highestClass: 'emergency' } });
    expect(verdict(placed(), signed(emergency, ANN, BEN))).to.equal('threshold-not-met');
    expect(verdict(placed(), signed(emergency, ANN, BEN, CAT))).to.equal('ok');
    const both = { ...emergency, roles: ['dispatcher', 'emergency'] as const };
    expect(verdict(placed(), signed(both, ANN, BEN))).to.equal('threshold-not-met');
  });

  it('is refused with a bad signature of a root key, though enough others are good', () => {
    const bytes = signed(delegation(), ANN, BEN, CAT);
    const broken = Uint8Array.from(bytes);
    broken[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 4;
    expect(verdict(placed(), broken)).to.equal('signature-invalid');
  });

  it('never goes back: an older version, or another of the same, is refused', () => {
    const narrow = learnt(placed(), signed(delegation({ version: 2, operations: ['cancel'] }))).state;
    expect(verdict(narrow, signed(delegation({ version: 1 })))).to.equal('version-rollback');
    expect(verdict(narrow, signed(delegation({ version: 2 })))).to.equal('version-reused');
    const again = learnt(narrow, signed(delegation({ version: 2, operations: ['cancel'] })));
    expect(again.rows).to.deep.equal([]);
    const wide = learnt(narrow, signed(delegation({ version: 3 })));
    expect(wide.changed).to.deep.equal([DISPATCHER.kid]);
  });

  it('takes no epoch that another key of its issuer has', () => {
    const { state } = learnt(placed(), signed(delegation()));
    expect(verdict(state, signed(delegation({ publicKey: SECOND.publicKey })))).to.equal('epoch-taken');
    const next = learnt(state, signed(delegation({ publicKey: SECOND.publicKey, epoch: 2 })));
    expect([knows(next.state), knows(next.state, SECOND)]).to.deep.equal([true, true]);
  });

  it('is one of at most 64', () => {
    let state = placed();
    for (let n = 0; n < 64; n++) {
      const { publicKey } = testKey(130 + n);
      ({ state } = learnt(state, signed(delegation({ publicKey, epoch: n + 1 }))));
    }
    expect(verdict(state, signed(delegation({ epoch: 99 })))).to.equal('too-many-delegations');
  }).timeout(20_000);

  for (const role of ROLES)
    it(`of all that a ${role} may be given is taken, and one thing more is role-exceeded`, () => {
      const all = delegation({
        roles: [role],
        operations: operationsOf([role]),
        scope: { highestClass: classOf([role]) },
      });
      const by = [ANN, BEN, CAT];
      expect(verdict(placed(), signed(all, ...by))).to.equal('ok');
      const more = [...KIND_NUMBERS.keys()].filter(kind => !all.operations.includes(kind));
      for (const kind of more) {
        const wide = { ...all, operations: [...all.operations, kind] };
        expect(verdict(placed(), signed(wide, ...by)), kind).to.equal('role-exceeded');
      }
      for (const highestClass of CLASSES.slice(0, classNumber(all.scope.highestClass))) {
        const high = { ...all, scope: { ...all.scope, highestClass } };
        expect(verdict(placed(), signed(high, ...by)), highestClass).to.equal('role-exceeded');
      }
    });

  it('of an emergency is for its own role alone', () => {
    expect(ROLES.filter(role => classOf([role]) === 'emergency')).to.deep.equal(['emergency']);
  });
});

describe('a root', () => {
  const second = root({ version: 2, keys: publicKeys(ANN, BEN, DAN) });
  const third = root({ version: 3, keys: publicKeys(ANN, DAN, EVE) });

  const bad: readonly [string, Parameters<typeof root>[0], string][] = [
    ['with one key in two places', { keys: publicKeys(ANN, BEN, ANN) }, 'root-key-twice'],
    ['that asks for more keys than it has', { threshold: 4 }, 'root-impossible'],
    ['without a threshold for emergencies', { roles: {} }, 'root-impossible'],
    ['with a weaker threshold for emergencies', { roles: { emergency: 1 } }, 'root-impossible'],
    ['that expires before it is issued', { expires: AT }, 'root-impossible'],
    [
      'with a key of small order',
      { keys: [...publicKeys(ANN, BEN), new Uint8Array(32)] },
      'root-key-refused',
    ],
  ];
  for (const [what, change, refusal] of bad)
    it(`${what} is refused as ${refusal}`, () =>
      expect(verdict(placed(), signed(root({ version: 2, ...change }), ANN, BEN))).to.equal(refusal));

  it('is rotated by the old threshold and the new one, and by no less', () => {
    const next = root({ version: 2, keys: publicKeys(CAT, DAN, EVE) });
    expect(verdict(placed(), signed(next, CAT, DAN))).to.equal('threshold-not-met-by-old');
    expect(verdict(placed(), signed(next, ANN, BEN))).to.equal('threshold-not-met');
    expect(verdict(placed(), signed(next, ANN, BEN, DAN))).to.equal('threshold-not-met');
    expect(verdict(placed(), signed(next, ANN, CAT, CAT))).to.equal('signer-twice');
    const { state } = learnt(placed(), signed(next, ANN, BEN, CAT, DAN));
    expect(versionOf(state)).to.equal(2);
    // Cat is a key of both: her one signature counts for each.
    expect(verdict(placed(), signed(next, ANN, CAT, DAN))).to.equal('ok');
  });

  it('is refused with a bad signature by a key it drops, though enough others are good', () => {
    const good = signed(root({ version: 2, keys: publicKeys(ANN, BEN, DAN) }), ANN, BEN, CAT);
    const broken = Uint8Array.from(good);
    broken[good.length - 1] = (good.at(-1) ?? 0) ^ 4;
    expect(verdict(placed(), good)).to.equal('ok');
    expect(verdict(placed(), broken)).to.equal('signature-invalid');
  });

  it('is walked one version at a time: who is several behind is sent the chain', () => {
    const chain = [signed(second, ANN, BEN), signed(third, ANN, DAN)];
    expect(verdict(placed(), chain[1] ?? bytesOf(''))).to.equal('version-skipped');
    expect(versionOf(learnt(placed(), ...chain).state)).to.equal(3);
    expect(versionOf(learnt(placed(), ...chain.toReversed()).state)).to.equal(3);
    expect(versionOf(learnt(placed(), signed(root()), ...chain).state)).to.equal(3);
  });

  it('never goes back, and no version is used twice', () => {
    const { state } = learnt(placed(), signed(second, ANN, BEN));
    expect(verdict(state, signed(root()))).to.equal('version-rollback');
    expect(verdict(state, signed(root({ ...second, expires: unixTime(AT + 1000) })))).to.equal(
      'version-reused',
    );
    expect(learnt(state, signed(second, ANN, BEN)).rows).to.deep.equal([]);
  });

  it('that has expired delegates nothing more, and is left by a newer one all the same', () => {
    const short = signed(root({ expires: unixTime(AT + 1000) }));
    const { state } = learnt(placed(short), signed(delegation()));
    const later = unixTime(AT + 1000);
    const refusal = (...documents: Uint8Array[]) => {
      const result = learn(state, documents, later);
      return result.ok ? 'ok' : `${result.refusal} ${result.retry}`;
    };
    expect(refusal(signed(delegation({ version: 2 })))).to.equal('root-expired later');
    expect(refusal(signed({ ...second, expires: later }))).to.equal('root-expired later');
    expect(refusal(signed(second))).to.equal('ok');
    expect(learn(state, [signed(delegation({ version: 2 }))], unixTime(later - 1)).ok).to.equal(true);
  });

  it('keeps what enough of its own keys delegated before, and lets the rest lapse', () => {
    const held = learnt(
      placed(),
      signed(delegation(), ANN, BEN),
      signed(delegation({ publicKey: SECOND.publicKey, epoch: 2 }), BEN, CAT),
    ).state;
    const { state, lost, rows } = learnt(held, signed(second, ANN, BEN));
    expect([knows(state), knows(state, SECOND)]).to.deep.equal([true, false]);
    expect(lost).to.deep.equal([SECOND.kid]);
    expect(rows).to.deep.include({ op: 'delete', kind: 'trust', key: `delegation/${SECOND.kid}` });
    const renewed = signed(delegation({ publicKey: SECOND.publicKey, epoch: 2 }), ANN, DAN);
    expect(knows(learnt(state, renewed).state, SECOND)).to.equal(true);
  });

  it('comes with what it delegates anew as one bundle: all of it or nothing', () => {
    const good = [signed(second, ANN, BEN), signed(delegation(), ANN, DAN)];
    expect(knows(learnt(placed(), ...good).state)).to.equal(true);
    expect(verdict(placed(), ...good.slice(0, 1), signed(delegation(), ANN, CAT))).to.equal(
      'threshold-not-met',
    );
  });
});

describe('a revocation', () => {
  const held = learnt(placed(), signed(delegation())).state;

  it('takes a key away for good, whatever root and delegation come after', () => {
    const { state, lost } = learnt(held, signed(revocations(1, DISPATCHER)));
    expect([knows(state), lost]).to.deep.equal([false, [DISPATCHER.kid]]);
    expect(verdict(state, signed(delegation({ version: 9 })))).to.equal('key-revoked');
    const rotated = learnt(state, signed(root({ version: 2 }), ANN, BEN)).state;
    expect(verdict(rotated, signed(delegation({ version: 9 })))).to.equal('key-revoked');
  });

  it('needs the threshold, goes on in versions, and forgets nobody', () => {
    expect(verdict(held, signed(revocations(1, DISPATCHER), ANN))).to.equal('threshold-not-met');
    const { state } = learnt(held, signed(revocations(2, DISPATCHER)));
    expect(verdict(state, signed(revocations(1)))).to.equal('version-rollback');
    expect(verdict(state, signed(revocations(2, SECOND)))).to.equal('version-reused');
    expect(verdict(state, signed(revocations(3, SECOND)))).to.equal('revocation-withdrawn');
    expect(verdict(state, signed(revocations(3, DISPATCHER, SECOND)))).to.equal('ok');
  });

  it('in the same bundle as the delegation of its key wins', () => {
    const both = [signed(delegation()), signed(revocations(1, DISPATCHER))];
    expect(verdict(placed(), ...both)).to.equal('key-revoked');
  });
});

describe('trust after a restart', () => {
  const of = { utility: UTILITY, gateway: GW, anchor: { kind: 'root', document: signed(root()) } } as const;
  const first = learnt(placed(), signed(delegation()), signed(root({ version: 2 }), ANN, BEN));
  const then = learnt(first.state, signed(revocations(1, SECOND)));

  it('is what it was', () => {
    const state = restoreTrust(of, stored(first, then));
    expect(versionOf(state)).to.equal(2);
    expect(knows(state)).to.equal(true);
    expect([...state.revoked]).to.deep.equal([SECOND.kid]);
    expect(state.floors).to.deep.equal(then.state.floors);
    expect(state.unread).to.deep.equal([]);
  });

  it('does not go back to the placed root when the stored one is lost: it waits for the chain', () => {
    const state = restoreTrust(
      of,
      stored(first, then).filter(({ key }) => key !== 'root'),
    );
    expect(versionOf(state)).to.equal(undefined);
    expect(knows(state)).to.equal(false);
    expect(verdict(state, signed(delegation({ version: 2 })))).to.equal('version-rollback');
    expect(versionOf(learnt(state, signed(root({ version: 2 }), ANN, BEN)).state)).to.equal(2);
  });

  it('keeps a key revoked when the row of the list is lost', () => {
    const rows = stored(first, then).filter(({ key }) => key !== 'revocations');
    const state = restoreTrust(of, rows);
    expect(verdict(state, signed(delegation({ publicKey: SECOND.publicKey, epoch: 2 })))).to.equal(
      'key-revoked',
    );
    expect(verdict(state, signed(revocations(1, SECOND)))).to.equal('ok');
  });

  it('believes no row that does not prove itself', () => {
    const rows = stored(first, then).map(({ key, value }) =>
      key.startsWith('delegation/') ? { key, value: { document: '00' } } : { key, value },
    );
    const state = restoreTrust(of, rows);
    expect(knows(state)).to.equal(false);
    expect(state.unread).to.deep.equal([`delegation/${DISPATCHER.kid}`]);
  });

  it('takes a placed root that is newer than the stored one', () => {
    const document = signed(root({ version: 3 }));
    const state = restoreTrust({ ...of, anchor: { kind: 'root', document } }, stored(first, then));
    expect(versionOf(state)).to.equal(3);
  });
});
