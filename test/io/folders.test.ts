import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeFolder, makeWritable } from '../../src/io/folders.ts';
import { needsThat } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

const rejection = (made: Promise<void>): Promise<string> =>
  made.then(
    () => 'made',
    (error: unknown) => String(error),
  );

describe('a folder that is made', () => {
  it('is made with what is above it, in its mode, and may be there already', async () => {
    await using dir = await tempDir();
    const deep = join(dir.path, 'a', 'b', 'c');
    await Promise.all([makeFolder(deep, { mode: 0o700 }), makeFolder(deep, { mode: 0o700 })]);
    for (const path of [deep, join(dir.path, 'a')]) expect((await stat(path)).mode & 0o777).to.equal(0o700);
    expect(await rejection(makeWritable(deep))).to.equal('made');
  });

  it('is refused where a file is in the way', async () => {
    await using dir = await tempDir();
    const file = join(dir.path, 'file');
    await writeFile(file, '');
    expect(await rejection(makeFolder(file))).to.contain(`${file} is no folder`);
    expect(await rejection(makeFolder(join(file, 'a', 'b')))).to.contain('ENOTDIR');
  });

  it('is refused, not waited for, where the file system takes none', async function () {
    needsThat(this, existsSync('/proc/self'), 'there is no /proc');
    expect(await rejection(makeFolder('/proc/x/y'))).to.contain('ENOENT');
  });
});
