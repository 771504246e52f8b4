/**
 * A program of the owner's that applies a file to a device: started as it is configured, told by its environment,
 * never through a shell. It has its time; what it printed last is kept, for a person.
 */
import { spawn } from 'node:child_process';
import type { Duration } from '../../base/time.ts';

export interface Hook {
  readonly command: string;
  readonly args: readonly string[];
  readonly timeout: Duration;
}

export interface HookEnd {
  /** 0, unless it failed; `undefined` when it was not started or was ended by force. */
  readonly code: number | undefined;
  readonly why: string;
  /** The end of what it printed, at most {@link MAX_OUTPUT} letters. */
  readonly output: string;
}

/** Output kept: enough for the last page, and bounded whatever a program prints. */
export const MAX_OUTPUT = 4096;

/** Runs `hook` with `told` beside a bare environment; `signal` ends it by force. Never rejects. */
export function runHook(
  { command, args, timeout }: Hook,
  told: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<HookEnd> {
  return new Promise(resolve => {
    let output = '';
    let cut = '';
    const child = spawn(command, args, {
      // A group of its own, so that what it started ends with it.
      detached: true,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...withoutNul(told) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const cutOff = (why: string): void => {
      cut = why;
      killGroup(child.pid);
    };
    const timer = setTimeout(() => cutOff(`it took longer than ${timeout / 1000} s and was ended`), timeout);
    const onStop = (): void => cutOff('it was ended with the gateway');
    signal?.addEventListener('abort', onStop, { once: true });
    const take = (chunk: Buffer): void => {
      output = `${output}${chunk.toString('utf8')}`.slice(-MAX_OUTPUT);
    };
    const end = (code: number | undefined, why: string): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onStop);
      resolve({ code, why, output });
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', error => end(undefined, error.message));
    child.once('close', (code, signal) => {
      if (cut !== '') end(undefined, cut);
      else if (code === null) end(undefined, `it was ended by ${signal}`);
      else end(code, code === 0 ? 'done' : `it ended with ${code}${lastLine(output)}`);
    });
  });
}

/** What a device says of itself may hold any byte; no environment holds NUL. */
function withoutNul(told: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(told).map(([name, text]) => [name, text.replaceAll('\0', '')]));
}

/** As much of the last line as a receipt carries. */
function lastLine(output: string): string {
  const line = output.trim().split('\n').at(-1) ?? '';
  const shown = line.replace(/\p{C}+/gu, ' ').slice(0, 160);
  return shown === '' ? '' : `: ${shown}`;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it ended by itself meanwhile
  }
}
