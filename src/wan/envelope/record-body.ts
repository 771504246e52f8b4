/**
 * The form of what a gateway reports, as a table: one row a kind of body, with the fields a reader relies on.
 * A field without a row is let through unread, so that a head end can be older than its gateways.
 */
import {
  AXES,
  BILLING_FLAGS,
  BILLING_QUALITIES,
  CURVE_MODES,
  METER_SERVICES,
  RESPONSE,
  SETTING_MODES,
  STREAMS,
  unpackSamples,
} from '../../model/mod.ts';
import type { RecordBody, SampleRun } from '../../model/mod.ts';

/** Whether a decoded value is a body of a known kind whose fields have their types. */
export function isRecordBody(value: unknown): value is RecordBody {
  if (!isObject(value) || typeof value['kind'] !== 'string') return false;
  const form = Object.hasOwn(FORMS, value['kind']) ? FORMS[value['kind'] as RecordBody['kind']] : undefined;
  return form?.(value) ?? false;
}

/** Several records under one signature. Those that stand for others, and several within several, are none of them. */
export interface Several {
  readonly records: readonly { readonly at: number; readonly body: RecordBody }[];
}

/** Records under one signature at most: as many as a gateway has in flight. */
export const MAX_SEVERAL = 20;

export function isSeveral(value: unknown): value is Several {
  if (!isObject(value) || value['kind'] !== 'several' || !Array.isArray(value['records'])) return false;
  const records: readonly unknown[] = value['records'];
  const fits = (one: unknown): boolean =>
    isObject(one) && isTime(one['at']) && isRecordBody(one['body']) && one['body'].kind !== 'lost';
  return records.length > 1 && records.length <= MAX_SEVERAL && records.every(fits);
}

type Fits = (value: unknown) => boolean;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text: Fits = value => typeof value === 'string';
const number: Fits = value => typeof value === 'number' && Number.isFinite(value);
const whole: Fits = value => Number.isSafeInteger(value);
const maybe =
  (fits: Fits): Fits =>
  value =>
    value === undefined || fits(value);
const list =
  (fits: Fits): Fits =>
  value =>
    Array.isArray(value) && value.every(fits);
const oneOf =
  (...names: readonly string[]): Fits =>
  value =>
    names.some(name => name === value);

/** An object whose own properties fit, each by its name. */
const object =
  (fields: Readonly<Record<string, Fits>>): Fits =>
  value =>
    isObject(value) && Object.entries(fields).every(([name, fits]) => fits(value[name]));

/** As the claim that tells when a record was made: to the end of the year 9999. */
const isTime: Fits = value => whole(value) && Number(value) >= 0 && Number(value) <= 253_402_300_799_999;

const decimals: Fits = value => whole(value) && Number(value) >= 0 && Number(value) <= 15;

const numbersByName: Fits = value => isObject(value) && Object.values(value).every(number);
const axis = oneOf(...AXES.map(row => row.axis));

const reading = object({
  device: text,
  role: oneOf('inverter', 'storage', 'meter'),
  at: number,
  points: numbersByName,
});

const setpoint = object({
  axis,
  order: value =>
    object({ kind: oneOf('none') })(value) || object({ kind: oneOf('value'), value: number })(value),
  reasons: list(object({ rule: text, text })),
});

const evidence = object({ point: text, address: whole, wrote: list(whole), readBack: maybe(list(whole)) });

const applied = object({
  device: text,
  axis,
  outcome: oneOf('implemented', 'refused', 'unknown'),
  why: maybe(text),
  evidence: list(evidence),
});

const mode = oneOf(...AXES.map(row => row.axis), ...CURVE_MODES, ...SETTING_MODES);

const deviceSet = object({
  device: text,
  outcome: oneOf('implemented', 'refused', 'unknown'),
  why: maybe(text),
  parts: list(
    object({
      mode,
      outcome: oneOf('implemented', 'refused', 'unknown'),
      why: maybe(text),
      evidence: list(evidence),
    }),
  ),
});

