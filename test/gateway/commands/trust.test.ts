/**
 * A gateway that learns whom to obey: by a root that lay on it or a claim code, over the WAN, across restarts; and
 * what becomes of the word of a key that is revoked.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { hours, unixTime } from '../../../src/base/time.ts';
import type { Settings } from '../../../src/gateway/mod.ts';
import { DELIVERIES } from '../../../src/model/mod.ts';
import type { CommandBody, GatewayId, MRID } from '../../../src/model/mod.ts';
import { claimCode } from '../../../src/wan/trust/mod.ts';
import type { Anchor, DelegationDocument, TrustDocument } from '../../../src/wan/trust/mod.ts';
import { bytesOf } from '../../wan/envelope/vectors.ts';
import type { TrustVectors } from '../../wan/trust/peer.test.ts';
import { GATEWAY, HeadEnd, UTILITY } from '../../support/head-end.ts';
import {
  ANN,
  BEN,
  CAT,
  DAN,
  delegation,
  opened,
  revocations,
  root,
  signed,
} from '../../wan/trust/support.ts';
import { someBytes, testFile } from '../../wan/delivery/files.ts';
import { Bench, eventBody, isolation, unix } from '../bench.ts';

const own = <D extends TrustDocument>(document: D): D => ({ ...document, utility: UTILITY });
const ROOT = signed(own(root()));
const trust = (...documents: readonly Uint8Array[]): CommandBody => ({ kind: 'trust', documents });

type Change = Partial<Omit<DelegationDocument, 'scope'>> & { scope?: Partial<DelegationDocument['scope']> };

/** What lets `headEnd` dispatch and isolate, by all three holders. */
function letting(headEnd: HeadEnd, change: Change = {}): Uint8Array {
  const { publicKey, issuer, epoch } = headEnd.key;
  const { scope, ...rest } = change;
  const document = delegation({
    roles: ['dispatcher', 'emergency', 'registrar'],
    operations: ['event', 'cancel', 'grant', 'ack'],
    publicKey,
    issuer,
    epoch,
    ...rest,
    scope: { highestClass: 'emergency', validFrom: unixTime(0), ...scope },
  });
  return signed(own(document), ANN, BEN, CAT);
}

/** A gateway that knows no key but by documents. */
function gateway(anchor: Anchor = { kind: 'root', document: ROOT }, settings: Partial<Settings> = {}): Bench {
  return Bench.ready({ keys: new Map(), anchor, ...settings });
}

/** One that `headEnd` was let command before anything else. */
function trusting(settings: Partial<Settings> = {}): Bench {
  const bench = gateway(undefined, settings);
  bench.command(trust(letting(bench.headEnd)));
  expect(bench.story()).to.deep.equal(['completed']);
  bench.take();
  return bench;
}

const revoking = (...headEnds: readonly HeadEnd[]): Uint8Array =>
  signed({ ...own(revocations(1)), keys: headEnds.map(({ key }) => key.kid) });

/** A second key of the same issuer. */
const successor = (): HeadEnd => new HeadEnd('utility-a', {}, { fill: 77, epoch: 2 });

