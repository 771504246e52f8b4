/** Interrogation, settings and reads over the WAN, in the step: kept until answered, told whole, judged by the tariff. */
import { expect } from 'chai';
import { minutes } from '../../../src/base/time.ts';
import { after, unixTime } from '../../../src/base/time.ts';
import { MAX_ASKED, MAX_INQUIRIES } from '../../../src/gateway/commands/inquiries.ts';
import type { Answered, Ask } from '../../../src/gateway/commands/asking.ts';
import type { CurvePoint, DeviceId, ModeHeld, ModesBody, SettingsBody } from '../../../src/model/mod.ts';
import { BATTERY, Bench, PV } from '../bench.ts';

const INTERROGATE = { kind: 'interrogate' } as const;
const VOLT_VAR: SettingsBody = {
  kind: 'settings',
  order: { kind: 'packet', name: 'ieee1547-2018-volt-var-b' },
};
const HELD: ModeHeld = { mode: 'opModVoltVar', model: 705, state: 'on' };

interface Asked {
  readonly inquiry: string;
  readonly device: DeviceId;
  readonly ask: Ask;
}

function asked(bench: Bench): readonly Asked[] {
  return bench.take().flatMap(effect => (effect.do === 'ask' ? [effect] : []));
}

function answer(bench: Bench, { inquiry, device }: Asked, how: Answered): void {
  bench.step({ on: 'answered', inquiry, device, answer: how });
}

const told = (device: DeviceId, modes: readonly ModeHeld[]): Answered => ({
  did: 'interrogate',
  told: { device, outcome: 'told', held: { modes, unread: [] } },
});
const silent = (device: DeviceId): Answered => ({
  did: 'interrogate',
  told: { device, outcome: 'unknown', why: 'no answer' },
});
const set = (device: DeviceId, outcome: 'implemented' | 'refused' | 'unknown'): Answered => ({
  did: 'set',
  set: {
    device,
    outcome,
    ...(outcome === 'implemented' ? {} : { why: `it is ${outcome}` }),
    parts: [{ mode: 'opModVoltVar', outcome, evidence: [] }],
  },
});

function modes(bench: Bench): readonly ModesBody[] {
  return bench.reported('receipt').flatMap(({ body }) => (body.kind === 'modes' ? [body] : []));
}

