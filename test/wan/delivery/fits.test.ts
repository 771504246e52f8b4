import { expect } from 'chai';
import type { DeviceId, ManifestBody } from '../../../src/model/mod.ts';
import { compareVersions, fits } from '../../../src/wan/delivery/mod.ts';
import type { Premises } from '../../../src/wan/delivery/mod.ts';
import { testFile } from './files.ts';

const PV = { device: 'pv' as DeviceId, manufacturer: 'Sun', model: 'X5', version: '2.1' };
const HERE: Premises = {
  version: '1.4.0',
  accepts: ['device-firmware', 'device-profile', 'gateway-configuration', 'gateway-version'],
  roomBytes: 1000,
  devices: [PV, { ...PV, device: 'pv2' as DeviceId, version: '1.9' }],
};

function manifest(changes: Partial<ManifestBody>): ManifestBody {
  return { ...testFile(new Uint8Array(900)).manifest, ...changes };
}

function verdict(changes: Partial<ManifestBody>, here: Partial<Premises> = {}): unknown {
  const said = fits(manifest(changes), { ...HERE, ...here });
  return said.ok ? said.value : `${said.refusal} ${said.retry}`;
}

describe('whether a manifest fits this gateway', () => {
  it('its devices are those of the model, by name alone or with the maker', () => {
    expect(verdict({ delivers: 'device-firmware', model: 'X5' })).to.deep.equal(['pv', 'pv2']);
    expect(verdict({ delivers: 'device-profile', model: 'Sun X5' })).to.deep.equal(['pv', 'pv2']);
    expect(verdict({ delivers: 'device-firmware', model: 'X5', versions: ['1.9', '2.0'] })).to.deep.equal([
      'pv2',
    ]);
    expect(verdict({})).to.deep.equal([]);
  });

  for (const [name, changes, here] of [
    ['delivery-unsupported never', {}, { accepts: ['device-profile'] }],
    ['no-room never', { size: 1001 }, {}],
    ['model-not-here never', { model: 'X5' }, {}],
    ['version-not-here never', { versions: ['1.3.0'] }, {}],
    ['version-not-newer never', { delivers: 'gateway-version', version: '1.4.0' }, {}],
    ['version-not-newer never', { delivers: 'gateway-version', version: '1.3.9' }, {}],
    ['model-not-here never', { delivers: 'device-firmware', model: 'X6' }, {}],
    [
      'model-not-here later',
      { delivers: 'device-firmware', model: 'X5' },
      { devices: [{ device: PV.device }] },
    ],
    ['version-not-here never', { delivers: 'device-firmware', model: 'X5', versions: ['3'] }, {}],
  ] as const)
    it(`refuses by name what does not: ${name} (${JSON.stringify(changes)})`, () => {
      expect(verdict(changes, here)).to.equal(name);
    });

  it('orders versions by number, and text after numbers', () => {
    for (const [a, b] of [
      ['1.9', '1.10'],
      ['1.2', '1.2.1'],
      ['1.2', '1.2.rc'],
      ['0.9.9', '1'],
    ] as const)
      expect([compareVersions(a, b), compareVersions(b, a)]).to.deep.equal([-1, 1]);
    expect(compareVersions('1.2', '1.2.0')).to.equal(0);
  });
});
