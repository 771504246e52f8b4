import { expect } from 'chai';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nextBetween, seeded } from '../../../src/base/random.ts';
import type { StreamName } from '../../../src/model/mod.ts';
import type { StoreOptions } from '../../../src/io/store/mod.ts';
import { tempDir } from '../../support/temp.ts';
import { append, commitsInWal, GATEWAY, opened, put, record } from './support.ts';

/** A timer that is turned by hand. */
function handTimer(): { timer: NonNullable<StoreOptions['timer']>; turn: () => void; waits: () => number[] } {
  let pending: { afterMs: number; wake: () => void }[] = [];
  return {
    timer: (afterMs, wake) => {
      const entry = { afterMs, wake };
      pending.push(entry);
      return () => {
        pending = pending.filter(p => p !== entry);
      };
    },
    turn: () => {
      const [due] = pending.splice(0, 1);
      due?.wake();
    },
    waits: () => pending.map(p => p.afterMs),
  };
}

/** What a crash would leave of a store that is open: its files as they are on the disk at this moment. */
async function crashed(path: string): Promise<string> {
  const copy = `${path}.crashed`;
  for (const end of ['', '-wal']) await copyFile(path + end, copy + end);
  return copy;
}

/** Text that packs badly. */
function incompressible(length: number): string {
  const random = seeded(length);
  return Array.from({ length }, () => String.fromCharCode(nextBetween(random, 33, 126))).join('');
}

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