describe('an interrogation over the WAN', () => {
  it('asks every device and answers with a record of each, then with a receipt', () => {
    const bench = Bench.ready();
    bench.device(BATTERY, 'present');
    const { cti } = bench.command(INTERROGATE);
    const asks = asked(bench);
    expect(asks.map(({ device, ask }) => [device, ask.do])).to.deep.equal([
      [PV, 'interrogate'],
      [BATTERY, 'interrogate'],
    ]);
    for (const one of asks) answer(bench, one, told(one.device, [HELD]));
    expect(bench.story()).to.deep.equal(['received', 'completed']);
    expect(modes(bench)).to.deep.equal(
      [PV, BATTERY].map(device => ({
        kind: 'modes',
        cti,
        issuer: 'utility-a',
        device,
        part: 1,
        parts: 1,
        modes: [HELD],
        unread: [],
        setBy: [],
      })),
    );
    expect(bench.receipts().at(-1)?.why).to.equal('told by pv, battery');
    expect(bench.state.asking.inquiries.size).to.equal(0);
    expect(bench.store.read().rows.filter(({ kind }) => kind === 'inquiry')).to.deep.equal([]);
  });

  it('is one question at a time to a device, in the order in which they came', () => {
    const bench = Bench.ready();
    bench.command(INTERROGATE);
    bench.command(VOLT_VAR);
    const [first, ...none] = asked(bench);
    if (first === undefined) throw new Error('it is asked');
    expect(none).to.deep.equal([]);
    answer(bench, first, told(PV, []));
    expect(asked(bench).map(({ ask }) => ask.do)).to.deep.equal(['set']);
  });

  it('is told in as many records as it needs, each of whole modes', () => {
    const bench = Bench.ready();
    bench.command(INTERROGATE);
    const points: CurvePoint[] = Array.from({ length: 20 }, (_, at) => ({ x: at + 0.1, y: at + 0.2 }));
    const curve = { mode: 'opModVoltVar', points } as const;
    const slots = Array.from(
      { length: 20 },
      (_, at) => ({ number: at + 1, access: 'read-write', curve }) as const,
    );
    const many = Array.from(
      { length: 12 },
      (_, at): ModeHeld => ({ ...HELD, model: 100 + at, curve, slots }),
    );
    const [one] = asked(bench);
    if (one === undefined) throw new Error('it is asked');
    answer(bench, one, told(PV, many));
    const parts = modes(bench);
    expect(parts.length).to.be.above(1);
    expect(parts.map(({ part, parts: of }) => [part, of])).to.deep.equal(
      parts.map((_, at) => [at + 1, parts.length]),
    );
    expect(parts.flatMap(body => body.modes)).to.deep.equal(many);
  });

  it('tells that a mode is there where all its points are more than a record carries', () => {
    const bench = Bench.ready();
    bench.command(INTERROGATE);
    const points: CurvePoint[] = Array.from({ length: 20 }, (_, at) => ({ x: at + 0.1, y: at + 0.2 }));
    const curve = { mode: 'opModVoltVar', points } as const;
    const slots = Array.from(
      { length: 200 },
      (_, at) => ({ number: at + 1, access: 'read-write', curve }) as const,
    );
    const [one] = asked(bench);
    if (one === undefined) throw new Error('it is asked');
    answer(bench, one, told(PV, [{ ...HELD, curve, slots }]));
    expect(modes(bench).map(body => body.modes)).to.deep.equal([[{ ...HELD, curve }]]);
    expect(bench.story().at(-1)).to.equal('completed');
  });

  it(`asks a silent device ${MAX_ASKED} times, and again at once when it is found, before it says so`, () => {
    const bench = Bench.ready();
    bench.command(INTERROGATE);
    for (let times = 1; times <= MAX_ASKED; times++) {
      const [one, ...none] = asked(bench);
      if (one === undefined) throw new Error(`asked ${times} times`);
      expect(none).to.deep.equal([]);
      answer(bench, one, silent(PV));
      if (times === 1) bench.device(PV, 'present');
      else bench.until(bench.ms + 5000);
    }
    expect(asked(bench)).to.deep.equal([]);
    expect(bench.story()).to.deep.equal(['received', 'invalid device-silent']);
  });

  it('waits for a device that is lost until the command expires', () => {
    const bench = Bench.ready();
    bench.device(PV, 'lost');
    bench.command(INTERROGATE, { expires: after(bench.now.unix, minutes(2)) });
    expect(asked(bench)).to.deep.equal([]);
    bench.until(bench.ms + 119_000);
    expect(bench.story()).to.deep.equal(['received']);
    bench.until(bench.ms + 1000);
    expect(bench.story()).to.deep.equal(['received', 'invalid device-silent']);
    expect(bench.receipts().at(-1)?.why).to.equal('pv: it did not answer before the command expired');
  });

  it('is asked anew after a restart, and answered once', () => {
    const bench = Bench.ready();
    const signed = bench.command(INTERROGATE);
    const [before] = asked(bench);
    if (before === undefined) throw new Error('it is asked');
    bench.restart();
    bench.link('up');
    bench.device(PV, 'present');
    const [again] = asked(bench);
    if (again === undefined) throw new Error('it is asked again');
    answer(bench, again, told(PV, [HELD]));
    answer(bench, before, told(PV, []));
    bench.deliver(signed);
    expect(modes(bench)).to.have.length(1);
    expect(bench.story()).to.deep.equal(['received', 'completed']);
  });

  it('is refused by name for a device that is not there, and for later while none was found', () => {
    const bench = Bench.ready();
    bench.command({ ...INTERROGATE, device: 'inverter-9' as DeviceId });
    expect(bench.story()).to.deep.equal(['invalid device-unknown']);
    const early = new Bench();
    early.link('up');
    early.command(INTERROGATE);
    expect(early.receipts()[0]).to.include({ refusal: 'no-device', retry: 'later' });
  });

  it(`is refused for later when ${MAX_INQUIRIES} are under way`, () => {
    const bench = Bench.ready();
    for (let at = 0; at < MAX_INQUIRIES; at++) bench.command(INTERROGATE);
    bench.command(INTERROGATE);
    expect(bench.receipts().at(-1)).to.include({ refusal: 'busy', retry: 'later' });
  });

  it('is out of the scope of a key that may only send events', () => {
    const bench = Bench.ready();
    const { key } = bench.headEnd;
    const scope = { ...key.scope, operations: ['event', 'read'] as const };
    (bench.settings.keys as Map<typeof key.kid, typeof key>).set(key.kid, { ...key, scope });
    bench.command(INTERROGATE);
    bench.command(VOLT_VAR);
    expect(bench.receipts().map(({ refusal }) => refusal)).to.deep.equal([
      'operation-out-of-scope',
      'operation-out-of-scope',
    ]);
    expect(asked(bench)).to.deep.equal([]);
  });
});

