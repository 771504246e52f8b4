import { expect } from 'chai';
import { copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { assert, asyncProperty, jsonValue, pre, string } from 'fast-check';
import { AssertionError } from '../../../src/base/assert.ts';
import type { Json } from '../../../src/gateway/mod.ts';
import type { GatewayId } from '../../../src/model/mod.ts';
import { openStore, StoreTrouble } from '../../../src/io/store/mod.ts';
import { tempDir } from '../../support/temp.ts';
import { append, commitsInWal, GATEWAY, opened, put, record } from './support.ts';

const OTHER = 'gw-2' as GatewayId;

describe('io/store', () => {
  it('gives back after reopening what was persisted, each gateway its own', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const first = opened(path);
    await first.persist(GATEWAY, [put('start', 7), append('status', 1), append('status', 2)]);
    await first.persist(GATEWAY, [{ op: 'trim', stream: 'status', through: 1 }, put('gone', 1)]);
    await first.persist(GATEWAY, [{ op: 'delete', kind: 'meta', key: 'gone' }]);
    await first.persist(OTHER, [put('start', 8)]);
    await first.close();

    const second = opened(path);
    expect(await second.snapshot(GATEWAY)).to.deep.equal({
      rows: [{ kind: 'meta', key: 'start', value: 7 }],
      streams: [{ stream: 'status', acknowledged: 1, last: 2 }],
    });
    expect(await second.load(GATEWAY, 'status', 0, 10)).to.deep.equal([record('status', 2)]);
    expect((await second.snapshot(OTHER)).rows).to.deep.equal([{ kind: 'meta', key: 'start', value: 8 }]);
    expect(second.damage()).to.deep.equal([]);
    await second.close();
  });

  it('lifts what waits in a stream above numbers of another life, and no other stream or gateway', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const first = opened(path);
    await first.persist(
      GATEWAY,
      [1, 2, 3].map(n => append('status', n)),
    );
    await first.persist(GATEWAY, [{ op: 'trim', stream: 'status', through: 1 }, append('birth', 1)]);
    await first.persist(OTHER, [append('status', 1)]);
    await first.persist(GATEWAY, [{ op: 'lift', stream: 'status', by: 40 }, append('status', 44)]);
    await first.close();

    const second = opened(path);
    expect((await second.snapshot(GATEWAY)).streams).to.have.deep.members([
      { stream: 'status', acknowledged: 41, last: 44 },
      { stream: 'birth', acknowledged: 0, last: 1 },
    ]);
    const lifted = await second.load(GATEWAY, 'status', 0, 10);
    expect(lifted.map(r => r.sequence)).to.deep.equal([42, 43, 44]);
    expect(lifted[0]?.body).to.deep.equal(record('status', 2).body);
    expect((await second.snapshot(OTHER)).streams).to.deep.equal([
      { stream: 'status', acknowledged: 0, last: 1 },
    ]);
    expect(second.damage()).to.deep.equal([]);
    await second.close();
  });

  it('keeps any JSON value as it was', async () => {
    await using dir = await tempDir();
    const store = opened(join(dir.path, 'state.db'));
    const values = jsonValue({ noUnicodeString: false }).map(v => JSON.parse(JSON.stringify(v)) as Json);
    await assert(
      asyncProperty(string({ unit: 'binary' }), values, async (key, value) => {
        pre(key.isWellFormed());
        await store.persist(GATEWAY, [{ op: 'put', kind: 'event', key, value }]);
        const { rows } = await store.snapshot(GATEWAY);
        expect(rows.find(row => row.key === key)?.value).to.deep.equal(value);
        await store.persist(GATEWAY, [{ op: 'delete', kind: 'event', key }]);
      }),
      { numRuns: 100 },
    );
    expect(store.damage()).to.deep.equal([]);
    await store.close();
  });

  it('writes the value as it was when handed over, whatever its owner does to it later', async () => {
    await using dir = await tempDir();
    const store = opened(join(dir.path, 'state.db'));
    const value = { held: [1] };
    const durable = store.persist(GATEWAY, [{ op: 'put', kind: 'meta', key: 'k', value }]);
    value.held.push(2);
    await durable;
    expect((await store.snapshot(GATEWAY)).rows[0]?.value).to.deep.equal({ held: [1] });
    await store.close();
  });

  it('commits all calls of one turn in one transaction, at most 256 changes in each', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const store = opened(path);
    await store.persist(GATEWAY, [put('k', 0)]);
    const before = commitsInWal(path);
    await Promise.all(Array.from({ length: 200 }, (_, n) => store.persist(GATEWAY, [put(`k${n}`, n)])));
    expect(commitsInWal(path) - before).to.equal(1);
    await Promise.all(Array.from({ length: 600 }, (_, n) => store.persist(OTHER, [put(`k${n}`, n)])));
    expect(commitsInWal(path) - before).to.equal(1 + 3);
    await store.close();
  });

  it('changes nothing when a commit finds the disk full, and works again when there is room', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const store = opened(path, { maxBytes: 1024 * 1024 });
    await store.persist(GATEWAY, [put('kept', 1), append('alarm', 1)]);
    const big = 'x'.repeat(2_000_000);
    const outcomes = await Promise.allSettled([
      store.persist(GATEWAY, [put('kept', 2), append('alarm', 2)]),
      store.persist(GATEWAY, [put('big', big)]),
    ]);
    // Whose change was the one too many is chance, so nobody's is taken.
    expect(outcomes.map(o => o.status)).to.deep.equal(['rejected', 'rejected']);
    for (const outcome of outcomes) {
      if (outcome.status !== 'rejected') continue;
      expect(outcome.reason).to.be.instanceOf(StoreTrouble);
      expect((outcome.reason as StoreTrouble).refusal).to.equal('full');
    }
    expect((await store.snapshot(GATEWAY)).rows).to.deep.equal([{ kind: 'meta', key: 'kept', value: 1 }]);
    await store.persist(GATEWAY, [put('kept', 3), append('alarm', 2)]);
    expect((await store.snapshot(GATEWAY)).rows[0]?.value).to.equal(3);
    await store.close();
  });

  it('takes a gap in a stream for a broken promise of its caller, who fails alone', async () => {
    await using dir = await tempDir();
    const store = opened(join(dir.path, 'state.db'));
    const outcomes = await Promise.allSettled([
      store.persist(GATEWAY, [append('alarm', 1)]),
      store.persist(GATEWAY, [put('half', 1), append('alarm', 3)]),
      store.persist(GATEWAY, [append('alarm', 2)]),
      store.persist(GATEWAY, [append('alarm', 2)]),
      store.persist(GATEWAY, [{ op: 'trim', stream: 'alarm', through: 9 }]),
    ]);
    expect(outcomes.map(o => o.status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).to.be.instanceOf(AssertionError);
    expect(await store.snapshot(GATEWAY)).to.deep.equal({
      rows: [],
      streams: [{ stream: 'alarm', acknowledged: 0, last: 2 }],
    });
    await store.close();
  });

  it('keeps the mark of a stream that was trimmed to its end, and numbers on from there', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const first = opened(path);
    await first.persist(GATEWAY, [append('alarm', 1), append('alarm', 2)]);
    await first.persist(GATEWAY, [{ op: 'trim', stream: 'alarm', through: 2 }]);
    // An older acknowledgement that arrives late takes nothing back.
    await first.persist(GATEWAY, [{ op: 'trim', stream: 'alarm', through: 1 }]);
    expect(await first.load(GATEWAY, 'alarm', 0, 10)).to.deep.equal([]);
    await first.close();
    const second = opened(path);
    expect((await second.snapshot(GATEWAY)).streams).to.deep.equal([
      { stream: 'alarm', acknowledged: 2, last: 2 },
    ]);
    await second.persist(GATEWAY, [append('alarm', 3)]);
    expect(await second.load(GATEWAY, 'alarm', 0, 10)).to.deep.equal([record('alarm', 3)]);
    await second.close();
  });

  it('loads records in order, above a sequence and no more than asked', async () => {
    await using dir = await tempDir();
    const store = opened(join(dir.path, 'state.db'));
    await store.persist(
      GATEWAY,
      Array.from({ length: 12 }, (_, n) => append('status', n + 1)),
    );
    const sequences = (await store.load(GATEWAY, 'status', 7, 4)).map(r => r.sequence);
    expect(sequences).to.deep.equal([8, 9, 10, 11]);
    expect(await store.load(OTHER, 'status', 0, 4)).to.deep.equal([]);
    await store.close();
  });

  it('refuses a file of a newer program and leaves every byte of it', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    await opened(path).close();
    const db = new DatabaseSync(path);
    db.exec('PRAGMA user_version = 99');
    db.close();
    const before = await readFile(path);
    const refusal = openStore(path);
    expect(refusal).to.include({ ok: false, refusal: 'newer', retry: 'never' });
    expect(refusal).to.have.property('detail').that.includes('schema 99').and.includes('up to 2');
    expect((await readFile(path)).equals(before)).to.equal(true);
    expect(await stat(`${path}-wal`).catch(() => 'absent')).to.equal('absent');
  });

  it('leaves a newer file untouched also where a crash left a WAL beside it', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    await opened(path).close();
    const db = new DatabaseSync(path);
    db.exec('PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE); CREATE TABLE theirs (a)');
    const crashed = join(dir.path, 'crashed.db');
    for (const end of ['', '-wal']) await copyFile(path + end, crashed + end);
    db.close();
    const before = await Promise.all([readFile(crashed), readFile(`${crashed}-wal`)]);
    expect(before[1].length).to.be.greaterThan(0);
    expect(openStore(crashed)).to.include({ ok: false, refusal: 'newer' });
    expect(await Promise.all([readFile(crashed), readFile(`${crashed}-wal`)])).to.deep.equal(before);
  });

  it("refuses another program's database, a text file and a folder by name", async () => {
    await using dir = await tempDir();
    const foreign = join(dir.path, 'foreign.db');
    const db = new DatabaseSync(foreign);
    db.exec('CREATE TABLE theirs (a)');
    db.close();
    const text = join(dir.path, 'text');
    await writeFile(
      text,
      'a letter, not a database, and long enough to have a header of its own '.repeat(20),
    );
    expect(openStore(foreign)).to.include({ ok: false, refusal: 'foreign' });
    expect(openStore(text)).to.include({ ok: false, refusal: 'damaged' });
    expect(openStore(dir.path)).to.include({ ok: false, refusal: 'io' });
    expect(openStore(join(dir.path, 'no', 'such', 'folder'))).to.include({ ok: false, refusal: 'io' });
    expect((await readFile(text, 'utf8')).startsWith('a letter')).to.equal(true);
  });

  it('is refused to a second program while it is in use, and free again afterwards', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const first = opened(path);
    const second = openStore(path);
    expect(second).to.include({ ok: false, refusal: 'io', retry: 'later' });
    expect(second).to.have.property('detail').that.includes('in use by another program');
    await first.persist(GATEWAY, [put('start', 1)]);
    await first.close();
    const third = opened(path);
    expect((await third.snapshot(GATEWAY)).rows).to.have.length(1);
    await third.close();
  });

  it('commits what waits when it is closed', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const first = opened(path);
    const pending = first.persist(GATEWAY, [put('k', 1)]);
    await first.close();
    await pending;
    const second = opened(path);
    expect((await second.snapshot(GATEWAY)).rows).to.have.length(1);
    await second.close();
  });
});
