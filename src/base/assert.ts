/**
 * Two kinds of trouble, kept apart.
 *
 * A broken promise of our own is an {@link AssertionError}: it ends the process, because state we no longer
 * understand must not act on a house. Expected trouble (a bad message, a silent device, a full disk) is a
 * value, {@link Refused}: the caller sees it in the type and has to answer it.
 */

/** A promise this program made to itself and did not keep. Never caught to carry on. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Ends the process (by throwing) unless `condition` holds. `promise` says what was promised. */
export function assert(condition: unknown, promise: string): asserts condition {
  if (!condition) throw new AssertionError(promise);
}

/**
 * What is wrong, as text, where trouble was expected. A broken promise of our own, or any mistake of the program, is
 * thrown on: it must not pass for trouble of the disk or the network.
 */
export function troubleOf(error: unknown): string {
  if (error instanceof AssertionError || MISTAKES.some(mistake => error instanceof mistake)) throw error;
  return String(error);
}

const MISTAKES = [TypeError, RangeError, ReferenceError, SyntaxError];

/** The branch no value can reach; the type checker proves it, this guards against data from outside types. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}

/** Whether the same attempt can succeed by being made again: `never` for forged bytes, `later` for a busy bus. */
export type Retry = 'never' | 'later';

export interface Ok<T> {
  readonly ok: true;
  readonly value: T;
}

/** Expected trouble: `refusal` is one literal of the room's union, `detail` is for a person. */
export interface Refused<R extends string> {
  readonly ok: false;
  readonly refusal: R;
  readonly retry: Retry;
  readonly detail?: string;
}

export type Result<T, R extends string> = Ok<T> | Refused<R>;

export function ok<T>(value: T): Ok<T> {
  return { ok: true, value };
}

export function refused<R extends string>(refusal: R, detail?: string, retry: Retry = 'never'): Refused<R> {
  return detail === undefined ? { ok: false, refusal, retry } : { ok: false, refusal, retry, detail };
}
