/**
 * The body of a command: what it asks for, by kind. Keys, kinds and units are those of envelope.cddl. Each kind
 * has a table of its fields, a reader and a writer; the two are proven against each other and, for the bytes,
 * against a second implementation.
 */
import { ok, refused } from '../../base/assert.ts';
import type { Refused, Result } from '../../base/assert.ts';
import { toUnixSeconds, seconds, unixSeconds } from '../../base/time.ts';
import { STREAMS, axesOf, axisOfCode, axisRow } from '../../model/mod.ts';
import type {
  AckBody,
  AxisValues,
  CancelBody,
  CommandBody,
  CommandClass,
  EventBody,
  GrantBody,
  GroupId,
  MRID,
  StreamName,
} from '../../model/mod.ts';
import type { ClaimMap } from './codec.ts';
import { isBetween, isCount, isIdText, isSeconds, misfit } from './form.ts';
import type { Row } from './form.ts';
import type { ContentRefusal } from './refusals.ts';

/** Keys of a body. */
const KIND = 1;
const M_RID = 2;
const AXES = 3;
const START = 4;
const DURATION = 5;
const NOTE = 6;
const SERVICE = 7;
const GROUP = 8;
const EPOCH = 9;
const MEMBER = 10;
const THROUGH = 11;

const KIND_NUMBER = { event: 1, cancel: 2, grant: 3, ack: 4 } as const;

/** Kinds that have a number and a name in the contract, and no meaning yet: refused like any unknown one. */
export const RESERVED_KINDS = {
  probe: 5,
  time: 6,
  configuration: 7,
  price: 8,
  sealed: 9,
  manifest: 10,
} as const;

const SERVICES = ['demand-response', 'direct'] as const;

/** Longest note, in UTF-16 units: two lines of a customer display. */
const MAX_NOTE = 280;
/** IEEE 2030.5 gives a duration 32 bits. */
const MAX_DURATION_S = 2 ** 32 - 1;

/** Reads a body that came with a command of `commandClass`. */
export function readBody(body: ClaimMap, commandClass: CommandClass): Result<CommandBody, ContentRefusal> {
  switch (body.get(KIND)) {
    case KIND_NUMBER.event:
      return bodyTrouble(body, EVENT) ?? readEvent(body, commandClass);
    case KIND_NUMBER.cancel:
      return bodyTrouble(body, CANCEL) ?? ok<CancelBody>({ kind: 'cancel', mRID: body.get(M_RID) as MRID });
    case KIND_NUMBER.grant:
      return bodyTrouble(body, GRANT) ?? readGrant(body);
    case KIND_NUMBER.ack:
      return bodyTrouble(body, ACK) ?? readAck(body);
    case undefined:
      return refused('body-missing-key', 'kind');
    default:
      return refused('kind-unknown', `kind ${JSON.stringify(body.get(KIND))}`);
  }
}

/** The map of a body. Times are rounded down to whole seconds. */
export function writeBody(body: CommandBody): ClaimMap {
  const kind = [KIND, KIND_NUMBER[body.kind]] as const;
  switch (body.kind) {
    case 'event':
      return writeEvent(body);
    case 'cancel':
      return new Map<number, unknown>([kind, [M_RID, body.mRID]]);
    case 'grant':
      return new Map<number, unknown>([
        kind,
        [GROUP, body.group],
        [EPOCH, body.epoch],
        [MEMBER, body.member ? 1 : 0],
      ]);
    case 'ack':
      return new Map<number, unknown>([kind, [THROUGH, new Map(Object.entries(body.through))]]);
  }
}

const always = (key: number, name: string, fits: Row['fits']): Row => ({ key, name, need: 'always', fits });
const sometimes = (key: number, name: string, fits: Row['fits']): Row => ({
  key,
  name,
  need: 'sometimes',
  fits,
});

const kindRow = always(KIND, 'kind', () => true);
const isFilledMap = (value: unknown): boolean => value instanceof Map && value.size > 0;

