/**
 * Messages that were refused, as they are counted and logged: each is counted, and of each refusal at most one line
 * is logged a second, with the number of those that came since the line before. Whoever floods a gateway must not
 * fill its log, nor hide another refusal in it.
 */
import { after, seconds } from '../../base/time.ts';
import type { Instant, Now } from '../../base/time.ts';
import type { Work } from '../effects.ts';
import { count } from '../state.ts';
import type { GatewayState } from '../state.ts';

/** One line for each refusal and second. */
export const LINE_EVERY = seconds(1);

/** Counts a refusal and logs it, or keeps it for the next line. */
export function noteRefusal(state: GatewayState, work: Work, refusal: string, why: string, now: Now): void {
  count(state, `refused.${refusal}`);
  work.fruitless = true;
  const text = why === '' ? refusal : `${refusal}: ${why}`;
  const open = state.refusalLines.get(refusal);
  if (open !== undefined) {
    open.more++;
    open.text = text;
    return;
  }
  state.refusalLines.set(refusal, { until: after(now.instant, LINE_EVERY), more: 0, text });
  work.log('warn', 'command.refused', text);
}

/** Logs what came since the last line of each refusal whose second is over. */
export function tellRefusals(state: GatewayState, work: Work, now: Now): void {
  for (const [refusal, open] of state.refusalLines) {
    if (open.until > now.instant) continue;
    state.refusalLines.delete(refusal);
    if (open.more === 0) continue;
    work.log('warn', 'command.refused', `${open.text} (${open.more} more of ${refusal})`);
    state.refusalLines.set(refusal, { ...open, until: after(now.instant, LINE_EVERY), more: 0 });
  }
}

/** When {@link tellRefusals} has something to tell. */
export function nextRefusals(state: GatewayState): Instant | undefined {
  let next: Instant | undefined;
  for (const { until, more } of state.refusalLines.values())
    if (more > 0 && (next === undefined || until < next)) next = until;
  return next;
}
