/**
 * Small steps that several procedures share: a write judged by its read-back, and words for what went wrong.
 */
import type { Put, Sheet, Spot, Step } from '../bench/mod.ts';
import { READ_BACK_MS, isImplemented } from '../bench/mod.ts';

/** A write that must be taken: acknowledged, and read back alike within {@link READ_BACK_MS}. */
export function takenStep(what: string, put: Put): Step {
  const { registers, outcome, readBackMs } = put;
  const base = { what, target: `read back alike within ${READ_BACK_MS} ms`, registers };
  if (outcome === 'taken')
    return {
      ...base,
      verdict: 'PASS',
      measured: `alike after ${readBackMs} ms`,
      window: { high: READ_BACK_MS, value: readBackMs, unit: 'ms' },
    };
  if (outcome === 'silent') return { ...base, verdict: 'INCONCLUSIVE', measured: put.why, cause: SILENT };
  const cause =
    outcome === 'refused' ? REFUSED : 'the write is acknowledged but takes no effect, or another one';
  return { ...base, verdict: 'FAIL', measured: put.why, cause };
}

export const SILENT = 'no answer came: look at wiring, timeout and other clients before judging the device';
const REFUSED =
  'the register is refused though its model says RW: writing may be locked by a setting or a password';

/** The step of a model that did not answer when it was read. */
export function silentStep(what: string): Step {
  return { what, verdict: 'INCONCLUSIVE', cause: SILENT };
}

/** What can be told of an implemented point of a sheet; `undefined` where it is missing or not implemented. */
export function spotOf(sheet: Sheet, path: string): Spot | undefined {
  const spot = sheet.spots.get(path);
  return spot !== undefined && isImplemented(sheet, spot) ? spot : undefined;
}

/** `1.2.3 and 4 more`: as many names as one line bears. */
export function listed(names: readonly string[], most = 6): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(', ')} and ${more} more` : names.join(', ');
}
