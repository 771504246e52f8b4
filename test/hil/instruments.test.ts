/**
 * Instruments: the fence around them, a person who plays them, the file that describes them, and SCPI against an
 * instrument on a real socket whose answers a test writes.
 */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { expect } from 'chai';
import type { InstrumentPort, Sample, Stimulus } from '../../hil/mod.ts';
import { fence } from '../../hil/mod.ts';
import { ok, refused } from '../../src/base/assert.ts';
import { instant } from '../../src/base/time.ts';
import { openBench, openScpi, parseBenchConfig, person } from '../../src/io/instruments/mod.ts';

describe('hil instruments, the fence', () => {
  const LIMITS = { voltageV: [200, 250], frequencyHz: [47, 53], powerW: 5000 } as const;

  function fenced(sample: Partial<Sample> = {}, obeys = true) {
    const set: Stimulus[] = [];
    let stops = 0;
    const inner: InstrumentPort = {
      name: 'i',
      set: stimulus => {
        set.push(stimulus);
        return Promise.resolve(obeys ? ok(undefined) : refused('instrument', 'no answer'));
      },
      measure: () => Promise.resolve(ok({ at: instant(0), ...sample })),
      safe: () => {
        stops += 1;
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    };
    return { port: fence(inner, LIMITS), set, stops: () => stops };
  }

  it('lets through what is inside its limits, both ends included', async () => {
    const { port, set } = fenced();
    expect((await port.set({ voltageV: 200, frequencyHz: 53 })).ok).to.equal(true);
    expect(set).to.deep.equal([{ voltageV: 200, frequencyHz: 53 }]);
  });

  it('never asks a source for what is beyond, unknown or not a number', async () => {
    const { port, set } = fenced();
    for (const stimulus of [
      { voltageV: 250.1 },
      { frequencyHz: 46.9 },
      { irradianceWm2: 1 },
      { voltageV: Number.NaN },
    ])
      expect(await port.set(stimulus)).to.include({ ok: false, refusal: 'limit' });
    expect(set).to.deep.equal([]);
  });

  it('stops everything when a measurement is beyond, and stays stopped', async () => {
    for (const sample of [{ voltageV: 251 }, { voltageV: 230, frequencyHz: 54 }, { powerW: -5001 }]) {
      const { port, set, stops } = fenced(sample);
      expect(await port.measure()).to.include({ ok: false, refusal: 'limit' });
      expect(stops()).to.equal(1);
      expect(await port.set({ voltageV: 230 })).to.include({ ok: false, refusal: 'limit' });
      expect(set).to.deep.equal([]);
    }
  });

  it('takes a source that is off for no danger', async () => {
    expect((await fenced({ voltageV: 3, frequencyHz: 0 }).port.measure()).ok).to.equal(true);
  });

  it('stops when a source does not obey: nobody knows what it gives', async () => {
    const { port, stops } = fenced({}, false);
    expect(await port.set({ voltageV: 230 })).to.include({ ok: false, refusal: 'limit' });
    expect(stops()).to.equal(1);
  });
});

describe('hil instruments, a person', () => {
  const answering = (answers: readonly (string | undefined)[]) => {
    const asked: string[] = [];
    const port = person(question => {
      asked.push(question);
      return Promise.resolve(answers[asked.length - 1]);
    });
    return { port, asked };
  };

  it('is asked for numbers with units, and believed', async () => {
    const { port, asked } = answering(['', '4000 -12,5 - 50.01']);
    expect((await port.set({ voltageV: 233.3333333, irradianceWm2: 500 })).ok).to.equal(true);
    expect(asked[0]).to.include('Set 233.333 V, 500 W/m²');
    const measured = await port.measure();
    expect(measured.ok && measured.value).to.include({
      powerW: 4000,
      reactiveVar: -12.5,
      frequencyHz: 50.01,
    });
    expect(measured.ok && 'voltageV' in measured.value).to.equal(false);
  });

  it('is asked once to switch the source off, and again where nobody answered or it was set anew', async () => {
    const { port, asked } = answering([undefined, '', '', '']);
    await port.safe();
    await port.safe();
    await port.safe();
    expect(asked).to.have.length(2);
    await port.set({ voltageV: 230 });
    await port.safe();
    expect(asked.filter(question => question.startsWith('STOP'))).to.have.length(3);
  });

  it('may be unable, may be gone, and may mistype', async () => {
    const { port } = answering(['the source is broken', undefined, 'abc']);
    expect(await port.set({ voltageV: 230 })).to.include({
      refusal: 'unable',
      detail: 'the source is broken',
    });
    expect(await port.set({ voltageV: 230 })).to.include({ refusal: 'instrument' });
    expect(await port.measure()).to.include({ refusal: 'instrument', detail: 'abc is no number' });
  });
});

describe('io instruments, SCPI', () => {
  const open: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0).toReversed()) await close();
  });

  /** An instrument that answers each question as `answers` says, and keeps what it was told. */
  async function instrument(answers: (question: string, socket: Socket) => string | undefined) {
    const told: string[] = [];
    const server = createServer(socket => {
      socket.on('error', () => socket.destroy());
      let rest = '';
      socket.on('data', bytes => {
        rest += String(bytes);
        const lines = rest.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          told.push(line);
          const answer = line.endsWith('?') ? answers(line, socket) : undefined;
          if (answer !== undefined) socket.write(answer);
        }
      });
      open.push(async () => {
        socket.destroy();
        await Promise.resolve();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(async () => {
      server.close();
      await once(server, 'close');
    });
    const { port } = server.address() as AddressInfo;
    return { told, link: `tcp://127.0.0.1:${port}` };
  }

  const usual = (question: string): string =>
    ({
      '*IDN?': 'ACME,Source 9,123,1.0\n',
      '*OPC?': '1\n',
      'SYST:ERR?': '+0,"No error"\n',
      'MEAS:POW?': '-4.0E+3\r\n',
    })[question] ?? '9.91E37\n';
  const WORDS = {
    begin: ['SYST:REM'],
    set: { voltageV: 'VOLT {}' },
    measure: { powerW: { ask: 'MEAS:POW?', factor: -1 }, voltageV: { ask: 'MEAS:VOLT?' } },
    safe: ['OUTP OFF'],
  };

  async function opened(answers = usual as (question: string, socket: Socket) => string | undefined) {
    const { told, link } = await instrument(answers);
    const [, host = '', port = ''] = /^tcp:\/\/(.*):(\d+)$/.exec(link) ?? [];
    const scpi = await openScpi({ kind: 'tcp', host, port: Number(port), unit: 1 }, WORDS);
    if (!scpi.ok) throw new Error(scpi.detail);
    open.push(() => scpi.value.close());
    return { scpi: scpi.value, told };
  }

  it('sets, waits until it is done, asks for errors; measures with its own sign', async () => {
    const { scpi, told } = await opened();
    expect(scpi.name).to.equal('ACME,Source 9,123,1.0');
    expect((await scpi.set('voltageV', 233.3)).ok).to.equal(true);
    expect(await scpi.measure('powerW')).to.deep.equal({ ok: true, value: 4000 });
    await scpi.safe();
    expect(told).to.deep.equal([
      '*CLS',
      'SYST:REM',
      '*IDN?',
      'VOLT 233.3',
      '*OPC?',
      'SYST:ERR?',
      'MEAS:POW?',
      'OUTP OFF',
      '*OPC?',
    ]);
  });

  it('takes a command that was not understood for not done, and empties the queue of errors', async () => {
    const errors = ['-113,"Undefined header"\n', '-222,"Data out of range"\n', '0,"No error"\n'];
    const { scpi, told } = await opened(question =>
      question === 'SYST:ERR?' ? errors.shift() : usual(question),
    );
    expect(await scpi.set('voltageV', 1)).to.include({
      refusal: 'instrument',
      detail: '-113,"Undefined header"',
    });
    expect(told.filter(line => line === 'SYST:ERR?')).to.have.length(3);
  });

  it('takes "not a number" for no measurement, and says what it cannot', async () => {
    const { scpi } = await opened();
    expect(await scpi.measure('voltageV')).to.include({ ok: false, refusal: 'instrument' });
    expect(await scpi.measure('frequencyHz')).to.include({ ok: false, refusal: 'unable' });
    expect(await scpi.set('frequencyHz', 50)).to.include({ ok: false, refusal: 'unable' });
  });

  it('believes nothing after a connection that ended, or an answer without an end', async () => {
    const gone = await opened((question, socket) =>
      question === 'MEAS:POW?' ? void socket.destroy() : usual(question),
    );
    expect(await gone.scpi.measure('powerW')).to.include({ ok: false, refusal: 'instrument' });
    expect(await gone.scpi.measure('powerW')).to.include({ ok: false, refusal: 'instrument' });
    const endless = await opened(question => (question === 'MEAS:POW?' ? '1'.repeat(5000) : usual(question)));
    expect(await endless.scpi.measure('powerW')).to.include({ ok: false, refusal: 'instrument' });
  });

  it('is opened from the file of the bench, all instruments or none', async () => {
    const { link, told } = await instrument(usual);
    const text = (other: string) => `
instruments:
  - link: ${link}
    set: { voltageV: "VOLT {}" }
    measure: { powerW: { ask: "MEAS:POW?", factor: -1 } }
    safe: ["OUTP OFF"]
${other}
limits: { voltageV: [200, 250] }`;
    const config = parseBenchConfig(text(''));
    if (!config.ok) throw new Error(config.detail);
    const bench = await openBench(config.value);
    if (!bench.ok) throw new Error(bench.detail);
    open.push(() => bench.value.close());
    expect((await bench.value.set({ voltageV: 230 })).ok).to.equal(true);
    expect(await bench.value.set({ frequencyHz: 50 })).to.include({ refusal: 'unable' });
    const measured = await bench.value.measure();
    expect(measured.ok && measured.value.powerW).to.equal(4000);
    expect(told).to.include('VOLT 230');
    const half = parseBenchConfig(text('  - link: tcp://127.0.0.1:1'));
    if (!half.ok) throw new Error(half.detail);
    expect(await openBench(half.value)).to.include({ ok: false, refusal: 'instrument' });
  });

  for (const [what, text, detail] of [
    [
      'a source without limits',
      'instruments: [{ link: "tcp://a", set: { voltageV: "V {}" }, safe: ["O"] }]\nlimits: {}',
      /no limits/,
    ],
    [
      'a source that cannot be switched off',
      'instruments: [{ link: "tcp://a", set: { voltageV: "V {}" } }]\nlimits: { voltageV: [1, 2] }',
      /no "safe"/,
    ],
    [
      'limits the wrong way round',
      'instruments: [{ link: "tcp://a" }]\nlimits: { voltageV: [2, 1] }',
      /lower end/,
    ],
    ['a link that is none', 'instruments: [{ link: "gpib:9" }]\nlimits: {}', /tcp:\/\/ or serial/],
    ['a word it does not know', 'instruments: [{ link: "tcp://a", sett: {} }]\nlimits: {}', /instruments\.0/],
    ['no YAML', 'a: [', /./],
  ] as const)
    it(`refuses a bench with ${what}`, () => {
      const config = parseBenchConfig(text);
      expect(config.ok ? '' : config.detail).to.match(detail);
    });
});
