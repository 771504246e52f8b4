import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { needsThat } from '../../support/needs.ts';
import { tempDir } from '../../support/temp.ts';
import { startPeer, underglass } from './support.ts';

const OFFICIAL = '../shared/reference/sunspec-models';

describe('underglass profile', () => {
  it('check says that a shipped profile is good, and how far it was tried', async () => {
    const { code, out } = await underglass(
      'profile',
      'check',
      'device-profiles/vendors/fronius-primo-rtu.yaml',
    );
    expect([code, out]).to.deep.equal([
      0,
      'device-profiles/vendors/fronius-primo-rtu.yaml: good: Fronius Primo on a serial line, 9 deviations, 2 controls, tested: none\n',
    ]);
  });

  it('check names file, line and remedy, with exit code 1; --json lists the same', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'acme.yaml');
    const good = await readFile('device-profiles/vendors/enphase.yaml', 'utf8');
    await writeFile(path, good.replace('    storage: volatile\n', ''));
    const says = `${path}:10: controls.limit.storage is missing; expected: volatile, or flash with writesPerDay`;
    const { code, out, err } = await underglass('profile', 'check', path);
    expect([code, out, err]).to.deep.equal([1, '', `underglass: ${says}\n`]);
    const json = await underglass('profile', 'check', path, '--json');
    expect(json.code).to.equal(1);
    expect(JSON.parse(json.out)).to.deep.equal({ ok: false, file: path, errors: [says] });
  });

  it('list names every file that ships', async () => {
    const { out } = await underglass('profile', 'list', '--json');
    const listed = (JSON.parse(out) as readonly { profile: string }[]).map(
      ({ profile }) => `${profile}.yaml`,
    );
    const files = (await readdir('device-profiles/vendors')).filter(name => name.endsWith('.yaml'));
    expect(listed.sort()).to.deep.equal(files.sort());
  });

  it('import makes of the official definitions the very files that ship', async function () {
    needsThat(this, existsSync(OFFICIAL), `${OFFICIAL} is not there`);
    await using dir = await tempDir();
    const { code, out } = await underglass('profile', 'import', OFFICIAL, '--to', dir.path, '--json');
    expect(code).to.equal(0);
    const { models } = JSON.parse(out) as { models: readonly number[] };
    expect(models).to.have.length(112);
    for (const id of models)
      expect(await readFile(join(dir.path, `model_${id}.json`), 'utf8'), String(id)).to.equal(
        await readFile(`device-profiles/sunspec/model_${id}.json`, 'utf8'),
      );
  });

  it('import brings a vendor model, and --models lets scan read it', async function () {
    const peer = await startPeer(this);
    await using dir = await tempDir();
    try {
      await writeFile(
        join(dir.path, 'model_64999.json'),
        JSON.stringify({
          id: 64_999,
          group: {
            name: 'acme',
            type: 'group',
            label: 'left out',
            points: ['ID', 'L', 'A', 'B', 'C', 'D', 'E'].map(name => ({ name, type: 'uint16', size: 1 })),
          },
        }),
      );
      const to = join(dir.path, 'ours');
      expect((await underglass('profile', 'import', dir.path, '--to', to)).code).to.equal(0);
      const { out } = await underglass('read', peer.link, '64999', '--models', to, '--json');
      expect(JSON.parse(out)).to.have.property('points').that.deep.equals({
        '64999.A': 11,
        '64999.B': 22,
        '64999.C': 33,
        '64999.D': 44,
        '64999.E': 55,
      });
    } finally {
      await peer.stop();
    }
  });
});
