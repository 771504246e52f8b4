/**
 * Boxes against those of a second implementation (PyNaCl), and against everybody who should not be able to open one.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { openerOf, seal, unseal } from '../../src/io/box.ts';
import { codeChecker, noCode } from '../../src/io/codes.ts';
import type { GatewayId, MRID } from '../../src/model/mod.ts';
import type { SealedContent } from '../../src/wan/envelope/mod.ts';

interface Vectors {
  readonly seed: string;
  readonly boxKey: string;
  readonly rows: readonly {
    readonly name: string;
    readonly box: string;
    readonly issuer?: string;
    readonly mRID?: string;
    readonly refusal?: string;
    readonly content?: SealedContent;
  }[];
}

const VECTORS = JSON.parse(
  readFileSync(new URL('../vectors/sealed.json', import.meta.url), 'utf8'),
) as Vectors;
const SEED = bytes(VECTORS.seed);
const KEY = bytes(VECTORS.boxKey);
const US = { issuer: 'grid-ops', gateway: 'gw-1' as GatewayId };

describe('boxes', () => {
  it('has the public key that the second implementation derives from the same private key', () => {
    expect(openerOf({ seed: SEED }).boxKey).to.equal(VECTORS.boxKey);
  });

  for (const { name, box, issuer = US.issuer, mRID, content, refusal } of VECTORS.rows)
    it(`of the second implementation, ${name}: ${refusal ?? 'opened'}`, () => {
      const about = mRID === undefined ? {} : { mRID: mRID as MRID };
      const opened = unseal(box, { ...US, issuer, ...about }, SEED);
      if (opened.ok) expect(opened.value).to.deep.equal(content);
      else expect(opened.refusal).to.equal(refusal);
    });

  it('SIWG-2 what is sealed to a member opens for that member alone', () => {
    const box = seal({ kind: 'code', text: '482913' }, KEY, US);
    expect(unseal(box, US, SEED)).to.deep.equal({ ok: true, value: { kind: 'code', text: '482913' } });
    const other = Uint8Array.from(SEED, byte => byte ^ 1);
    expect(unseal(box, US, other)).to.include({ ok: false, refusal: 'sealed-not-for-us' });
    expect(unseal(box, { ...US, mRID: 'ev-1' as MRID }, SEED)).to.include({ refusal: 'sealed-not-for-us' });
    expect(unseal(box, { ...US, issuer: 'aggregator-b' }, SEED)).to.include({ refusal: 'sealed-not-for-us' });
  });

  it('SIWG-2 a flipped bit in any byte of a box is refused, and so is every shorter one', () => {
    const box = bytes(seal({ kind: 'message', text: 'Hello.' }, KEY, US));
    for (let at = 0; at < box.length; at++) {
      const flipped = Uint8Array.from(box);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      expect(unseal(toHex(flipped), US, SEED), `byte ${at}`).to.include({ refusal: 'sealed-not-for-us' });
    }
    for (const length of [0, 1, 31, 32, 33, 47, 48, box.length - 1])
      expect(unseal(toHex(box.subarray(0, length)), US, SEED).ok, `${length} bytes`).to.equal(false);
  });

  it('a code and a long message make boxes of one length, and no two boxes are alike', () => {
    const code = seal({ kind: 'code', text: '1234' }, KEY, US);
    const message = seal({ kind: 'message', text: 'x'.repeat(200) }, KEY, US);
    expect(code.length).to.equal(message.length);
    expect(seal({ kind: 'code', text: '1234' }, KEY, US)).to.not.equal(code);
  });

  it('an opened code leaves the door as a slow salted hash that the checker takes', async () => {
    const opened = await openerOf({ seed: SEED }).open(seal({ kind: 'code', text: '482913' }, KEY, US), US);
    if (!opened.ok || opened.value.kind !== 'code') throw new Error('it is a code');
    expect(JSON.stringify(opened)).to.not.include('482913');
    const { hash } = opened.value;
    expect(await noCode.check('482913', hash)).to.equal(true);
    expect(await noCode.check('482914', hash)).to.equal(false);
    expect(await noCode.check('482913')).to.equal(false);
    expect(await codeChecker(hash).check('482913')).to.equal(true);
  });
});

function bytes(hex: string): Uint8Array {
  const read = fromHex(hex);
  if (read === undefined) throw new Error('hexadecimal');
  return read;
}
