import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { openBlobs } from '../../src/io/blobs.ts';
import { CHUNK_BYTES } from '../../src/model/mod.ts';
import { tempDir } from '../support/temp.ts';
import { someBytes, testFile } from '../wan/delivery/files.ts';

describe('the files a head end delivers', () => {
  it('are kept under their hashes with their chunk lists, and given out in parts', async () => {
    await using dir = await tempDir();
    const blobs = await openBlobs(join(dir.path, 'files'));
    const [one, two] = [
      testFile(someBytes(2 * CHUNK_BYTES + 1)),
      testFile(someBytes(CHUNK_BYTES, 4)),
    ] as const;
    const kept = await Promise.all(
      [one, two].map(async ({ bytes }, n) => {
        await writeFile(join(dir.path, `${n}`), bytes);
        return blobs.keep(join(dir.path, `${n}`));
      }),
    );
    for (const [n, { manifest }] of [one, two].entries()) {
      const { file, size, list } = manifest;
      expect(kept[n]).to.deep.equal({ ok: true, value: { file, size, list } });
    }
    const last = await blobs.read(one.manifest.file, 2 * CHUNK_BYTES, CHUNK_BYTES);
    expect(last).to.deep.equal(Uint8Array.from(one.bytes.subarray(2 * CHUNK_BYTES)));
    expect(await blobs.read(one.manifest.list, 0, CHUNK_BYTES)).to.deep.equal(Uint8Array.from(one.list));
    expect(await blobs.read('../0' as never, 0, 10)).to.equal(undefined);
    expect(await blobs.read('ab'.repeat(32) as never, 0, 10)).to.equal(undefined);
    await blobs.only([two.manifest.file, two.manifest.list]);
    expect((await readdir(join(dir.path, 'files'))).sort()).to.deep.equal(
      [two.manifest.file, two.manifest.list].sort(),
    );
  });

  it('are refused by name where there is nothing, or no file', async () => {
    await using dir = await tempDir();
    const blobs = await openBlobs(join(dir.path, 'files'));
    await writeFile(join(dir.path, 'empty'), '');
    expect(await blobs.keep(join(dir.path, 'empty'))).to.include({ refusal: 'empty' });
    expect(await blobs.keep(join(dir.path, 'none'))).to.include({ refusal: 'unreadable' });
    expect(await blobs.keep(dir.path)).to.include({ refusal: 'unreadable' });
  });
});