describe('settings over the WAN', () => {
  it('are carried out on every device but a meter, told with what was written, and remembered by issuer', () => {
    const bench = Bench.ready();
    bench.device('meter' as DeviceId, 'present', []);
    const points = { W: 1 };
    bench.step({
      on: 'reading',
      reading: { device: 'meter' as DeviceId, role: 'meter', at: bench.now.unix, points },
    });
    const { cti } = bench.command(VOLT_VAR);
    const [one, ...none] = asked(bench);
    if (one === undefined) throw new Error('it is asked');
    expect(none).to.deep.equal([]);
    expect(one.ask).to.deep.equal({ do: 'set', order: VOLT_VAR.order });
    answer(bench, one, set(PV, 'implemented'));
    expect(bench.story()).to.deep.equal(['received', 'completed']);
    expect(bench.receipts().at(-1)?.set).to.deep.equal([
      {
        device: PV,
        outcome: 'implemented',
        parts: [{ mode: 'opModVoltVar', outcome: 'implemented', evidence: [] }],
      },
    ]);
    bench.restart();
    bench.link('up');
    bench.device(PV, 'present');
    bench.command(INTERROGATE);
    const [ask] = asked(bench).filter(({ ask: { do: it } }) => it === 'interrogate');
    if (ask === undefined) throw new Error('it is asked');
    answer(bench, ask, told(PV, [HELD]));
    expect(modes(bench).at(-1)?.setBy).to.deep.equal([
      {
        mode: 'opModVoltVar',
        issuer: 'utility-a',
        cti,
        at: unixTime(bench.now.unix),
        packet: 'ieee1547-2018-volt-var-b',
      },
    ]);
  });

  it('are not completed where no device implements them', () => {
    const bench = Bench.ready();
    bench.command(VOLT_VAR);
    const [one] = asked(bench);
    if (one === undefined) throw new Error('it is asked');
    answer(bench, one, set(PV, 'refused'));
    expect(bench.receipts().at(-1)).to.include({
      response: 'invalid',
      refusal: 'settings-not-implemented',
      why: 'pv refused (it is refused)',
    });
    expect(bench.state.setBy.size).to.equal(0);
  });

  it('are refused where the tariff agreement does not leave the mode to the utility, by packet or special', () => {
    const bench = Bench.ready({ settable: new Set(['setES']) });
    bench.command(VOLT_VAR);
    bench.command({
      kind: 'settings',
      order: {
        kind: 'special',
        intents: [
          { kind: 'settings', settings: { mode: 'setES', values: { delayS: 300 } } },
          { kind: 'release', mode: 'setAntiIsl' },
        ],
      },
    });
    expect(bench.receipts().map(({ refusal, why }) => [refusal, why])).to.deep.equal([
      ['tariff', 'the tariff agreement does not let opModVoltVar be set over the WAN'],
      ['tariff', 'the tariff agreement does not let setAntiIsl be set over the WAN'],
    ]);
    bench.command({ kind: 'settings', order: { kind: 'packet', name: 'ieee1547-2018-enter-service' } });
    expect(asked(bench)).to.have.length(1);
  });

  it('by a packet that nobody knows are refused by name', () => {
    const bench = Bench.ready();
    bench.command({ kind: 'settings', order: { kind: 'packet', name: 'ieee1547-2099-all' } });
    expect(bench.receipts()[0]).to.include({ refusal: 'unknown-packet' });
    expect(bench.receipts()[0]?.why).to.contain('ieee1547-2018-trip-1');
  });
});

describe('a read over the WAN', () => {
  it('is answered by the newest reading of each device, without a question to one', () => {
    const bench = Bench.ready();
    bench.reading({ W: 4200 });
    bench.take();
    const { cti } = bench.command({ kind: 'read' });
    expect(asked(bench)).to.deep.equal([]);
    const [record] = bench.reported('reading');
    const { unix: at } = bench.now;
    expect(record?.body).to.deep.equal({
      kind: 'readings',
      cti,
      issuer: 'utility-a',
      readings: [{ device: PV, role: 'inverter', at, points: { W: 4200 } }],
    });
    expect(bench.story()).to.deep.equal(['completed']);
  });
});
