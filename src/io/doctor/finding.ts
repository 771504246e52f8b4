/** What a look at one part of the machine came to. Every one that is not `well` says what to do about it. */

/** `watch`: it works, and will not for ever or not as well as it could. `wrong`: it does not work. */
export type Finding =
  | { readonly check: string; readonly state: 'well'; readonly says: string }
  | {
      readonly check: string;
      readonly state: 'watch' | 'wrong';
      readonly says: string;
      readonly remedy: string;
    };

export function well(check: string, says: string): Finding {
  return { check, state: 'well', says };
}

export function watch(check: string, says: string, remedy: string): Finding {
  return { check, state: 'watch', says, remedy };
}

export function wrong(check: string, says: string, remedy: string): Finding {
  return { check, state: 'wrong', says, remedy };
}
