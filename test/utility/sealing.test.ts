import { join } from 'node:path';
import { expect } from 'chai';
import { openerOf, seal, unseal } from '../../src/io/box.ts';
import type { GatewayId, MRID, RecordBody } from '../../src/model/mod.ts';
import { tempDir } from '../support/temp.ts';
import { TestHeadEnd, birth } from './support.ts';
import type { TestGateway } from './support.ts';

const EV = 'ev-1' as MRID;

function born(gateway: TestGateway): RecordBody {
  return { ...birth(), boxKey: openerOf(gateway.key).boxKey } as RecordBody;
}

describe('the head end seals', () => {
  it('SIWG-2 to the key of the birth record, and only that gateway opens it', async () => {
    await using dir = await tempDir();
    const headEnd = await TestHeadEnd.start(join(dir.path, 'ledger'), { gateways: ['gw-1', 'gw-2'], seal });
    const [one, two] = headEnd.gateways as [TestGateway, TestGateway];
    for (const gateway of [one, two]) {
      const { topic, payload } = gateway.signs('birth', born(gateway));
      await headEnd.broker.deliver(topic, payload);
    }
    const sent = await headEnd.nms.sendSealed(one.id, { kind: 'code', text: '482913' }, { mRID: EV });
    expect(sent).to.include({ ok: true });
    const [message] = headEnd.broker.on('gw-1/cmd');
    if (message === undefined) throw new Error('it is published');
    const { body, issuer } = headEnd.opens(message);
    if (body.kind !== 'sealed') throw new Error('it is sealed');
    const context = { issuer, gateway: one.id, mRID: EV };
    expect(unseal(body.box, context, one.key.seed)).to.deep.include({
      value: { kind: 'code', text: '482913' },
    });
    expect(unseal(body.box, { ...context, gateway: two.id }, two.key.seed)).to.include({ ok: false });
    expect(unseal(body.box, context, two.key.seed)).to.include({ ok: false });
    await headEnd.close();
  });

  it('SIWG-2 nothing to a gateway that has announced no key, by name', async () => {
    await using dir = await tempDir();
    const headEnd = await TestHeadEnd.start(join(dir.path, 'ledger'), { seal });
    const { topic, payload } = headEnd.gateway.signs('birth', birth());
    await headEnd.broker.deliver(topic, payload);
    for (const to of [headEnd.gateway.id, 'gw-9' as GatewayId])
      expect(await headEnd.nms.sendSealed(to, { kind: 'message', text: 'Hello.' })).to.include({
        ok: false,
        refusal: 'no-box-key',
      });
    expect(headEnd.broker.on('/cmd')).to.deep.equal([]);
    await headEnd.close();
  });

  it('after a restart with the key of the newest birth in its ledger', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger');
    const before = await TestHeadEnd.start(path, { seal });
    const older = { ...birth(), boxKey: '11'.repeat(32) } as RecordBody;
    for (const body of [older, born(before.gateway)]) {
      const { topic, payload } = before.gateway.signs('birth', body);
      await before.broker.deliver(topic, payload);
    }
    await before.close();
    const headEnd = await TestHeadEnd.start(path, { before, seal });
    expect(await headEnd.nms.sendSealed(headEnd.gateway.id, { kind: 'message', text: 'Hi.' })).to.include({
      ok: true,
    });
    const [message] = headEnd.broker.on('gw-1/cmd');
    if (message === undefined) throw new Error('it is published');
    const { body } = headEnd.opens(message);
    if (body.kind !== 'sealed') throw new Error('it is sealed');
    const context = { issuer: 'ops', gateway: headEnd.gateway.id };
    expect(unseal(body.box, context, headEnd.gateway.key.seed)).to.include({ ok: true });
    await headEnd.close();
  });

  it('no text of two lines, of none, or beyond 280 letters', async () => {
    await using dir = await tempDir();
    const headEnd = await TestHeadEnd.start(join(dir.path, 'ledger'), { seal });
    const { topic, payload } = headEnd.gateway.signs('birth', born(headEnd.gateway));
    await headEnd.broker.deliver(topic, payload);
    for (const text of ['', 'a\nb', 'x'.repeat(281)])
      expect(await headEnd.nms.sendSealed(headEnd.gateway.id, { kind: 'message', text })).to.include({
        refusal: 'no-line',
      });
    await headEnd.close();
  });
});
