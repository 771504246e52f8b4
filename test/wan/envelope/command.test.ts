/**
 * Envelopes of the second implementation, judged by ours: what each says, or why it is refused.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createPublicKey, hash, verify } from 'node:crypto';
import { expect } from 'chai';
import { toHex } from '../../../src/base/bytes.ts';
import { after, hours, seconds, unixTime } from '../../../src/base/time.ts';
import { AXES, DELIVERIES } from '../../../src/model/mod.ts';
import type { CommandBody, Intent, KeyId, MembershipChange, StreamTold } from '../../../src/model/mod.ts';
import { openCommand, signCommand, vetClaims } from '../../../src/wan/envelope/mod.ts';
import type { CommandClaims } from '../../../src/wan/envelope/mod.ts';
import { needsThat } from '../../support/needs.ts';
import {
  CLAIMS,
  NOW,
  VECTORS,
  WIDE,
  bytesOf,
  contextFor,
  enrol,
  keyOf,
  signerFrom,
  testKey,
} from './vectors.ts';

/** What a test says of an envelope: its refusal, or `ok`. */
function verdict(hex: string, topic: string, now = NOW): string {
  const result = openCommand(bytesOf(hex), contextFor(topic, now));
  return result.ok ? 'ok' : result.refusal;
}

function accepted(name: string) {
  const vector = VECTORS.accepted.find(row => row.name === name);
  if (vector === undefined) throw new Error(`no vector ${name}`);
  return vector;
}

describe('openCommand', () => {
  describe('accepts what the second implementation signed:', () => {
    for (const { name, topic, hex, claims } of VECTORS.accepted)
      it(name, () => {
        const result = openCommand(bytesOf(hex), contextFor(topic));
        if (!result.ok) throw new Error(`${result.refusal}: ${result.detail}`);
        const command = result.value;
        expect(command.digest).to.equal(hash('sha256', bytesOf(hex), 'hex'));
        expect(asClaims(command)).to.deep.equal(claims);
      });
  });

  describe('refuses by name:', () => {
    for (const { name, topic, hex, refusal, authenticated } of VECTORS.refused)
      it(`${name} → ${refusal}`, () => {
        const result = openCommand(bytesOf(hex), contextFor(topic));
        if (result.ok) throw new Error('it was accepted');
        expect(result.refusal).to.equal(refusal);
        expect(result.authenticated !== undefined, 'authenticated').to.equal(authenticated);
      });
  });

  it('SIWG-2 names issuer, key and cti of a refused command only after its signature was found good', () => {
    const row = VECTORS.refused.find(vector => vector.refusal === 'class-exceeded');
    const result = openCommand(bytesOf(row?.hex ?? ''), contextFor(row?.topic ?? ''));
    if (result.ok) throw new Error('it was accepted');
    const narrow = VECTORS.keys.find(key => key.name === 'narrow');
    expect(result.authenticated).to.deep.equal({
      cti: '000102030405060708090a0b0c0d0e0f',
      kid: narrow?.kid,
      issuer: 'program-9',
    });
  });

  describe('by the clock of the gateway', () => {
    const { hex, topic } = accepted('event');
    const expires = after(NOW, seconds(300));
    const rows = [
      ['the millisecond before it expires', unixTime(expires - 1), 'ok'],
      ['the moment it expires', expires, 'expired'],
      ['held and delivered late', after(expires, hours(9)), 'expired'],
      ['5 s before its start', unixTime(NOW - 5000), 'ok'],
      ['5.001 s before its start', unixTime(NOW - 5001), 'not-yet-valid'],
      ['clock back an hour', unixTime(NOW - 3_600_000), 'not-yet-valid'],
      ['clock at 1970', unixTime(0), 'key-not-yet-valid'],
      ['clock forward ten years', unixTime(NOW + 315_576_000_000), 'key-expired'],
    ] as const;
    for (const [name, now, expected] of rows)
      it(`${name}: ${expected}`, () => expect(verdict(hex, topic, now)).to.equal(expected));
  });

  it('asks nobody about a key before the bytes are one COSE_Sign1', () => {
    const asked: string[] = [];
    const ask = (kid: KeyId) => {
      asked.push(kid);
      return keyOf(kid);
    };
    const early = VECTORS.refused.filter(row => /^(not-|alg-un|alg-missing|kid-|header-)/.test(row.refusal));
    const frames = early.filter(row => !/^not-(shortest|yet-valid)/.test(row.refusal));
    expect(frames.length).to.be.greaterThan(20);
    for (const { hex, topic } of frames) openCommand(bytesOf(hex), { ...contextFor(topic), keyOf: ask });
    expect(asked).to.deep.equal([]);
  });

  it('SIWG-3 takes a revoked key to be unknown, whatever it signed before', () => {
    const { hex, topic } = accepted('event');
    const result = openCommand(bytesOf(hex), { ...contextFor(topic), keyOf: () => undefined });
    expect(result).to.include({ ok: false, refusal: 'key-unknown' });
  });

  it('changes nothing: the same bytes are judged alike however often', () => {
    const { hex, topic } = accepted('event');
    const bytes = bytesOf(hex);
    const first = openCommand(bytes, contextFor(topic));
    expect(openCommand(bytes, contextFor(topic))).to.deep.equal(first);
    expect(toHex(bytes)).to.equal(hex);
  });

  it('judges a Buffer, and a view into a larger one, as it judges the bytes alone', () => {
    const { hex, topic } = accepted('event');
    const buffer = Buffer.concat([Buffer.from('00ff', 'hex'), bytesOf(hex), Buffer.from('ff', 'hex')]);
    expect(openCommand(buffer.subarray(2, -1), contextFor(topic)).ok).to.equal(true);
  });
});

