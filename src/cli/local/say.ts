/**
 * How the commands of the local side speak: the answer on standard output, the talk on standard error, and one
 * line of progress that is only there while a person looks on.
 */
import type { Command } from 'commander';
import { legible, legibleJson } from '../legible.ts';

export interface Say {
  /** A piece of the answer; ends its own line. Nothing in it moves the cursor, whoever wrote it. */
  out(text: string): void;
  /** A piece of the answer that moves the cursor: the caller answers for every sign of it. */
  draw(text: string): void;
  /** The answer as JSON: all on one line where lines are read one by one. */
  json(value: unknown, layout?: 'lines' | 'pretty'): void;
  /** A sentence to the person. */
  talk(text: string): void;
  /** Replaces the last progress; nothing where standard error is no terminal. */
  progress(text: string): void;
  /** Wipes the progress. */
  quiet(): void;
}

/** Progress no more often than a person can read it. */
const PROGRESS_EVERY_MS = 80;

export function sayOf(command: Command): Say {
  const output = command.configureOutput();
  const out = (text: string): void => output.writeOut?.(`${text}\n`);
  const err = (text: string): void => output.writeErr?.(text);
  const terminal = process.stderr.isTTY;
  let shown = false;
  let shownAt = Number.NEGATIVE_INFINITY;
  const quiet = (): void => {
    if (shown) err('\r\u001b[K');
    shown = false;
  };
  return {
    out: text => {
      quiet();
      out(legible(text));
    },
    draw: text => {
      quiet();
      out(text);
    },
    json: (value, layout = 'pretty') => {
      quiet();
      out(legibleJson(value, layout === 'pretty' ? 2 : undefined));
    },
    talk: text => {
      quiet();
      err(`${legible(text)}\n`);
    },
    progress: text => {
      if (!terminal || performance.now() - shownAt < PROGRESS_EVERY_MS) return;
      shownAt = performance.now();
      shown = true;
      err(`\r\u001b[K${text.slice(0, (process.stderr.columns || 80) - 1)}`);
    },
    quiet,
  };
}