const EVENT: readonly Row[] = [
  kindRow,
  always(M_RID, 'mRID', isIdText),
  always(AXES, 'axes', isFilledMap),
  always(START, 'start', isSeconds),
  sometimes(DURATION, 'duration', value => isBetween(value, 1, MAX_DURATION_S)),
  sometimes(NOTE, 'note', isNote),
  always(SERVICE, 'service', value => isBetween(value, 0, 1)),
];

const CANCEL: readonly Row[] = [kindRow, always(M_RID, 'mRID', isIdText)];

const GRANT: readonly Row[] = [
  kindRow,
  always(GROUP, 'group', isIdText),
  always(EPOCH, 'epoch', isCount),
  always(MEMBER, 'member', value => isBetween(value, 0, 1)),
];

const ACK: readonly Row[] = [kindRow, always(THROUGH, 'through', isFilledMap)];

/** One line for a person: no control characters, which could forge a line of a log or move a cursor. */
function isNote(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_NOTE && /^[^\p{Cc}\p{Zl}\p{Zp}]+$/u.test(value);
}

function bodyTrouble(body: ClaimMap, rows: readonly Row[]): Refused<ContentRefusal> | undefined {
  const found = misfit(body, rows);
  if (found === undefined) return undefined;
  const refusal = {
    missing: 'body-missing-key',
    unknown: 'body-unknown-key',
    invalid: 'body-invalid',
  } as const;
  return refused(refusal[found.how], found.what);
}

function readEvent(body: ClaimMap, commandClass: CommandClass): Result<EventBody, ContentRefusal> {
  const axes = readAxes(body.get(AXES) as ClaimMap);
  if (!axes.ok) return axes;
  const duration = body.get(DURATION) as number | undefined;
  const note = body.get(NOTE) as string | undefined;
  if (duration === undefined && commandClass !== 'emergency')
    return refused('body-invalid', 'only an emergency may be without a duration');
  return ok({
    kind: 'event',
    service: SERVICES[body.get(SERVICE) as 0 | 1],
    mRID: body.get(M_RID) as MRID,
    axes: axes.value,
    start: unixSeconds(body.get(START) as number),
    ...(duration === undefined ? {} : { duration: seconds(duration) }),
    ...(note === undefined ? {} : { note }),
  });
}

function writeEvent(body: EventBody): ClaimMap {
  const map = new Map<number, unknown>([
    [KIND, KIND_NUMBER.event],
    [M_RID, body.mRID],
    [AXES, new Map(axesOf(body.axes).map(axis => [axisRow(axis).code, body.axes[axis]]))],
    [START, toUnixSeconds(body.start)],
    [SERVICE, SERVICES.indexOf(body.service)],
  ]);
  if (body.duration !== undefined) map.set(DURATION, Math.floor(body.duration / 1000));
  if (body.note !== undefined) map.set(NOTE, body.note);
  return map;
}

function readAxes(map: ClaimMap): Result<AxisValues, ContentRefusal> {
  const axes: { -readonly [axis in keyof AxisValues]: number } = {};
  for (const [code, value] of map) {
    const row = typeof code === 'number' ? axisOfCode(code) : undefined;
    if (row === undefined) return refused('axis-unknown', `axis ${JSON.stringify(code)}`);
    if (!isBetween(value, row.min, row.max))
      return refused('axis-range', `${row.axis} within ${row.min} … ${row.max} ${row.unit}`);
    axes[row.axis] = value as number;
  }
  return ok(axes);
}

function readGrant(body: ClaimMap): Result<GrantBody, ContentRefusal> {
  return ok({
    kind: 'grant',
    group: body.get(GROUP) as GroupId,
    epoch: body.get(EPOCH) as number,
    member: body.get(MEMBER) === 1,
  });
}

function readAck(body: ClaimMap): Result<AckBody, ContentRefusal> {
  const through: { [stream in StreamName]?: number } = {};
  for (const [name, sequence] of body.get(THROUGH) as ClaimMap) {
    const stream = STREAMS.find(known => known === name);
    if (stream === undefined) return refused('body-invalid', `stream ${JSON.stringify(name)}`);
    if (!isBetween(sequence, 0, Number.MAX_SAFE_INTEGER))
      return refused('body-invalid', `through of ${stream}`);
    through[stream] = sequence as number;
  }
  return ok({ kind: 'ack', through });
}
