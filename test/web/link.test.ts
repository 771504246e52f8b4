import { expect } from 'chai';
import { heard, NEW_LINK, SILENCE_MS } from '../../src/web/display/link.ts';
import type { Link } from '../../src/web/display/link.ts';
import { premiseView } from '../support/premise.ts';

const live: Link = heard(NEW_LINK, { kind: 'view', data: JSON.stringify(premiseView()) }, 1000);

describe('the link of the display', () => {
  it('is live with the first view and remembers when it came', () => {
    expect(live).to.deep.equal({ state: 'live', view: premiseView(), viewAtMs: 1000, heardAtMs: 1000 });
  });

  it('stays live through silence of exactly the limit and is lost one millisecond later', () => {
    expect(heard(live, { kind: 'tick' }, 1000 + SILENCE_MS).state).to.equal('live');
    expect(heard(live, { kind: 'tick' }, 1000 + SILENCE_MS + 1).state).to.equal('lost');
  });

  it('is kept alive by beats, which make no view younger', () => {
    const beaten = heard(live, { kind: 'beat' }, 9000);
    expect(beaten).to.include({ state: 'live', viewAtMs: 1000, heardAtMs: 9000 });
  });

  it('keeps the last view when it is lost, and is live again with the next word', () => {
    const lost = heard(live, { kind: 'error' }, 2000);
    expect(lost).to.include({ state: 'lost', view: live.view, viewAtMs: 1000 });
    expect(heard(lost, { kind: 'tick' }, 99_000).state).to.equal('lost');
    expect(heard(lost, { kind: 'beat' }, 3000).state).to.equal('live');
  });

  it('takes a view that is no JSON for a lost line and shows nothing of it', () => {
    expect(heard(live, { kind: 'view', data: '{"gateway":' }, 2000)).to.deep.equal({
      ...live,
      state: 'lost',
    });
  });

  it('waits without end before anything was heard', () => {
    expect(heard(NEW_LINK, { kind: 'tick' }, 99_000).state).to.equal('connecting');
  });
});
