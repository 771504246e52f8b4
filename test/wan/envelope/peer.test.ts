/**
 * The second implementation as judge: what we sign it verifies and reads; and the vectors are what it prints.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Context } from 'mocha';
import { toHex } from '../../../src/base/bytes.ts';
import type { CommandBody, DeviceId, Intent, GroupId, MRID, Nonce } from '../../../src/model/mod.ts';
import { openCommand, signCommand, signRecord } from '../../../src/wan/envelope/mod.ts';
import type { CommandClaims } from '../../../src/wan/envelope/mod.ts';
import { needsThat } from '../../support/needs.ts';
import { CLAIMS, GATEWAY, NOW, VECTORS, bytesOf, contextFor, testKey } from './vectors.ts';

/** The distribution's Python: the one its cbor2 and nacl packages are installed for. */
const PYTHON = '/usr/bin/python3';
const JUDGE = fileURLToPath(new URL('peer.py', import.meta.url));
const TRUST_PRINTER = fileURLToPath(new URL('peer_trust.py', import.meta.url));
const SUCCESSIONS_PRINTER = fileURLToPath(new URL('peer_successions.py', import.meta.url));
const PRINTER = fileURLToPath(new URL('peer_vectors.py', import.meta.url));

/** One of each sort; a droop of 2.5 Hz is no whole number of millionths. */
const INTENTS: readonly Intent[] = [
  {
    kind: 'curve',
    curve: {
      mode: 'opModWattPF',
      points: [{ x: 20, y: -0.95 }],
      responseS: 0.16,
      reference: 'VArMax',
      priority: 'active',
    },
  },
  { kind: 'settings', settings: { mode: 'opModFreqDroop', values: { dbOfHz: 0.036, kOf: 2.5 / 60 } } },
  { kind: 'release', mode: 'setAntiIsl' },
];

interface Verdict {
  readonly tag: number;
  readonly protected: object;
  readonly unprotected: object;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly canonical: boolean;
}

function peer(test: Context, script: string, input = ''): unknown {
  const modules = spawnSync(PYTHON, ['-c', 'import cbor2, nacl.bindings']);
  needsThat(test, modules.status === 0, `${PYTHON} has no cbor2 or no nacl`);
  const run = spawnSync(PYTHON, [script], { input, encoding: 'utf8', maxBuffer: 1 << 24 });
  expect(run.stderr).to.equal('');
  return JSON.parse(run.stdout);
}

function judged(test: Context, envelopes: readonly Uint8Array[], publicKey: Uint8Array): (Verdict | null)[] {
  const rows = envelopes.map(bytes => ({ publicKey: toHex(publicKey), hex: toHex(bytes) }));
  return peer(test, JUDGE, JSON.stringify(rows)) as (Verdict | null)[];
}

