import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readProfile, shippedProfiles } from '../../src/io/profiles.ts';
import { linkManners, readManners, requestManners } from '../../src/local/profiles/mod.ts';
import { tempDir } from '../support/temp.ts';

describe('profiles in files', () => {
  it('come by name, and by path', async () => {
    const named = await readProfile('huawei');
    expect(named.ok && named.value.profile).to.equal('huawei');
    const file = await readProfile('device-profiles/vendors/huawei.yaml');
    expect(file).to.deep.equal(named);
  });

  it('cover the ten makers that people meet most', async () => {
    const names = [...(await shippedProfiles()).keys()];
    expect(names).to.include.members(
      'solaredge fronius sma kostal huawei sungrow enphase victron goodwe growatt'.split(' '),
    );
  });

  it('become what a bus, discovery and the line between them take', async () => {
    const profiles = await shippedProfiles();
    const of = (name: string) => {
      const profile = profiles.get(name);
      if (profile === undefined) throw new Error(name);
      return profile;
    };
    expect(linkManners(of('huawei'))).to.deep.equal({ timeoutMs: 15_000, connectDelayMs: 2000 });
    expect(requestManners(of('huawei'))).to.deep.equal({ retryOn: [6] });
    expect(readManners(of('growatt'))).to.deep.equal({ maxRead: 125 });
    expect(requestManners(of('apsystems'))).to.deep.equal({ writeWith: 16 });
  });

  it('say which name is unknown, and which file is wrong where', async () => {
    expect(await readProfile('acme')).to.include({
      ok: false,
      detail: 'there is no profile acme; underglass profile list shows them',
    });
    await using dir = await tempDir();
    const path = join(dir.path, 'mine.yaml');
    await writeFile(path, 'profile: mine\nextends: nothing\ntitle: Mine\ntested: none\ndeviations: []\n');
    expect(await readProfile(path)).to.include({ ok: false, detail: `${path}: there is no profile nothing` });
    await writeFile(path, 'profile: mine\ntitle: Mine\ntested: maybe\n');
    const wrong = await readProfile(path);
    expect(!wrong.ok && wrong.detail).to.contain(`${path}:3: tested: maybe`);
  });

  it('extend those beside them before those that ship', async () => {
    await using dir = await tempDir();
    const mine = join(dir.path, 'mine.yaml');
    await writeFile(mine, 'profile: mine\nextends: deye\ntitle: Mine\ntested: none\ndeviations: []\n');
    const shipped = await readProfile(mine);
    expect(shipped.ok && shipped.value.link).to.deep.equal({ gaps: 'none' });
    await writeFile(
      join(dir.path, 'deye.yaml'),
      'profile: deye\ntitle: Other\ntested: none\nmatch: { manufacturer: [Other] }\ndeviations: []\n',
    );
    const beside = await readProfile(mine);
    expect(beside.ok && beside.value.match.manufacturer).to.deep.equal(['Other']);
  });
});
