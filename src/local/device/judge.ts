/**
 * What became of one register: what was written, what was answered and what it holds, as one verdict.
 */
import type { Evidence, Outcome } from '../../model/mod.ts';
import { type ReadFailure, describeFailure } from '../sunspec/mod.ts';
import { type ModbusReply, changedNothing } from '../bus/conversation.ts';
import type { Check, Write } from './steps.ts';
import type { Done } from './write.ts';

/** Registers by address as they were read back, or why they were not. */
export type Back = ReadonlyMap<number, number> | ReadFailure;

export interface Verdict {
  readonly role: Write['role'];
  readonly outcome: Outcome;
  readonly why: string;
  /** Acknowledged, but holds another value: it may only be late. */
  readonly late: boolean;
  /** Of a write; a check writes nothing. */
  readonly evidence?: Evidence;
}

/** `blind`: the register cannot be read back, so a write is refused or unknown, and never more. */
export function verdictOf(done: Done, back: Back, how: 'read-back' | 'blind'): Verdict {
  const { point, address, words, role, reply } = done;
  const held = how === 'blind' ? undefined : heldAt(done, back);
  const evidence = { point, address, wrote: words, ...(held === undefined ? {} : { readBack: held }) };
  const verdict = (outcome: Outcome, why: string, late = false) => ({ role, outcome, why, late, evidence });
  if (!reply.ok && changedNothing(reply))
    return verdict(
      'refused',
      `${describeFailure(reply)} writing ${point}${held === undefined ? '' : `; it holds ${held.join(' ')}`}`,
    );
  if (how === 'blind') return verdict('unknown', `${point} cannot be read back on this device`);
  if (held === undefined) return verdict('unknown', `${point} was not read back: ${causeOf(back)}`);
  if (done.proof === 'by-check' || isSame(held, words)) return verdict('implemented', '');
  const silence = reply.ok ? '' : `; ${describeFailure(reply)} to the write`;
  return verdict(
    'refused',
    `${point} holds ${held.join(' ')}, not ${words.join(' ')}${silence}`,
    isTaken(reply),
  );
}

/**
 * The registers that others were written to bring about. While one says that the device is still at it, what
 * the others hold means nothing yet. They may be late as long as nothing was refused.
 */
export function checked(checks: readonly Check[], back: Back): readonly Verdict[] {
  const busy = checks.find(
    check => check.pending !== undefined && heldAt(check, back)?.[0] === check.pending,
  );
  if (busy === undefined) return checks.map(check => verdictOfCheck(check, back));
  const why = `${busy.point} says that it is still in progress`;
  return [{ role: 'order', outcome: 'unknown', why, late: true }];
}

function verdictOfCheck(check: Check, back: Back): Verdict {
  const held = heldAt(check, back);
  const role = 'order';
  if (held === undefined) {
    const why = `${check.point} was not read back: ${causeOf(back)}`;
    return { role, outcome: 'unknown', why, late: false };
  }
  if (isSame(held, check.words)) return { role, outcome: 'implemented', why: '', late: false };
  const why = `${check.point} holds ${held.join(' ')}, not ${check.words.join(' ')}`;
  return { role, outcome: 'refused', why, late: true };
}

function heldAt({ address, words }: Pick<Write, 'address' | 'words'>, back: Back) {
  if (!(back instanceof Map)) return undefined;
  const held: readonly number[] = words.flatMap((_, at) => back.get(address + at) ?? []);
  return held.length === words.length ? held : undefined;
}

/** Acknowledged, at once or with exception 5: the device is still at it. */
function isTaken(reply: ModbusReply): boolean {
  return reply.ok || reply.exception === 5;
}

function causeOf(back: Back): string {
  return 'ok' in back ? describeFailure(back) : 'it cannot be read';
}

function isSame(held: readonly number[], words: readonly number[]): boolean {
  return held.every((word, at) => word === words[at]);
}
