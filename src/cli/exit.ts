/**
 * Exit codes, the same for every command, so that a script can tell a refusal from a typing error.
 */

/** `failed`: tried, or refused by the other side. `usage`: asked wrongly. `unreachable`: nobody answered. */
export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with one line on standard error and an exit code. Thrown by commands, caught in main only. */
export class Trouble extends Error {
  override readonly name = 'Trouble';
  readonly code: ExitCode;

  constructor(message: string, code: ExitCode = EXIT.failed) {
    super(message);
    this.code = code;
  }
}