describe('a gateway with a root', () => {
  it('SIWG-2 obeys nobody before a delegation, and then whom it names, however it came', () => {
    const bench = gateway();
    bench.command(eventBody());
    expect(bench.story()).to.deep.equal([]);
    expect(bench.state.counts.get('refused.key-unknown')).to.equal(1);
    bench.command(trust(ROOT, letting(bench.headEnd)));
    bench.command(eventBody({ mRID: 'ev-2' as MRID }));
    expect(bench.story()).to.deep.equal(['completed', 'received ev-2']);
    expect(bench.receipts()[0]?.why).to.equal('root 1 is in force, 1 keys delegated, 0 revoked');
  });

  it('has documents on the disk before it acknowledges or acts on them', () => {
    const bench = gateway();
    bench.command(trust(letting(bench.headEnd)));
    expect(bench.effects[0]?.do).to.equal('persist');
    const keys = bench.changes().flatMap(c => (c.op === 'put' && c.kind === 'trust' ? [c.key] : []));
    expect(keys).to.have.members(['root', 'floors', `delegation/${bench.headEnd.key.kid}`]);
  });

  it('obeys the same keys after a restart, and no older documents', () => {
    const bench = trusting();
    bench.command(trust(letting(bench.headEnd, { version: 2 })));
    bench.restart();
    bench.command(eventBody());
    expect(bench.story().at(-1)).to.equal('received ev-1');
    bench.command(trust(letting(bench.headEnd, { version: 1 })));
    expect(bench.story().at(-1)).to.equal('invalid version-rollback');
  });

  it('lets nobody bring documents but a known key, or one that they themselves let in', () => {
    const bench = gateway();
    bench.command(trust(letting(bench.headEnd)), {}, bench.aggregator);
    expect(bench.state.counts.get('refused.key-unknown')).to.equal(1);
    expect(bench.store.read().rows.filter(({ kind }) => kind === 'trust')).to.deep.equal([]);
    bench.command(trust(letting(bench.headEnd)));
    bench.command(trust(letting(bench.aggregator)));
    expect(bench.story()).to.deep.equal(['completed', 'completed']);
  });

  it('refuses by their own name documents of a stranger, and those of a known key with a receipt', () => {
    const bench = gateway();
    const weak = signed(own(delegation({ publicKey: bench.headEnd.key.publicKey })), ANN);
    bench.command(trust(weak));
    expect(bench.state.counts.get('refused.threshold-not-met')).to.equal(1);
    expect(bench.story()).to.deep.equal([]);
    bench.command(trust(letting(bench.headEnd)));
    bench.command(trust(signed(own(root({ version: 3 })))));
    expect(bench.story()).to.deep.equal(['completed', 'invalid version-skipped']);
  });

  it('asks to be welcomed at once by whom a document lets welcome, and takes its commands then', () => {
    const bench = gateway();
    bench.step({ on: 'started', seed: '5e'.repeat(32) });
    const welcomer = letting(bench.headEnd, {
      roles: ['dispatcher', 'time'],
      operations: ['event', 'cancel', 'ack', 'welcome'],
      scope: { highestClass: 'transmission' },
    });
    const births = (): number => bench.reported('birth').length;
    const before = births();
    bench.command(trust(welcomer));
    expect(births()).to.equal(before + 1);
    bench.command(eventBody());
    expect(bench.story()).to.deep.equal(['completed', 'invalid not-welcomed']);
  });

  it('takes nothing of a bundle of which one document is refused', () => {
    const bench = gateway();
    const second = signed(own(root({ version: 2 })), ANN, BEN);
    bench.command(trust(second, signed(own(delegation()), ANN), letting(bench.headEnd)));
    expect(bench.store.read().rows.filter(({ kind }) => kind === 'trust')).to.deep.equal([]);
    expect(bench.state.trust.root?.document.version).to.equal(1);
  });

  it('refuses every command as root-expired when its root has, and takes a newer root then', () => {
    const document = signed(own(root({ issued: unix(0 - hours(1)), expires: unix(1000) })));
    const bench = gateway({ kind: 'root', document });
    bench.command(trust(letting(bench.headEnd)));
    bench.ms = 999;
    bench.command(eventBody({ start: unix(hours(1)) }));
    bench.ms = 1000;
    bench.command(eventBody({ mRID: 'ev-2' as MRID }));
    expect(bench.state.counts.get('refused.root-expired')).to.equal(1);
    const next = own(root({ version: 2, issued: unix(0), expires: unix(hours(9)) }));
    bench.command(trust(signed(next, ANN, BEN)));
    bench.command(eventBody({ mRID: 'ev-3' as MRID }));
    expect(bench.story()).to.deep.equal(['completed', 'received ev-1', 'completed', 'received ev-3']);
  });

  it('obeys the keys of its configuration beside the delegated, unless they are revoked', () => {
    const { key } = new HeadEnd();
    const bench = Bench.ready({ keys: new Map([[key.kid, key]]), anchor: { kind: 'root', document: ROOT } });
    bench.command(eventBody());
    bench.command(trust(revoking(bench.headEnd)));
    bench.command(eventBody({ mRID: 'ev-2' as MRID }));
    expect(bench.story()).to.deep.equal(['received ev-1', 'completed', 'abortedByServer key-revoked']);
    expect(bench.state.counts.get('refused.key-revoked')).to.equal(1);
  });
});

