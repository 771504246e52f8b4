import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { nextBetween, seeded } from '../../../src/base/random.ts';
import type { StreamName, UplinkRecord } from '../../../src/model/mod.ts';
import { openStore, StoreTrouble } from '../../../src/io/store/mod.ts';
import { tempDir } from '../../support/temp.ts';
import { append, GATEWAY, opened, put, record } from './support.ts';

const WRITER = fileURLToPath(new URL('writer.ts', import.meta.url));

/** Runs the writer until it has acknowledged `lines` changes, kills it, and gives the last number of each stream. */
async function killedAfter(path: string, lines: number): Promise<ReadonlyMap<StreamName, number>> {
  const child = spawn(process.execPath, [WRITER, path], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  const acknowledged = new Map<StreamName, number>();
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [stream, sequence] = line.split(' ');
    acknowledged.set(stream as StreamName, Number(sequence));
    if (++seen === lines) child.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}

describe('io/store when things break', () => {
  it('loses nothing it acknowledged over ten kill -9 under load', async function () {
    this.timeout(60_000);
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const random = seeded(9);
    for (let kill = 0; kill < 10; kill++) {
      const acknowledged = await killedAfter(path, nextBetween(random, 1, 400));
      expect(acknowledged.size).to.be.greaterThan(0);
      const store = opened(path);
      const { rows, streams } = await store.snapshot(GATEWAY);
      for (const [stream, sequence] of acknowledged) {
        const mark = streams.find(s => s.stream === stream);
        expect(mark?.last).to.be.at.least(sequence);
        const records = await store.load(GATEWAY, stream, 0, 1_000_000);
        const whole = records.filter(({ body }) => body.kind !== 'lost');
        expect(whole.map(r => r.sequence)).to.include(sequence);
        // What belongs together came together: the row names the newest record.
        expect(rows.find(row => row.key === stream)?.value).to.equal(whole.at(-1)?.sequence);
        expect(records.flatMap(numbersOf), 'every number once').to.deep.equal(
          Array.from({ length: mark?.last ?? 0 }, (_, n) => n + 1),
        );
      }
      expect(store.damage()).to.deep.equal([]);
      await store.close();
    }
  });

  it('reports any flipped byte of any row, and believes none', async function () {
    this.timeout(60_000);
    await using dir = await tempDir();
    const whole = join(dir.path, 'whole.db');
    const store = opened(whole);
    await store.persist(GATEWAY, [
      put('k1', 'one'),
      put('k2', 'two'),
      append('alarm', 1),
      append('alarm', 2),
    ]);
    const rows = (await store.snapshot(GATEWAY)).rows;
    const records = await store.load(GATEWAY, 'alarm', 0, 10);
    await store.close();

    const bytes = await readFile(whole);
    const hurt = join(dir.path, 'hurt.db');
    let flips = 0;
    expect(rowsIn(bytes)).to.have.length(5);
    for (const { from, to } of rowsIn(bytes)) {
      for (let at = from; at < to; at++) {
        const copy = Buffer.from(bytes);
        copy.writeUInt8(copy.readUInt8(at) ^ (1 << (at % 8)), at);
        await writeFile(hurt, copy);
        flips++;
        const opening = openStore(hurt);
        if (!opening.ok) {
          expect(opening.refusal, `byte ${at}`).to.equal('damaged');
          continue;
        }
        const damaged = opening.value;
        const now = await damaged.snapshot(GATEWAY);
        const left = await damaged.load(GATEWAY, 'alarm', 0, 10);
        expect(rows, `byte ${at}`).to.deep.include.members([...now.rows]);
        expect(records, `byte ${at}`).to.deep.include.members([...left]);
        expect(now.streams, `byte ${at}`).to.deep.equal([{ stream: 'alarm', acknowledged: 0, last: 2 }]);
        expect(damaged.damage(), `byte ${at}`).to.have.length(1);
        await damaged.close();
      }
    }
    expect(flips).to.be.greaterThan(200);
  });

  it('keeps reporting damage after it was set aside, and takes the same key again', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const store = opened(path);
    await store.persist(GATEWAY, [put('k1', 'precious'), append('alarm', 1)]);
    await store.close();
    const bytes = await readFile(path);
    bytes.write('P', bytes.indexOf('precious'));
    await writeFile(path, bytes);

    const second = opened(path);
    expect((await second.snapshot(GATEWAY)).rows).to.deep.equal([]);
    await second.persist(GATEWAY, [put('k1', 'new')]);
    await second.close();
    const third = opened(path);
    expect((await third.snapshot(GATEWAY)).rows).to.deep.equal([{ kind: 'meta', key: 'k1', value: 'new' }]);
    expect(third.damage()).to.have.length(1);
    expect(third.damage()[0]).to.include({ table: 'row', content: '["gw-1","meta","k1","\\"Precious\\""]' });
    expect(await third.load(GATEWAY, 'alarm', 0, 1)).to.deep.equal([record('alarm', 1)]);
    await third.close();
  });

  it('persists nothing into a file that was removed or replaced while in use, and says which', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const store = opened(path);
    await store.persist(GATEWAY, [put('start', 1)]);
    await rm(path);
    const gone = await store.persist(GATEWAY, [put('start', 2)]).catch((error: unknown) => error);
    expect(gone).to.be.instanceOf(StoreTrouble).and.include({ refusal: 'io' });
    expect(String(gone)).to.include(`${path} was removed or replaced while in use`);
    await writeFile(path, '');
    expect(await store.persist(GATEWAY, [put('start', 3)]).catch(() => 'refused')).to.equal('refused');
    await store.close();
  });

  it('is readable by its owner alone, the files beside it too', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const store = opened(path);
    await store.persist(GATEWAY, [put('start', 1)]);
    for (const file of [path, `${path}-wal`, `${path}-shm`])
      expect((await stat(file)).mode & 0o777).to.equal(0o600);
    await store.close();
  });
});

/** The numbers that a record stands for. */
function numbersOf({ sequence, body }: UplinkRecord): readonly number[] {
  const last = body.kind === 'lost' ? body.last : sequence;
  return Array.from({ length: last - sequence + 1 }, (_, n) => sequence + n);
}

/**
 * Where the rows of our tables lie in a file of one leaf page a table: from the cell pointers of every leaf of
 * an index b-tree (first byte 0x0a; sqlite.org/fileformat2.html#b_tree_pages), which WITHOUT ROWID tables are.
 */
function rowsIn(file: Buffer): readonly { from: number; to: number }[] {
  const pageSize = file.readUInt16BE(16);
  const cells: { from: number; to: number }[] = [];
  for (let page = pageSize; page < file.length; page += pageSize) {
    if (file.readUInt8(page) !== 0x0a) continue;
    for (let n = 0; n < file.readUInt16BE(page + 3); n++) {
      const from = page + file.readUInt16BE(page + 8 + 2 * n);
      const length =
        file.readUInt8(from) < 0x80
          ? file.readUInt8(from) + 1
          : (file.readUInt8(from) & 0x7f) * 128 + file.readUInt8(from + 1) + 2;
      cells.push({ from, to: from + length });
    }
  }
  return cells;
}
