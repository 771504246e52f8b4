import { expect } from 'chai';
import type { DeliverySaid, DeviceOrder } from '../../src/gateway/mod.ts';
import { commission, isCommissioned, withdraw } from '../../src/io/commissioning.ts';
import { observingDeliveries, observingDevices } from '../../src/io/observing.ts';
import { unixTime } from '../../src/base/time.ts';
import type { DeviceId, FileId, GatewayId, ManifestBody } from '../../src/model/mod.ts';
import { tempDir } from '../support/temp.ts';

const INVERTER = 'inverter' as DeviceId;
const ORDER: DeviceOrder = { order: 1, device: INVERTER, axis: 'opModMaxLimW', value: 5000 };

function devices() {
  const done: string[] = [];
  const port: Parameters<typeof observingDevices>[0] = {
    apply: async ({ device, axis }) => (
      done.push('apply'), { device, axis, outcome: 'implemented', evidence: [] }
    ),
    set: async device => (done.push('set'), { device, outcome: 'implemented', parts: [] }),
    interrogate: async device => (done.push('interrogate'), { device, outcome: 'unknown', why: '' }),
    close: async () => void done.push('close'),
  };
  return { port, done };
}

describe('a gateway that observes', () => {
  it('refuses every order and every setting with what it would have done, and writes nothing', async () => {
    const { port, done } = devices();
    const observing = observingDevices(port, () => true);
    const applied = await observing.apply(ORDER);
    expect(applied).to.include({ outcome: 'refused', device: 'inverter', axis: 'opModMaxLimW' });
    expect(applied.why).to.match(/^observing: opModMaxLimW would be set to 5000; nothing was written/);
    expect((await observing.apply({ ...ORDER, value: undefined })).why).to.contain('would be released');
    expect(await observing.set(INVERTER, {} as never)).to.include({ outcome: 'refused' });
    expect(done).to.deep.equal([]);
    await observing.interrogate(INVERTER);
    await observing.close();
    expect(done).to.deep.equal(['interrogate', 'close']);
  });

  it('writes from the moment it is commissioned, and no more when that is taken back', async () => {
    const { port, done } = devices();
    let observes = true;
    const observing = observingDevices(port, () => observes);
    observes = false;
    expect(await observing.apply(ORDER)).to.include({ outcome: 'implemented' });
    await observing.set(INVERTER, {} as never);
    observes = true;
    expect(await observing.apply(ORDER)).to.include({ outcome: 'refused' });
    expect(done).to.deep.equal(['apply', 'set']);
  });

  it('gives firmware to no device, and takes what changes the gateway itself', () => {
    const said: DeliverySaid[] = [];
    const installed: string[] = [];
    const none = () => {};
    const open = observingDeliveries(
      () => ({
        fetch: none,
        settle: none,
        discard: none,
        link: none,
        chunk: async () => {},
        close: async () => {},
        install: ({ delivers }) => void installed.push(delivers),
      }),
      () => true,
    );
    const port = open({ said: (_, what) => void said.push(what) });
    const manifest = (delivers: string) => ({ file: 'f' as FileId, delivers }) as unknown as ManifestBody;
    port.install(manifest('device-firmware'), []);
    port.install(manifest('device-profile'), []);
    expect(installed).to.deep.equal(['device-profile']);
    expect(said).to.have.length(1);
    expect(said[0]).to.include({ is: 'failed', refusal: 'observing' });
  });

  it('is commissioned by a file that names it, and by no other', async () => {
    await using dir = await tempDir();
    const store = `${dir.path}/gateway.sqlite`;
    const [mine, other] = ['premise-1', 'premise-2'].map(id => id as GatewayId) as [GatewayId, GatewayId];
    expect(isCommissioned(store, mine)).to.equal(false);
    expect(await commission(store, { gateway: mine, at: unixTime(0) })).to.include({ ok: true });
    expect([isCommissioned(store, mine), isCommissioned(store, other)]).to.deep.equal([true, false]);
    expect(await withdraw(store)).to.include({ ok: true });
    expect(await withdraw(store), 'a second time').to.include({ ok: true });
    expect(isCommissioned(store, mine)).to.equal(false);
    expect(await commission(`${dir.path}/none/x`, { gateway: mine, at: unixTime(0) })).to.include({
      ok: false,
    });
  });
});
