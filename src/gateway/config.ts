/**
 * What a gateway needs to be told, as one strict schema: the source of the types, of the checks, and of the
 * words in which a mistake is answered. The description of a field says what it takes, as the remedy in an
 * error line. A value that passed is ready to use: keys are vetted, links parsed, times in their unit.
 *
 * Reads no file: whoever does also knows line numbers. Holds no secret: the customer's code is here as a hash,
 * the gateway's key and the broker's password as the names of files.
 */
import { z } from 'zod';
import { assert } from '../base/assert.ts';
import { fromHex } from '../base/bytes.ts';
import { minutes, seconds, unixTime } from '../base/time.ts';
import { linkAddress, linkGaps, parseLink } from '../local/bus/mod.ts';
import type { Link } from '../local/bus/mod.ts';
import { AXES, CLASSES, CURVE_MODES, DELIVERIES, SETTING_MODES, brokerConfig, isId } from '../model/mod.ts';
import type { Axis, AxisRow, CommandBody, DeviceId, DeviceRole, GatewayId, GroupId } from '../model/mod.ts';
import { KIND_NUMBERS, RESERVED_KINDS, trustKey } from '../wan/envelope/mod.ts';
import type { TrustedKey } from '../wan/envelope/mod.ts';
import { parseClaim } from '../wan/trust/mod.ts';
import { meterConfig } from './meter-config.ts';

/** Bounds, so that a wrong file is refused and not loaded for minutes. */
export const MAX_KEYS = 64;
export const MAX_DEVICES = 64;

const ID_WORDS = '1 to 64 of a-z, 0-9 and the hyphen';

function id<T extends string>(what: string) {
  return z
    .string()
    .refine(isId, { error: 'is no id' })
    .transform(text => text as T)
    .describe(`${what}: ${ID_WORDS}`);
}

function whole(what: string, min: number, max: number, unit = '') {
  return z
    .int()
    .min(min)
    .max(max)
    .describe(`${what}: a whole number from ${min} to ${max}${unit === '' ? '' : `, in ${unit}`}`);
}

const file = (what: string) =>
  z.string().min(1).describe(`${what}: a file name, relative to this file's folder`);

/** Times in a configuration carry their zone, so that they mean the same on every machine. */
const moment = (what: string) =>
  z.iso
    .datetime({ offset: true })
    .transform(text => unixTime(Date.parse(text)))
    .describe(`${what}: a time with its zone, as in 2026-01-31T12:00:00Z`);

/** A map with a value for each axis that is named, made by `row` from what the model says of the axis. */
function perAxis<S extends z.ZodType>(row: (axis: AxisRow) => S) {
  const shape = Object.fromEntries(AXES.map(axis => [axis.axis, row(axis).exactOptional()]));
  return z.strictObject(shape).transform(values => values as Partial<Record<Axis, z.output<S>>>);
}

const axisValue = ({ does, min, max, unit }: AxisRow) =>
  whole(does, min, max, unit.startsWith('0.01 %') ? `${unit} (5000 is 50 %)` : unit);

const axisRange = (axis: AxisRow) =>
  z
    .strictObject({ min: axisValue(axis), max: axisValue(axis) })
    .refine(({ min, max }) => min <= max, { error: 'has its min above its max' })
    .describe(`the bounds of ${axis.axis}, as in { min: ${axis.min}, max: ${axis.max} }`);

/** What a key may be trusted with: each kind of command that has a meaning. */
const OPERATIONS = [...KIND_NUMBERS.keys()].filter(
  (kind): kind is CommandBody['kind'] => !(kind in RESERVED_KINDS),
);

