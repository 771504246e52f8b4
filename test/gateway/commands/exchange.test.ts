/**
 * The nonce exchange after a start: what waits for it, what it lifts, and what it tells.
 */
import { expect } from 'chai';
import { unixTime } from '../../../src/base/time.ts';
import type { Cti, MRID, StreamTold } from '../../../src/model/mod.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { eventBody } from '../bench.ts';
import { HeadEnd } from '../../support/head-end.ts';
import { OPERATIONS, Started } from '../started.ts';

const mark = (through: number, ...open: number[]): StreamTold => ({ stream: 'commands', through, open });

describe('after a start', () => {
  it('new commands wait by name for the welcome, use nothing up, and are taken after it', () => {
    const bench = Started.begun();
    const signed = bench.event('ev-1');
    expect(bench.story()).to.deep.equal(['invalid not-welcomed']);
    expect(bench.receipts()[0]).to.include({ retry: 'later' });
    expect(bench.state.replay.size).to.equal(0);
    bench.welcome();
    bench.deliver(signed);
    expect(bench.story()).to.deep.equal(['invalid not-welcomed', 'received ev-1']);
  });

  it('stored events go on while new commands wait', () => {
    const bench = Started.begun();
    bench.welcome();
    bench.event('ev-1');
    bench.begin();
    bench.until(0);
    expect(bench.values()).to.deep.equal([5000]);
    bench.event('ev-2');
    expect(bench.story().at(-1)).to.equal('invalid not-welcomed');
  });

  it('no answer is repeated before the welcome, for by what the head end holds a lost memory is told', () => {
    const bench = Started.begun();
    bench.welcome();
    const signed = bench.event('ev-1');
    bench.until(0);
    bench.begin();
    const held = { receipt: bench.store.last('receipt') - 1 };
    const early = bench.deliver(signed);
    expect(early.filter(e => e.do === 'publish')).to.deep.equal([]);
    bench.welcome({ held });
    expect(bench.alarms()).to.deep.equal([]);
    bench.ms += 1000;
    const again = bench.deliver(signed);
    expect(again.filter(e => e.do === 'publish')).to.have.length(1);
  });

  it('a nonce is another at every start, and an answer to another start is none', () => {
    const bench = Started.begun();
    const old = bench.nonce;
    bench.begin();
    expect(bench.nonce).to.not.equal(old);
    bench.welcome({ nonce: old });
    expect(bench.counted('refused.nonce-unknown')).to.equal(1);
    bench.event('ev-1');
    expect(bench.story()).to.deep.equal(['invalid not-welcomed']);
  });

  it('an answer counts once: what a second one says changes nothing', () => {
    const bench = Started.begun();
    bench.welcome();
    bench.welcome({ marks: [mark(900)] }, 2);
    expect(bench.counted('refused.nonce-spent')).to.equal(1);
    bench.event('ev-1', { sequence: 1 });
    expect(bench.story()).to.deep.equal(['received ev-1']);
  });

  it('a key without the right to welcome is refused, and its issuer is not waited for', () => {
    const bench = Started.begun();
    bench.command(
      { kind: 'welcome', nonce: bench.nonce, time: bench.now.unix, marks: [], held: {} },
      { class: 'market' },
      bench.aggregator,
    );
    expect(bench.story()).to.deep.equal(['invalid operation-out-of-scope']);
    bench.command(eventBody(), {}, bench.aggregator);
    expect(bench.story().at(-1)).to.equal('received ev-1');
  });

  it('the birth record is said again, with its nonce, a minute after nobody answered', () => {
    const bench = Started.begun();
    const { nonce } = bench;
    const asked = bench.ms;
    bench.until(asked + 59_999);
    expect(bench.reported('birth')).to.have.length(1);
    bench.until(asked + 60_000);
    expect(bench.reported('birth')).to.have.length(2);
    expect(bench.nonce).to.equal(nonce);
    expect(bench.birth.start, 'still one start').to.equal(1);
    bench.welcome();
    bench.until(asked + 600_000);
    expect(bench.reported('birth')).to.have.length(2);
  });

  it('the birth record is said again on hearing a command of who is waited for, every five seconds at most', () => {
    const bench = Started.begun();
    const births = (): number => bench.reported('birth').length;
    const asked = bench.ms;
    bench.event('ev-1');
    bench.until(asked + 9_999);
    bench.event('ev-2');
    expect(births(), 'nothing else goes out in the first ten seconds').to.equal(1);
    bench.until(asked + 10_000);
    bench.command(eventBody(), {}, bench.aggregator);
    expect(births(), 'nobody waits for the aggregator').to.equal(1);
    const signed = bench.event('ev-3');
    expect(births()).to.equal(2);
    bench.until(asked + 14_999);
    bench.deliver(signed);
    expect(births()).to.equal(2);
    bench.until(asked + 15_000);
    bench.deliver(signed);
    expect(births()).to.equal(3);
    bench.welcome();
    bench.until(asked + 30_000);
    bench.deliver(signed);
    expect(births()).to.equal(3);
    expect(bench.story().at(-1)).to.equal('received ev-3');
  });

  it('an answer that does not come is told once, with what waits for it', () => {
    const bench = Started.begun();
    const told = () =>
      bench.effects.flatMap(e =>
        e.do === 'log' && e.entry.event === 'start.unanswered' ? [e.entry.text] : [],
      );
    bench.until(bench.ms + 9_999);
    expect(told()).to.deep.equal([]);
    bench.until(bench.ms + 600_000);
    expect(told()).to.have.length(1);
    expect(told()[0])
      .to.contain('utility-w did not answer this start within 10 s')
      .and.to.contain('not-welcomed');
  });

  it('commands that passed by while it was away are no lost memory; those still open are taken', () => {
    const bench = Started.begun();
    bench.welcome();
    bench.event('ev-1', { sequence: 1 });
    const [, late] = [2, 3].map(sequence =>
      bench.welcoming.sign(eventBody({ mRID: `ev-${sequence}` as MRID }), bench.now.unix, { sequence }),
    );
    bench.begin();
    bench.welcome({ marks: [mark(9, 3)], held: { birth: 2 } });
    expect(bench.alarms()).to.deep.equal([]);
    if (late !== undefined) bench.deliver(late);
    bench.event('ev-8', { sequence: 8 });
    bench.event('ev-10', { sequence: 10 });
    expect(bench.story()).to.deep.equal([
      'received ev-1',
      'received ev-3',
      'invalid sequence-too-old',
      'received ev-10',
    ]);
  });

  it('a late joiner takes the first command of a long-used stream, once it was told where the stream stands', () => {
    const bench = Started.begun();
    bench.welcome();
    bench.ms += 60_000;
    const used = 3_000_000;
    const signed = bench.event('ev-1', { sequence: used + 1 });
    expect(bench.story()).to.deep.equal(['invalid sequence-jump']);
    expect(bench.receipts()[0]?.retry).to.equal('later');
    expect(bench.reported('birth'), 'asked anew').to.have.length(2);
    bench.welcome({ marks: [mark(used)] });
    bench.deliver(signed);
    expect(bench.story().at(-1)).to.equal('received ev-1');
    bench.event('ev-2', { sequence: Number.MAX_SAFE_INTEGER });
    expect(bench.story().at(-1)).to.equal('invalid sequence-jump');
    expect(bench.receipts().at(-1)?.retry, 'the stream is known: never').to.equal(undefined);
    bench.event('ev-3', { sequence: used + 2 });
    expect(bench.story(), 'and not harmed').to.include('received ev-3');
  });

  it('tells in the birth record how far it took the streams of who may welcome, and of nobody else', () => {
    const bench = Started.begun();
    bench.welcome();
    bench.event('ev-1', { sequence: 7 });
    bench.command(eventBody({ mRID: 'ev-9' as MRID }), {}, bench.aggregator);
    bench.begin();
    expect(bench.birth.marks).to.deep.equal([
      { issuer: 'utility-w', keyEpoch: 1, stream: 'commands', high: 7 },
    ]);
  });

  it('forgets the streams of a key epoch that no trusted key has any more', () => {
    const bench = Started.begun();
    bench.welcome();
    bench.event('ev-1');
    const { key } = bench.welcoming;
    Object.assign(bench.settings, { keys: new Map([[key.kid, { ...key, epoch: 2 }]]) });
    bench.begin();
    expect(bench.state.replay.size).to.equal(0);
    const kinds = bench.store.read().rows.map(({ kind }) => kind);
    expect(kinds).to.not.include.members(['replay']);
    expect(kinds).to.not.include.members(['seen']);
  });
});

