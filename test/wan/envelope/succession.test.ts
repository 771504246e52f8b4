/** How a gateway's next key makes itself known, with the chains of the second implementation. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { toHex } from '../../../src/base/bytes.ts';
import { keyFromSeed, nextKey, signerOf } from '../../../src/io/keys.ts';
import type { GatewayId } from '../../../src/model/mod.ts';
import {
  MAX_SUCCESSIONS,
  heirOf,
  openCommand,
  openRecord,
  signRecord,
  signSuccession,
} from '../../../src/wan/envelope/mod.ts';
import type { TrustedKey } from '../../../src/wan/envelope/mod.ts';
import { NOW, VECTORS, bytesOf, contextFor, enrol, keyOf as keyOfVectors } from './vectors.ts';

const PEER = JSON.parse(readFileSync(new URL('../../vectors/successions.json', import.meta.url), 'utf8')) as {
  readonly first: (typeof VECTORS.keys)[number];
  readonly cases: readonly { readonly name: string; readonly hex: string; readonly verdict: string }[];
  readonly statement: string;
  readonly byIssuer: string;
};

const first = enrol(bytesOf(PEER.first.publicKey), PEER.first);
const knows =
  (...keys: readonly TrustedKey[]) =>
  (kid: string): TrustedKey | undefined =>
    keys.find(key => key.kid === kid);

/** As a head end judges: by what it knows, and by the heir where the record shows one. */
function verdict(bytes: Uint8Array, topic = 'ug/1/north/d/gw-1/up/birth'): string {
  const known = knows(first);
  const opened = openRecord(bytes, { topic, keyOf: known });
  if (opened.ok) return 'ok';
  const heir = heirOf(bytes, known);
  if (opened.refusal !== 'key-unknown' || !heir.ok) return opened.refusal;
  const again = openRecord(bytes, { topic, keyOf: knows(heir.value) });
  return again.ok ? 'ok' : again.refusal;
}

describe('the next key of a gateway', () => {
  for (const { name, hex, verdict: expected } of PEER.cases)
    it(`by ${name}: ${expected}`, () => {
      const topic = `ug/1/north/d/gw-1/up/${name.includes('status') ? 'status' : 'birth'}`;
      expect(verdict(bytesOf(hex), topic)).to.equal(expected);
    });

  it('is stated in the same bytes by both implementations', () => {
    const seed = (name: string) => createHash('sha256').update(`underglass test key ${name}`).digest();
    const [old, next] = [keyFromSeed(seed('device')), keyFromSeed(seed('device 2'))];
    const statement = signSuccession({ publicKey: next.publicKey, epoch: 2 }, signerOf(old));
    expect(toHex(statement)).to.equal(PEER.statement);
    const contract = readFileSync(
      new URL('../../../src/wan/envelope/envelope.cddl', import.meta.url),
      'utf8',
    );
    expect(contract.replaceAll(/\n; /g, '')).to.contain(PEER.statement);
  });

  it('is stated by nothing that counts as a command or a record', () => {
    for (const hex of [PEER.statement, PEER.byIssuer]) {
      const command = openCommand(bytesOf(hex), contextFor('ug/1/north/d/gw-1/cmd'));
      expect(command.ok).to.equal(false);
      const record = openRecord(bytesOf(hex), { topic: 'ug/1/north/d/gw-1/up/birth', keyOf: keyOfVectors });
      expect(record.ok).to.equal(false);
    }
  });

  it('is not believed with any bit of its record changed', () => {
    const good = bytesOf(PEER.cases.find(({ name }) => name === 'the next key')?.hex ?? '');
    for (let bit = 0; bit < 8 * good.length; bit++) {
      const flipped = Uint8Array.from(good);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verdict(flipped), `bit ${bit}`).to.not.equal('ok');
    }
  }).timeout(60_000);

  it('is believed of whoever knows any of the last four', () => {
    const chain = [keyFromSeed(new Uint8Array(32).fill(3))];
    for (let i = 0; i < MAX_SUCCESSIONS + 1; i++)
      chain.push(nextKey(chain.at(-1) ?? keyFromSeed(new Uint8Array(32))));
    const newest = chain.at(-1);
    if (newest?.successions === undefined) throw new Error('it was rotated');
    const from = { gateway: 'gw-1' as GatewayId, utility: 'north', at: NOW, keyEpoch: newest.epoch ?? 1 };
    const body = { kind: 'birth', version: '1', start: 1, devices: [] } as const;
    const record = { stream: 'birth', sequence: 1, at: NOW, body } as const;
    const bytes = signRecord(record, { ...from, successions: newest.successions }, signerOf(newest));
    const believed = chain.map(({ publicKey, epoch = 1 }) => {
      const heir = heirOf(bytes, knows(enrol(publicKey, { ...PEER.first, epoch })));
      return heir.ok && heir.value.kid === newest.kid;
    });
    expect(believed).to.deep.equal([false, true, true, true, true, false]);
    const without = signRecord(
      { ...record, stream: 'status' },
      { ...from, successions: newest.successions },
      signerOf(newest),
    );
    expect(
      heirOf(without, knows(enrol(chain.at(-2)?.publicKey ?? new Uint8Array(), { ...PEER.first, epoch: 5 })))
        .ok,
    ).to.equal(false);
  });
});
