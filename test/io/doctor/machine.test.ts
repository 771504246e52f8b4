import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { symlink } from 'node:fs/promises';
import { statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { unixTime } from '../../../src/base/time.ts';
import { checkClock } from '../../../src/io/doctor/clock.ts';
import {
  checkCertificate,
  checkRoom,
  checkSerial,
  checkStore,
  checkWear,
} from '../../../src/io/doctor/mod.ts';
import { openStore } from '../../../src/io/store/mod.ts';
import { authority } from '../../support/authority.ts';
import { needs } from '../../support/needs.ts';
import { tempDir } from '../../support/temp.ts';

const NOW = unixTime(Date.UTC(2026, 6, 1));
const clock = (synchronized: string | undefined, battery = true) => ({
  synchronized: () => Promise.resolve(synchronized),
  hasBatteryClock: () => battery,
});

describe('what is said of the clock', () => {
  it('is that nobody keeps it right where nobody does, with how to have it kept', async () => {
    const said = await checkClock(NOW, clock('no', false));
    expect(said.state).to.equal('wrong');
    expect(said.says).to.contain('nobody keeps it right; no battery');
    expect(said).to.have.property('remedy').that.contains('timedatectl set-ntp true');
  });
  it('is that all is well where it is kept, and that it cannot be told where nobody says', async () => {
    expect((await checkClock(NOW, clock('yes'))).state).to.equal('well');
    expect((await checkClock(NOW, clock(undefined))).state).to.equal('watch');
  });
  it('is that a date before this program is wrong, whoever keeps it', async () => {
    expect((await checkClock(unixTime(0), clock('yes'))).state).to.equal('wrong');
  });
});

/** A tree like /sys and /proc in which `folder` is on a card. */
async function card(
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<{ sys: string; proc: string }> {
  const [sys, proc] = [join(folder, 'sys'), join(folder, 'proc')];
  const disk = join(sys, 'block/mmcblk0');
  await mkdir(join(disk, 'device'), { recursive: true });
  await mkdir(join(disk, 'mmcblk0p2'), { recursive: true });
  await mkdir(join(sys, 'dev/block'), { recursive: true });
  await mkdir(proc);
  const { dev } = statSync(folder);
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  await symlink(join(disk, 'mmcblk0p2'), join(sys, `dev/block/${major}:${minor}`));
  await writeFile(join(disk, 'mmcblk0p2/partition'), '2\n');
  for (const [name, text] of Object.entries(files)) await writeFile(join(disk, name), text);
  await writeFile(join(proc, 'uptime'), '86400.00 1.00\n');
  return { sys, proc };
}

describe('what is said of a card', () => {
  it('is the part of its life that it says is used, and what was written a day', async () => {
    await using dir = await tempDir();
    const roots = await card(dir.path, {
      'device/life_time': '0x03 0x02\n',
      'device/pre_eol_info': '0x01\n',
      stat: ' 1 2 3 4 5 6 2000000 8 9 10 11\n',
    });
    expect(checkWear(dir.path, roots)).to.deep.equal({
      check: 'wear',
      state: 'well',
      says: 'mmcblk0: at most 30 % of its life used, 1.02 GB written a day since the start',
    });
  });
  it('is that it has to be replaced before and after its end', async () => {
    await using dir = await tempDir();
    const near = await card(dir.path, { 'device/life_time': '0x09 0x01\n' });
    expect(checkWear(dir.path, near)).to.include({ state: 'watch' });
    await writeFile(join(dir.path, 'sys/block/mmcblk0/device/life_time'), '0x0b 0x01\n');
    expect(checkWear(dir.path, near)).to.include({ state: 'wrong' });
  });
  it('is that whoever writes 20 GB a day is to be found', async () => {
    await using dir = await tempDir();
    const roots = await card(dir.path, { stat: '1 2 3 4 5 6 40000000 8\n' });
    const said = checkWear(dir.path, roots);
    expect(said.state).to.equal('watch');
    expect(said.says).to.equal('mmcblk0: tells no wear, 20.48 GB written a day since the start');
  });
  it('is that nothing can be told where the system tells nothing', async () => {
    await using dir = await tempDir();
    expect(checkWear(dir.path, { sys: join(dir.path, 'none') }).state).to.equal('well');
  });
});

describe('what is said of the disk and the store', () => {
  it('is a missing folder, and a folder with room', async () => {
    await using dir = await tempDir();
    expect(checkRoom(join(dir.path, 'none'))).to.include({ state: 'wrong' });
    expect(checkRoom(dir.path).check).to.equal('disk');
  });
  it('is a store that holds together, one of a newer program, one that is none, and one that is damaged', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'gateway.sqlite');
    expect(checkStore(path).says).to.contain('the first start makes it');
    const store = openStore(path);
    if (!store.ok) throw new Error(store.refusal);
    expect(checkStore(path), 'while a gateway is at work').to.include({ state: 'well' });
    await store.value.close();
    const db = new DatabaseSync(path);
    db.exec('PRAGMA user_version = 99');
    db.close();
    expect(checkStore(path)).to.include({
      state: 'wrong',
      remedy: 'update the program; the file is untouched',
    });
    writeFileSync(path, 'not a database, but long enough to be looked at as one '.repeat(20));
    expect(checkStore(path).says).to.contain('not a database');
    const other = join(dir.path, 'other.sqlite');
    new DatabaseSync(other).exec('CREATE TABLE a (b)');
    expect(checkStore(other).says).to.contain('is no store of Underglass');
  });
});

describe('what is said of a serial port', () => {
  it('is that there is none of the name, with those there are', () => {
    const said = checkSerial('/dev/ttyUSB77', ['/dev/serial/by-id/usb-a']);
    expect(said).to.include({ state: 'wrong' });
    expect(said).to.have.property('remedy').that.contains('/dev/serial/by-id/usb-a');
  });
  it('is that it is no port, and that a name by order of plugging in does not last', async () => {
    await using dir = await tempDir();
    const file = join(dir.path, 'file');
    await writeFile(file, '');
    expect(checkSerial(file, []).says).to.contain('is no serial port');
    const lasting = join(dir.path, 'usb-adapter');
    await symlink('/dev/null', lasting);
    expect(checkSerial('/dev/null', [lasting])).to.include({ state: 'watch', remedy: `write ${lasting}` });
    expect(checkSerial(lasting, [lasting])).to.include({ state: 'well' });
  });
});

describe('what is said of a certificate', () => {
  it('is its days left, that they are few, that it is over, not begun, missing or none', async function () {
    needs(this, 'openssl');
    await using dir = await tempDir();
    await authority(dir.path, 'ca', []);
    const path = join(dir.path, 'ca-cert.pem');
    const at = (days: number) =>
      checkCertificate('broker.caFile', path, unixTime(Date.now() + days * 86_400_000));
    expect(at(0)).to.include({ state: 'watch' });
    expect(at(0).says).to.match(/broker\.caFile: .*: [12] days left$/);
    expect(at(3).says).to.contain('has expired');
    expect(at(-3).says).to.contain('is not valid before');
    expect(checkCertificate('x', join(dir.path, 'none'), NOW).says).to.contain('is not there');
    await writeFile(path, 'no certificate');
    expect(at(0).says).to.contain('cannot be read');
  });
});