describe('eddsa-sig-01 of the COSE working group', () => {
  const known = VECTORS['eddsa-sig-01'];
  const x = Buffer.from(known.publicKey, 'hex').toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });

  it('has a signature that is good over the bytes it names', () => {
    const good = verify(null, bytesOf(known.toBeSigned), publicKey, bytesOf(known.signature));
    expect(good).to.equal(true);
  });

  it('is refused by us, because its key id is not protected', () => {
    const key = enrol(bytesOf(known.publicKey), { issuer: 'eleven', alg: -8, epoch: 1, scope: WIDE });
    const context = { ...contextFor('ug/1/north/d/gw-1/cmd'), keyOf: () => key };
    expect(openCommand(bytesOf(known.hex), context)).to.include({ ok: false, refusal: known.refusal });
  });

  it('stands in the vectors as the reference has it', function () {
    const path = new URL('../../../../shared/reference/cose/eddsa-sig-01.json', import.meta.url);
    needsThat(this, existsSync(path), 'the reference files are not here');
    const original = JSON.parse(readFileSync(path, 'utf8')) as {
      intermediates: { ToBeSign_hex: string };
      output: { cbor: string };
    };
    expect(original.intermediates.ToBeSign_hex.toLowerCase()).to.equal(known.toBeSigned);
    expect(original.output.cbor.toLowerCase()).to.equal(known.hex);
  });
});

describe('signCommand', () => {
  it('makes the bytes of the second implementation from the same claims and key', () => {
    const { hex } = accepted('event');
    const seed = Buffer.from(hash('sha256', 'underglass test key root', 'hex'), 'hex');
    const signer = signerFrom(seed);
    expect(toHex(signCommand(CLAIMS, signer))).to.equal(hex);
  });

  const wrong: readonly [string, Partial<CommandClaims>, string][] = [
    ['a cti of 15 bytes', { cti: '00'.repeat(15) as CommandClaims['cti'] }, 'claim-invalid'],
    ['an issuer with a space', { issuer: 'grid ops' }, 'claim-invalid'],
    ['a fraction for a sequence', { sequence: 1.5 }, 'float'],
    ['primacy 0', { primacy: 0 }, 'claim-invalid'],
    [
      'an axis out of range',
      { body: { ...CLAIMS.body, axes: { opModMaxLimW: 10_001 } } as CommandBody },
      'axis-range',
    ],
  ];
  for (const [name, change, refusal] of wrong)
    it(`is not given ${name}: vetClaims says ${refusal}`, () => {
      const claims = { ...CLAIMS, ...change };
      expect(vetClaims(claims)).to.include({ ok: false, refusal });
      expect(() => signCommand(claims, testKey(1))).to.throw(/well-formed claims/);
    });
});

/** A command as the second implementation writes its claims: by number, times in seconds, bytes as hexadecimal. */
function asClaims(command: CommandClaims): Readonly<Record<string, unknown>> {
  const { audience, body, groupEpoch } = command;
  return {
    1: command.issuer,
    3: `${audience.kind === 'group' ? 'g' : 'd'}/${audience.id}`,
    4: command.expires / 1000,
    5: command.notBefore / 1000,
    6: command.issuedAt / 1000,
    7: command.cti,
    '-70001': command.stream,
    '-70002': command.keyEpoch,
    '-70003': command.sequence,
    ...(groupEpoch === undefined ? {} : { '-70004': groupEpoch }),
    '-70005': ['emergency', 'transmission', 'reliability', 'dispatch', 'market'].indexOf(command.class),
    '-70006': command.primacy,
    '-70007': asBody(body),
  };
}

