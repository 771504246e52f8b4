import { chmod, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { refused } from '../../../src/base/assert.ts';
import { seconds } from '../../../src/base/time.ts';
import { MAX_QUEUED, countedStart, loadSlots, openDisk, readInForce } from '../../../src/io/delivery/mod.ts';
import type { Disk, Hook } from '../../../src/io/delivery/mod.ts';
import { CHUNK_BYTES } from '../../../src/model/mod.ts';
import type { DeviceId } from '../../../src/model/mod.ts';
import { MAX_WRONG } from '../../../src/wan/delivery/mod.ts';
import { tempDir } from '../../support/temp.ts';
import { someBytes, testFile } from '../../wan/delivery/files.ts';
import type { TestFile } from '../../wan/delivery/files.ts';
import { Rig } from './rig.ts';

const FILE = testFile(someBytes(20 * CHUNK_BYTES + 9));
const SMALL = testFile(someBytes(300, 2));

/** Fetched, tried, kept. */
async function inForce(disk: Disk, file: TestFile): Promise<void> {
  const rig = await Rig.started(disk, [file]);
  await rig.fetch(file);
  await rig.install(file);
  await rig.port.close();
  const next = await Rig.started(disk, [file]);
  await next.install(file);
  next.port.settle(file.manifest.file, 'keep', 'test');
  await next.until(() => next.names().includes('applied'));
  next.port.discard(file.manifest.file);
  await next.settled();
  await next.port.close();
}

describe('a file on its way to the disk', () => {
  it('comes whole through lost and damaged chunks, and leaves nothing beside it', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(dir.path);
    let turn = 0;
    const rig = new Rig(disk, [FILE], {
      onWay: bytes => {
        turn++;
        if (turn % 3 === 0) return undefined;
        const changed = Uint8Array.from(bytes);
        if (turn % 7 === 0) changed[5] = (changed[5] ?? 0) ^ 4;
        return changed;
      },
    });
    await rig.fetch(FILE);
    expect(rig.names().at(-1)).to.equal('whole');
    expect(await readdir(dir.path)).to.deep.equal([FILE.manifest.file]);
    expect((await readFile(join(dir.path, FILE.manifest.file))).equals(FILE.bytes)).to.equal(true);
    await rig.port.close();
  });

  it('is given up by name when what comes is wrong every time, and no wrong byte is written', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(dir.path);
    const rig = new Rig(disk, [FILE], {
      onWay: bytes => (bytes.length === FILE.list.length ? bytes : new Uint8Array(bytes.length)),
    });
    await rig.fetch(FILE);
    expect(rig.names().at(-1)).to.equal('failed chunks-wrong');
    expect(JSON.stringify(rig.said.at(-1))).to.contain(`${MAX_WRONG} pieces`);
    expect(await readdir(dir.path)).to.deep.equal([`${FILE.manifest.file}.list`]);
    await rig.port.close();
  });

  it('goes on after a restart with what is missing, and fetches again what the disk lost', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(dir.path);
    const first = new Rig(disk, [FILE], { onWay: (bytes, n) => (n > 9 ? undefined : bytes) });
    first.port.fetch(FILE.manifest);
    await first.until(() => JSON.stringify(first.said).includes('"held":10'));
    await first.port.close();
    await disk.writeAt(`${FILE.manifest.file}.part`, 3 * CHUNK_BYTES, new Uint8Array(10));
    const second = new Rig(disk, [FILE]);
    await second.fetch(FILE);
    const [asked] = second.said;
    expect(asked).to.deep.equal({
      is: 'wants',
      of: FILE.manifest.file,
      pieces: [3, 10, 11, 12, 13, 14, 15, 16],
      held: 9,
    });
    expect(second.names().at(-1)).to.equal('whole');
    await second.port.close();
  });

  it('asks for nothing while there is no link', async () => {
    await using dir = await tempDir();
    const rig = new Rig(await openDisk(dir.path), [FILE]);
    rig.port.link(false);
    rig.port.fetch(FILE.manifest);
    await rig.settled();
    rig.clock.turn(1_000_000);
    expect(rig.said).to.deep.equal([]);
    rig.port.link(true);
    expect(rig.names()).to.deep.equal(['wants']);
    await rig.port.close();
  });

  it('is refused by name where the folder has no room, which others’ leavings do not take', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(dir.path);
    await disk.replace('ab'.repeat(32), new Uint8Array(200_000));
    await disk.replace('notes.txt', new Uint8Array(100_000));
    const rig = new Rig(disk, [FILE], { maxBytes: 300_000 });
    await rig.fetch(FILE);
    expect(rig.said).to.deep.equal([
      {
        is: 'failed',
        refusal: 'no-room',
        why: `${FILE.bytes.length} bytes, and 200000 of 300000 are free`,
      },
    ]);
    expect(await readdir(dir.path)).to.deep.equal(['notes.txt']);
    await rig.port.close();
  });

  it('leaves what comes faster than the disk, which is asked for again', async () => {
    await using dir = await tempDir();
    let flooded = false;
    const rig = new Rig(await openDisk(dir.path), [FILE], { onWay: bytes => (flooded ? bytes : undefined) });
    rig.port.fetch(FILE.manifest);
    await rig.settled();
    const piece = { of: FILE.manifest.list, n: 9, bytes: new Uint8Array(1) };
    for (let i = 0; i < MAX_QUEUED; i++) void rig.port.chunk(piece);
    await rig.port.chunk({ of: FILE.manifest.list, n: 0, bytes: FILE.list });
    flooded = true;
    await rig.until(() => rig.names().includes('whole'));
    const held = rig.said.flatMap(said => (said.is === 'wants' ? [said.of] : []));
    expect(
      held.filter(of => of === FILE.manifest.list),
      'the list was left, and asked for again',
    ).to.have.length(2);
    await rig.port.close();
  });
});

