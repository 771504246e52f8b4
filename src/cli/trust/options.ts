/** Options that the commands of `trust` share, and how they read what a person writes. */
import type { Command } from 'commander';
import { unixTime } from '../../base/time.ts';
import type { UnixTime } from '../../base/time.ts';
import { axisRow, AXES } from '../../model/mod.ts';
import type { Axis } from '../../model/mod.ts';
import { isRole, ROLES } from '../../wan/trust/mod.ts';
import type { Role } from '../../wan/trust/mod.ts';
import { moment, usage, whole } from '../commands/utility/options.ts';

export interface MakingOptions {
  readonly by?: readonly string[];
  readonly passphraseFile?: string;
  readonly force?: true;
  readonly json?: true;
}

/** What stands on every command that makes a document. */
export function making(command: Command): Command {
  return signing(command)
    .option('--force', 'replace the document that is in the file')
    .option('--json', 'print the answer as JSON');
}

export function signing(command: Command): Command {
  return command
    .option('--by <key-file...>', 'sign with these keys of the root; more may sign later')
    .option('--passphrase-file <file>', 'their passphrases, a line each; else they are typed or piped in');
}

/** `2027-01-31T12:00:00Z`, `+90d`, or `+15m` as {@link moment} takes it; whole seconds. */
export function time(what: string, text: string): UnixTime {
  const [, days] = /^\+(\d{1,5})d$/.exec(text) ?? [];
  const at = days === undefined ? Date.parse(moment(what, text)) : Date.now() + Number(days) * 86_400_000;
  return unixTime(Math.floor(at / 1000) * 1000);
}

export function roleOf(text: string): Role {
  if (!isRole(text)) throw usage(`--role: ${text} is none of ${ROLES.join(', ')} (role-unknown)`);
  return text;
}

/** `emergency=3`. */
export function rolesOf(pairs: readonly string[], max: number): Readonly<Partial<Record<Role, number>>> {
  return Object.fromEntries(
    pairs.map(pair => {
      const [role = '', count = ''] = pair.split('=');
      return [roleOf(role), whole('--needs', count, 1, max)];
    }),
  );
}

/** `1..20`, both ends included. */
export function rangeOf(what: string, text: string, { min, max }: { min: number; max: number }) {
  const [, low, high] = /^(-?\d+)\.\.(-?\d+)$/.exec(text) ?? [];
  if (low === undefined || high === undefined) throw usage(`${what}: ${text} is no range, as ${min}..${max}`);
  const range = { min: whole(what, low, min, max), max: whole(what, high, min, max) };
  if (range.min > range.max) throw usage(`${what}: ${text} has its ends the wrong way round`);
  return range;
}

/** `opModMaxLimW=0..10000`. */
export function boundsOf(pairs: readonly string[]) {
  const bounds: { [axis in Axis]?: { min: number; max: number } } = {};
  for (const pair of pairs) {
    const [name = '', text = ''] = pair.split('=');
    const known = AXES.find(({ axis }) => axis === name);
    if (known === undefined)
      throw usage(
        `--bound: ${pair} is no axis=min..max; axes are ${AXES.map(({ axis }) => axis).join(', ')}`,
      );
    bounds[known.axis] = rangeOf(`--bound ${known.axis}`, text, axisRow(known.axis));
  }
  return bounds;
}
