/**
 * Messages that came to nothing: how much of the time is theirs, and when their PUBACKs go out.
 */
import { expect } from 'chai';
import { instant, milliseconds } from '../../../src/base/time.ts';
import type { Instant } from '../../../src/base/time.ts';
import { FRUITLESS_SHARE, MOST_SAVED, newBudget, opens, spend } from '../../../src/gateway/runtime/budget.ts';
import { MAX_UNACKNOWLEDGED, Pubacks } from '../../../src/gateway/runtime/pubacks.ts';
import { TestClock } from '../../utility/support.ts';

describe('the budget for messages that come to nothing', () => {
  const at = (ms: number): Instant => instant(ms);

  it('lets a burst pass, and opens again when what was spent above it is earned', () => {
    const budget = newBudget(at(0));
    spend(budget, MOST_SAVED, at(0));
    expect(opens(budget)).to.equal(0);
    spend(budget, milliseconds(9), at(0));
    expect(opens(budget), '9 ms at nine tenths').to.equal(10);
  });

  it('earns its share of the time, and saves no more than a burst', () => {
    const budget = newBudget(at(0));
    spend(budget, milliseconds(MOST_SAVED + 90), at(0));
    spend(budget, milliseconds(0), at(50));
    expect(budget.left).to.be.closeTo(-90 + 50 * FRUITLESS_SHARE, 1e-9);
    spend(budget, milliseconds(0), at(100_000));
    expect(budget.left).to.equal(MOST_SAVED);
  });
});

describe('PUBACKs', () => {
  /** Takes `count` messages; acknowledged tokens are listed in their order. */
  function taken(count: number) {
    const clock = new TestClock();
    const said: (number | 'renewed')[] = [];
    const pubacks = new Pubacks(clock, () => void said.push('renewed'));
    const tokens = Array.from({ length: count }, (_, n) => pubacks.take(() => void said.push(n)));
    return { clock, said, pubacks, tokens: tokens.flatMap(t => (t === undefined ? [] : [t])) };
  }

  /** Looks at a message for `ms`, in vain. */
  function inVain({ clock, pubacks }: ReturnType<typeof taken>, token: number, ms: number): void {
    const began = clock.now().instant;
    clock.advance(ms);
    pubacks.charge(began);
    pubacks.acknowledgeLater(token);
  }

  it('of messages in vain go out at once while the budget lasts, then wait, and none is lost', () => {
    const bench = taken(12);
    for (const token of bench.tokens.slice(0, 10)) inVain(bench, token, 100);
    const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    expect(bench.said.length, 'a second of work in a second').to.be.lessThan(10);
    expect(bench.said, 'in their order').to.deep.equal(all.slice(0, bench.said.length));
    bench.clock.advance(200);
    expect(bench.said).to.deep.equal(all);
  });

  it('of what was taken do not wait for those in vain', () => {
    const bench = taken(3);
    const [first = 0, second = 0, third = 0] = bench.tokens;
    inVain(bench, first, 1000);
    inVain(bench, second, 1000);
    bench.pubacks.acknowledge(third);
    expect(bench.said).to.deep.equal([2]);
    bench.clock.advance(10_000);
    expect(bench.said).to.deep.equal([2, 0, 1]);
  });

  it('that wait are dropped with the link, and no timer stays', () => {
    const bench = taken(1);
    inVain(bench, bench.tokens[0] ?? 0, 1000);
    bench.pubacks.drop();
    bench.clock.advance(10_000);
    expect(bench.said).to.deep.equal([]);
  });

  it('wait for room, and a message too many is fetched by a new link once all are done', () => {
    const bench = taken(MAX_UNACKNOWLEDGED + 1);
    expect(bench.tokens).to.have.length(MAX_UNACKNOWLEDGED);
    for (const token of bench.tokens) bench.pubacks.acknowledge(token);
    expect(bench.said.at(-1)).to.equal('renewed');
  });
});
