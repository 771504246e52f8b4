import { expect } from 'chai';
import { after, instant, milliseconds } from '../../../src/base/time.ts';
import { nextUnit, seeded } from '../../../src/base/random.ts';
import { CHUNK_BYTES } from '../../../src/model/mod.ts';
import type { FileId } from '../../../src/model/mod.ts';
import {
  ASK_AGAIN,
  ASK_MAX,
  MAX_WRONG,
  WINDOW,
  askAnew,
  dueAsk,
  isWhole,
  newFetch,
  nextAsk,
  noteHeld,
  noteLost,
  progress,
  takePiece,
} from '../../../src/wan/delivery/mod.ts';
import type { Fetch } from '../../../src/wan/delivery/mod.ts';
import { someBytes, testFile } from './files.ts';
import type { TestFile } from './files.ts';

const NOW = instant(1000);
const file = testFile(someBytes(20 * CHUNK_BYTES + 5));

/** A fetch that holds the list. */
function listed(of: TestFile = file): Fetch {
  return newFetch(of.manifest, { list: of.list });
}

describe('the chunks of a file', () => {
  it('are asked for list first, then eight at a time, and make the file whole', () => {
    const fetch = newFetch(file.manifest);
    const disk = new Uint8Array(file.bytes.length);
    const asked: string[] = [];
    for (let now = NOW; !isWhole(fetch); now = after(now, ASK_AGAIN)) {
      const ask = dueAsk(fetch, now);
      if (ask === undefined) throw new Error('something is missing, so it is asked for');
      asked.push(`${ask.of === file.manifest.list ? 'list' : 'file'} ${ask.pieces.join(',')}`);
      expect(ask.pieces.length).to.be.at.most(WINDOW);
      for (const n of ask.pieces) {
        const taken = takePiece(fetch, { of: ask.of, n, bytes: file.piece(ask.of, n) }, now);
        if (taken.is !== 'chunk') continue;
        disk.set(taken.bytes, taken.offset);
        noteHeld(fetch, taken.n);
      }
    }
    expect(asked).to.deep.equal([
      'list 0',
      'file 0,1,2,3,4,5,6,7',
      'file 8,9,10,11,12,13,14,15',
      'file 16,17,18,19,20',
    ]);
    expect(Buffer.from(disk).equals(file.bytes)).to.equal(true);
    expect(dueAsk(fetch, NOW)).to.equal(undefined);
    expect(nextAsk(fetch), 'nothing is left to wake for').to.equal(undefined);
  });

  it('with one byte changed are refused before the disk, whichever byte it is', () => {
    const small = testFile(someBytes(700));
    const fetch = listed(small);
    dueAsk(fetch, NOW);
    for (let at = 0; at < small.bytes.length; at++) {
      const bytes = Uint8Array.from(small.bytes);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const { is } = takePiece(fetch, { of: small.manifest.file, n: 0, bytes }, NOW);
      expect(is).to.be.oneOf(['wrong', 'ignored']);
    }
    expect(progress(fetch)).to.deep.equal({ held: 0, of: 1 });
  });

  it('that are wrong are asked for again, sixteen times and no more', () => {
    const fetch = listed();
    const bytes = new Uint8Array(CHUNK_BYTES);
    for (let i = 1; i <= MAX_WRONG; i++) {
      const ask = dueAsk(fetch, after(NOW, milliseconds(i * ASK_MAX)));
      expect(ask?.pieces).to.include(0);
      const taken = takePiece(fetch, { of: file.manifest.file, n: 0, bytes }, NOW);
      expect(taken).to.deep.equal({ is: 'wrong', gaveUp: i === MAX_WRONG });
    }
  });

  it('that nobody asked for cannot end a delivery', () => {
    const fetch = listed();
    const bytes = new Uint8Array(CHUNK_BYTES);
    for (let i = 0; i < 2 * MAX_WRONG; i++)
      expect(takePiece(fetch, { of: file.manifest.file, n: 9, bytes }, NOW).is).to.equal('ignored');
    expect(takePiece(fetch, { of: 'ab' as FileId, n: 0, bytes }, NOW).is).to.equal('ignored');
    expect(takePiece(fetch, { of: file.manifest.file, n: 21, bytes }, NOW).is).to.equal('ignored');
    expect(fetch.wrong).to.equal(0);
  });

  it('whose list is wrong are never taken: the list is begun anew', () => {
    const fetch = newFetch(file.manifest);
    dueAsk(fetch, NOW);
    const bytes = Uint8Array.from(file.list);
    bytes[3] = (bytes[3] ?? 0) ^ 1;
    expect(takePiece(fetch, { of: file.manifest.list, n: 0, bytes }, NOW)).to.include({ is: 'wrong' });
    expect(takePiece(fetch, { of: file.manifest.file, n: 0, bytes: file.bytes }, NOW).is).to.equal('ignored');
    expect(dueAsk(fetch, NOW)).to.deep.equal({ of: file.manifest.list, pieces: [0] });
  });

  it('of a file so large that its list has several pieces are listed whole, in any order of the pieces', () => {
    const large = testFile(new Uint8Array(CHUNK_BYTES * 800).fill(7));
    const fetch = newFetch(large.manifest);
    const { list } = large.manifest;
    expect(dueAsk(fetch, NOW)).to.deep.equal({ of: list, pieces: [0, 1, 2] });
    for (const n of [2, 0])
      expect(takePiece(fetch, { of: list, n, bytes: large.piece(list, n) }, NOW)).to.deep.equal({
        is: 'piece',
      });
    expect(takePiece(fetch, { of: list, n: 1, bytes: large.piece(list, 2) }, NOW).is).to.equal('wrong');
    expect(dueAsk(fetch, NOW)).to.deep.equal({ of: list, pieces: [1] });
    const taken = takePiece(fetch, { of: list, n: 1, bytes: large.piece(list, 1) }, NOW);
    expect(taken.is).to.equal('list');
    expect(Buffer.from(fetch.list ?? []).equals(large.list)).to.equal(true);
  });

  it('are asked for again after ten seconds of silence, then ever less often, up to five minutes', () => {
    const fetch = listed();
    const gaps: number[] = [];
    let now = NOW;
    for (let i = 0; i < 8; i++) {
      expect(dueAsk(fetch, now)).to.not.equal(undefined);
      const next = nextAsk(fetch);
      if (next === undefined) throw new Error('it is asked again');
      expect(dueAsk(fetch, instant(next - 1))).to.equal(undefined);
      gaps.push((next - now) / 1000);
      now = next;
    }
    expect(gaps).to.deep.equal([10, 20, 40, 80, 160, 300, 300, 300]);
    askAnew(fetch);
    expect(dueAsk(fetch, instant(now + 1))?.pieces).to.have.length(WINDOW);
    expect((nextAsk(fetch) ?? 0) - (now + 1)).to.equal(ASK_AGAIN);
  });

  it('GRP-3 that are held are not fetched again after a restart, and those lost on the disk are', () => {
    const before = listed();
    for (const n of [0, 2, 20]) noteHeld(before, n);
    const fetch = newFetch(file.manifest, { list: file.list, held: before.held });
    expect(progress(fetch)).to.deep.equal({ held: 3, of: 21 });
    expect(dueAsk(fetch, NOW)?.pieces).to.deep.equal([1, 3, 4, 5, 6, 7, 8, 9]);
    noteLost(fetch, 2);
    askAnew(fetch);
    expect(dueAsk(fetch, NOW)?.pieces).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('found with a list or bitmap of another file are not believed', () => {
    const other = testFile(someBytes(20 * CHUNK_BYTES + 5, 2));
    expect(newFetch(file.manifest, { list: other.list, held: new Uint8Array(3).fill(255) })).to.deep.include({
      list: undefined,
      held: new Uint8Array(3),
    });
    expect(
      newFetch(file.manifest, { list: file.list, held: new Uint8Array(2).fill(255) }).held,
    ).to.deep.equal(new Uint8Array(3));
  });

  it('GRP-3 come whole through any loss, order and repetition, and the disk holds the file alone', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seeded(seed);
      const draw = (below: number): number => Math.floor(nextUnit(random) * below);
      const one = testFile(someBytes(1 + draw(30 * CHUNK_BYTES), seed));
      const fetch = newFetch(one.manifest);
      const disk = new Uint8Array(one.bytes.length);
      let now = NOW;
      for (let turn = 0; !isWhole(fetch) && turn < 5000; turn++) {
        const ask = dueAsk(fetch, now);
        if (ask === undefined) now = nextAsk(fetch) ?? now;
        for (const n of ask?.pieces ?? []) {
          if (draw(5) === 0) continue;
          const at = draw(4) === 0 ? draw(30) : n;
          const bytes = Uint8Array.from(one.piece(ask?.of ?? one.manifest.file, at));
          const taken = takePiece(fetch, { of: ask?.of ?? one.manifest.file, n: at, bytes }, now);
          if (taken.is !== 'chunk') continue;
          disk.set(taken.bytes, taken.offset);
          noteHeld(fetch, taken.n);
        }
      }
      expect(isWhole(fetch), `seed ${seed}`).to.equal(true);
      expect(Buffer.from(disk).equals(one.bytes), `seed ${seed}`).to.equal(true);
    }
  });
});