describe('a gateway and the second implementation', () => {
  const peer = JSON.parse(
    readFileSync(new URL('../../vectors/trust.json', import.meta.url), 'utf8'),
  ) as TrustVectors & {
    readonly commands: readonly { readonly name: string; readonly hex: string; readonly verdict: string }[];
  };
  const TOPIC = 'ug/1/north/d/gw-1/cmd';

  it('SIWG-2 obeys its root, its delegation and its commands, and refuses the rest by name', () => {
    const anchor = { kind: 'root', document: bytesOf(peer.root) } as const;
    const bench = gateway(anchor, { utility: 'north', gateway: 'gw-1' as GatewayId });
    bench.systemOffMs = peer.now * 1000 - unix(0) - bench.ms;
    const refusals = (): ReadonlyMap<string, number> =>
      new Map([...bench.state.counts].filter(([name]) => name.startsWith('refused.')));
    for (const { name, hex, verdict } of peer.commands) {
      const before = refusals();
      bench.deliver({ topic: TOPIC, payload: bytesOf(hex) });
      const risen = [...refusals()].filter(([key, n]) => n > (before.get(key) ?? 0)).map(([key]) => key);
      expect(risen, name).to.deep.equal(verdict === 'ok' ? [] : [`refused.${verdict}`]);
    }
    expect(bench.story()).to.deep.equal(['completed', 'received ev-1', 'invalid class-exceeded']);
  });
});

describe('a gateway with a claim code', () => {
  const code = claimCode(opened(ROOT)?.payload ?? ROOT, GATEWAY);

  it('takes the root that the code names with the first message, and remembers it', () => {
    const bench = gateway({ kind: 'claim', code });
    bench.command(trust(letting(bench.headEnd)));
    expect(bench.state.counts.get('refused.no-root')).to.equal(1);
    bench.command(trust(ROOT, letting(bench.headEnd)));
    expect(bench.story()).to.deep.equal(['completed']);
    bench.restart();
    bench.command(eventBody());
    expect(bench.story().at(-1)).to.equal('received ev-1');
  });

  it('takes no other root, whoever signed it and however well', () => {
    const bench = gateway({ kind: 'claim', code });
    const mallory = own(
      root({ keys: [CAT, DAN].map(({ publicKey }) => publicKey), roles: { emergency: 2 } }),
    );
    bench.command(trust(signed(mallory, CAT, DAN), letting(bench.headEnd)));
    expect(bench.state.counts.get('refused.claim-mismatch')).to.equal(1);
    expect(bench.story()).to.deep.equal([]);
  });
});

