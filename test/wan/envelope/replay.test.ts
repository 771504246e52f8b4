/**
 * Replay memory: the window at its edges, restart at every point, and a model of it that forgets nothing.
 */
import { expect } from 'chai';
import * as fc from 'fast-check';
import type { Command, Cti, KeyId } from '../../../src/model/mod.ts';
import {
  MAX_REPLAY_STREAMS,
  MAX_SEQUENCE_JUMP,
  REPLAY_WINDOW,
  judgeReplay,
  markReplay,
  newReplayState,
} from '../../../src/wan/envelope/mod.ts';
import type { ReplayRow, ReplayState } from '../../../src/wan/envelope/mod.ts';
import { CLAIMS } from './vectors.ts';

/** A command with this sequence; `content` stands for all that its bytes say. */
function command(sequence: number, content = 'a', change: Partial<Command> = {}): Command {
  const digest = Buffer.from(`${sequence} ${content}`.padEnd(32)).toString('hex');
  const cti = sequence.toString(16).padStart(32, '0') as Cti;
  return { ...CLAIMS, kid: '00'.repeat(8) as KeyId, digest, sequence, cti, ...change };
}

/** The memory and its store: what `markReplay` returned, by kind and key. */
class Remembered {
  readonly state: ReplayState = newReplayState([]);
  readonly rows = new Map<string, ReplayRow>();

  take(sequence: number, content?: string, change?: Partial<Command>): string {
    const asked = command(sequence, content, change);
    const verdict = say(this.state, asked);
    if (verdict === 'fresh')
      for (const row of markReplay(this.state, asked)) this.rows.set(`${row.kind} ${row.key}`, row);
    return verdict;
  }

  restarted(): ReplayState {
    const rows = [...this.rows.values()].map(row => JSON.parse(JSON.stringify(row)) as ReplayRow);
    return newReplayState(rows.toReversed());
  }
}

function say(state: ReplayState, asked: Command): string {
  const verdict = judgeReplay(state, asked);
  return verdict.verdict === 'refused' ? verdict.refusal : verdict.verdict;
}

describe('judgeReplay', () => {
  it('takes the same bytes again to be a duplicate, other bytes under the sequence to be a replay', () => {
    const memory = new Remembered();
    expect(memory.take(1, 'a')).to.equal('fresh');
    expect(memory.take(1, 'a')).to.equal('duplicate');
    expect(memory.take(1, 'b')).to.equal('replay');
  });

  it('takes what was overtaken inside the window, and refuses what is below it', () => {
    const memory = new Remembered();
    const high = 1000;
    expect(memory.take(high)).to.equal('fresh');
    expect(memory.take(high - REPLAY_WINDOW + 1)).to.equal('fresh');
    expect(memory.take(high - REPLAY_WINDOW)).to.equal('sequence-too-old');
    expect(memory.take(high - REPLAY_WINDOW + 1)).to.equal('duplicate');
  });

  it('lets a duplicate become too old when the window has passed it', () => {
    const memory = new Remembered();
    memory.take(1);
    expect(memory.take(REPLAY_WINDOW)).to.equal('fresh');
    expect(memory.take(1)).to.equal('duplicate');
    expect(memory.take(REPLAY_WINDOW + 1)).to.equal('fresh');
    expect(memory.take(1)).to.equal('sequence-too-old');
  });

  it('refuses a jump beyond 2^20, from nothing and from a mark, and remembers nothing of it', () => {
    const memory = new Remembered();
    expect(memory.take(MAX_SEQUENCE_JUMP + 1)).to.equal('sequence-jump');
    expect(memory.take(Number.MAX_SAFE_INTEGER)).to.equal('sequence-jump');
    expect(memory.take(5)).to.equal('fresh');
    expect(memory.take(5 + MAX_SEQUENCE_JUMP + 1)).to.equal('sequence-jump');
    expect(memory.take(5 + MAX_SEQUENCE_JUMP)).to.equal('fresh');
  });

  it('SIWG-3 keeps issuer, key epoch and stream apart', () => {
    const memory = new Remembered();
    expect(memory.take(9)).to.equal('fresh');
    for (const change of [{ issuer: 'grid-opz' }, { keyEpoch: 2 }, { stream: 'market' }])
      expect(memory.take(9, 'other', change), JSON.stringify(change)).to.equal('fresh');
    expect(memory.take(9, 'other')).to.equal('replay');
  });

  it('refuses a stream too many, and goes on with those it knows', () => {
    const memory = new Remembered();
    for (let n = 0; n < MAX_REPLAY_STREAMS; n++)
      expect(memory.take(1, 'a', { stream: `s-${n}` })).to.equal('fresh');
    expect(memory.take(1, 'a', { stream: 'one-more' })).to.equal('too-many-streams');
    expect(memory.take(2, 'a', { stream: 's-0' })).to.equal('fresh');
    expect(memory.take(1, 'a', { stream: 's-0' })).to.equal('duplicate');
  });

  it('changes nothing by judging', () => {
    const state = newReplayState([]);
    expect(say(state, command(1))).to.equal('fresh');
    expect(state.size).to.equal(0);
    expect(say(state, command(1))).to.equal('fresh');
  });
});

