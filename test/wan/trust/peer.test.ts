/**
 * Bundles of documents by the second implementation, and what becomes of each.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { unixSeconds } from '../../../src/base/time.ts';
import { toHex } from '../../../src/base/bytes.ts';
import { learn, openDocument, signDocument } from '../../../src/wan/trust/mod.ts';
import { bytesOf } from '../envelope/vectors.ts';
import { placed } from './support.ts';

export interface TrustVectors {
  readonly now: number;
  readonly root: string;
  readonly cases: readonly {
    readonly name: string;
    readonly documents: readonly string[];
    readonly verdict: string;
  }[];
}

const PEER = JSON.parse(
  readFileSync(new URL('../../vectors/trust.json', import.meta.url), 'utf8'),
) as TrustVectors;

describe('trust documents of the second implementation', () => {
  for (const { name, documents, verdict } of PEER.cases)
    it(`${name}: ${verdict}`, () => {
      const now = unixSeconds(PEER.now);
      const result = learn(placed(bytesOf(PEER.root)), documents.map(bytesOf), now);
      expect(result.ok ? 'ok' : result.refusal).to.equal(verdict);
    });

  it('are written here in the same bytes, but for the signatures', () => {
    const good = PEER.cases.filter(({ verdict }) => verdict === 'ok').flatMap(({ documents }) => documents);
    expect(good.length).to.be.above(5);
    for (const hex of good) {
      const theirs = openDocument(bytesOf(hex));
      if (!theirs.ok) throw new Error(theirs.refusal);
      const ours = openDocument(signDocument(theirs.value.document, []));
      expect(ours.ok && toHex(ours.value.payload)).to.equal(toHex(theirs.value.payload));
    }
  });
});
