import { expect } from 'chai';
import { hours, minutes, unixTime } from '../../../src/base/time.ts';
import type { Effect, OpenerPort } from '../../../src/gateway/mod.ts';
import { MAX_MESSAGES, MAX_SEALED } from '../../../src/gateway/commands/sealed.ts';
import type { MRID, SealedBody } from '../../../src/model/mod.ts';
import { Bench, eventBody } from '../bench.ts';

const EV = 'ev-1' as MRID;
const BOX_KEY = '22'.repeat(32);
const HASH = 'scrypt$16384$8$1$00$11';

type Opened = Awaited<ReturnType<OpenerPort['open']>>;
type Open = Extract<Effect, { do: 'open' }>;

const CODE: Opened = { ok: true, value: { kind: 'code', hash: HASH } };
const MESSAGE: Opened = { ok: true, value: { kind: 'message', text: 'We come on Tuesday.' } };
const NOT_OURS: Opened = {
  ok: false,
  refusal: 'sealed-not-for-us',
  retry: 'never',
  detail: 'not to this gateway',
};

function sealed(mRID?: MRID, box = 'aa'.repeat(64)): SealedBody {
  return { kind: 'sealed', box, ...(mRID === undefined ? {} : { mRID }) };
}

const ready = (): Bench => Bench.ready({ boxKey: BOX_KEY });
const opens = (bench: Bench): readonly Open[] => bench.effects.filter(e => e.do === 'open');

function answer(bench: Bench, opened: Opened): void {
  const open = opens(bench).at(-1);
  if (open === undefined) throw new Error('nothing was to be opened');
  bench.step({ on: 'opened', sealed: open.sealed, opened });
}

describe('a sealed command', () => {
  it('SIWG-2 is stored, then opened behind a door for its issuer and event, and answered when it is', () => {
    const bench = ready();
    const { cti } = bench.command(sealed(EV));
    expect(bench.effects[0]?.do).to.equal('persist');
    expect(opens(bench)).to.deep.equal([
      {
        do: 'open',
        sealed: `utility-a/${cti}`,
        box: 'aa'.repeat(64),
        context: { issuer: 'utility-a', gateway: bench.settings.gateway, mRID: EV },
      },
    ]);
    expect(bench.story()).to.deep.equal([]);
    answer(bench, CODE);
    expect(bench.story()).to.deep.equal(['completed ev-1']);
    expect(bench.changes()).to.deep.include({ op: 'delete', kind: 'sealed', key: `utility-a/${cti}` });
  });

  it('SIWG-2 that is for another member, or changed, is refused by name', () => {
    const bench = ready();
    bench.command(sealed());
    answer(bench, NOT_OURS);
    expect(bench.story()).to.deep.equal(['invalid sealed-not-for-us']);
    expect(bench.receipts()[0]?.why).to.equal('not to this gateway');
    expect(bench.state.sealed.waiting.size).to.equal(0);
  });

  it('SIWG-2 is opened again after a restart that came before it was open, and answered once', () => {
    const bench = ready();
    bench.command(sealed());
    bench.restart();
    expect(opens(bench)).to.have.length(1);
    answer(bench, MESSAGE);
    answer(bench, MESSAGE);
    expect(bench.story()).to.deep.equal(['completed']);
    bench.restart();
    expect(opens(bench)).to.deep.equal([]);
    expect(bench.view().messages?.map(m => m.text)).to.deep.equal(['We come on Tuesday.']);
  });

  it('without a key of ours is refused', () => {
    const bench = Bench.ready();
    bench.command(sealed());
    expect(bench.story()).to.deep.equal(['invalid sealed-unsupported']);
  });

  it(`waits its turn when ${MAX_SEALED} are being opened: refused for later, and nothing is used up`, () => {
    const bench = ready();
    for (let i = 0; i < MAX_SEALED; i++) bench.command(sealed());
    const signed = bench.command(sealed());
    expect(bench.receipts().at(-1)).to.include({ refusal: 'sealed-busy', retry: 'later' });
    answer(bench, MESSAGE);
    bench.deliver(signed);
    expect(opens(bench)).to.have.length(MAX_SEALED + 1);
  });

  it('says its key in the birth record, so that it can be sealed to', () => {
    const bench = ready();
    expect(bench.reported('birth').map(r => r.body)).to.deep.include({
      kind: 'birth',
      version: '0.0.0',
      start: 1,
      devices: [],
      boxKey: BOX_KEY,
    });
  });
});

