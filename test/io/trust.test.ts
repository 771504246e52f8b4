/** Files of signed bytes, on a real disk. */
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { bytesIn, readTrustFile, writeTrustFile } from '../../src/io/trust.ts';
import { tempDir } from '../support/temp.ts';

const BYTES = Uint8Array.of(0xd8, 0x62, 0x84, 0x40, 0xa0);

describe('a file of signed bytes', () => {
  it('is read as it is, or as its hexadecimal digits with blanks and lines', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'root.cbor');
    for (const content of [BYTES, 'd8628440a0', 'D862 8440\na0\n']) {
      await writeFile(path, content);
      expect(await readTrustFile(path)).to.deep.equal({ ok: true, value: BYTES });
    }
    const half = Uint8Array.of(0x31);
    expect(bytesIn(half, 'stdin')).to.deep.equal({ ok: true, value: half });
    expect(bytesIn(half, 'stdin', 'hex')).to.include({ ok: false, refusal: 'not-hexadecimal' });
    expect(bytesIn(new Uint8Array(), 'stdin')).to.deep.equal({ ok: true, value: new Uint8Array() });
  });

  it('is refused by name when it is not there, a folder, or far too large', async () => {
    await using dir = await tempDir();
    const refusal = async (path: string) => {
      const read = await readTrustFile(path);
      return read.ok ? 'ok' : read.refusal;
    };
    expect(await refusal(join(dir.path, 'none'))).to.equal('missing');
    expect(await refusal(dir.path)).to.equal('io');
    await writeFile(join(dir.path, 'large'), new Uint8Array(300_000));
    expect(await refusal(join(dir.path, 'large'))).to.equal('too-large');
    expect(await refusal('/dev/zero'), 'without an end').to.equal('too-large');
  });

  it('is never written over unless that was asked for, and nothing lies beside it', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'root.cbor');
    expect((await writeTrustFile(path, BYTES, { mode: 0o600 })).ok).to.equal(true);
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    const again = await writeTrustFile(path, Uint8Array.of(1));
    expect(again).to.include({ ok: false, refusal: 'exists' });
    expect(await readFile(path)).to.deep.equal(Buffer.from(BYTES));
    expect((await writeTrustFile(path, Uint8Array.of(1), { replace: true })).ok).to.equal(true);
    expect(await readFile(path)).to.deep.equal(Buffer.of(1));
    expect(await writeTrustFile(join(dir.path, 'no', 'root'), BYTES)).to.include({ refusal: 'io' });
    expect(await readdir(dir.path)).to.deep.equal(['root.cbor']);
  });
});
