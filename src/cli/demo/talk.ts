/**
 * How the demo speaks: lines a person can follow on standard error, tables and verdicts on standard output.
 * Colour only where the terminal shows it.
 */
import { styleText } from 'node:util';

export interface Talk {
  /** What is about to happen. */
  heading(text: string): void;
  /** Who does or says what. */
  line(who: string, text: string): void;
  /** Something to worry about. */
  warn(who: string, text: string): void;
  table(title: string, rows: readonly (readonly string[])[]): void;
  /** A step that came true. */
  done(text: string): void;
  failed(text: string): void;
}

const WHO_WIDTH = 10;

/** `quiet`: only warnings, for `--json`. */
export function newTalk(options: { readonly quiet: boolean }): Talk {
  const startMs = performance.now();
  const err = (text: string): void => void process.stderr.write(`${text}\n`);
  const out = (text: string): void => void process.stdout.write(`${text}\n`);
  const loud = (say: () => void): void => (options.quiet ? undefined : say());
  const stamp = (): string => `${((performance.now() - startMs) / 1000).toFixed(2)} s`.padStart(8);
  const paint = (
    style: Parameters<typeof styleText>[0],
    text: string,
    stream: NodeJS.WriteStream = process.stderr,
  ): string => styleText(style, text, { stream });
  const said = (who: string, text: string): string =>
    `${paint('dim', stamp())}  ${paint('cyan', who.padEnd(WHO_WIDTH))}  ${text}`;
  return {
    heading: text => loud(() => err(`\n${paint('bold', text)}`)),
    line: (who, text) => loud(() => err(said(who, text))),
    warn: (who, text) => err(said(who, paint('yellow', text))),
    table: (title, rows) =>
      loud(() => out(`\n${paint('bold', title, process.stdout)}\n${formatTable(rows)}\n`)),
    done: text => loud(() => out(`${paint('green', '✓', process.stdout)} ${text}`)),
    failed: text => err(`${paint('red', '✗')} ${text}`),
  };
}

/** Columns two spaces apart, each as wide as its widest cell; the last is not padded. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map(row => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map(row => row[i]?.length ?? 0)));
  return rows
    .map(
      row =>
        `  ${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  ')}`,
    )
    .join('\n');
}
