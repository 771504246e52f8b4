/**
 * The bench proves itself: an honest device passes, and each device that is wrong in one way fails the check that is
 * there for it.
 */
import { expect } from 'chai';
import type { Report, Verdict } from '../../hil/mod.ts';
import { SUITES, runSuite } from '../../hil/mod.ts';
import type { ModbusRequest } from '../../src/local/bus/mod.ts';
import { MODELS } from '../local/sunspec/models.ts';
import { CURVE_MUTANTS, curveDevice } from './curve-device.ts';
import { MUTANTS } from './mutants.ts';
import { Rig } from './rig.ts';

const [SUITE] = SUITES;

/** What an inverter without curves can be judged by on TCP. */
const ON_TCP =
  'DEV-1 DEV-2 TCP-1 TCP-2 TCP-3 MAN-1 MOD-1 MOD-2 SF-1 MEA-1 MOD-3 FC-1 REJ-1 REJ-2 REJ-3 CRV-1 CRV-2 CRV-3 REV-1 REV-2 REV-3 EFF-1 LEFT'.split(
    ' ',
  );

function run(rig: Rig, only?: readonly string[], signal = new AbortController().signal): Promise<Report> {
  if (SUITE === undefined) throw new Error('there is a suite');
  const link = 'tcp://bench:502?unit=1';
  const base = { suite: SUITE, ports: rig.ports, models: MODELS, link, tool: 'test', signal };
  return runSuite(only === undefined ? base : { ...base, only });
}

const verdictOf = (report: Report, id: string): Verdict | undefined =>
  report.checks.find(check => check.id === id)?.verdict;

/** Everything but PASS and NOT-SUPPORTED, with what was seen: what a failing test prints. */
const troubles = (report: Report): readonly string[] =>
  report.checks.flatMap(({ id, steps }) =>
    steps
      .filter(({ verdict }) => verdict !== 'PASS' && verdict !== 'NOT-SUPPORTED')
      .map(
        ({ verdict, what, measured = '', cause = '' }) => `${id} ${verdict} ${what}: ${measured}; ${cause}`,
      ),
  );