const file: Fits = value => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const trust = oneOf('trusted', 'holdover', 'untrusted');
const nonce: Fits = value => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value);
const mark = object({ issuer: text, keyEpoch: whole, stream: text, high: whole });

const column: Fits = value =>
  object({ decimals, deltas: list(whole) })(value) || object({ values: list(number) })(value);
const sampleRun: Fits = value =>
  object({
    device: text,
    role: oneOf('inverter', 'storage', 'meter'),
    start: isTime,
    steps: list(whole),
    points: columns => isObject(columns) && Object.values(columns).every(column),
  })(value) && unpackSamples([value as SampleRun]) !== undefined;

const speaker = oneOf('gateway');

const voltage = object({
  meter: text,
  speaks: speaker,
  phase: oneOf('A', 'B', 'C', 'average'),
  change: oneOf('raised', 'escalated', 'eased', 'cleared'),
  level: value => [-2, -1, 0, 1, 2].some(level => level === value),
  voltageV: number,
  nominalV: number,
  limitV: number,
  since: number,
});

/** A kind that joins the model has to join here. */
const FORMS: Readonly<Record<RecordBody['kind'], Fits>> = {
  receipt: object({
    cti: text,
    issuer: maybe(text),
    response: oneOf(...Object.keys(RESPONSE)),
    mRID: maybe(text),
    refusal: maybe(text),
    retry: maybe(oneOf('later')),
    why: text,
    applied: maybe(list(applied)),
    membershipDigest: maybe(text),
    held: maybe(list(object({ group: text, epoch: whole, member: value => typeof value === 'boolean' }))),
    taken: maybe(whole),
    set: maybe(list(deviceSet)),
    told: maybe(list(text)),
  }),
  customer: object({
    mRID: text,
    action: oneOf('acknowledged', 'override', 'override-ended', 'code-refused'),
    why: text,
    count: maybe(whole),
    totalS: maybe(whole),
  }),
  status: object({
    readings: list(reading),
    partial: maybe(value => value === true),
    setpoints: list(setpoint),
    membershipDigest: text,
    membershipDigests: maybe(list(object({ issuer: text, digest: text }))),
    clock: maybe(trust),
  }),
  request: value =>
    object({ wants: oneOf('grant'), group: text, why: text })(value) ||
    object({ wants: oneOf('time'), nonce, why: text })(value) ||
    object({ wants: oneOf('chunks'), file, of: file, pieces: list(whole), held: whole, why: text })(value),
  modes: object({
    cti: text,
    issuer: text,
    device: text,
    part: whole,
    parts: whole,
    modes: list(object({ mode, model: whole, state: oneOf('on', 'off') })),
    unread: list(object({ model: whole, why: text })),
    setBy: list(object({ mode, issuer: text, cti: text, at: number, packet: maybe(text) })),
  }),
  samples: object({ cti: text, issuer: text, runs: list(sampleRun) }),
  readings: object({ cti: text, issuer: text, readings: list(reading) }),
  alarm: object({ alarm: text, why: text, voltage: maybe(voltage) }),
  billing: object({
    meter: text,
    speaks: speaker,
    service: oneOf(...METER_SERVICES),
    start: number,
    durationS: whole,
    quality: oneOf(...BILLING_QUALITIES),
    importWh: maybe(number),
    exportWh: maybe(number),
    importRegisterWh: maybe(number),
    exportRegisterWh: maybe(number),
    flags: list(oneOf(...BILLING_FLAGS)),
  }),
  audit: object({
    streams: list(
      object({
        stream: oneOf(...STREAMS),
        first: whole,
        last: whole,
        count: whole,
        hash: maybe(value => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)),
      }),
    ),
  }),
  lost: object({ first: whole, last: whole, why: text }),
  birth: object({
    version: text,
    start: whole,
    devices: list(object({ device: text, model: text })),
    boxKey: maybe(value => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)),
    nonce: maybe(nonce),
    marks: maybe(list(mark)),
  }),
};
