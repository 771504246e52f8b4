/**
 * A command as a person writes it, in YAML or JSON: the claims of an envelope by their names, times as text with their
 * zone. What it may say is the key's question; whether anybody would understand it, the envelope's.
 *
 * Two kinds are not written by people: a sealed command needs the box key of its gateway, and a welcome what a ledger
 * knows of its streams and records.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { fromHex } from '../../base/bytes.ts';
import { seconds, unixTime } from '../../base/time.ts';
import type { UnixTime } from '../../base/time.ts';
import { AXES, CLASSES, DELIVERIES, isId, parseAudience } from '../../model/mod.ts';
import type { Axis, CommandBody, Cti, DeviceId, FileId, GroupId, MRID } from '../../model/mod.ts';
import type { CommandClaims } from '../../wan/envelope/mod.ts';
import { order } from '../utility/calls/modes.ts';

const id = (what: string) =>
  z.string().refine(isId, { error: 'is no id' }).describe(`${what}: 1 to 64 of a-z, 0-9 and the hyphen`);
const moment = (what: string) =>
  z.iso
    .datetime({ offset: true })
    .transform(text => unixTime(Math.floor(Date.parse(text) / 1000) * 1000))
    .describe(`${what}: a time with its zone, as in 2026-01-31T12:00:00Z`);
const count = (what: string) => z.int().min(1).describe(`${what}: a whole number from 1`);
const mRID = id('the event').transform(text => text as MRID);
const group = id('the group').transform(text => text as GroupId);
const digits = (what: string, length: number) =>
  z
    .string()
    .regex(new RegExp(`^[0-9a-f]{${length}}$`), { error: 'does not fit' })
    .describe(`${what}: ${length} hexadecimal digits in quotes`);

const event = z.strictObject({
  kind: z.literal('event'),
  service: z.enum(['direct', 'demand-response']).default('direct').describe('direct or demand-response'),
  mRID,
  axes: z
    .partialRecord(z.enum(AXES.map(({ axis }) => axis) as [Axis, ...Axis[]]), z.int())
    .describe('what devices shall do, as in { opModMaxLimW: 5000 }'),
  start: moment('when it starts').optional(),
  durationS: count('how long it lasts, in seconds').optional(),
  note: z.string().optional().describe('a sentence for the customer'),
});
const device = id('the device')
  .transform(text => text as DeviceId)
  .exactOptional();
const sha256 = (what: string) => digits(`SHA-256 of ${what}`, 64).transform(text => text as FileId);
const manifest = z.strictObject({
  kind: z.literal('manifest'),
  file: sha256('the file'),
  size: count('its bytes'),
  list: sha256('the SHA-256 of all chunks of 12 KiB, one behind the other'),
  delivers: z.enum(DELIVERIES).describe(`one of ${DELIVERIES.join(', ')}`),
  model: z.string().describe('the model of device it is for, or underglass'),
  versions: z.array(z.string()).exactOptional().describe('the versions it may be applied to'),
  version: z.string().describe('the version it makes'),
});
const change = {
  group,
  epoch: count('epoch of the group'),
  member: z.boolean().describe('true or false'),
  tag: digits('tag of the membership', 16).exactOptional(),
};
const body = z.discriminatedUnion('kind', [
  event,
  z.strictObject({ kind: z.literal('cancel'), mRID }),
  z.strictObject({
    kind: z.literal('grant'),
    ...change,
    also: z.array(z.strictObject(change)).exactOptional(),
    only: z.literal(true).exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('probe'),
    from: count('the oldest epoch that takes it on'),
    all: z.literal(true).exactOptional(),
    left: z.array(digits('a tag', 16)),
  }),
  z.strictObject({
    kind: z.literal('ack'),
    through: z.record(z.string(), z.int().min(0)).describe('the newest sequence held of each stream'),
  }),
  z.strictObject({
    kind: z.literal('time'),
    time: moment('the time'),
    nonce: digits('nonce', 32).exactOptional(),
  }),
  z.strictObject({ kind: z.literal('interrogate'), device }),
  z.strictObject({ kind: z.literal('settings'), device, order }),
  z.strictObject({
    kind: z.literal('read'),
    every: z
      .strictObject({
        s: count('from one sample to the next, in seconds'),
        forS: count('for so many seconds'),
      })
      .exactOptional(),
  }),
  manifest,
  z.strictObject({
    kind: z.literal('trust'),
    documents: z.array(z.string().regex(/^([0-9a-f]{2})+$/)).min(1),
  }),
]);

export const commandFile = z.strictObject({
  issuer: id('who speaks'),
  audience: z
    .string()
    .refine(text => parseAudience(text) !== undefined, { error: 'is no audience' })
    .describe('for whom: g/<group> or d/<gateway>'),
  class: z.enum(CLASSES).describe(`one of ${CLASSES.join(', ')}`),
  primacy: z.int().min(1).max(255).default(10).describe('1 to 255; inside a class the lower wins'),
  keyEpoch: count("which of the issuer's keys signs").default(1),
  stream: id('the stream of sequences').default('offline'),
  sequence: count('one more than the last of this stream'),
  groupEpoch: count("the group's epoch, with g/<group> alone").optional(),
  issuedAt: moment('when it was made').optional(),
  notBefore: moment('when it begins to be valid').optional(),
  expires: moment('no gateway takes it later').optional(),
  cti: digits('its id', 32).optional(),
  body: body.describe('what it asks for: a map with a kind'),
});

export type CommandFile = z.output<typeof commandFile>;

/** How long a command is taken unless it says so. */
const VALID = seconds(15 * 60);

/** The claims of an envelope, with what was left out filled in for `now`. */
export function claimsOf(file: CommandFile, now: UnixTime): CommandClaims {
  const {
    audience: to,
    groupEpoch,
    issuedAt = now,
    notBefore = issuedAt,
    cti,
    body: content,
    ...rest
  } = file;
  const audience = parseAudience(to);
  if (audience === undefined) throw new RangeError(`the schema let the audience ${to} pass`);
  const { expires = unixTime(Math.max(issuedAt, notBefore) + VALID), ...claims } = rest;
  return {
    ...claims,
    audience,
    issuedAt,
    notBefore,
    expires,
    ...(groupEpoch === undefined ? {} : { groupEpoch }),
    // Random: an id must reveal nothing, and no two commands may share one.
    cti: (cti ?? randomBytes(16).toString('hex')) as Cti,
    body: bodyOf(content, issuedAt),
  };
}

function bodyOf(content: CommandFile['body'], now: UnixTime): CommandBody {
  switch (content.kind) {
    case 'event': {
      const { start = now, durationS, note, ...event } = content;
      return {
        ...event,
        start,
        ...(durationS === undefined ? {} : { duration: seconds(durationS) }),
        ...(note === undefined ? {} : { note }),
      };
    }
    case 'trust':
      return { kind: 'trust', documents: content.documents.map(text => fromHex(text) ?? new Uint8Array()) };
    default:
      return content as CommandBody;
  }
}
