/**
 * Claim codes as people type them, and documents as bytes: flipped, cut, made up, signed one by one.
 */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { unixTime } from '../../../src/base/time.ts';
import type { GatewayId } from '../../../src/model/mod.ts';
import {
  addSignature,
  claimCode,
  delegatedKey,
  openDocument,
  parseClaim,
  restoreTrust,
  rootInForce,
} from '../../../src/wan/trust/mod.ts';
import type { TrustState } from '../../../src/wan/trust/mod.ts';
import {
  ANN,
  AT,
  BEN,
  CAT,
  DAN,
  DISPATCHER,
  EVE,
  GW,
  UTILITY,
  delegation,
  learnt,
  opened,
  placed,
  root,
  signed,
  stored,
  trustWith,
  verdict,
} from './support.ts';

const versionOf = (state: TrustState): number | undefined => rootInForce(state)?.document.version;
const knows = (state: TrustState, key = DISPATCHER): boolean => delegatedKey(state, key.kid) !== undefined;
const publicKeys = (...holders: readonly { publicKey: Uint8Array }[]) => holders.map(h => h.publicKey);

describe('a claim code', () => {
  const bytes = signed(root());
  const code = claimCode(opened(bytes)?.payload ?? bytes, GW);
  const state = trustWith({ kind: 'claim', code });

  it('lets in the root it names, with what that delegates, and remembers it', () => {
    const taken = learnt(state, bytes, signed(delegation()));
    expect(versionOf(taken.state)).to.equal(1);
    expect(knows(taken.state)).to.equal(true);
    const of = { utility: UTILITY, gateway: GW, anchor: state.anchor };
    expect(knows(restoreTrust(of, stored(taken)))).to.equal(true);
  });

  it('lets no other root in, and nothing without a root', () => {
    const other = signed(root({ keys: publicKeys(CAT, DAN, EVE) }), CAT, DAN);
    expect(verdict(state, other)).to.equal('claim-mismatch');
    expect(verdict(state, signed(delegation()))).to.equal('no-root');
    expect(verdict(trustWith(undefined), bytes)).to.equal('no-root');
    expect(verdict(state, signed(root(), ANN))).to.equal('threshold-not-met');
  });

  it('is found in a chain, and the chain is walked from there on', () => {
    const second = root({ version: 2, issued: unixTime(AT - 1000) });
    const named = claimCode(opened(signed(second))?.payload ?? bytes, GW);
    const from = trustWith({ kind: 'claim', code: named });
    const third = signed(root({ version: 3 }));
    expect(versionOf(learnt(from, bytes, signed(second), third).state)).to.equal(3);
    expect(verdict(from, bytes)).to.equal('claim-mismatch');
  });

  it('is another for every gateway and every root', () => {
    expect(claimCode(bytes, GW)).to.not.equal(claimCode(bytes, 'gw-2' as GatewayId));
    expect(claimCode(bytes, GW)).to.not.equal(claimCode(signed(root(), ANN), GW));
  });

  it('is typed with small letters, blanks, and O and I for 0 and 1', () => {
    const sloppy = code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'i');
    expect(parseClaim(sloppy)).to.deep.equal({ ok: true, value: code });
    expect(code).to.match(/^([0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{2}$/);
  });

  it('with one digit wrong, or two neighbours exchanged, is refused as claim-check', () => {
    const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    const plain = code.replaceAll('-', '');
    for (let at = 0; at < plain.length; at++) {
      for (const digit of digits) {
        if (digit === plain[at]) continue;
        const typed = parseClaim(`${plain.slice(0, at)}${digit}${plain.slice(at + 1)}`);
        expect(typed.ok ? 'ok' : typed.refusal).to.equal('claim-check');
      }
      const [a, b] = [plain[at], plain[at + 1]];
      if (b === undefined || a === b) continue;
      const typed = parseClaim(`${plain.slice(0, at)}${b}${a}${plain.slice(at + 2)}`);
      expect(typed.ok ? 'ok' : typed.refusal).to.equal('claim-check');
    }
  });

  it('of another length or with other signs is refused as claim-digits', () => {
    for (const typed of ['', code.slice(1), `${code}0`, `!${code.slice(1)}`]) {
      const parsed = parseClaim(typed);
      expect(parsed.ok ? 'ok' : parsed.refusal, typed).to.equal('claim-digits');
    }
  });
});

describe('a document', () => {
  const bytes = signed(delegation());

  it('is refused, and never understood otherwise, with any bit flipped', () => {
    const state = placed();
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verdict(state, flipped), `bit ${bit}`).to.not.equal('ok');
    }
  }).timeout(30_000);

  it('is refused as document-form when it is cut anywhere', () => {
    for (let length = 0; length < bytes.length; length++) {
      const cut = openDocument(bytes.slice(0, length));
      expect(cut.ok ? 'ok' : cut.refusal).to.equal('document-form');
    }
  });

  it('of any bytes is refused by name and throws nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), tail => {
        const any = openDocument(Uint8Array.of(0xd8, 98, ...tail));
        expect(any.ok).to.equal(false);
      }),
      { numRuns: 500 },
    );
  });

  it('gains a signature at a time, for people who do not meet', () => {
    const one = opened(signed(delegation(), ANN));
    if (one === undefined) throw new Error('one signature');
    expect(verdict(placed(), one.bytes)).to.equal('threshold-not-met');
    expect(verdict(placed(), addSignature(one, BEN))).to.equal('ok');
  });
});