describe('a file that is tried', () => {
  it('is in force after the next start, on trial, and stays when it is kept', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(dir.path);
    const rig = await Rig.started(disk, [SMALL]);
    await rig.fetch(SMALL);
    await rig.install(SMALL);
    expect(rig.restarts).to.deep.equal(['gateway-configuration 2 is tried']);
    rig.port.install(SMALL.manifest, []);
    await rig.settled();
    expect(rig.names(), 'this start does not run with it').to.not.include('trial');
    expect(rig.restarts).to.have.length(1);
    await rig.port.close();
    const next = await Rig.started(disk, [SMALL]);
    await next.install(SMALL);
    expect(next.names()).to.deep.equal(['trial']);
    next.port.settle(SMALL.manifest.file, 'keep', 'well');
    await next.until(() => next.names().includes('applied'));
    await next.port.close();
    await countedStart(disk);
    await countedStart(disk);
    await countedStart(disk);
    expect((await readInForce(disk)).configuration).to.equal(Buffer.from(SMALL.bytes).toString('utf8'));
  });

  it('goes back by itself when two starts with it never said that they were well', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(dir.path);
    const old = testFile(someBytes(200, 8));
    await inForce(disk, old);
    const rig = await Rig.started(disk, [SMALL]);
    await rig.fetch(SMALL);
    await rig.install(SMALL);
    await rig.port.close();
    for (let start = 1; start <= 2; start++)
      expect((await countedStart(disk)).trial?.file, `start ${start}`).to.equal(SMALL.manifest.file);
    const back = await Rig.started(disk, [SMALL]);
    expect((await readInForce(disk)).configuration).to.equal(Buffer.from(old.bytes).toString('utf8'));
    await back.install(SMALL);
    expect(back.said).to.deep.equal([
      { is: 'failed', refusal: 'rolled-back', why: 'it was started 2 times and never proved healthy' },
    ]);
    back.port.discard(SMALL.manifest.file);
    await back.settled();
    expect((await loadSlots(disk)).failed, 'it may be delivered again').to.deep.equal([]);
    expect(await readdir(dir.path)).to.have.members(['slots.json', old.manifest.file]);
    await back.port.close();
  });

  it('goes back when the gateway says so, and the old is in force at the next start', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(dir.path);
    const rig = await Rig.started(disk, [SMALL]);
    await rig.fetch(SMALL);
    await rig.install(SMALL);
    await rig.port.close();
    const next = await Rig.started(disk, [SMALL]);
    await next.install(SMALL);
    next.port.settle(SMALL.manifest.file, 'roll-back', 'pv not read');
    await next.until(() => next.restarts.length > 0);
    await next.port.close();
    const back = await Rig.started(disk, [SMALL]);
    expect((await readInForce(disk)).configuration).to.equal(undefined);
    await back.install(SMALL);
    expect(back.said.at(-1)).to.include({ refusal: 'rolled-back', why: 'pv not read' });
    await back.port.close();
  });

  it('is refused by name where its content is not valid, and nothing is tried', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(dir.path);
    const rig = await Rig.started(disk, [SMALL], {
      check: () => Promise.resolve(refused('content-invalid', 'line 3')),
    });
    await rig.fetch(SMALL);
    await rig.install(SMALL);
    expect(rig.said.at(-1)).to.deep.equal({ is: 'failed', refusal: 'content-invalid', why: 'line 3' });
    expect(rig.restarts).to.deep.equal([]);
    expect((await loadSlots(disk)).trial).to.equal(undefined);
    await rig.port.close();
  });

  it('whose bytes changed on the disk is not tried, and one in force is left out and told', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(dir.path);
    await inForce(disk, SMALL);
    await disk.writeAt(SMALL.manifest.file, 7, Uint8Array.of(0, 0));
    const { configuration, damaged } = await readInForce(disk);
    expect(configuration).to.equal(undefined);
    expect(damaged).to.have.length(1);
    const rig = await Rig.started(disk, [SMALL]);
    await rig.install(SMALL);
    expect(rig.names()).to.deep.equal(['failed file-wrong']);
    await rig.port.close();
  });

  it('whose bytes changed before its start is not started with, and failed', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(dir.path);
    const rig = await Rig.started(disk, [SMALL]);
    await rig.fetch(SMALL);
    await rig.install(SMALL);
    await rig.port.close();
    await disk.writeAt(SMALL.manifest.file, 7, Uint8Array.of(0, 0));
    const slots = await countedStart(disk);
    expect(slots.trial).to.equal(undefined);
    expect(slots.failed.map(({ file }) => file)).to.deep.equal([SMALL.manifest.file]);
  });
});

