import { expect } from 'chai';
import { nextUnit, seeded } from '../../../src/base/random.ts';
import type { RandomState } from '../../../src/base/random.ts';
import { loadSlots, openDisk, readInForce } from '../../../src/io/delivery/mod.ts';
import type { Disk } from '../../../src/io/delivery/mod.ts';
import { CHUNK_BYTES } from '../../../src/model/mod.ts';
import { standing } from '../../../src/wan/delivery/mod.ts';
import { tempDir } from '../../support/temp.ts';
import { sha256, someBytes, testFile } from '../../wan/delivery/files.ts';
import type { TestFile } from '../../wan/delivery/files.ts';
import { PowerCut, cutAt } from './cut.ts';
import { Rig } from './rig.ts';

const CUTS = 8;
const SEEDS = 12;

/** What a gateway's store would hold: it is durable before the door hears of it. */
type Phase = 'fetching' | 'applying' | 'done';

/** Runs from where `phase` stands, to the end or to a cut. The phase it came to. */
async function run(disk: Disk & { wasCut(): boolean }, file: TestFile, from: Phase): Promise<Phase> {
  let phase = from;
  try {
    for (let start = 0; start < 5 && phase !== 'done'; start++) {
      const rig = await Rig.started(disk, [file]);
      const last = (): string | undefined => rig.names().findLast(name => name !== 'wants');
      if (phase === 'fetching') {
        await rig.fetch(file);
        if (disk.wasCut()) return phase;
        expect(last()).to.equal('whole');
        phase = 'applying';
      }
      await rig.install(file);
      if (last() === 'trial') {
        rig.port.settle(file.manifest.file, 'keep', 'test');
        await rig.until(() => disk.wasCut() || last() === 'applied');
      }
      if (disk.wasCut()) return phase;
      if (last() === 'applied') {
        phase = 'done';
        rig.port.discard(file.manifest.file);
        if (!disk.wasCut()) await rig.settled();
      }
      await rig.port.close();
    }
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  return phase;
}

async function expectSound(disk: Disk, files: readonly TestFile[]): Promise<void> {
  const { configuration, damaged } = await readInForce(disk);
  expect(damaged).to.deep.equal([]);
  if (configuration === undefined) return;
  const known = files.map(({ bytes }) => Buffer.from(bytes).toString('utf8'));
  expect(known).to.include(configuration);
}

function draw(random: RandomState, below: number): number {
  return Math.floor(nextUnit(random) * below);
}

describe('power that fails at any operation, again and again', function () {
  this.timeout(120_000);

  it('leaves the old or the new in force, whole, and the delivery comes to its end', async () => {
    let cuts = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      await using dir = await tempDir();
      const random = seeded(seed);
      const real = await openDisk(dir.path);
      const [old, next] = [1, 2].map(n => testFile(someBytes(5 * CHUNK_BYTES + 77, seed * 10 + n))) as [
        TestFile,
        TestFile,
      ];
      expect(await run(cutAt(real, Infinity, random), old, 'fetching')).to.equal('done');
      let phase: Phase = 'fetching';
      for (let i = 0; i < CUTS && phase !== 'done'; i++) {
        const disk = cutAt(real, draw(random, 30), random);
        phase = await run(disk, next, phase);
        if (disk.wasCut()) cuts++;
        await expectSound(real, [old, next]);
      }
      const failed = standing(await loadSlots(real), next.manifest.file).is === 'failed';
      if (phase !== 'done' && !failed) phase = await run(cutAt(real, Infinity, random), next, phase);
      await expectSound(real, [old, next]);
      const { configuration } = await readInForce(real);
      const expected = standing(await loadSlots(real), next.manifest.file).is === 'failed' ? old : next;
      expect(sha256(Buffer.from(configuration ?? '')), `seed ${seed}`).to.deep.equal(
        sha256(Buffer.from(Buffer.from(expected.bytes).toString('utf8'))),
      );
    }

    expect(cuts, 'power did fail').to.be.above(SEEDS * 2);
  });
});
