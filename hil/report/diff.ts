/**
 * Two reports compared: what got worse from the first to the second, and what got better. A check that is gone counts
 * as not run; a step that newly fails counts even where its check had failed before.
 */
import { z } from 'zod';
import type { Result } from '../../src/base/assert.ts';
import { ok, refused } from '../../src/base/assert.ts';
import type { Verdict } from '../bench/mod.ts';
import { VERDICTS, severity } from '../bench/mod.ts';

const verdict = z.enum(VERDICTS as [Verdict, ...Verdict[]]);
const nullable = z.string().nullable();

/** What of a report is compared; more may stand in the file. */
const shape = z.object({
  format: z.literal('underglass-bench-report'),
  version: z.literal(1),
  suite: z.string(),
  verdict,
  subject: z.object({ manufacturer: nullable, model: nullable, serial: nullable, version: nullable }),
  checks: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      verdict,
      steps: z.array(z.object({ what: z.string(), verdict, cause: z.string().optional() })),
    }),
  ),
});

export type ComparedReport = z.infer<typeof shape>;
type ComparedCheck = ComparedReport['checks'][number];

/** Judges the text of a `report.json`. `detail` names the first thing that is wrong. */
export function parseReport(text: string): Result<ComparedReport, 'not-a-report'> {
  try {
    const parsed = shape.safeParse(JSON.parse(text));
    if (parsed.success) return ok(parsed.data);
    const issue = parsed.error.issues[0];
    return refused('not-a-report', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'no report'}`);
  } catch {
    return refused('not-a-report', 'no JSON');
  }
}

export interface Change {
  readonly check: string;
  /** The step, where the check as a whole did not change. */
  readonly step?: string;
  readonly from: Verdict;
  readonly to: Verdict;
  readonly cause?: string;
}

export interface Difference {
  readonly worse: readonly Change[];
  readonly better: readonly Change[];
  /** The two are of different devices or suites: compared all the same, but to be taken with care. */
  readonly differs: readonly string[];
}

export function diffReports(a: ComparedReport, b: ComparedReport): Difference {
  const ids = new Set([...a.checks, ...b.checks].map(({ id }) => id));
  const changes = [...ids].flatMap(id => changesOf(id, find(a, id), find(b, id)));
  return {
    worse: changes.filter(({ from, to }) => severity(to) > severity(from)),
    better: changes.filter(({ from, to }) => severity(to) < severity(from)),
    differs: differences(a, b),
  };
}

const ABSENT: Omit<ComparedCheck, 'id'> = { title: '', verdict: 'NOT-RUN', steps: [] };

function find(report: ComparedReport, id: string): ComparedCheck {
  return report.checks.find(check => check.id === id) ?? { id, ...ABSENT };
}

function changesOf(id: string, a: ComparedCheck, b: ComparedCheck): readonly Change[] {
  if (a.verdict !== b.verdict) {
    const cause = b.steps.find(step => step.verdict === b.verdict)?.cause;
    return [{ check: id, from: a.verdict, to: b.verdict, ...(cause === undefined ? {} : { cause }) }];
  }
  if (b.verdict !== 'FAIL') return [];
  return stepChanges(id, a, b);
}

/** Inside a check that failed twice: which of its steps fail now and did not, or no longer do. */
function stepChanges(id: string, a: ComparedCheck, b: ComparedCheck): readonly Change[] {
  const before = new Map(a.steps.map(step => [step.what, step.verdict]));
  return b.steps.flatMap(({ what, verdict: to, cause }) => {
    const from = before.get(what) ?? 'NOT-RUN';
    if (from === to || (from !== 'FAIL' && to !== 'FAIL')) return [];
    return [{ check: id, step: what, from, to, ...(cause === undefined ? {} : { cause }) }];
  });
}

function differences(a: ComparedReport, b: ComparedReport): readonly string[] {
  const rows = [
    ['suite', a.suite, b.suite],
    ['maker', a.subject.manufacturer, b.subject.manufacturer],
    ['model', a.subject.model, b.subject.model],
    ['serial number', a.subject.serial, b.subject.serial],
    ['version', a.subject.version, b.subject.version],
  ] as const;
  return rows.flatMap(([what, was, is]) =>
    was === is ? [] : [`${what}: ${was ?? 'none'}, then ${is ?? 'none'}`],
  );
}