/** One key and how far it is obeyed; vetted. */
export const trustedKey = z
  .strictObject({
    issuer: id<string>('who speaks with this key'),
    publicKey: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/, { error: 'is no public key' })
      .describe('an Ed25519 public key: 64 hexadecimal digits in quotes'),
    alg: z
      .literal([-19, -8])
      .default(-19)
      .describe('the algorithm pinned: -19 (Ed25519) or -8 (EdDSA, older)'),
    epoch: whole('which of its keys this is', 1, 2 ** 31),
    operations: z
      .array(z.enum(OPERATIONS))
      .min(1)
      .describe(`what it may send: a list of ${OPERATIONS.join(', ')}`),
    highestClass: z.enum(CLASSES).describe(`the highest class it may ask for: ${CLASSES.join(', ')}`),
    delivers: z
      .array(z.enum(DELIVERIES))
      .exactOptional()
      .describe(`with manifest, what it may deliver: a list of ${DELIVERIES.join(', ')}; any unless given`),
    groups: z
      .array(id<GroupId>('a group'))
      .exactOptional()
      .describe('the groups it may command; any unless given'),
    primacy: z
      .strictObject({ min: whole('lowest primacy', 1, 255), max: whole('highest primacy', 1, 255) })
      .default({ min: 1, max: 255 })
      .describe('the primacy of its programs, as in { min: 1, max: 255 }'),
    bounds: perAxis(axisRange)
      .exactOptional()
      .describe('what it may ask for on each axis; the whole range unless given'),
    validFrom: moment('first moment of trust'),
    validUntil: moment('end of trust'),
  })
  .transform((key, context): TrustedKey => {
    const { issuer, publicKey, alg, epoch, ...scope } = key;
    const trusted = trustKey({
      issuer,
      alg,
      epoch,
      scope,
      publicKey: fromHex(publicKey) ?? new Uint8Array(),
    });
    if (trusted.ok) return trusted.value;
    const detail = trusted.detail === undefined ? '' : ` (${trusted.detail})`;
    context.addIssue({
      code: 'custom',
      path: ['publicKey'],
      message: `is not trusted: ${trusted.refusal}${detail}`,
    });
    return z.NEVER;
  });

const ROLES = ['inverter', 'storage', 'meter'] as const satisfies readonly DeviceRole[];

/** Devices behind one link: an inverter and what hangs on it. */
const MAX_PLACE = 15;

const device = z
  .strictObject({
    id: id<DeviceId>('a name for this device'),
    link: z
      .string()
      .superRefine((text, context) => {
        const link = parseLink(text);
        if (link.ok) return;
        const message = `is no link: ${link.detail ?? link.refusal}`;
        context.addIssue({ code: 'custom', message });
      })
      .describe(
        'where the device is: tcp://host:port?unit=1 or serial:/dev/ttyUSB0?baud=9600&parity=even&unit=1',
      ),
    role: z
      .enum(ROLES)
      .exactOptional()
      .describe(`what it is to the site: ${ROLES.join(', ')}; found out unless given`),
    meter: meterConfig
      .exactOptional()
      .describe('that it is a meter to the utility and its voltage an alarm, as in meter: { nominalV: 120 }'),
    place: whole(
      'which of several devices in the chain of its unit, the first being 0',
      0,
      MAX_PLACE,
    ).exactOptional(),
    profile: z
      .string()
      .min(1)
      .exactOptional()
      .describe('the product: a name that underglass profile list shows, or a file; found out unless given'),
  })
  .transform(({ link: text, ...rest }) => {
    const link = parseLink(text);
    assert(link.ok, 'a link that passed is one');
    const gaps = rest.profile === undefined ? {} : { linkGaps: linkGaps(text) };
    return { ...rest, link: link.value, ...gaps };
  });

const display = z.strictObject({
  port: whole('TCP port of the customer display', 0, 65_535),
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('the address to listen at; 0.0.0.0 opens it to the home network'),
  names: z
    .array(z.string().min(1))
    .default([])
    .describe('names under which screens reach it, besides localhost'),
});

const monitor = z.strictObject({
  port: whole('TCP port of /metrics, /healthz and /readyz, on this machine alone', 0, 65_535),
});