describe('markReplay', () => {
  it('gives two small rows a command, one when it was overtaken', () => {
    const memory = new Remembered();
    const seen = (sequence: number) => ({
      sequence,
      digest: command(sequence).digest.slice(0, 32),
      cti: command(sequence).cti,
    });
    expect(markReplay(memory.state, command(130))).to.deep.equal([
      { kind: 'replay', key: 'grid-ops/1/dispatch', value: { high: 130 } },
      { kind: 'seen', key: 'grid-ops/1/dispatch#2', value: seen(130) },
    ]);
    expect(markReplay(memory.state, command(127))).to.deep.equal([
      { kind: 'seen', key: 'grid-ops/1/dispatch#63', value: seen(127) },
    ]);
  });

  it('is never given what was not judged fresh', () => {
    const memory = new Remembered();
    memory.take(1);
    expect(() => markReplay(memory.state, command(1))).to.throw(/fresh/);
  });

  it('keeps at most 65 rows a stream, however long it runs', () => {
    const memory = new Remembered();
    for (let sequence = 1; sequence <= 1000; sequence++) memory.take(sequence);
    expect(memory.rows.size).to.equal(REPLAY_WINDOW + 1);
  });
});

describe('newReplayState', () => {
  it('judges after a restart as before it, for any order of arrival', () => {
    fc.assert(
      fc.property(
        fc.array(arrivals, { maxLength: 60 }),
        fc.array(arrivals, { maxLength: 30 }),
        (before, probes) => {
          const memory = new Remembered();
          for (const { sequence, content } of before) memory.take(sequence, content);
          const restarted = memory.restarted();
          for (const { sequence, content } of probes)
            expect(say(restarted, command(sequence, content))).to.equal(
              say(memory.state, command(sequence, content)),
            );
        },
      ),
    );
  });

  it('never takes one sequence twice, as a memory that forgets nothing would see it', () => {
    fc.assert(
      fc.property(fc.array(arrivals, { maxLength: 200 }), commands => {
        const memory = new Remembered();
        const taken = new Map<number, string>();
        for (const { sequence, content } of commands) {
          const verdict = memory.take(sequence, content);
          const before = taken.get(sequence);
          if (before === undefined)
            expect(verdict).to.be.oneOf(['fresh', 'sequence-too-old', 'sequence-jump']);
          else expect(verdict).to.be.oneOf([before === content ? 'duplicate' : 'replay', 'sequence-too-old']);
          if (verdict === 'fresh') taken.set(sequence, content);
        }
      }),
    );
  });

  it('believes the higher of a mark and what was seen', () => {
    const rows = new Remembered();
    rows.take(70);
    const [mark, seen] = [...rows.rows.values()];
    if (mark === undefined || seen === undefined) throw new Error('two rows');
    const low: ReplayRow = { kind: 'replay', key: mark.key, value: { high: 2 } };
    for (const kept of [[mark], [seen], [low, seen], [seen, low]]) {
      const state = newReplayState(kept);
      expect(say(state, command(70 - REPLAY_WINDOW))).to.equal('sequence-too-old');
      expect(say(state, command(71))).to.equal('fresh');
    }
  });

  it('passes rows of other machines over, and does not believe a row that is not its own', () => {
    expect(newReplayState([{ kind: 'event', key: 'x', value: null }]).size).to.equal(0);
    expect(() => newReplayState([{ kind: 'replay', key: 'x', value: { high: '9' } }])).to.throw(/sequence/);
    expect(() => newReplayState([{ kind: 'seen', key: 'x#1', value: { sequence: 1 } }])).to.throw(/digest/);
  });
});

/** Mostly near each other, so that windows are crossed both ways; sometimes far. */
const arrivals = fc.record({
  sequence: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 1, max: 200 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 ** 21 }) },
  ),
  content: fc.constantFrom('a', 'b'),
});