describe('the second implementation', () => {
  const key = testKey(5);
  const old = testKey(6, -8);
  const { groupEpoch: _, ...single } = CLAIMS;
  const toGateway: CommandClaims = { ...single, keyEpoch: 4, audience: { kind: 'device', id: GATEWAY } };

  it('prints the vectors that stand here', function () {
    expect(peer(this, PRINTER)).to.deep.equal(VECTORS);
  }).timeout(30_000);

  it('prints the vectors of successions that stand here', function () {
    const path = new URL('../../vectors/successions.json', import.meta.url);
    expect(peer(this, SUCCESSIONS_PRINTER)).to.deep.equal(JSON.parse(readFileSync(path, 'utf8')));
  }).timeout(30_000);

  it('prints the vectors of trust that stand here', function () {
    const path = new URL('../../vectors/trust.json', import.meta.url);
    expect(peer(this, TRUST_PRINTER)).to.deep.equal(JSON.parse(readFileSync(path, 'utf8')));
  }).timeout(30_000);

  it('SIWG-2 verifies and reads every kind of command we sign', function () {
    const nonce = '5a'.repeat(16) as Nonce;
    const bodies: readonly CommandBody[] = [
      CLAIMS.body,
      { kind: 'cancel', mRID: 'ev-1' as MRID },
      { kind: 'grant', group: 'feeder-7' as GroupId, epoch: 7, member: true },
      { kind: 'ack', through: { status: 120, alarm: 3 } },
      { kind: 'trust', documents: [Uint8Array.of(1, 2), Uint8Array.of(3)] },
      { kind: 'time', time: NOW, nonce },
      {
        kind: 'welcome',
        time: NOW,
        nonce,
        marks: [
          { stream: 'g-feeder-7', through: 1200, open: [] },
          { stream: 'd', through: 57, open: [55] },
        ],
        held: { status: 120, birth: 3 },
      },
      {
        kind: 'welcome',
        time: NOW,
        nonce,
        marks: [
          { stream: 'd', through: 57, open: [] },
          { stream: 'd', through: 57, open: [41], keyEpoch: 3 },
          { stream: 'd', through: 50, open: [], keyEpoch: 1 },
        ],
        held: {},
      },
      { kind: 'interrogate', device: 'inverter' as DeviceId },
      { kind: 'settings', order: { kind: 'packet', name: 'ieee1547-2018-trip-3' } },
      { kind: 'settings', order: { kind: 'special', intents: INTENTS } },
      { kind: 'read' },
      { kind: 'read', every: { s: 1, forS: 600 } },
    ];
    const envelopes = bodies.map(body => signCommand({ ...toGateway, body }, key));
    const verdicts = judged(this, envelopes, key.publicKey);
    expect(verdicts.map(verdict => verdict?.claims['-70007'])).to.deep.equal([
      { 1: 1, 2: 'ev-1', 3: { 2: 5000 }, 4: VECTORS.now, 5: 3600, 6: "Half power until five o'clock.", 7: 0 },
      { 1: 2, 2: 'ev-1' },
      { 1: 3, 8: 'feeder-7', 9: 7, 10: 1 },
      { 1: 4, 11: { alarm: 3, status: 120 } },
      { 1: 12, 40: ['0102', '03'] },
      { 1: 6, 12: nonce, 13: VECTORS.now },
      {
        1: 11,
        12: nonce,
        13: VECTORS.now,
        14: { d: [57, 55], 'g-feeder-7': [1200] },
        15: { birth: 3, status: 120 },
      },
      {
        1: 11,
        12: nonce,
        13: VECTORS.now,
        14: { d: [57] },
        15: {},
        64: { 1: { d: [50] }, 3: { d: [57, 41] } },
      },
      { 1: 13, 60: 'inverter' },
      { 1: 14, 61: 'ieee1547-2018-trip-3' },
      {
        1: 14,
        62: [
          { 1: 0, 2: 'opModWattPF', 3: [[20_000_000, -950_000]], 4: { responseS: 160_000 }, 5: 2, 6: 0 },
          { 1: 1, 2: 'opModFreqDroop', 4: { dbOfHz: 36_000, kOf: 41_667 } },
          { 1: 2, 2: 'setAntiIsl' },
        ],
      },
      { 1: 15 },
      { 1: 15, 5: 600, 63: 1 },
    ]);
    for (const verdict of verdicts) {
      expect(verdict).to.include({ tag: 18, canonical: true });
      expect(verdict?.protected).to.deep.equal({ 1: -19, 4: key.kid });
      expect(verdict?.unprotected).to.deep.equal({});
    }
  });

  it('reads every claim of a group command, and the older algorithm number', function () {
    const [verdict] = judged(this, [signCommand(CLAIMS, old)], old.publicKey);
    expect(verdict?.protected).to.deep.equal({ 1: -8, 4: old.kid });
    expect(verdict?.claims).to.deep.equal(VECTORS.accepted[0]?.claims);
  });

  it('verifies and reads a record we sign', function () {
    const body = VECTORS.records[0]?.body;
    if (body === undefined) throw new Error('no record');
    const from = { gateway: GATEWAY, utility: 'north', at: NOW, keyEpoch: 2 };
    const bytes = signRecord({ stream: 'status', sequence: 9, at: NOW, body }, from, key);
    const [verdict] = judged(this, [bytes], key.publicKey);
    expect(verdict?.canonical).to.equal(true);
    expect(verdict?.claims).to.deep.equal({
      1: 'gw-1',
      3: 'u/north',
      6: VECTORS.now,
      '-70001': 'status',
      '-70002': 2,
      '-70003': 9,
      '-70007': body,
      '-70008': NOW,
    });
  });

  it('does not verify what another key signed', function () {
    const [verdict] = judged(this, [signCommand(CLAIMS, key)], testKey(8).publicKey);
    expect(verdict).to.equal(null);
  });
});

describe('envelope.cddl', () => {
  const text = readFileSync(new URL('../../../src/wan/envelope/envelope.cddl', import.meta.url), 'utf8');
  const examples = [...text.matchAll(/; example: (\w+)\n; topic: (\S+)\n((?:; [0-9a-f]+\n)+)/g)].map(
    ([, kind = '', topic = '', lines = '']) => ({ kind, topic, hex: lines.replaceAll(/[; \n]/g, '') }),
  );

  it('holds one example of each kind, and each is a vector of the second implementation', () => {
    expect(examples.map(({ kind }) => kind)).to.deep.equal([
      'event',
      'cancel',
      'grant',
      'ack',
      'probe',
      'sealed',
      'manifest',
      'time',
      'welcome',
      'trust',
      'interrogate',
      'settings',
      'read',
      'record',
      'several',
    ]);
    const vectors = [
      VECTORS.several,
      ...VECTORS.accepted,
      ...VECTORS.records.filter(row => row.refusal === undefined),
    ];
    for (const { kind, topic, hex } of examples)
      expect(
        vectors.some(row => row.hex === hex && row.topic === topic),
        kind,
      ).to.equal(true);
  });

  it('names each example by the kind it is', () => {
    for (const { kind, topic, hex } of examples.slice(0, -2)) {
      const result = openCommand(bytesOf(hex), contextFor(topic));
      expect(result.ok && result.value.body.kind).to.equal(kind);
    }
  });
});
