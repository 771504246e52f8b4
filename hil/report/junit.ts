/**
 * The report as JUnit XML, for build servers: a check is a test case. Only FAIL is a failure; what could not be judged
 * is skipped, with the reason.
 */
import type { Check, Report } from '../bench/mod.ts';
import { escape, repeatCommand } from './text.ts';

export function toJunit(report: Report): string {
  const { checks } = report;
  const failures = checks.filter(({ verdict }) => verdict === 'FAIL').length;
  const skipped = checks.filter(({ verdict }) => verdict !== 'FAIL' && verdict !== 'PASS').length;
  const time = seconds(checks.reduce((ms, { tookMs }) => ms + tookMs, 0));
  const suite = `name="${escape(report.suite)}" tests="${checks.length}" failures="${failures}" errors="0" skipped="${skipped}" time="${time}" timestamp="${report.beganAt.replace('Z', '')}"`;
  const cases = checks.map(check => testCase(report, check));
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n<testsuite ${suite}>\n${cases.join('\n')}\n</testsuite>\n</testsuites>\n`;
}

function testCase(report: Report, check: Check): string {
  const { id, title, tookMs, verdict } = check;
  const open = `<testcase classname="${escape(report.suite)}" name="${escape(`${id} ${title}`)}" time="${seconds(tookMs)}"`;
  if (verdict === 'PASS') return `${open}/>`;
  const why = check.steps.filter(step => step.verdict === verdict);
  const message = escape(why[0]?.cause ?? why[0]?.what ?? verdict);
  if (verdict !== 'FAIL') return `${open}><skipped message="${verdict}: ${message}"/></testcase>`;
  const text = why.map(
    ({ what, target = '', measured = '', cause = '' }) =>
      `${what}\n  target: ${target}\n  measured: ${measured}\n  ${cause}`,
  );
  const body = escape(`${text.join('\n')}\n${repeatCommand(report, id)}`);
  return `${open}><failure message="${message}">${body}</failure></testcase>`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