function asChange({ group, epoch, member, tag }: MembershipChange): readonly unknown[] {
  return [group, epoch, member ? 1 : 0, ...(tag === undefined ? [] : [tag])];
}

function asBody(body: CommandBody): Readonly<Record<string, unknown>> {
  switch (body.kind) {
    case 'event':
      return {
        1: 1,
        2: body.mRID,
        3: Object.fromEntries(
          AXES.flatMap(({ axis, code }) => (body.axes[axis] === undefined ? [] : [[code, body.axes[axis]]])),
        ),
        4: body.start / 1000,
        ...(body.duration === undefined ? {} : { 5: body.duration / 1000 }),
        ...(body.note === undefined ? {} : { 6: body.note }),
        7: body.service === 'direct' ? 1 : 0,
      };
    case 'cancel':
      return { 1: 2, 2: body.mRID };
    case 'grant':
      return {
        1: 3,
        8: body.group,
        9: body.epoch,
        10: body.member ? 1 : 0,
        ...(body.tag === undefined ? {} : { 50: body.tag }),
        ...(body.also === undefined ? {} : { 51: body.also.map(asChange) }),
        ...(body.only === undefined ? {} : { 52: 1 }),
      };
    case 'probe':
      return { 1: 5, 53: body.from, ...(body.all === undefined ? {} : { 54: 1 }), 55: body.left.join('') };
    case 'ack':
      return { 1: 4, 11: body.through };
    case 'trust':
      return { 1: 12, 40: body.documents.map(toHex) };
    case 'sealed':
      return { 1: 9, ...(body.mRID === undefined ? {} : { 2: body.mRID }), 37: body.box };
    case 'manifest':
      return {
        1: 10,
        30: body.file,
        31: body.size,
        32: body.list,
        33: DELIVERIES.indexOf(body.delivers),
        34: body.model,
        ...(body.versions === undefined ? {} : { 35: body.versions }),
        36: body.version,
      };
    case 'time':
      return { 1: 6, ...(body.nonce === undefined ? {} : { 12: body.nonce }), 13: body.time / 1000 };
    case 'welcome':
      return {
        1: 11,
        12: body.nonce,
        13: body.time / 1000,
        14: told(body.marks.filter(({ keyEpoch }) => keyEpoch === undefined)),
        15: body.held,
        ...(body.marks.every(({ keyEpoch }) => keyEpoch === undefined) ? {} : { 64: earlier(body.marks) }),
      };
    case 'interrogate':
      return { 1: 13, ...(body.device === undefined ? {} : { 60: body.device }) };
    case 'settings':
      return {
        1: 14,
        ...(body.device === undefined ? {} : { 60: body.device }),
        ...(body.order.kind === 'packet'
          ? { 61: body.order.name }
          : { 62: body.order.intents.map(asIntent) }),
      };
    case 'read':
      return { 1: 15 };
  }
}

const REFERENCES = ['WMax', 'WAval', 'VArMax', 'VArAval', 'VAMax'];

function asIntent(intent: Intent): Readonly<Record<string, unknown>> {
  const millionths = (values: object): object =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value) * 1e6]));
  if (intent.kind === 'settings')
    return { 1: 1, 2: intent.settings.mode, 4: millionths(intent.settings.values) };
  if (intent.kind !== 'curve') return { 1: 2, 2: intent.mode };
  const { mode, points, reference, priority, ...values } = intent.curve;
  return {
    1: 0,
    2: mode,
    3: points.map(({ x, y }) => [x * 1e6, y * 1e6]),
    ...(Object.keys(values).length === 0 ? {} : { 4: millionths(values) }),
    ...(reference === undefined ? {} : { 5: REFERENCES.indexOf(reference) }),
    ...(priority === undefined ? {} : { 6: priority === 'active' ? 0 : 1 }),
  };
}

function told(marks: readonly StreamTold[]) {
  return Object.fromEntries(marks.map(({ stream, through, open }) => [stream, [through, ...open]]));
}

function earlier(marks: readonly StreamTold[]) {
  const epochs = [...new Set(marks.flatMap(({ keyEpoch }) => keyEpoch ?? []))];
  return Object.fromEntries(epochs.map(epoch => [epoch, told(marks.filter(m => m.keyEpoch === epoch))]));
}