describe('hil suite sunspec', () => {
  it('passes an honest inverter on TCP, every check of it that can be made there', async () => {
    const rig = new Rig();
    const before = rig.words();
    const report = await run(rig);
    expect(troubles(report)).to.deep.equal([]);
    expect(report.verdict).to.equal('PASS');
    const passed = report.checks.filter(({ verdict }) => verdict === 'PASS').map(({ id }) => id);
    expect(passed).to.include.members(ON_TCP);
    expect(settings(rig)).to.deep.equal(settings(rig, before));
  });

  it('passes an honest inverter on a serial line, with the checks of framing there', async () => {
    const report = await run(new Rig({ serial: true }), ['RTU-1', 'RTU-2', 'RTU-3', 'TCP-1']);
    expect(report.checks.map(({ id, verdict }) => `${id} ${verdict}`)).to.deep.equal([
      'RTU-1 PASS',
      'RTU-2 PASS',
      'RTU-3 PASS',
      'TCP-1 NOT-SUPPORTED',
      'LEFT PASS',
    ]);
  });

  it('passes an honest device with curves', async () => {
    const report = await run(new Rig({}, { units: () => curveDevice() }), ['CRV-1', 'CRV-2', 'CRV-3']);
    expect(troubles(report)).to.deep.equal([]);
    expect(verdictOf(report, 'CRV-2')).to.equal('PASS');
    const plots = report.checks.flatMap(({ steps }) => steps.flatMap(({ plot }) => (plot ? [plot] : [])));
    expect(plots.map(({ series }) => series.map(({ points }) => points.length))).to.deep.equal([
      [4, 4],
      [2, 2],
    ]);
  });

  for (const mutant of MUTANTS)
    it(`${mutant.check} fails a device where ${mutant.wrong}`, async () => {
      const report = await run(new Rig(mutant), mutant.check === 'LEFT' ? ['MOD-3'] : [mutant.check]);
      expect(verdictOf(report, mutant.check), troubles(report).join('\n')).to.equal('FAIL');
      expect(report.verdict).to.equal('FAIL');
      const failed = report.checks
        .find(({ id }) => id === mutant.check)
        ?.steps.filter(s => s.verdict === 'FAIL');
      expect(failed?.every(({ cause }) => cause !== undefined && cause !== '')).to.equal(true);
    });

  for (const { check, wrong, spoil } of CURVE_MUTANTS)
    it(`${check} fails a device where ${wrong}`, async () => {
      const report = await run(new Rig({}, { units: () => curveDevice(spoil) }), [check]);
      expect(verdictOf(report, check), troubles(report).join('\n')).to.equal('FAIL');
    });

  it('never passes a device that falls silent', async () => {
    let writes = 0;
    const rig = new Rig({
      reply: ({ kind }) => {
        if (kind === 'write') writes += 1;
        return writes > 3 ? { ok: false, refusal: 'timeout', retry: 'later' } : undefined;
      },
    });
    const report = await run(rig);
    expect(report.verdict, troubles(report).join('\n')).to.equal('INCONCLUSIVE');
    const after = report.checks.filter(({ id }) => /^(MOD-3|FC|REJ|CRV|REV|EFF|LEFT)/.test(id));
    expect(after.length).to.equal(13);
    expect(after.map(({ verdict }) => verdict)).to.not.include('PASS');
  });

  it('accuses nobody of changing a register that could be read neither before nor after', async () => {
    const hole = new Rig().inverter.image.address('704.WMaxLimPctRvrt');
    const touches = (request: ModbusRequest) =>
      request.kind === 'read' && request.address <= hole && hole < request.address + request.count;
    const rig = new Rig({
      reply: request =>
        touches(request) ? { ok: false, refusal: 'exception', retry: 'never', exception: 2 } : undefined,
    });
    const report = await run(rig, ['MOD-3']);
    expect(troubles(report)).to.deep.equal([]);
    expect(verdictOf(report, 'MOD-3')).to.equal('PASS');
  });

  it('runs nothing where there is no device, and says why', async () => {
    const rig = new Rig({ reply: () => ({ ok: false, refusal: 'timeout', retry: 'later' }) });
    const report = await run(rig);
    expect(report.verdict).to.equal('NOT-RUN');
    expect(report.stopped).to.match(/^unreachable/);
    expect(new Set(report.checks.map(({ verdict }) => verdict))).to.deep.equal(new Set(['NOT-RUN']));
  });

  it('finds the limit inconclusive at night, without instruments to make a day', async () => {
    const report = await run(new Rig({ sun: 0 }, { bare: true }), ['EFF-1']);
    expect(verdictOf(report, 'EFF-1')).to.equal('INCONCLUSIVE');
  });

  it('judges the limit by the word of the device where nothing else measures', async () => {
    const report = await run(new Rig({}, { bare: true }), ['EFF-1', 'MEA-1']);
    expect(verdictOf(report, 'EFF-1')).to.equal('PASS');
    expect(verdictOf(report, 'MEA-1')).to.equal('NOT-SUPPORTED');
    expect(JSON.stringify(report)).to.include("the device's own word");
  });

  it('leaves the device as it was found when the operator stops in the middle of a write', async () => {
    for (const after of [3, 20, 40, 60]) {
      const operator = new AbortController();
      const rig = new Rig({});
      const before = settings(rig);
      let writes = 0;
      const honest = { ...rig.unit };
      Object.assign(rig.unit, {
        write: (address: number, words: readonly number[]) => {
          if (++writes === after) operator.abort();
          return honest.write(address, words);
        },
      });
      const report = await run(rig, ['MOD-3', 'REJ-1', 'REV-1', 'REV-2', 'EFF-1'], operator.signal);
      expect(settings(rig), `after ${after} writes`).to.deep.equal(before);
      expect(report.stopped).to.equal('stopped by the operator');
      expect(verdictOf(report, 'EFF-1')).to.equal('NOT-RUN');
      expect(verdictOf(report, 'LEFT')).to.equal('PASS');
      expect(rig.instruments.stops).to.equal(1);
    }
  });

  it('puts back a limit that was in force, its value before its enable', async () => {
    const rig = new Rig();
    const { image } = rig.inverter;
    rig.unit.write(image.address('704.WMaxLimPct'), [5000]);
    rig.unit.write(image.address('704.WMaxLimPctEna'), [1]);
    rig.advance(5000);
    const report = await run(rig, ['EFF-1', 'MOD-3', 'REV-1']);
    expect(verdictOf(report, 'LEFT')).to.equal('PASS');
    expect([image.get('704.WMaxLimPct'), image.get('704.WMaxLimPctEna')]).to.deep.equal([50, 1]);
  });
});

/** The settings of the inverter that a client may write, which is what must be left as it was found. */
function settings(rig: Rig, words = rig.words()): readonly number[] {
  const from = rig.inverter.image.address('704.PFWInjEna') - 40_000;
  const of123 = rig.inverter.image.address('123.Conn_RvrtTms') - 40_000;
  return [...words.slice(of123, of123 + 24), ...words.slice(from, from + 60)];
}
