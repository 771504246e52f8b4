/**
 * Keys and signatures at the edges, where libraries differ. The judge of points is libsodium, by the vectors;
 * the second signer is tweetnacl.
 */
import { expect } from 'chai';
import * as fc from 'fast-check';
import nacl from 'tweetnacl';
import { sameBytes, toHex } from '../../../src/base/bytes.ts';
import { unixTime } from '../../../src/base/time.ts';
import { signatureTrouble } from '../../../src/wan/envelope/ed25519.ts';
import { keyId, trustKey } from '../../../src/wan/envelope/mod.ts';
import type { KeyRecord } from '../../../src/wan/envelope/mod.ts';
import { VECTORS, WIDE, bytesOf, enrol, signerFrom, testKey } from './vectors.ts';

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function recordOf(publicKey: Uint8Array, change: Partial<KeyRecord> = {}): KeyRecord {
  return { publicKey, issuer: 'grid-ops', alg: -19, epoch: 1, scope: WIDE, ...change };
}

const trustOf = (publicKey: Uint8Array, change: Partial<KeyRecord> = {}): string => {
  const result = trustKey(recordOf(publicKey, change));
  return result.ok ? 'ok' : result.refusal;
};

describe('trustKey', () => {
  it('takes the points that libsodium calls valid, and no other of the vectors', () => {
    for (const { name, hex, valid } of VECTORS.points)
      expect(trustOf(bytesOf(hex)) === 'ok', name).to.equal(valid);
  });

  const rows = [
    ['small order', /^small order/, 'key-small-order'],
    ['a part of small order', /^mixed order/, 'key-mixed-order'],
    ['an encoding that is not canonical', /^not canonical/, 'key-not-canonical'],
    ['the other sign of x = 0', /^x = 0/, 'key-not-canonical'],
  ] as const;
  for (const [what, names, refusal] of rows)
    it(`refuses a key of ${what} as ${refusal}`, () => {
      const points = VECTORS.points.filter(point => names.test(point.name));
      expect(points).to.not.equal([]);
      for (const { name, hex } of points) expect(trustOf(bytesOf(hex)), name).to.equal(refusal);
    });

  it('refuses 32 bytes that are no point as key-not-on-curve', () => {
    const y2 = Uint8Array.of(2, ...new Uint8Array(31));
    expect(trustOf(y2)).to.equal('key-not-on-curve');
  });

  const good = testKey(7).publicKey;
  const records: readonly [string, Partial<KeyRecord>, string][] = [
    ['31 bytes', { publicKey: good.slice(0, 31) }, 'key-length'],
    ['33 bytes', { publicKey: Uint8Array.of(...good, 0) }, 'key-length'],
    ['an issuer of two words', { issuer: 'grid ops' }, 'issuer-invalid'],
    ['key epoch 0', { epoch: 0 }, 'epoch-invalid'],
    ['half a key epoch', { epoch: 1.5 }, 'epoch-invalid'],
    ['primacy from 0', { scope: { ...WIDE, primacy: { min: 0, max: 9 } } }, 'scope-invalid'],
    ['primacy upside down', { scope: { ...WIDE, primacy: { min: 9, max: 8 } } }, 'scope-invalid'],
    ['validity upside down', { scope: { ...WIDE, validUntil: unixTime(0) } }, 'scope-invalid'],
    ['nothing wrong', {}, 'ok'],
  ];
  for (const [what, change, expected] of records)
    it(`answers ${expected} to a record with ${what}`, () =>
      expect(trustOf(change.publicKey ?? good, change)).to.equal(expected));

  it('keeps its own copy of the key', () => {
    const bytes = Uint8Array.from(good);
    const trusted = enrol(bytes, { issuer: 'grid-ops', alg: -19, epoch: 1, scope: WIDE });
    bytes.fill(0);
    expect(sameBytes(trusted.publicKey, good)).to.equal(true);
  });
});

describe('keyId', () => {
  it('is what the second implementation takes it to be', () => {
    for (const { publicKey, kid } of VECTORS.keys) expect(keyId(bytesOf(publicKey))).to.equal(kid);
  });
});

describe('signatures', () => {
  const key = testKey(9);
  const { verifier } = enrol(key.publicKey, { issuer: 'grid-ops', alg: -19, epoch: 1, scope: WIDE });
  const secretKey = nacl.sign.keyPair.fromSeed(key.seed).secretKey;
  const message = new TextEncoder().encode('reduce to 50 %');

  it('tweetnacl and node:crypto make the same of every key and message', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 300 }),
        (seed, bytes) => {
          const ours = signerFrom(seed).sign(bytes);
          const theirs = nacl.sign.detached(bytes, nacl.sign.keyPair.fromSeed(seed).secretKey);
          expect(toHex(ours)).to.equal(toHex(theirs));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("tweetnacl's signature of every message is accepted", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        const signature = nacl.sign.detached(bytes, secretKey);
        expect(signatureTrouble(bytes, signature, verifier)).to.equal(undefined);
        expect(signatureTrouble(Uint8Array.of(...bytes, 0), signature, verifier)).to.equal(
          'signature-invalid',
        );
      }),
      { numRuns: 40 },
    );
  });

  it('SIWG-2 S + L is a second signature to tweetnacl, and refused here', () => {
    const signature = nacl.sign.detached(message, secretKey);
    for (let k = 1n; k <= 8n; k++) {
      const second = withS(signature, s => s + k * ORDER);
      expect(signatureTrouble(message, second, verifier), `k = ${k}`).to.equal('signature-malleable');
    }
    expect(
      nacl.sign.detached.verify(
        message,
        withS(signature, s => s + ORDER),
        key.publicKey,
      ),
    ).to.equal(true);
  });

  it('S is refused from L on: L − 1 is a wrong signature, L a malleable one', () => {
    const signature = nacl.sign.detached(message, secretKey);
    expect(
      signatureTrouble(
        message,
        withS(signature, () => ORDER - 1n),
        verifier,
      ),
    ).to.equal('signature-invalid');
    expect(
      signatureTrouble(
        message,
        withS(signature, () => ORDER),
        verifier,
      ),
    ).to.equal('signature-malleable');
  });
});

function withS(signature: Uint8Array, change: (s: bigint) => bigint): Uint8Array {
  const s = change(BigInt(`0x${toHex(signature.slice(32).toReversed())}`));
  const bytes = bytesOf(s.toString(16).padStart(64, '0')).toReversed();
  return Uint8Array.of(...signature.slice(0, 32), ...bytes);
}
