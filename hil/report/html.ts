/**
 * The report as one page: everything in it comes from the report value, nothing is loaded and nothing runs. The first
 * page says what was tested, what came of it and why; behind it stands every step with its numbers.
 */
import type { ChainModel, Check, Report, Step, Verdict } from '../bench/mod.ts';
import { VERDICTS, hex, marginPercent, same } from '../bench/mod.ts';
import { functionTable } from './functions.ts';
import { STYLE } from './style.ts';
import { plotSvg } from './svg.ts';
import { duration, escape, repeatCommand } from './text.ts';

export function toHtml(report: Report): string {
  const { subject } = report;
  const name = [subject.manufacturer, subject.model].filter(part => part !== null).join(' ') || subject.link;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escape(`${name}: ${report.title}, ${report.verdict}`)}</title><style>${STYLE}</style></head>
<body><main>
${head(report, name)}
${facts(report)}
${summary(report)}
${matrix(report.checks)}
${findings(report)}
<div class="two"><div>${chain(subject.chain, subject.chainEnd)}</div><div>${subject.chain.length === 0 ? '' : functionTable(subject.chain)}</div></div>
<div class="checks"><h2>Every check</h2>${report.checks.map(check => section(report, check)).join('')}</div>
<footer>${escape(report.tool)}. This page is drawn from report.json beside it and from nothing else; the requests and replies on the line are in frames.txt.</footer>
</main></body></html>
`;
}

function head(report: Report, name: string): string {
  const failed = report.checks.filter(({ verdict }) => verdict === 'FAIL').length;
  const ran = report.checks.filter(({ verdict }) => verdict === 'PASS' || verdict === 'FAIL').length;
  const below = failed > 0 ? `${failed} of ${ran} checks failed` : `${ran} checks judged`;
  return `<header><div><p class="soft">${escape(report.title)}</p><h1>${escape(name)}</h1><p class="soft">${escape(when(report))}${report.stopped === undefined ? '' : ` · ended early: ${escape(report.stopped)}`}</p></div>
<div class="stamp ${report.verdict}"><b>${report.verdict}</b><span>${below}</span></div></header>`;
}

function when({ beganAt, endedAt }: Report): string {
  const tookMs = Date.parse(endedAt) - Date.parse(beganAt);
  return `${beganAt.replace('T', ' ').replace('Z', ' UTC')} · ${duration(tookMs)}`;
}

function facts({ subject, instruments, settings, tool }: Report): string {
  const rows: readonly (readonly [string, string | number | null])[] = [
    ['Maker', subject.manufacturer],
    ['Link', subject.link],
    ['Model', subject.model],
    ['Unit, base', `${subject.unit}, ${subject.base ?? 'none found'}`],
    ['Serial number', subject.serial],
    ['Instruments', instruments ?? 'none: the device judged itself'],
    ['Version', subject.version],
    ['Tested with', `${tool}; reversion ${settings['reversionS'] ?? '?'} s`],
  ];
  const cells = rows.map(
    ([what, value]) => `<dt>${what}</dt><dd>${escape(String(value ?? 'not given'))}</dd>`,
  );
  return `<dl class="facts">${cells.join('')}</dl>`;
}

function summary({ checks }: Report): string {
  const counts = VERDICTS.map(
    verdict => [verdict, checks.filter(check => check.verdict === verdict).length] as const,
  );
  const there = counts.filter(([, count]) => count > 0);
  const bar = there.map(([verdict, count]) => `<i class="${verdict}" style="flex:${count}"></i>`).join('');
  const words = there.map(
    ([verdict, count]) => `<span class="verdict ${verdict}">${count} ${verdict}</span>`,
  );
  return `<div class="bar">${bar}</div><div class="counts">${words.join('')}</div>`;
}

const GROUPS: Readonly<Record<string, string>> = {
  DEV: 'Identity',
  RTU: 'Serial framing',
  TCP: 'TCP framing',
  MAN: 'Mandatory points',
  MOD: 'Models',
  SF: 'Scale factors',
  MEA: 'Monitoring',
  FC: 'Functions',
  REJ: 'Rejection',
  CRV: 'Curves',
  REV: 'Reversion',
  EFF: 'Effect',
  LEFT: 'Afterwards',
};

function matrix(checks: readonly Check[]): string {
  const groups = new Map<string, Check[]>();
  for (const check of checks) {
    const group = check.id.replace(/-\d+$/, '');
    groups.set(group, [...(groups.get(group) ?? []), check]);
  }
  const rows = [...groups].map(([group, own]) => {
    const cells = own.map(
      ({ id, verdict, title }) =>
        `<a class="cell ${verdict}" href="#${id}" title="${escape(title)}"><b>${id}</b><span>${verdict}</span></a>`,
    );
    return `<div>${escape(GROUPS[group] ?? group)}</div><div class="cells">${cells.join('')}</div>`;
  });
  return `<h2>At a glance</h2><div class="matrix">${rows.join('')}</div>`;
}

function findings(report: Report): string {
  const bad: readonly Verdict[] = ['FAIL', 'INCONCLUSIVE'];
  const items = report.checks.flatMap(check =>
    check.steps
      .filter(({ verdict }) => bad.includes(verdict))
      .map(
        step =>
          `<li class="${step.verdict}"><b>${check.id}</b> ${escape(step.what)}: ${escape(step.measured ?? 'not measured')}<div class="cause">${escape(step.cause ?? '')}</div><code>${escape(repeatCommand(report, check.id))}</code></li>`,
      ),
  );
  if (items.length === 0) return '';
  return `<h2>Findings</h2><ul class="findings">${items.join('')}</ul>`;
}

function chain(models: readonly ChainModel[], end: string | null): string {
  if (models.length === 0) return '';
  const rows = models.map(({ id, name, address, length, points, implemented }) => {
    const share = points === 0 ? 0 : Math.round((100 * implemented) / points);
    const covered =
      points === 0
        ? '<span class="soft">the maker’s own</span>'
        : `<span class="meter"><i style="width:${share}%"></i></span>${implemented} of ${points}`;
    return `<tr><td>${id}</td><td>${escape(name ?? '')}</td><td class="num">${address}</td><td class="num">${length}</td><td>${covered}</td></tr>`;
  });
  return `<h2>Model chain</h2><table><thead><tr><th>Model</th><th>Name</th><th class="num">Address</th><th class="num">Length</th><th>Implemented</th></tr></thead><tbody>${rows.join('')}</tbody></table><p class="soft small">The chain ended: ${escape(end ?? 'not found')}.</p>`;
}

function section(report: Report, check: Check): string {
  const { id, title, verdict, requirement, source, steps, tookMs } = check;
  const repeat =
    verdict === 'FAIL' ? `<p class="small"><code>${escape(repeatCommand(report, id))}</code></p>` : '';
  return `<section class="check" id="${id}"><div class="head ${verdict}"><span class="id">${id}</span><h3>${escape(title)}</h3><span class="verdict">${verdict}</span></div>