const anchor = z
  .strictObject({
    root: file("the utility's root document").exactOptional(),
    claim: z
      .string()
      .transform((text, context) => {
        const code = parseClaim(text);
        if (code.ok) return code.value;
        context.addIssue({ code: 'custom', message: `is no claim code: ${code.detail} (${code.refusal})` });
        return z.NEVER;
      })
      .describe('the claim code printed for this gateway: 22 letters and digits')
      .exactOptional(),
  })
  .superRefine(({ root, claim }, context) => {
    if ((root === undefined) !== (claim === undefined)) return;
    context.addIssue({ code: 'custom', message: 'has to hold one of root and claim' });
  });

const firmwareHook = z.strictObject({
  command: z
    .string()
    .startsWith('/')
    .describe('the program that applies firmware to a device: a path from /'),
  args: z.array(z.string()).default([]).describe('its arguments, as they are'),
  timeoutMinutes: z
    .number()
    .positive()
    .max(24 * 60)
    .default(30)
    .transform(minutes)
    .describe('how long it may take for a device: a number of minutes up to 1440'),
});

const deliveries = z
  .strictObject({
    folder: file('where delivered files are kept'),
    accepts: z
      .array(z.enum(DELIVERIES))
      .min(1)
      .describe(`what may be delivered: a list of ${DELIVERIES.join(', ')}`),
    maxMegabytes: whole('what the folder may take', 1, 65_536, 'megabytes').default(256),
    wellForSeconds: whole('how long a trial is well before it is kept', 5, 240, 'seconds').default(30),
    firmwareHook: firmwareHook
      .exactOptional()
      .describe('what applies device-firmware, as in firmwareHook: { command: /usr/local/bin/apply }'),
  })
  .superRefine(({ accepts, firmwareHook: hook }, context) => {
    if (!accepts.includes('device-firmware') || hook !== undefined) return;
    const message = 'names device-firmware, and there is no firmwareHook to apply it';
    context.addIssue({ code: 'custom', path: ['accepts'], message });
  });

const fields = z.strictObject({
  utility: id<string>('the utility, as in topics'),
  gateway: id<GatewayId>('this gateway, as enrolled'),
  stateFile: file('the store; made at the first start'),
  keyFile: file("the gateway's own key, made by underglass keys new"),
  broker: brokerConfig.describe('the way to the utility, as in broker: { url: mqtts://host:8883 }'),
  trust: anchor
    .exactOptional()
    .describe('how it knows whom to obey, as in trust: { claim: K7Q2M-… } or trust: { root: root-1.cbor }'),
  trustedKeys: z
    .array(trustedKey)
    .max(MAX_KEYS)
    .superRefine(unique(key => key.kid, 'publicKey'))
    .describe(`the keys this gateway obeys: a list of 1 to ${MAX_KEYS}; none are needed with trust`)
    .default([]),
  devices: z
    .array(device)
    .min(1)
    .max(MAX_DEVICES)
    .superRefine(unique(({ id: name }) => name, 'id'))
    .superRefine(unique(({ link, place = 0 }) => JSON.stringify([link, place]), 'link'))
    .superRefine(oneLineEach)
    .describe(`what is behind this gateway: a list of 1 to ${MAX_DEVICES} with id and link`),
  display: display
    .exactOptional()
    .describe('the customer display, as in display: { port: 8080 }; none unless given'),
  monitor: monitor
    .exactOptional()
    .describe(
      'metrics and health for programs on this machine, as in monitor: { port: 9464 }; none unless given',
    ),
  deliveries: deliveries
    .exactOptional()
    .describe(
      'files from the utility, as in deliveries: { folder: deliveries, accepts: [device-profile] }; none unless given',
    ),
  defaults: perAxis(axisValue).describe(
    'the cautious default of each axis: holds without an event, and when nobody can be asked, as in { opModMaxLimW: 5000 }',
  ),
  tariff: perAxis(axisRange)
    .default({})
    .superRefine(mayIsolate)
    .describe(
      'the bounds the tariff agreement sets on each axis (TAR-1), as in { opModMaxLimW: { min: 0, max: 10000 } }',
    ),
  settable: z
    .array(z.enum([...CURVE_MODES, ...SETTING_MODES]))
    .exactOptional()
    .describe(
      'curves and settings the tariff agreement lets be changed over the WAN (TAR-1): a list as [opModVoltVar, setES]; all unless given',
    ),
  directMayBeOverridden: z
    .array(z.enum(CLASSES).exclude(['emergency', 'transmission']))
    .default([])
    .describe(
      'classes of direct orders the tariff lets a customer override: a list of reliability, dispatch, market',
    ),
  overrideCode: z
    .string()
    .regex(/^scrypt\$\d+\$\d+\$\d+\$[0-9a-f]{16,}\$[0-9a-f]{64}$/, { error: 'is no hash of a code' })
    .exactOptional()
    .meta({
      description:
        'the hash of the customer override code, made by underglass keys code: scrypt$N$r$p$salt$hash',
      secret: true,
    }),
  pollSeconds: z
    .number()
    .min(1)
    .max(3600)
    .default(1)
    .transform(seconds)
    .describe('how often devices are read: a number of seconds from 1 to 3600'),
  reversionMinutes: z
    .number()
    .min(1)
    .max(24 * 60)
    .default(10)
    .transform(minutes)
    .describe('how long a device holds a limit without hearing from us: a number of minutes from 1 to 1440'),
});

