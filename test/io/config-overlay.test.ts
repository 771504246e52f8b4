import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { toHex } from '../../src/base/bytes.ts';
import { readGatewayConfig } from '../../src/io/config.ts';
import { overlaidConfig } from '../../src/io/config-overlay.ts';
import { contentCheck, openDisk } from '../../src/io/delivery/mod.ts';
import { generateKey } from '../../src/io/keys.ts';
import type { ManifestBody } from '../../src/model/mod.ts';
import { tempDir } from '../support/temp.ts';
import { testFile } from '../wan/delivery/files.ts';

const INSTALLED = {
  utility: 'north',
  gateway: 'gw-1',
  stateFile: 'gw-1.sqlite',
  keyFile: 'gw-1.key',
  broker: { url: 'mqtt://127.0.0.1:1883' },
  trustedKeys: [
    {
      issuer: 'grid-ops',
      publicKey: toHex(generateKey().publicKey),
      epoch: 1,
      operations: ['manifest'],
      highestClass: 'market',
      validFrom: '2020-01-01T00:00:00Z',
      validUntil: '2100-01-01T00:00:00Z',
    },
  ],
  devices: [{ id: 'pv', link: 'tcp://127.0.0.1:502' }],
  defaults: { opModMaxLimW: 5000 },
  deliveries: { folder: 'deliveries', accepts: ['gateway-configuration'] },
};

async function installed(folder: string, more: object = {}): Promise<string> {
  const path = join(folder, 'gateway.yaml');
  await writeFile(path, stringify({ ...INSTALLED, ...more }));
  return path;
}

describe('a delivered configuration', () => {
  it('takes the place of its top-level keys, and of nothing else', async () => {
    await using dir = await tempDir();
    const path = await installed(dir.path);
    const said = await overlaidConfig(path, 'defaults: { opModMaxLimW: 3000 }\npollSeconds: 5\n');
    if (!said.ok) throw new Error(said.detail);
    const before = await readGatewayConfig(path);
    if (!before.ok) throw new Error(before.detail);
    expect(said.value).to.deep.equal({
      ...before.value,
      defaults: { opModMaxLimW: 3000 },
      pollSeconds: 5000,
    });
    expect(said.value.deliveries?.folder).to.equal(join(dir.path, 'deliveries'));
  });

  for (const key of [
    'utility',
    'gateway',
    'stateFile',
    'keyFile',
    'trustedKeys',
    'trust',
    'overrideCode',
    'deliveries',
    'novel',
  ])
    it(`may not say ${key}: no file makes a gateway another one, or lets it obey others`, async () => {
      await using dir = await tempDir();
      const said = await overlaidConfig(await installed(dir.path), `${key}: x\n`);
      expect(said).to.include({ ok: false, refusal: 'oversteps' });
    });

  for (const [what, text] of [
    ['a value out of range', 'pollSeconds: 0'],
    ['no map', '- 1'],
    ['no YAML', 'a: [1'],
    ['nothing', ''],
    [
      'a bomb of aliases',
      `a: &a [x]\n${'bcdefgh'.replace(/./g, c => `${c}: &${c} [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n`)}`,
    ],
  ] as const)
    it(`is refused where it is ${what}`, async () => {
      await using dir = await tempDir();
      expect((await overlaidConfig(await installed(dir.path), text)).ok).to.equal(false);
    });

  it('with device-firmware accepted and no hook is a mistake with its line', async () => {
    await using dir = await tempDir();
    const accepts = { folder: 'deliveries', accepts: ['device-firmware'] };
    const said = await readGatewayConfig(await installed(dir.path, { deliveries: accepts }));
    expect(said).to.include({ ok: false, refusal: 'invalid' });
    expect(JSON.stringify(said)).to.match(/gateway\.yaml:\d+: deliveries\.accepts.*no firmwareHook/);
  });
});

describe('the content of a file', () => {
  it('is judged as what its manifest says it is, by name', async () => {
    await using dir = await tempDir();
    const path = await installed(dir.path);
    const disk = await openDisk(join(dir.path, 'deliveries'));
    const check = contentCheck({ disk, installed: path });
    const judged = async (text: string, changes: Partial<ManifestBody>): Promise<unknown> => {
      const { manifest, bytes } = testFile(new TextEncoder().encode(text), changes);
      await disk.replace(manifest.file, bytes);
      const said = await check(manifest, disk.path(manifest.file));
      return said.ok ? said.value : said.refusal;
    };
    const shipped = await readFile('device-profiles/vendors/apsystems.yaml', 'utf8');
    const [, name = ''] = /^profile: (.*)$/m.exec(shipped) ?? [];
    const asProfile = { delivers: 'device-profile', model: 'X5', version: name } as const;
    expect(await judged('pollSeconds: 5', {})).to.deep.equal({ is: 'configuration' });
    expect(await judged('keyFile: x', {})).to.equal('content-oversteps');
    expect(await judged('pollSeconds: no', {})).to.equal('content-invalid');
    expect(await judged(`#${' '.repeat(1_048_576)}`, {})).to.equal('content-too-large');
    expect(await judged('profile: 3', asProfile)).to.equal('content-invalid');
    expect(await judged(shipped, asProfile)).to.deep.equal({ is: 'profile', name });
    expect(await judged(shipped, { ...asProfile, version: 'another' })).to.equal('content-invalid');
  });
});
