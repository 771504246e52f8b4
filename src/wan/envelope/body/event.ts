/** Kinds event and cancel: what devices shall do, from when to when, and its early end. */
import { ok, refused } from '../../../base/assert.ts';
import type { Result } from '../../../base/assert.ts';
import { seconds, toUnixSeconds, unixSeconds } from '../../../base/time.ts';
import { axesOf, axisOfCode, axisRow } from '../../../model/mod.ts';
import type { AxisValues, CancelBody, EventBody, MRID } from '../../../model/mod.ts';
import type { ClaimMap } from '../codec.ts';
import { isBetween, isIdText, isSeconds } from '../form.ts';
import type { ContentRefusal } from '../refusals.ts';
import { KEY, always, isFilledMap, sometimes } from './kind.ts';
import type { Kind } from './kind.ts';

const SERVICES = ['demand-response', 'direct'] as const;

/** Longest note, in UTF-16 units: two lines of a customer display. */
const MAX_NOTE = 280;
/** IEEE 2030.5 gives a duration 32 bits. */
const MAX_DURATION_S = 2 ** 32 - 1;

export const event: Kind<EventBody> = {
  number: 1,
  rows: [
    always(KEY.mRID, 'mRID', isIdText),
    always(KEY.axes, 'axes', isFilledMap),
    always(KEY.start, 'start', isSeconds),
    sometimes(KEY.duration, 'duration', value => isBetween(value, 1, MAX_DURATION_S)),
    sometimes(KEY.note, 'note', isNote),
    always(KEY.service, 'service', value => isBetween(value, 0, 1)),
  ],
  read: (body, commandClass) => {
    const axes = readAxes(body.get(KEY.axes) as ClaimMap);
    if (!axes.ok) return axes;
    const duration = body.get(KEY.duration) as number | undefined;
    const note = body.get(KEY.note) as string | undefined;
    if (duration === undefined && commandClass !== 'emergency')
      return refused('body-invalid', 'only an emergency may be without a duration');
    return ok({
      kind: 'event',
      service: SERVICES[body.get(KEY.service) as 0 | 1],
      mRID: body.get(KEY.mRID) as MRID,
      axes: axes.value,
      start: unixSeconds(body.get(KEY.start) as number),
      ...(duration === undefined ? {} : { duration: seconds(duration) }),
      ...(note === undefined ? {} : { note }),
    });
  },
  write: ({ mRID, axes, start, service, duration, note }) => [
    [KEY.mRID, mRID],
    [KEY.axes, new Map(axesOf(axes).map(axis => [axisRow(axis).code, axes[axis]]))],
    [KEY.start, toUnixSeconds(start)],
    [KEY.service, SERVICES.indexOf(service)],
    ...(duration === undefined ? [] : [[KEY.duration, Math.floor(duration / 1000)] as const]),
    ...(note === undefined ? [] : [[KEY.note, note] as const]),
  ],
};

export const cancel: Kind<CancelBody> = {
  number: 2,
  rows: [always(KEY.mRID, 'mRID', isIdText)],
  read: body => ok({ kind: 'cancel', mRID: body.get(KEY.mRID) as MRID }),
  write: ({ mRID }) => [[KEY.mRID, mRID]],
};

/** One line for a person: no control characters, which could forge a line of a log or move a cursor. */
function isNote(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_NOTE && /^[^\p{Cc}\p{Zl}\p{Zp}]+$/u.test(value);
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