<p>${escape(requirement)}</p><p class="soft small">${escape(source)} · ${duration(tookMs)}</p>${repeat}
<table><thead><tr><th class="w-done">Done</th><th class="w-t">Target</th><th class="w-m">Measured</th><th class="num">Margin</th><th class="num">Verdict</th></tr></thead><tbody>${steps.map(row).join('')}</tbody></table><div class="plots">${steps.map(step => (step.plot === undefined ? '' : plotSvg(step.plot))).join('')}</div></section>`;
}

function row(step: Step): string {
  const { what, target = '', measured = '', verdict, cause, formula } = step;
  const why = cause === undefined ? '' : `<div class="cause">${escape(cause)}</div>`;
  const how = formula === undefined ? '' : `<div class="soft small">${escape(formula)}</div>`;
  return `<tr class="${verdict}"><td>${escape(what)}${why}${how}${registers(step)}</td><td>${escape(target)}</td><td>${escape(measured)}${windowText(step)}</td><td class="num">${margin(step)}</td><td class="num"><span class="verdict">${verdict}</span></td></tr>`;
}

function windowText({ window }: Step): string {
  if (window === undefined) return '';
  const { low, high, unit } = window;
  const number = (value: number): string => String(Number(value.toPrecision(6)));
  const text =
    low === undefined
      ? `at most ${number(high ?? 0)} ${unit}`
      : `${number(low)} to ${high === undefined ? '…' : number(high)} ${unit}`;
  return `<div class="soft small">${escape(text.trim())}</div>`;
}

function margin({ window }: Step): string {
  const percent = window === undefined ? undefined : marginPercent(window);
  return percent === undefined ? '' : `${Math.round(percent)} %`;
}

/** Few registers stand open; many fold away, for they matter only to who looks for one of them. */
const FEW = 4;

function registers({ registers: all = [], verdict }: Step): string {
  const lines = all.map(({ point, address, wrote, readBack }) => {
    const back = readBack === undefined ? 'not read' : hex(readBack);
    const seen = verdict !== 'FAIL' || same(wrote, readBack) ? back : `<b>${back}</b>`;
    return `<div class="hex">${escape(point)} @${address}: wrote ${hex(wrote)}, read ${seen}</div>`;
  });
  if (lines.length <= FEW) return lines.join('');
  return `<details><summary>${lines.length} registers</summary>${lines.join('')}</details>`;
}
