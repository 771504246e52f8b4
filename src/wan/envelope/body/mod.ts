/**
 * The body of a command: what it asks for, by kind. Keys, kinds and units are those of envelope.cddl; each kind
 * has a file with its fields, its reader and its writer, and a row here.
 */
import { refused } from '../../../base/assert.ts';
import type { Result } from '../../../base/assert.ts';
import type { CommandBody, CommandClass } from '../../../model/mod.ts';
import type { ClaimMap } from '../codec.ts';
import { misfit } from '../form.ts';
import type { ContentRefusal } from '../refusals.ts';
import { ack } from './ack.ts';
import { cancel, event } from './event.ts';
import { grant } from './grant.ts';
import { interrogate, read } from './interrogate.ts';
import { KEY, always } from './kind.ts';
import type { Kind } from './kind.ts';
import { manifest } from './manifest.ts';
import { probe } from './probe.ts';
import { sealed } from './sealed.ts';
import { settings } from './settings.ts';
import { trust } from './trust.ts';
import { time, welcome } from './welcome.ts';

type KindTable = { readonly [K in CommandBody['kind']]: Kind<Extract<CommandBody, { kind: K }>> };

/** A kind that joins the model has to join here. */
const KINDS: KindTable = {
  event,
  cancel,
  grant,
  ack,
  probe,
  sealed,
  manifest,
  time,
  welcome,
  trust,
  interrogate,
  settings,
  read,
};

/** Kinds that have a number and a name in the contract, and no meaning yet: refused like any unknown one. */
export const RESERVED_KINDS = {
  configuration: 7,
  price: 8,
} as const;

/** Every kind the contract has a name for, whether it has a meaning yet or not. */
export type KindName = CommandBody['kind'] | keyof typeof RESERVED_KINDS;

/** The number of each kind in the contract. */
export const KIND_NUMBERS: ReadonlyMap<KindName, number> = new Map<KindName, number>([
  ...Object.entries(KINDS).map(([name, kind]) => [name as KindName, kind.number] as const),
  ...(Object.entries(RESERVED_KINDS) as [KindName, number][]),
]);

const BY_NUMBER: ReadonlyMap<unknown, Kind<CommandBody>> = new Map(
  Object.values(KINDS as Readonly<Record<string, Kind<CommandBody>>>).map(kind => [kind.number, kind]),
);

const kindRow = always(KEY.kind, 'kind', () => true);

/** Reads a body that came with a command of `commandClass`. */
export function readBody(body: ClaimMap, commandClass: CommandClass): Result<CommandBody, ContentRefusal> {
  const number = body.get(KEY.kind);
  if (number === undefined) return refused('body-missing-key', 'kind');
  const kind = BY_NUMBER.get(number);
  if (kind === undefined) return refused('kind-unknown', `kind ${JSON.stringify(number)}`);
  const found = misfit(body, [kindRow, ...kind.rows]);
  if (found === undefined) return kind.read(body, commandClass);
  const refusal = {
    missing: 'body-missing-key',
    unknown: 'body-unknown-key',
    invalid: 'body-invalid',
  } as const;
  return refused(refusal[found.how], found.what);
}

/** The map of a body. */
export function writeBody(body: CommandBody): ClaimMap {
  const kind = (KINDS as Readonly<Record<string, Kind<CommandBody>>>)[body.kind] as Kind<CommandBody>;
  return new Map<number, unknown>([[KEY.kind, kind.number], ...kind.write(body)]);
}
