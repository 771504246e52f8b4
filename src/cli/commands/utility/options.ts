/** Options that the commands of `utility` share, and how they read what a person writes. */
import type { Command } from 'commander';
import { EXIT, Trouble } from '../../exit.ts';

export interface UtilityOptions {
  readonly config: string;
  readonly json?: true;
}

/** What stands on every command that asks a head end. */
export function asking(command: Command): Command {
  return command
    .option('--config <file>', 'the head end: utility, key, ledger, broker, gateways (YAML)', 'utility.yaml')
    .option('--json', 'print the answer as JSON');
}

export interface SendingOptions extends UtilityOptions {
  readonly gateway?: string;
  readonly group?: string;
  readonly class: string;
  readonly primacy: string;
  readonly expires?: string;
  readonly until?: string;
  readonly timeout: string;
}

/** What stands on every command that goes to gateways. */
export function sending(command: Command, defaults: { readonly class: string }): Command {
  return asking(command)
    .option('--gateway <id>', 'to one gateway')
    .option('--group <id>', 'to every member of a group')
    .option('--class <class>', 'emergency, transmission, reliability, dispatch or market', defaults.class)
    .option('--primacy <n>', '1 to 255; inside a class the lower wins', '10')
    .option('--expires <time>', 'no gateway takes it later than this; a time with its zone')
    .option('--until <stage>', 'wait until every gateway has: sent, received, started, completed')
    .option('--timeout <s>', 'wait no longer than this', '30');
}

/** The arguments of a call that {@link sending} stands for. */
export function sendingArgs(options: SendingOptions): Readonly<Record<string, unknown>> {
  const { gateway, group, class: rank, primacy, expires, until, timeout } = options;
  if ((gateway === undefined) === (group === undefined)) throw usage('name one of --gateway and --group');
  return {
    to: gateway === undefined ? `g/${group}` : `d/${gateway}`,
    class: oneOf('--class', rank, ['emergency', 'transmission', 'reliability', 'dispatch', 'market']),
    primacy: whole('--primacy', primacy, 1, 255),
    timeoutS: whole('--timeout', timeout, 0, 86_400),
    ...(expires === undefined ? {} : { expires: moment('--expires', expires) }),
    ...(until === undefined
      ? {}
      : { until: oneOf('--until', until, ['sent', 'received', 'started', 'completed']) }),
  };
}

export function usage(why: string): Trouble {
  return new Trouble(why, EXIT.usage);
}

export function whole(what: string, text: string, min: number, max: number): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw usage(`${what}: ${text} is no whole number from ${min} to ${max}`);
  return value;
}

export function oneOf(what: string, text: string, known: readonly string[]): string {
  if (!known.includes(text)) throw usage(`${what}: ${text} is none of ${known.join(', ')}`);
  return text;
}

/** A time with its zone, or `+90s`, `+15m`, `+2h` from now, as ISO 8601. */
export function moment(what: string, text: string): string {
  const [, count, unit] = /^\+(\d{1,7})([smh])$/.exec(text) ?? [];
  const span = { s: 1000, m: 60_000, h: 3_600_000 }[unit ?? ''];
  if (count !== undefined && span !== undefined)
    return new Date(Date.now() + Number(count) * span).toISOString();
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const at = isTime ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw usage(`${what}: ${text} is no time with its zone, as 2026-01-31T12:00:00Z or +15m`);
  return new Date(at).toISOString();
}

/** `900`, `90s`, `15m`, `2h` in whole seconds. */
export function duration(what: string, text: string): number {
  const [, count, unit = 's'] = /^(\d{1,9})([smh])?$/.exec(text) ?? [];
  const span = { s: 1, m: 60, h: 3600 }[unit];
  if (count === undefined || span === undefined || Number(count) === 0)
    throw usage(`${what}: ${text} is no duration, as 900, 90s, 15m or 2h`);
  return Number(count) * span;
}
