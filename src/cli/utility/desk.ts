/**
 * The head end's desk: what may be asked of one, as named calls with plain arguments, whether it runs in this
 * process or is reached through its door. A file of `calls/` is one call or a few that belong together, and has a
 * row in CALLS.
 */
import { z } from 'zod';
import type { DoorJson } from '../../io/door.ts';
import type { HeadEnd } from './head-end.ts';

export type { DoorJson } from '../../io/door.ts';

/** What a call is answered. A refusal has a name and a sentence with cause and remedy. */
export type CallResult =
  | { readonly ok: true; readonly value: DoorJson }
  | {
      readonly ok: false;
      readonly refusal: string;
      readonly why: string;
      /** Nobody answered: exit code 3 instead of 1. */
      readonly unreachable?: true;
      /** What is known all the same. */
      readonly value?: DoorJson;
    };

export interface CallContext {
  readonly headEnd: HeadEnd;
  /** Progress, for a person who looks on. */
  readonly tell: (progress: string) => void;
  /** Aborted when nobody waits for the answer any more. What was sent stays sent. */
  readonly signal: AbortSignal;
}

/** One call: the form of its arguments, and what it does. */
export interface Call {
  run(args: unknown, context: CallContext): Promise<CallResult>;
}

/** Makes a call of a schema and a function. Arguments that do not fit are a refusal. */
export function call<T>(
  schema: z.ZodType<T>,
  run: (args: T, context: CallContext) => Promise<CallResult>,
): Call {
  return {
    run: (args, context) => {
      const parsed = schema.safeParse(args);
      return parsed.success
        ? run(parsed.data, context)
        : Promise.resolve({
            ok: false,
            refusal: 'arguments-invalid',
            why: z.prettifyError(parsed.error).replaceAll('\n', ' '),
          });
    },
  };
}

/** `value` as what passes the door: plain data, what is undefined left out. */
export function plain(value: unknown): DoorJson {
  return JSON.parse(JSON.stringify(value)) as DoorJson;
}