describe('an override code that came sealed', () => {
  function asked(bench: Bench, mRID = EV): string | undefined {
    bench.request({ kind: 'acknowledge', mRID });
    const effects = bench.request({ kind: 'override', mRID, code: '1234' }, 2);
    bench.step({ on: 'codeChecked', request: 2, right: false });
    const check = effects.find(e => e.do === 'check');
    if (check === undefined) throw new Error('the code is checked');
    return check.hash;
  }

  it('OVR-1: of an event is what is checked for that event, and for no other', () => {
    const bench = ready();
    bench.command(sealed(EV));
    answer(bench, CODE);
    bench.command(eventBody());
    bench.command(eventBody({ mRID: 'ev-2' as MRID }));
    bench.until(1000);
    expect(asked(bench)).to.equal(HASH);
    expect(asked(bench, 'ev-2' as MRID)).to.equal(undefined);
  });

  it('OVR-1: of the customer is checked where the event has none, and the newest counts', () => {
    const bench = ready();
    bench.command(sealed());
    answer(bench, CODE);
    bench.command(sealed());
    answer(bench, { ok: true, value: { kind: 'code', hash: 'scrypt$newer' } });
    bench.command(eventBody());
    bench.until(1000);
    bench.restart();
    expect(asked(bench)).to.equal('scrypt$newer');
  });

  it("SIWG-3 of another issuer opens no event but that issuer's own", () => {
    const bench = ready();
    bench.command(sealed(), {}, bench.aggregator);
    answer(bench, CODE);
    bench.command(eventBody());
    bench.until(1000);
    expect(asked(bench)).to.equal(undefined);
  });

  it('is forgotten with its event, or when its time is up and no event came', () => {
    const bench = ready();
    bench.command(sealed(EV));
    answer(bench, CODE);
    bench.command(sealed('ev-9' as MRID));
    answer(bench, CODE);
    bench.command(eventBody());
    bench.ms = hours(2);
    bench.step({ on: 'tick' });
    expect(bench.state.sealed.codes.size).to.equal(2);
    bench.ms = hours(24.5);
    bench.step({ on: 'tick' });
    expect([...bench.state.sealed.codes.keys()]).to.deep.equal(['utility-a/ev-1']);
    bench.ms = hours(24 * 60);
    bench.step({ on: 'tick' });
    bench.step({ on: 'tick' });
    expect(bench.state.sealed.codes.size).to.equal(0);
    expect(bench.store.read().rows.filter(r => r.kind === 'code')).to.deep.equal([]);
  });
});

describe('a message that came sealed', () => {
  it('is on the display with its issuer until its time is up', () => {
    const bench = ready();
    bench.command(sealed(EV), { expires: unixTime(bench.now.unix + minutes(10)) });
    answer(bench, MESSAGE);
    expect(bench.view().messages).to.deep.equal([
      { issuer: 'utility-a', at: bench.now.unix, text: 'We come on Tuesday.', mRID: EV },
    ]);
    bench.ms += minutes(10) - 1;
    bench.step({ on: 'tick' });
    expect(bench.view().messages).to.have.length(1);
    bench.ms += 1;
    bench.step({ on: 'tick' });
    expect(bench.view()).to.not.have.property('messages');
  });

  it(`makes room for a newer one when there are ${MAX_MESSAGES}`, () => {
    const bench = ready();
    for (let i = 0; i <= MAX_MESSAGES; i++) {
      bench.command(sealed());
      answer(bench, { ok: true, value: { kind: 'message', text: `message ${i}` } });
    }
    const shown = bench.view().messages ?? [];
    expect(shown).to.have.length(MAX_MESSAGES);
    expect(shown.map(m => m.text)).to.not.include('message 0');
    expect(shown[0]?.text).to.equal(`message ${MAX_MESSAGES}`);
  });
});