describe('a memory that was lost', () => {
  /** Takes three commands and tells all of it upstream; then its store is what `become` makes of it. */
  function lost(become: (bench: Started) => MemoryStore) {
    const bench = Started.begun();
    bench.welcome();
    const backup = become(bench);
    const old = [1, 2, 3].map(n => bench.event(`ev-${n}`, { sequence: n }));
    const held = {
      receipt: bench.store.last('receipt'),
      birth: bench.store.last('birth'),
      status: bench.store.last('status'),
    };
    bench.begin(backup);
    return { bench, old, held };
  }

  for (const [name, become] of [
    ['a deleted store', () => new MemoryStore()],
    ['a restored backup', (bench: Started) => bench.store.copy()],
  ] as const)
    it(`${name}: marks are lifted, old commands stay refused, and it is told upstream as an alarm`, () => {
      const { bench, old, held } = lost(become);
      for (const signed of old) bench.deliver(signed);
      expect(bench.story().filter(said => said.startsWith('received'))).to.deep.equal([]);
      bench.welcome({ marks: [mark(3)], held });
      for (const signed of old) bench.deliver(signed);
      expect(bench.story().filter(said => said.startsWith('received'))).to.deep.equal([]);
      expect(bench.story().at(-1)).to.equal('invalid sequence-too-old');
      expect(bench.alarms()).to.deep.equal(['memory-lost']);
      bench.event('ev-4', { sequence: 4 });
      expect(bench.story().at(-1)).to.equal('received ev-4');
    });

  it('a renewed key lifts the streams of the keys before it: nothing a former key signed is taken twice', () => {
    const bench = Started.begun();
    bench.welcome();
    const taken = bench.event('ev-1');
    const open = bench.welcoming.sign(eventBody({ mRID: 'ev-2' as MRID }), bench.now.unix, { sequence: 2 });
    const renewed = new HeadEnd('utility-w', { operations: OPERATIONS }, { fill: 99, epoch: 3 });
    const keys = new Map([bench.welcoming, renewed].map(({ key }) => [key.kid, key]));
    Object.assign(bench.settings, { keys });
    bench.begin(new MemoryStore());
    const body = { kind: 'welcome', nonce: bench.nonce, time: bench.now.unix, held: {} } as const;
    const marks = [mark(2), { ...mark(2, 2), keyEpoch: 1 }];
    bench.command({ ...body, marks }, { keyEpoch: 3, stream: 'welcome', class: 'market' }, renewed);
    const before = bench.story().length;
    for (const signed of [taken, open]) bench.deliver(signed);
    expect(bench.story().slice(before)).to.deep.equal(['invalid sequence-too-old', 'received ev-2']);
  });

  it('numbers its records above what the head end holds, those of before the welcome too', () => {
    const { bench, held } = lost(() => new MemoryStore());
    bench.event('early', { sequence: 9 });
    expect(bench.reported('receipt').map(r => r.sequence)).to.deep.equal([1]);
    bench.welcome({ marks: [mark(3)], held });
    expect(bench.reported('receipt').map(r => r.sequence)).to.deep.equal([held.receipt + 1]);
    expect(bench.reported('birth').map(r => r.sequence)).to.deep.equal([held.birth + 1]);
    bench.event('ev-4', { sequence: 4 });
    expect(bench.reported('receipt').map(r => r.sequence)).to.deep.equal([
      held.receipt + 1,
      held.receipt + 2,
    ]);
    expect(
      bench
        .take()
        .flatMap(e => (e.do === 'publish' && e.record.stream === 'receipt' ? [e.record.sequence] : [])),
    ).to.include.members([held.receipt + 1, held.receipt + 2]);
    bench.begin();
    bench.welcome({ marks: [mark(4)], held: { receipt: held.receipt + 2, birth: held.birth + 2 } });
    expect(bench.alarms(), 'once').to.deep.equal(['memory-lost']);
  });

  it('makes the old commands of who cannot welcome refused by their date', () => {
    const { bench, held } = lost(() => new MemoryStore());
    const old = bench.aggregator.sign(eventBody({ mRID: 'agg' as MRID }), unixTime(bench.now.unix - 1000));
    bench.welcome({ held });
    bench.deliver(old);
    expect(bench.story().at(-1)).to.equal('invalid issued-before-loss');
    bench.ms += 1000;
    bench.command(eventBody({ mRID: 'agg-2' as MRID }), {}, bench.aggregator);
    expect(bench.story().at(-1)).to.equal('received agg-2');
    bench.begin();
    bench.deliver(old);
    expect(
      bench.receipts().filter(r => r.refusal === 'issued-before-loss' || r.mRID === 'agg'),
    ).to.have.length(1);
  });

  it('of the head end is not believed: marks only go up', () => {
    const bench = Started.begun();
    bench.welcome();
    const [first] = [5, 6].map(n => bench.event(`ev-${n}`, { sequence: n }));
    bench.begin();
    bench.welcome({ marks: [mark(2)] });
    expect(bench.alarms()).to.deep.equal([]);
    if (first !== undefined) bench.deliver({ ...first });
    bench.event('ev-x', { sequence: 5, cti: 'ab'.repeat(16) as Cti });
    expect(bench.story().at(-1)).to.equal('invalid replay');
  });
});
