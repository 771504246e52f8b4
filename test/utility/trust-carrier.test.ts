/** Who is brought the documents of trust, how often, and what is remembered of it. */
import { expect } from 'chai';
import { ok, refused } from '../../src/base/assert.ts';
import { unixTime } from '../../src/base/time.ts';
import type { Answer, Cti, GatewayId, Nonce, ReceiptBody } from '../../src/model/mod.ts';
import { MAX_BUNDLES_UNDER_WAY, TrustCarrier } from '../../src/utility/mod.ts';
import type { TrustCarrierDoors } from '../../src/utility/mod.ts';

type Settled = 'answered' | 'expired' | 'closed';

const names = (n: number): GatewayId[] => Array.from({ length: n }, (_, i) => `gw-${i + 1}` as GatewayId);
const turn = (): Promise<void> => new Promise(setImmediate);
/** Of a gateway that has begun a run before. */
const LATER = { start: 2, nonce: '02'.repeat(16) as Nonce };
const FIRST = [Uint8Array.of(1), Uint8Array.of(2)];

/** A head end whose gateways answer when the test says so. */
class Office implements TrustCarrierDoors {
  readonly rowsHeld = new Map<string, string>();
  readonly sent: GatewayId[] = [];
  readonly troubles: string[] = [];
  readonly #settle = new Map<GatewayId, (how: Settled) => void>();
  readonly #answers = new Map<string, ReceiptBody>();

  readonly ledger: TrustCarrierDoors['ledger'] = {
    rows: async () => [...this.rowsHeld].map(([key, value]) => ({ key, value })),
    commit: async changes => {
      for (const change of changes)
        if (change.op === 'put') this.rowsHeld.set(change.key, change.value as string);
        else if (change.op === 'delete') this.rowsHeld.delete(change.key);
    },
    answers: async cti => {
      const receipt = this.#answers.get(cti);
      const gateway = cti as string as GatewayId;
      const answer: Answer | undefined = receipt && { cti, gateway, at: unixTime(0), receipt };
      return answer === undefined ? [] : [answer];
    },
  };

  readonly send: TrustCarrierDoors['send'] = async gateway => {
    this.sent.push(gateway);
    const { promise, resolve } = Promise.withResolvers<Settled>();
    this.#settle.set(gateway, resolve);
    return ok({ cti: gateway as string as Cti, settled: promise });
  };

  readonly trouble = (why: string): void => void this.troubles.push(why);

  async answer(gateway: GatewayId, how: Settled | { readonly refusal: string } = 'answered'): Promise<void> {
    const cti = gateway as string as Cti;
    const refusal = typeof how === 'object' ? how : {};
    const response = typeof how === 'object' ? 'invalid' : 'completed';
    this.#answers.set(gateway, { kind: 'receipt', cti, response, why: 'so it is', ...refusal });
    this.#settle.get(gateway)?.(typeof how === 'object' ? 'answered' : how);
    await turn();
  }
}

describe('the carrier of trust', () => {
  const [one, two] = names(2) as [GatewayId, GatewayId];

  it('NMS-1 SIWG-2 brings documents to each gateway once, also across a restart, and other documents to all again', async () => {
    const office = new Office();
    const carrier = await TrustCarrier.start(FIRST, [one, two], office);
    await office.answer(one);
    carrier.born(one, LATER);
    await turn();
    expect(office.sent).to.deep.equal([one, two]);
    await TrustCarrier.start(FIRST, [one, two], office);
    await turn();
    expect(office.sent).to.deep.equal([one, two, two]);
    await TrustCarrier.start([...FIRST, Uint8Array.of(3)], [one, two], office);
    await turn();
    expect(office.sent).to.deep.equal([one, two, two, one, two]);
  });

  it('SIWG-2 brings them again to who has lost its store, or has it from an old copy, and once for one first start', async () => {
    const office = new Office();
    const carrier = await TrustCarrier.start(FIRST, [one], office);
    await office.answer(one);
    const anew = { start: 1, nonce: 'ab'.repeat(16) as Nonce };
    carrier.born(one, anew);
    await turn();
    expect(office.sent).to.deep.equal([one, one]);
    expect(office.rowsHeld.size, 'also for the next head end').to.equal(0);
    await office.answer(one);
    carrier.born(one, anew);
    carrier.born(one, LATER);
    await turn();
    expect(office.sent).to.deep.equal([one, one]);
    carrier.forgot(one);
    carrier.forgot(two);
    await turn();
    expect(office.sent).to.deep.equal([one, one, one]);
  });

  it('tells of a refusal, remembers nothing, and tries again when the gateway is born anew', async () => {
    const office = new Office();
    const carrier = await TrustCarrier.start(FIRST, [one], office);
    await office.answer(one, { refusal: 'version-skipped' });
    expect(office.troubles.join()).to.contain('gw-1').and.to.contain('version-skipped');
    expect(office.rowsHeld.size).to.equal(0);
    carrier.born(one, LATER);
    await turn();
    expect(office.sent).to.deep.equal([one, one]);
  });

  it('tries one that did not answer in time when it is born, and no stranger ever', async () => {
    const office = new Office();
    const carrier = await TrustCarrier.start(FIRST, [one], office);
    carrier.born(one, LATER);
    await office.answer(one, 'expired');
    expect(office.sent).to.deep.equal([one]);
    carrier.born(two, LATER);
    carrier.born(one, LATER);
    await turn();
    expect(office.sent).to.deep.equal([one, one]);
  });

  it(`has at most ${MAX_BUNDLES_UNDER_WAY} under way, and goes on as they are answered`, async () => {
    const office = new Office();
    const all = names(MAX_BUNDLES_UNDER_WAY + 3);
    const carrier = await TrustCarrier.start(FIRST, all, office);
    expect(office.sent).to.have.length(MAX_BUNDLES_UNDER_WAY);
    await office.answer(one);
    expect(office.sent).to.have.length(MAX_BUNDLES_UNDER_WAY + 1);
    carrier.close();
    await office.answer(two);
    expect(office.sent).to.have.length(MAX_BUNDLES_UNDER_WAY + 1);
  });

  it('tells of what could not be sent or kept, and goes on', async () => {
    const office = new Office();
    const send: TrustCarrierDoors['send'] = async gateway =>
      gateway === one
        ? refused('no-room', 'too many are open')
        : office.send(gateway, { kind: 'trust', documents: [] });
    const ledger = { ...office.ledger, commit: () => Promise.reject(new Error('the disk is full')) };
    await TrustCarrier.start(FIRST, [one, two], { ledger, send, trouble: office.trouble });
    await turn();
    await office.answer(two);
    expect(office.troubles[0]).to.contain('gw-1: too many are open');
    expect(office.troubles[1]).to.contain('gw-2').and.to.contain('the disk is full');
  });
});
