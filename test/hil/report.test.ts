/**
 * Verdicts, margins, and what becomes of a report: the page, the build server's file, and the comparison of two.
 */
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import type { Check, Report, Step, Verdict } from '../../hil/mod.ts';
import {
  FrameLog,
  diffReports,
  isInside,
  marginPercent,
  parseReport,
  severity,
  toHtml,
  toJunit,
  worst,
} from '../../hil/mod.ts';
import { needs } from '../support/needs.ts';

const step = (verdict: Verdict, more: Partial<Step> = {}): Step => ({
  what: 'write 704.WMaxLimPct',
  verdict,
  ...more,
});

function check(id: string, steps: readonly Step[]): Check {
  const verdict = worst(steps.map(each => each.verdict));
  return {
    id,
    title: `title of ${id}`,
    requirement: 'r',
    source: 's',
    verdict,
    steps,
    startedMs: 0,
    tookMs: 1500,
  };
}

function report(checks: readonly Check[], more: Partial<Report> = {}): Report {
  return {
    format: 'underglass-bench-report',
    version: 1,
    suite: 'sunspec',
    title: 'SunSpec Modbus conformance',
    verdict: worst(checks.map(({ verdict }) => verdict)),
    tool: 'underglass test',
    beganAt: '2026-11-20T10:00:00Z',
    endedAt: '2026-11-20T10:02:05Z',
    subject: {
      link: 'tcp://10.0.0.7:502?unit=1',
      unit: 1,
      base: 40_000,
      manufacturer: 'Maker',
      model: 'Model',
      serial: 'S1',
      version: '1',
      chain: [{ id: 64_001, name: null, address: 40_070, length: 10, points: 0, implemented: 0 }],
      chainEnd: 'end-model',
    },
    instruments: null,
    settings: { reversionS: 4 },
    checks,
    ...more,
  };
}

const text = (value: Report) => {
  const parsed = parseReport(JSON.stringify(value));
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value;
};

describe('hil verdicts', () => {
  it('take the worst, and never make a pass of nothing', () => {
    const table: readonly (readonly [readonly Verdict[], Verdict])[] = [
      [[], 'NOT-RUN'],
      [['PASS'], 'PASS'],
      [['PASS', 'NOT-SUPPORTED'], 'PASS'],
      [['NOT-SUPPORTED'], 'NOT-SUPPORTED'],
      [['PASS', 'NOT-RUN'], 'NOT-RUN'],
      [['NOT-RUN', 'INCONCLUSIVE', 'PASS'], 'INCONCLUSIVE'],
      [['INCONCLUSIVE', 'FAIL', 'PASS'], 'FAIL'],
    ];
    for (const [all, expected] of table) expect(worst(all), all.join()).to.equal(expected);
    expect(severity('NOT-SUPPORTED')).to.be.above(severity('PASS'));
  });

  it('measure the margin from the nearer end of the window', () => {
    expect(marginPercent({ low: 0, high: 10, value: 5, unit: '' })).to.equal(100);
    expect(marginPercent({ low: 0, high: 10, value: 9, unit: '' })).to.equal(20);
    expect(marginPercent({ low: 0, high: 10, value: 11, unit: '' })).to.equal(-20);
    expect(marginPercent({ high: 1000, value: 250, unit: 'ms' })).to.equal(75);
    expect(isInside({ low: 0, value: Number.NaN, unit: '' })).to.equal(false);
    expect(isInside({ high: 3, value: 3, unit: '' })).to.equal(true);
  });
});