describe('a key that is revoked', () => {
  const other = (): HeadEnd => new HeadEnd('operator-c');

  function withOperator(settings: Partial<Settings> = {}): Bench & { operator: HeadEnd } {
    const bench = trusting(settings);
    const operator = other();
    bench.command(trust(letting(operator)));
    return Object.assign(bench, { operator });
  }

  it('(a revoked key with an event still queued) takes its waiting events with it: dropped, with a receipt each, and nobody else’s', () => {
    const bench = withOperator();
    bench.command(eventBody());
    bench.command(eventBody({ mRID: 'ev-2' as MRID }), {}, bench.operator);
    bench.command(trust(revoking(bench.headEnd)), {}, bench.operator);
    expect(bench.story().slice(-2)).to.deep.equal(['completed', 'abortedByServer key-revoked']);
    expect(bench.receipts().at(-1)?.why).to.match(
      /^event ev-1 is dropped before its start: its key \w+ is revoked$/,
    );
    bench.until(hours(0.5));
    expect(bench.state.schedule.live.size).to.equal(1);
    bench.restart();
    bench.command(eventBody({ mRID: 'ev-3' as MRID }));
    expect(bench.state.counts.get('refused.key-revoked')).to.equal(1);
  });

  it('may revoke itself', () => {
    const bench = trusting();
    bench.command(eventBody());
    bench.command(trust(revoking(bench.headEnd)));
    expect(bench.story().at(-1)).to.equal('abortedByServer key-revoked');
  });

  it('loses its active event at once, where that asked for more than the default', () => {
    const bench = withOperator({ defaults: { opModMaxLimW: 4000 } });
    bench.command(eventBody({ axes: { opModMaxLimW: 9000 } }));
    bench.until(1000);
    bench.answer();
    expect(bench.values().at(-1)).to.equal(9000);
    bench.command(trust(revoking(bench.headEnd)), {}, bench.operator);
    expect(bench.values().at(-1)).to.equal(4000);
    bench.answer();
    expect(bench.story().at(-1)).to.equal('abortedByServer key-revoked');
    expect(bench.receipts().at(-1)?.applied).to.have.length(1);
  });

  it('loses an active limit that nobody of its issuer could cancel, and keeps one that a successor can', () => {
    const alone = withOperator({ defaults: { opModMaxLimW: 9000 } });
    alone.command(eventBody());
    alone.until(1000);
    alone.command(trust(revoking(alone.headEnd)), {}, alone.operator);
    expect(alone.values().at(-1)).to.equal(9000);

    const bench = withOperator({ defaults: { opModMaxLimW: 9000 } });
    const heir = successor();
    bench.command(eventBody());
    bench.until(1000);
    bench.command(trust(revoking(bench.headEnd), letting(heir)), {}, bench.operator);
    expect(bench.values().at(-1)).to.equal(5000);
    bench.command({ kind: 'cancel', mRID: 'ev-1' as MRID }, { keyEpoch: 2 }, heir);
    expect(bench.values().at(-1)).to.equal(9000);
  });

  it('OVR-4 leaves an emergency isolation as it is, until a successor releases it', () => {
    const bench = withOperator();
    bench.command(isolation(), { class: 'emergency', primacy: 1 });
    bench.until(1000);
    expect(bench.values('opModConnect').at(-1)).to.equal(0);
    bench.command(trust(revoking(bench.headEnd)), {}, bench.operator);
    bench.restart();
    bench.device('pv' as never, 'present');
    expect([...bench.state.schedule.live.keys()]).to.deep.equal(['utility-a/em-7']);
    const heir = successor();
    bench.command(trust(letting(heir)), {}, bench.operator);
    const release = { class: 'emergency', primacy: 1, keyEpoch: 2 } as const;
    bench.command({ kind: 'cancel', mRID: 'em-7' as MRID }, release, heir);
    expect([...bench.state.schedule.live.keys()]).to.deep.equal([]);
  });

  it('takes back its cancels that wait for an event', () => {
    const bench = withOperator();
    bench.command({ kind: 'cancel', mRID: 'ev-1' as MRID });
    const heir = successor();
    bench.command(trust(revoking(bench.headEnd), letting(heir)), {}, bench.operator);
    bench.command(eventBody(), { keyEpoch: 2 }, heir);
    expect(bench.story().at(-1)).to.equal('received ev-1');
    expect(bench.store.read().rows.filter(({ kind }) => kind === 'cancel')).to.deep.equal([]);
  });

  it('by a new root that its signers have left is judged like one that was revoked', () => {
    const bench = withOperator();
    bench.command(eventBody());
    const next = own(root({ version: 2, keys: [ANN, BEN, DAN].map(({ publicKey }) => publicKey) }));
    const renewed = signed(
      own(delegation({ publicKey: bench.operator.key.publicKey, issuer: 'operator-c', version: 2 })),
    );
    bench.command(trust(signed(next, ANN, BEN), renewed), {}, bench.operator);
    expect(bench.story().slice(-2)).to.deep.equal(['completed', 'abortedByServer key-lapsed']);
  });

  it('with a narrower delegation loses what is outside of it, by the name of what it exceeds', () => {
    const bench = trusting();
    bench.command(eventBody({ axes: { opModMaxLimW: 1000 } }));
    bench.command(eventBody({ mRID: 'ev-2' as MRID, axes: { opModMaxLimW: 6000 } }));
    const bounds = { opModMaxLimW: { min: 5000, max: 10_000 } };
    bench.command(trust(letting(bench.headEnd, { version: 2, scope: { bounds } })));
    expect(bench.story().slice(-2)).to.deep.equal(['completed', 'abortedByServer bounds-exceeded']);
    expect(bench.state.schedule.live.size).to.equal(1);
  });
});

describe('what a key may deliver', () => {
  const told = { deliveries: { accepts: DELIVERIES, maxBytes: 1_000_000 } };
  const file = testFile(someBytes(900)).manifest;
  const config = (bench: Bench): Uint8Array =>
    letting(bench.headEnd, {
      roles: ['config'],
      operations: ['manifest'],
      scope: { highestClass: 'dispatch' },
    });

  it('is what its roles deliver: profiles and configuration for one, firmware for the other', () => {
    const bench = gateway(undefined, told);
    bench.command(trust(config(bench)));
    bench.command({ ...file, delivers: 'gateway-version', version: '9' });
    bench.command(file);
    expect(bench.story()).to.deep.equal(['completed', 'invalid delivery-out-of-scope', 'received']);
  });

  it('is not applied any more once the key is revoked', () => {
    const bench = gateway(undefined, told);
    bench.command(trust(config(bench)));
    bench.command(file);
    bench.command(trust(revoking(bench.headEnd)));
    bench.step({ on: 'delivery', file: file.file, said: { is: 'whole' } });
    expect(bench.story()).to.include('abortedByProgram key-revoked');
    expect(bench.effects.flatMap(e => (e.do === 'deliver' ? [e.wish.is] : []))).to.deep.equal([
      'fetch',
      'discard',
    ]);
  });
});
