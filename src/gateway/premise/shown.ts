/**
 * What an observer may see of inputs and effects: everything but codes, and what came sealed for the customer alone.
 */
import type { Effect, Input } from '../effects.ts';
import type { Opened, StoreChange } from '../ports.ts';

/** Stands where a code stood: a recording is read by people who must not learn it. */
const HIDDEN = '••••';

/** An input as an observer may see it. */
export function inputToShow(input: Input): Input {
  if (input.on === 'opened' && input.opened.ok) return { ...input, opened: hideOpened(input.opened.value) };
  if (input.on !== 'request' || input.ask.kind !== 'override') return input;
  return { ...input, ask: { ...input.ask, code: HIDDEN } };
}

/** An effect as an observer may see it. */
export function effectToShow(effect: Effect): Effect {
  if (effect.do === 'check')
    return { ...effect, code: HIDDEN, ...(effect.hash === undefined ? {} : { hash: HIDDEN }) };
  return effect.do === 'persist' ? { ...effect, changes: effect.changes.map(hideChange) } : effect;
}

function hideOpened(value: Extract<Opened, { ok: true }>['value']): Opened {
  const left = value.kind === 'code' ? { ...value, hash: HIDDEN } : { ...value, text: HIDDEN };
  return { ok: true, value: left };
}

/** The rows of what was sealed are the gateway's own, whoever watches. */
function hideChange(change: StoreChange): StoreChange {
  const isPrivate = change.op === 'put' && (change.kind === 'code' || change.kind === 'message');
  return isPrivate ? { ...change, value: HIDDEN } : change;
}
