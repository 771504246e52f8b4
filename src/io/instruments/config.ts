/**
 * The file that describes a bench: which instruments, what they are told, and the limits beyond which nothing is ever
 * asked of them. Limits are demanded for everything that can be set.
 */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Result } from '../../base/assert.ts';
import { ok, refused } from '../../base/assert.ts';
import { parseLink } from '../../local/bus/mod.ts';
import type { Instruments } from './bench.ts';
import { scpiBench } from './bench.ts';
import type { ScpiInstrument } from './scpi.ts';
import { openScpi } from './scpi.ts';

const range = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low <= high, { message: 'the lower end comes first' });
const sets = z.strictObject({
  voltageV: z.string().optional(),
  frequencyHz: z.string().optional(),
  irradianceWm2: z.string().optional(),
});
const question = z.strictObject({ ask: z.string(), factor: z.number().optional() });
const measures = z.strictObject({
  powerW: question.optional(),
  reactiveVar: question.optional(),
  voltageV: question.optional(),
  frequencyHz: question.optional(),
});
/** A bench has few instruments; the bound keeps a wrong file from opening a thousand sockets. */
const INSTRUMENTS_MAX = 8;
const shape = z.strictObject({
  instruments: z
    .array(
      z.strictObject({
        link: z.string(),
        begin: z.array(z.string()).optional(),
        set: sets.optional(),
        measure: measures.optional(),
        safe: z.array(z.string()).optional(),
      }),
    )
    .min(1)
    .max(INSTRUMENTS_MAX),
  limits: z.strictObject({
    voltageV: range.optional(),
    frequencyHz: range.optional(),
    irradianceWm2: range.optional(),
    powerW: z.number().positive().optional(),
  }),
});

export type BenchConfig = z.infer<typeof shape>;

/** Judges the text of the file. `detail` names the first thing that is wrong. */
export function parseBenchConfig(text: string): Result<BenchConfig, 'bench-invalid'> {
  try {
    const parsed = shape.safeParse(parse(text));
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      return refused('bench-invalid', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'no bench'}`);
    }
    const fault = faultOf(parsed.data);
    return fault === undefined ? ok(parsed.data) : refused('bench-invalid', fault);
  } catch (error) {
    return refused('bench-invalid', error instanceof Error ? error.message : String(error));
  }
}

function faultOf({ instruments, limits }: BenchConfig): string | undefined {
  for (const { link, set, safe } of instruments) {
    const parsed = parseLink(link);
    if (!parsed.ok) return `${link}: ${parsed.detail ?? parsed.refusal}`;
    for (const quantity of ['voltageV', 'frequencyHz', 'irradianceWm2'] as const)
      if (set?.[quantity] !== undefined && limits[quantity] === undefined)
        return `${quantity} can be set but has no limits`;
    if (set !== undefined && (safe ?? []).length === 0)
      return `${link} can be set but has no "safe" commands`;
  }
  return undefined;
}

export async function readBenchConfig(path: string): Promise<Result<BenchConfig, 'bench-invalid'>> {
  try {
    return parseBenchConfig(await readFile(path, 'utf8'));
  } catch {
    return refused('bench-invalid', `${path} cannot be read`);
  }
}

/** Opens every instrument of the bench, or none: those that opened before the one that did not are closed. */
export async function openBench({ instruments }: BenchConfig): Promise<Result<Instruments, 'instrument'>> {
  const open: ScpiInstrument[] = [];
  for (const { link: text, ...words } of instruments) {
    const link = parseLink(text);
    const opened = link.ok ? await openScpi(link.value, words) : refused('instrument', 'no link');
    if (!opened.ok) {
      await Promise.all(open.map(instrument => instrument.close()));
      return refused('instrument', `${text}: ${opened.detail ?? opened.refusal}`, 'later');
    }
    open.push(opened.value);
  }
  return ok(scpiBench(open));
}