export const gatewayConfig = fields.superRefine(someoneToObey);

export type GatewayConfig = z.output<typeof gatewayConfig>;

/** A gateway that obeys nobody would be a mistake in the file. */
function someoneToObey(
  config: { readonly trust?: unknown; readonly trustedKeys: readonly unknown[] },
  context: z.RefinementCtx,
): void {
  if (config.trust !== undefined || config.trustedKeys.length > 0) return;
  context.addIssue({ code: 'custom', path: ['trustedKeys'], message: 'is empty, and there is no trust' });
}

/** OVR-4: an agreement may not promise a connection, for an emergency takes it away. */
function mayIsolate(
  { opModConnect }: { readonly opModConnect?: { readonly min: number } },
  context: z.RefinementCtx,
): void {
  if (opModConnect === undefined || opModConnect.min === 0) return;
  context.addIssue({
    code: 'custom',
    path: ['opModConnect', 'min'],
    message: 'forbids isolation in an emergency (OVR-4); write 0, or leave opModConnect out',
  });
}

/** A bus is opened once: links to one address may differ in their unit, and how long they wait for it, only. */
function oneLineEach(devices: readonly { readonly link: Link }[], context: z.RefinementCtx): void {
  const lines = new Map<string, { readonly at: number; readonly how: string }>();
  for (const [at, { link }] of devices.entries()) {
    if (typeof link === 'string') continue;
    const { unit: _, timeoutMs: __, ...line } = link;
    const how = JSON.stringify(line);
    const first = lines.get(linkAddress(link));
    if (first === undefined) lines.set(linkAddress(link), { at, how });
    else if (first.how !== how)
      context.addIssue({
        code: 'custom',
        path: [at, 'link'],
        message: `is the line of entry ${first.at + 1} of the list, with other options`,
      });
  }
}

/** Refuses a list in which two entries have the same `of`; the mistake is reported at `field` of the later one. */
function unique<T>(of: (entry: T) => string, field: string) {
  return (entries: readonly T[], context: z.RefinementCtx): void => {
    const seen = new Map<string, number>();
    for (const [at, entry] of entries.entries()) {
      const first = seen.get(of(entry));
      if (first === undefined) seen.set(of(entry), at);
      else
        context.addIssue({
          code: 'custom',
          path: [at, field],
          message: `is the same as in entry ${first + 1} of the list`,
        });
    }
  };
}