describe('io/store: telemetry', () => {
  it('is written in groups of a minute: sixty readings cost one commit, and those acknowledged meanwhile none', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const { timer, turn, waits } = handTimer();
    const store = opened(path, { timer });
    // Numbers are promised by what was used of late.
    for (let n = 1; n <= 60; n++) await store.persist(GATEWAY, [append('reading', n)]);
    await store.persist(GATEWAY, [put('start', 1), { op: 'trim', stream: 'reading', through: 60 }]);
    const before = commitsInWal(path);
    for (let n = 61; n <= 121; n++) await store.persist(GATEWAY, [append('reading', n)]);
    await store.persist(GATEWAY, [{ op: 'trim', stream: 'reading', through: 100 }]);
    expect(commitsInWal(path) - before).to.equal(0);
    expect(waits()).to.deep.equal([60_000]);
    expect((await store.load(GATEWAY, 'reading', 0, 100)).map(r => r.sequence)).to.deep.equal(
      Array.from({ length: 21 }, (_, n) => 101 + n),
    );
    turn();
    await settled();
    expect(commitsInWal(path) - before).to.equal(1);
    const found = opened(await crashed(path));
    const [first, ...rest] = await found.load(GATEWAY, 'reading', 0, 100);
    expect(first).to.deep.equal(record('reading', 101));
    expect(rest.map(r => r.body.kind)).to.deep.equal([...Array.from({ length: 20 }, () => 'birth'), 'lost']);
    await found.close();
    await store.close();
  });

  it('that a crash caught before it was written is told as lost, and no number is given twice', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const store = opened(path, { timer: handTimer().timer });
    await store.persist(GATEWAY, [append('status', 1)]);
    for (let n = 2; n <= 9; n++) await store.persist(GATEWAY, [append('status', n)]);
    const found = opened(await crashed(path));
    expect((await found.snapshot(GATEWAY)).streams).to.deep.equal([
      { stream: 'status', acknowledged: 0, last: 9 },
    ]);
    const [first, gap, ...more] = await found.load(GATEWAY, 'status', 0, 100);
    expect(first).to.deep.equal(record('status', 1));
    expect(gap?.body).to.include({ kind: 'lost', first: 2, last: 9 });
    expect(gap?.body).to.have.property('why').that.includes('not yet on the disk');
    expect(more).to.deep.equal([]);
    // The head end holds what it was sent before the crash; the rest of the loss is told from there.
    await found.persist(GATEWAY, [{ op: 'trim', stream: 'status', through: 5 }, append('status', 10)]);
    expect((await found.load(GATEWAY, 'status', 0, 100)).map(r => [r.sequence, r.body.kind])).to.deep.equal([
      [6, 'lost'],
      [10, 'birth'],
    ]);
    expect((await found.load(GATEWAY, 'status', 7, 100))[0]?.body).to.include({ first: 8, last: 9 });
    await found.close();
    await store.close();
  });

  it('loses no number when the store is closed properly', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const store = opened(path);
    for (let n = 1; n <= 10; n++) await store.persist(GATEWAY, [append('status', n)]);
    await store.close();
    const next = opened(path);
    expect((await next.snapshot(GATEWAY)).streams[0]?.last).to.equal(10);
    expect((await next.load(GATEWAY, 'status', 0, 100)).map(r => r.body.kind)).to.not.include('lost');
    await next.close();
  });

  it('goes to the disk at once with any command, and waits for it where more numbers are used than promised', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const store = opened(path, { timer: handTimer().timer });
    await store.persist(GATEWAY, [append('status', 1)]);
    await store.persist(GATEWAY, [append('status', 2)]);
    await store.persist(GATEWAY, [put('event', 1), append('receipt', 1)]);
    const found = opened(await crashed(path));
    expect((await found.load(GATEWAY, 'status', 0, 2)).map(r => r.body.kind)).to.deep.equal([
      'birth',
      'birth',
    ]);
    await found.close();
    const before = commitsInWal(path);
    for (let n = 3; n <= 11; n++) await store.persist(GATEWAY, [append('status', n)]);
    expect(commitsInWal(path) - before, 'the 11th number was not promised').to.equal(1);
    await store.close();
  });

  it('leaves the oldest first when the store is full, readings before status, and tells each as a gap', async () => {
    await using dir = await tempDir();
    const dropped: string[] = [];
    const store = opened(join(dir.path, 'state.db'), {
      maxBytes: 1024 * 1024,
      onDropped: ({ stream, first, last }) => dropped.push(`${stream} ${first}-${last}`),
    });
    const filler = incompressible(5_000);
    const fill = async (stream: StreamName, from: number, to: number): Promise<void> => {
      for (let n = from; n <= to; n++) await store.persist(GATEWAY, [append(stream, n, filler)]);
    };
    await fill('status', 1, 60);
    await fill('reading', 1, 60);
    expect(dropped).to.deep.equal([]);
    await fill('status', 61, 200);
    expect(dropped.filter(d => d.startsWith('reading')).length).to.be.above(5);
    expect(dropped.findLastIndex(d => d.startsWith('reading'))).to.be.below(
      dropped.findIndex(d => d.startsWith('status')),
    );
    for (const stream of ['reading', 'status'] as const) {
      const [gap, ...rest] = await store.load(GATEWAY, stream, 0, 1000);
      expect(gap?.body).to.include({ kind: 'lost', first: 1 });
      expect(gap?.body).to.have.property('why').that.includes('its store was full');
      const last = gap?.body.kind === 'lost' ? gap.body.last : 0;
      expect(rest.map(r => r.sequence)).to.deep.equal(rest.map((_, n) => last + 1 + n));
      expect(dropped.filter(d => d.startsWith(stream)).at(-1)).to.match(new RegExp(`-${last}$`));
    }
    // What is kept for commands is still there.
    await store.persist(GATEWAY, [append('receipt', 1, filler), put('event', filler)]);
    await store.close();
  });

  it('makes room for a command of what is old, though the file is full of what is never dropped', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const dropped: string[] = [];
    const store = opened(path, {
      maxBytes: 1024 * 1024,
      onDropped: ({ stream, first, last }) => dropped.push(`${stream} ${first}-${last}`),
    });
    const filler = incompressible(5_000);
    for (let n = 1; n <= 60; n++) await store.persist(GATEWAY, [append('status', n, filler)]);
    let taken = 0;
    for (;;) {
      const next = await store.persist(GATEWAY, [append('receipt', taken + 1, filler)]).then(
        () => 'taken',
        (error: { refusal?: string }) => error.refusal,
      );
      if (next !== 'taken') {
        expect(next).to.equal('full');
        break;
      }
      taken++;
    }
    // All but the newest status, which bears witness to its number, and what new statuses say.
    expect(dropped.at(-1)).to.match(/^status \d+-59$/);
    await store.persist(GATEWAY, [append('status', 61, filler)]).catch(() => undefined);
    const receipts = await store.load(GATEWAY, 'receipt', 0, 1000);
    expect(receipts.map(r => r.sequence)).to.deep.equal(Array.from({ length: taken }, (_, n) => n + 1));
    await store.persist(GATEWAY, [{ op: 'trim', stream: 'receipt', through: taken }]);
    await store.persist(GATEWAY, [append('receipt', taken + 1, filler)]);
    await store.close();
  });

  it('of an older store is taken over: the schema grows, and nothing that was in it changes', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'state.db');
    const store = opened(path);
    await store.persist(GATEWAY, [put('start', 7), append('alarm', 1), append('status', 1)]);
    const before = await store.snapshot(GATEWAY);
    await store.close();
    const db = new DatabaseSync(path);
    db.exec('DROP TABLE promised; PRAGMA user_version = 1');
    db.close();
    const grown = opened(path);
    expect(await grown.snapshot(GATEWAY)).to.deep.equal(before);
    expect(await grown.load(GATEWAY, 'alarm', 0, 2)).to.deep.equal([record('alarm', 1)]);
    await grown.persist(GATEWAY, [append('status', 2)]);
    await grown.close();
    expect(new DatabaseSync(path).prepare('PRAGMA user_version').get()).to.deep.include({ user_version: 2 });
  });
});