describe('hil report', () => {
  const HOSTILE = '<img src=x onerror="alert(1)">\u0000\u001b[2J';

  it('is one page that loads nothing and runs nothing, whatever the device calls itself', () => {
    const plot = {
      title: HOSTILE,
      x: HOSTILE,
      y: 'W',
      series: [
        {
          name: HOSTILE,
          kind: 'line',
          points: [
            [0, 1],
            [1, 2],
          ],
        },
      ],
    } as const;
    const hostile = report(
      [check('MOD-3', [step('FAIL', { what: HOSTILE, cause: HOSTILE, measured: HOSTILE, plot })])],
      {
        stopped: HOSTILE,
        instruments: HOSTILE,
      },
    );
    const page = toHtml({
      ...hostile,
      subject: { ...hostile.subject, manufacturer: HOSTILE, link: HOSTILE },
    });
    // What stands between quotes is text: a name that looks like a tag is no tag.
    const tags = [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replaceAll(/"[^"]*"/g, '""'));
    const style = page.slice(page.indexOf('<style>'), page.indexOf('</style>'));
    expect(tags.length).to.be.above(50);
    expect(tags.join('\n')).to.not.match(/<(img|script|link|iframe|object|embed|base)|\s(src|on\w+)=/i);
    expect(style).to.not.match(/url\(|@import/);
    // oxlint-disable-next-line no-control-regex -- that they are gone is what is tested
    expect(page).to.not.match(/[\u0000\u001b]/);
    expect(page).to.include('&lt;img');
  });

  it('tells on its first page what failed, why, and how to repeat it', () => {
    const failed = check('REV-2', [
      step('PASS'),
      step('FAIL', { cause: 'not started anew', measured: '2 s' }),
    ]);
    const page = toHtml(report([check('DEV-1', [step('PASS')]), failed]));
    const first = page.slice(0, page.indexOf('Every check'));
    expect(first).to.include('not started anew');
    expect(first).to.include(
      'underglass hil run &#39;tcp://10.0.0.7:502?unit=1&#39; --suite sunspec --only REV-2',
    );
    expect(first).to.include('1 of 2 checks failed');
    expect(first).to.include('2 min 5 s');
  });

  it('shows registers in hex, and the one that is not as written marked', () => {
    const registers = [{ point: '704.WMaxLimPct', address: 40_449, wrote: [8000], readBack: [10_000] }];
    const page = toHtml(report([check('MOD-3', [step('FAIL', { registers })])]));
    expect(page).to.include('704.WMaxLimPct @40449: wrote 0x1f40, read <b>0x2710</b>');
  });

  it('draws a plot of one point, of none, and of equal values without a number that is none', () => {
    const series = (points: readonly (readonly [number, number])[]) =>
      ({ title: 't', x: 'x', y: 'y', series: [{ name: 'n', kind: 'stair', points }] }) as const;
    for (const points of [
      [],
      [[3, 7]],
      [
        [0, 5],
        [1, 5],
      ],
      [
        [0, 0],
        [0, 0],
      ],
    ] as const) {
      const page = toHtml(report([check('EFF-1', [step('PASS', { plot: series(points) })])]));
      expect(page).to.include('<svg');
      expect(page).to.not.match(/NaN|Infinity|undefined/);
    }
  });

  it('is JUnit XML that another parser reads, where only FAIL is a failure', function () {
    needs(this, 'python3');
    const xml = toJunit(
      report([
        check('DEV-1', [step('PASS')]),
        check('MOD-3', [step('FAIL', { what: HOSTILE, cause: `a & b ${HOSTILE}` })]),
        check('EFF-1', [step('INCONCLUSIVE', { cause: 'night' })]),
        check('CRV-1', [step('NOT-SUPPORTED')]),
      ]),
    );
    const program = [
      'import sys, xml.etree.ElementTree as t',
      's = t.parse(sys.stdin).getroot()[0]',
      'print(s.get("tests"), s.get("failures"), s.get("skipped"), len(s.findall("testcase/failure")), len(s.findall("testcase/skipped")), s[1].get("name"), s[2][0].get("message"))',
    ];
    const { stdout, stderr } = spawnSync('python3', ['-c', program.join('\n')], {
      input: xml,
      encoding: 'utf8',
    });
    expect(stderr).to.equal('');
    expect(stdout.trim()).to.equal('4 1 2 1 2 MOD-3 title of MOD-3 INCONCLUSIVE: night');
  });

  it('keeps what was said on the line as PDUs', () => {
    const frames = new FrameLog();
    frames.check('MOD-3');
    const times = { sentMs: 1, answeredMs: 2.5 };
    const at = { unit: 1, address: 0x9c40 };
    frames.exchange({
      ...times,
      request: { kind: 'read', space: 'holding', count: 2, ...at },
      reply: { ok: true, words: [0x5375, 0x6e53] },
    });
    frames.exchange({
      ...times,
      request: { kind: 'write', how: 'multiple', words: [258], ...at },
      reply: { ok: false, refusal: 'exception', retry: 'never', exception: 2 },
    });
    frames.exchange({
      ...times,
      request: { kind: 'write', how: 'single', words: [258], ...at },
      reply: { ok: false, refusal: 'timeout', retry: 'later', detail: 'no answer' },
    });
    const lines = frames.text().split('\n').slice(1, -1);
    // Requests and replies as in Modbus Application Protocol 1.1b3, 6.3, 6.6, 6.12 and 7.
    expect(lines.map(line => line.trim())).to.deep.equal([
      '# MOD-3',
      '1.0 > 1 039c400002',
      '2.5 < 1 030453756e53',
      '1.0 > 1 109c400001020102',
      '2.5 < 1 9002',
      '1.0 > 1 069c400102',
      '2.5 < 1 timeout: no answer',
    ]);
  });
});

describe('hil diff', () => {
  const before = report([
    check('DEV-1', [step('PASS')]),
    check('MOD-3', [step('FAIL')]),
    check('CRV-1', [step('PASS')]),
  ]);

  it('finds nothing between a report and itself', () => {
    const { worse, better, differs } = diffReports(text(before), text(before));
    expect([worse, better, differs]).to.deep.equal([[], [], []]);
  });

  it('tells what got worse from what got better, and counts a lost function as worse', () => {
    const after = report([
      check('DEV-1', [step('FAIL', { cause: 'why' })]),
      check('MOD-3', [step('PASS')]),
      check('CRV-1', [step('NOT-SUPPORTED')]),
    ]);
    const { worse, better } = diffReports(text(before), text(after));
    expect(worse).to.deep.equal([
      { check: 'DEV-1', from: 'PASS', to: 'FAIL', cause: 'why' },
      { check: 'CRV-1', from: 'PASS', to: 'NOT-SUPPORTED' },
    ]);
    expect(better).to.deep.equal([{ check: 'MOD-3', from: 'FAIL', to: 'PASS' }]);
  });

  it('counts a check that is gone as not run, and a new one that fails as worse', () => {
    const after = report([
      check('MOD-3', [step('FAIL')]),
      check('CRV-1', [step('PASS')]),
      check('REV-1', [step('FAIL')]),
    ]);
    const { worse } = diffReports(text(before), text(after));
    expect(worse.map(({ check: id, to }) => `${id} ${to}`)).to.deep.equal(['DEV-1 NOT-RUN', 'REV-1 FAIL']);
  });

  it('sees a step that newly fails inside a check that failed before', () => {
    const after = report([
      check('DEV-1', [step('PASS')]),
      check('MOD-3', [step('FAIL'), step('FAIL', { what: 'write 123.WMaxLimPct' })]),
      check('CRV-1', [step('PASS')]),
    ]);
    const { worse } = diffReports(text(before), text(after));
    expect(worse).to.deep.equal([
      { check: 'MOD-3', step: 'write 123.WMaxLimPct', from: 'NOT-RUN', to: 'FAIL' },
    ]);
  });

  it('says that two reports are of different devices', () => {
    const other = { ...before, subject: { ...before.subject, serial: 'S2' } };
    expect(diffReports(text(before), text(other)).differs).to.deep.equal(['serial number: S1, then S2']);
  });

  it('refuses what is no report, with the place', () => {
    expect(parseReport('{')).to.include({ ok: false, refusal: 'not-a-report' });
    const wrong = parseReport(JSON.stringify({ ...before, checks: [{ id: 'X' }] }));
    expect(wrong.ok ? '' : wrong.detail).to.match(/^checks\.0\.title/);
  });
});