describe('firmware by a hook', () => {
  const firmware = testFile(someBytes(500, 3), {
    delivers: 'device-firmware',
    model: 'X5',
    version: '$(id)',
  });
  const devices = ['a', 'b'].map(device => ({ device: device as DeviceId, model: 'X5\0', version: '1' }));

  /** A hook of these lines of shell, its environment in `told`. */
  async function hookOf(folder: string, ...lines: readonly string[]): Promise<Hook> {
    const command = join(folder, 'hook.sh');
    await writeFile(command, ['#!/bin/sh', ...lines, ''].join('\n'));
    await chmod(command, 0o700);
    return { command, args: ['first'], timeout: seconds(20) };
  }

  it('is told file, device, link and versions by its environment, and nothing of it passes a shell', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(join(dir.path, 'deliveries'));
    const told = join(dir.path, 'told');
    const hook = await hookOf(
      dir.path,
      `echo "$1 $UNDERGLASS_DEVICE $UNDERGLASS_LINK $UNDERGLASS_VERSION $UNDERGLASS_NEW_VERSION" >> ${told}`,
      `cmp "$UNDERGLASS_FILE" "${disk.path(firmware.manifest.file)}" && echo same`,
    );
    const rig = new Rig(disk, [firmware], { hook, linkOf: device => `tcp://${device}` });
    await rig.fetch(firmware);
    await rig.install(firmware, devices);
    expect(rig.names().at(-1)).to.equal('applied');
    expect(await readFile(told, 'utf8')).to.equal('first a tcp://a 1 $(id)\nfirst b tcp://b 1 $(id)\n');
    expect(rig.logs).to.deep.equal(['a', 'b'].map(device => `firmware $(id) to ${device}: done\nsame\n`));
    await rig.port.close();
  });

  it('that fails ends the delivery, with the last line it said, and the next device is not begun', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(join(dir.path, 'deliveries'));
    const hook = await hookOf(dir.path, 'echo begun', 'echo "no such slot" >&2', 'exit 4');
    const rig = new Rig(disk, [firmware], { hook });
    await rig.fetch(firmware);
    await rig.install(firmware, devices);
    expect(rig.said.at(-1)).to.deep.equal({
      is: 'failed',
      refusal: 'hook-failed',
      why: 'a: it ended with 4: no such slot',
    });
    expect(rig.logs).to.have.length(1);
    await rig.port.close();
  });

  it('is ended when its time is up, with all that it started', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(join(dir.path, 'deliveries'));
    const hook = await hookOf(dir.path, 'sleep 100');
    const rig = new Rig(disk, [firmware], { hook: { ...hook, timeout: seconds(0.2) } });
    await rig.fetch(firmware);
    rig.port.install(firmware.manifest, devices);
    while (rig.names().at(-1) === 'whole') await new Promise(resolve => setImmediate(resolve));
    expect(rig.said.at(-1)).to.include({ why: 'a: it took longer than 0.2 s and was ended' });
    await rig.port.close();
  });

  it('is run again after a cut for the device it was at, not for those that are done, and three times at most', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(join(dir.path, 'deliveries'));
    const told = join(dir.path, 'told');
    const hook = await hookOf(
      dir.path,
      `echo "$UNDERGLASS_DEVICE $UNDERGLASS_TRY" >> ${told}`,
      '[ "$UNDERGLASS_DEVICE" = a ] || sleep 100',
    );
    const first = new Rig(disk, [firmware], { hook });
    await first.fetch(firmware);
    await first.port.close();
    for (let start = 1; start <= 3; start++) {
      const rig = new Rig(disk, [firmware], { hook });
      rig.port.install(firmware.manifest, devices);
      for (let text = ''; !text.includes(`b ${start}`); ) text = await readFile(told, 'utf8').catch(() => '');
      await rig.port.close();
    }
    expect(await readFile(told, 'utf8')).to.equal('a 1\nb 1\nb 2\nb 3\n');
    const last = new Rig(disk, [firmware], { hook });
    await last.install(firmware, devices);
    expect(last.said.at(-1)).to.include({ refusal: 'hook-interrupted' });
    await last.port.close();
  });

  it('that is not there is a failure with its reason', async () => {
    await using dir = await tempDir();
    const disk = await openDisk(dir.path);
    const hook = { command: join(dir.path, 'none'), args: [], timeout: seconds(5) };
    const rig = new Rig(disk, [firmware], { hook });
    await rig.fetch(firmware);
    await rig.install(firmware, devices);
    expect(rig.said.at(-1)).to.deep.include({ refusal: 'hook-failed' });
    expect(JSON.stringify(rig.said.at(-1))).to.contain('ENOENT');
    await rig.port.close();
  });
});
