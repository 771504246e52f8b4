/**
 * What a device profile may say: how a product departs from what its standard says, as data.
 *
 * A profile has no expressions and no code. Whatever it sets under `link`, `sunspec`, `points` and `controls` must
 * be covered by a deviation that says why and on whose word; a control must say how it is verified, how it is
 * released and where the device keeps it. The descriptions here are what a person reads beside a mistake.
 */
import { z } from 'zod';
import { AXES, type Axis, READING_POINTS } from '../../model/mod.ts';
import { fault } from './faults.ts';

/** Text that stands on one line. */
const words = z.string().trim().min(1).max(300).describe('a sentence of at most 300 letters');
const slug = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)
  .max(40);
const axis = z.enum(AXES.map(row => row.axis) as [Axis, ...Axis[]]);
const name = z.string().trim().min(1).max(64);
const register = z.int().min(0).max(65_535).describe('a register number, 0 to 65535');
const milliseconds = z.int().min(0).max(60_000).describe('milliseconds, 0 to 60000');
const seconds = z.int().min(1).max(86_400).describe('seconds, 1 to 86400');
const version = z
  .string()
  .regex(/^\d+(\.\d+){0,3}$/)
  .describe("a firmware in quotes, like '4.18.32'");

/** Who it is for, by what the common model says. Names are compared without regard to case. */
const match = z.strictObject({
  manufacturer: z.array(name).min(1).max(8).describe('names as the common model states them (Mn), as a list'),
  modelBegins: z
    .array(name)
    .min(1)
    .max(16)
    .optional()
    .describe('beginnings of the model name (Md), as a list'),
  firmware: z
    .strictObject({ from: version.optional(), below: version.optional() })
    .optional()
    .describe('from (included) and below (not included), each a version in quotes'),
  /** For a device without a map: what its own registers must hold, or it is another product. */
  holds: z
    .array(z.strictObject({ point: slug, oneOf: z.array(z.int()).min(1).max(64) }))
    .min(1)
    .max(4)
    .optional()
    .describe('a list of point and oneOf: what points of this file must hold, or it is another product'),
});

const link = z.strictObject({
  ports: z
    .array(z.int().min(1).max(65_535))
    .min(1)
    .max(4)
    .optional()
    .describe('TCP ports in the order they are tried, as a list'),
  unit: z.int().min(0).max(255).optional().describe('the unit id that answers as a SunSpec device, 0 to 255'),
  reconnectMs: milliseconds.optional(),
  connectDelayMs: milliseconds.optional(),
  gapMs: milliseconds.optional(),
  writeGapMs: milliseconds.optional(),
  timeoutMs: z.int().min(1).max(60_000).optional().describe('milliseconds, 1 to 60000'),
  retryOn: z
    .array(z.int().min(1).max(11))
    .min(1)
    .max(8)
    .optional()
    .describe('Modbus exception codes that mean "later", as a list'),
  maxRead: z.int().min(2).max(125).optional().describe('registers of one read, 2 to 125'),
  maxWrite: z.int().min(1).max(123).optional().describe('registers of one write, 1 to 123'),
  writeWith: z
    .union([z.literal(6), z.literal(16)])
    .optional()
    .describe('the one function the device writes with: 6 or 16'),
  gaps: z
    .union([
      z.enum(['none', 'listed']),
      z.strictObject({ fill: z.int().min(1).max(123).describe('registers, 1 to 123') }),
    ])
    .optional()
    .describe(
      'none (never read what nobody asked for), listed (all but the holes), or fill: a number of registers',
    ),
});

const hole = z.strictObject({
  from: register,
  count: z.int().min(1).max(65_536).describe('a number of registers'),
});

const sunspec = z.strictObject({
  none: z
    .literal(true)
    .optional()
    .describe('true, where there is no SunSpec map: the device is read by points alone'),
  bases: z.array(register).min(1).max(8).optional().describe('registers of the marker SunS, as a list'),
  holes: z
    .union([z.literal('found'), z.array(hole).min(1).max(64)])
    .optional()
    .describe('found (by trying), or a list of {from, count} that is never read'),
  lengthOverrides: z
    .record(z.string().regex(/^\d{1,5}$/), z.int().min(1).max(65_534))
    .optional()
    .describe('model id to the number of words behind its L register'),
  rescanOn: z
    .array(z.enum(['map-changed', 'restart', 'night', 'exception']))
    .min(1)
    .optional()
    .describe('what makes the map be read anew: map-changed, restart, night, exception'),
});

const TYPES = ['int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'string'] as const;

/** Where a point may be read: a point of a SunSpec model, or a register of the maker's own table. */
const source = z.union([
  z.strictObject({
    sunspec: z
      .string()
      .regex(/^\d{1,5}\.[A-Za-z]/)
      .describe('a point like 103.W'),
    readAs: z.enum(TYPES).optional().describe('the type it really has'),
  }),
  z.strictObject({
    table: z.enum(['holding', 'input']),
    addressBase: z.union([z.literal(0), z.literal(1)]).describe('0 or 1: what the maker counts from'),
    register: z.int().min(0).max(65_536).describe('the number as the maker writes it'),
    type: z.enum(TYPES),
    count: z.int().min(1).max(125).optional().describe('registers of a string'),
    wordOrder: z
      .enum(['big', 'little'])
      .optional()
      .describe('big (unless told) or little: the low word first'),
    exponent: z.int().min(-10).max(10).optional().describe('power of ten, -10 to 10'),
    unit: z.int().min(0).max(255).optional().describe('its own unit id, where it is not that of the link'),
    writeOnly: z.literal(true).optional().describe('true, where it can be written and not read'),
  }),
]);

const point = z.strictObject({
  from: z.array(source).min(1).max(8).describe('where it stands, as a list: the first that is there counts'),
  units: z
    .string()
    .max(12)
    .optional()
    .describe('W, % and the like; a point that takes an order in W or % needs it'),
  /** The value goes into readings under this name, in its unit and sign: power out of the device is positive. */
  means: z
    .enum(READING_POINTS)
    .optional()
    .describe('the name it has in readings: W, SoC, Hz and the like, as underglass watch shows them'),
  negated: z.literal(true).optional().describe('true, where the maker counts the other way round'),
  /** Raw values that mean "not there", beside those of the type. */
  sentinels: z.array(z.int()).min(1).max(8).optional().describe('raw values that mean nothing, as a list'),
  monotonic: z.literal(true).optional().describe('true, where a smaller value is a fault and not believed'),
  zeroMeansUnknown: z.literal(true).optional().describe('true, where 0 is also said when nothing is known'),
});

/** A SunSpec point like `123.WMaxLimPct`, or a name of `points`. */
const target = z
  .string()
  .regex(/^(\d{1,5}\.)?[A-Za-z][\w.[\]-]*$/)
  .max(64)
  .describe('a SunSpec point like 123.WMaxLimPct, or a name from points');

const step = z.strictObject({
  write: target,
  value: z
    .union([z.enum(['order', 'negated', 'magnitude', 'revert-after', 'revert-to']), z.int()])
    .describe(
      'order (the value that was ordered), negated, magnitude (without its sign), revert-after (seconds after which the device ends the order by itself, 0 where it shall not), revert-to (what it goes to then), or a whole number in the unit of the point (with exponent -1, 100 is written as 1000)',
    ),
  /** Only where the order is such; without it the step is always made. */
  when: z
    .enum(['positive', 'negative', 'zero'])
    .optional()
    .describe('positive, negative or zero: the order that the step is for'),
});

const control = z.strictObject({
  preconditions: z
    .array(words)
    .min(1)
    .max(8)
    .optional()
    .describe('what a person must have set before, as a list of sentences'),
  outrankedBy: z
    .array(words)
    .min(1)
    .max(8)
    .optional()
    .describe('what the device obeys before it, as sentences'),
  carries: axis
    .optional()
    .describe(
      'the axis it carries, like opModMaxLimW; needed where it writes points of this file, or to more than one model',
    ),
  percentOf: target.optional().describe('the point whose value, in W, is 100 % to the device'),
  steps: z.array(step).min(1).max(16).describe('writes in their order, each with write and value'),
  functionCode: z
    .union([z.literal(6), z.literal(16)])
    .optional()
    .describe('6 or 16'),
  toggleEnable: target.optional().describe('the enable that must go 1, 0, 1 before a new value counts'),
  completeSet: z
    .array(target)
    .min(2)
    .max(16)
    .optional()
    .describe('points that act only when all are written'),
  verify: z
    .union([
      z.strictObject({
        by: z.enum(['read-back', 'effect']),
        point: target,
        withinMs: z.int().min(0).max(600_000),
        tolerance: z
          .int()
          .min(0)
          .optional()
          .describe('of an effect: how far off counts as done, in the unit of the point'),
      }),
      z.strictObject({ by: z.literal('none') }),
    ])
    .describe(
      'how it is known that it took effect: by read-back (the register) or effect (what is measured) with point and withinMs, or by none where it never is',
    ),
  keepAlive: z
    .strictObject({ everyS: seconds, deadManS: seconds })
    .optional()
    .describe('everyS (how often it is written anew) and deadManS (when the device drops it)'),
  release: z
    .union([
      z.strictObject({ steps: z.array(step).min(1).max(16) }),
      z.strictObject({ expiresAfterS: seconds }),
    ])
    .describe('how it ends: steps, or expiresAfterS where nothing but time ends it'),
  storage: z
    .union([
      z.literal('volatile'),
      z.strictObject({
        flash: z.strictObject({
          writesPerDay: z.int().min(1).max(1440).describe('writes a day that the memory stands, 1 to 1440'),
        }),
      }),
    ])
    .describe('volatile, or flash with writesPerDay'),
});

/** One departure: which of this file's lines, why, and on whose word. */
const deviation = z.strictObject({
  at: z
    .string()
    .regex(/^notes$|^(link|sunspec|points|controls)(\.[\w-]+)+$/)
    .describe('the line it is about, like link.gapMs; or notes'),
  why: words,
  evidence: z
    .array(
      z
        .string()
        .regex(/^[\w.-]+\/[\w.-]+(#\d+)$|^https:\/\/\S+$|^field-note: \S.*$/)
        .max(200),
    )
    .min(1)
    .max(8)
    .describe('a list of owner/repository#thread, https:// addresses, or "field-note: who saw what"'),
  firmware: z.string().max(60).optional().describe('the firmware it was seen on, in quotes'),
});

const parts = {
  match: match.optional(),
  link: link.optional(),
  sunspec: sunspec.optional(),
  points: z.record(slug, point).optional(),
  controls: z.record(slug, control).optional(),
};

const fields = z.strictObject({
  profile: slug.describe('a short name of small letters, digits and dashes, the name of the file'),
  extends: slug.optional().describe('another profile that extends none itself'),
  title: words,
  role: z
    .enum(['inverter', 'storage', 'meter'])
    .optional()
    .describe('inverter, storage or meter, where no model of the device says so'),
  tested: z
    .enum(['none', 'simulated', 'bench', 'field'])
    .describe('none, simulated, bench or field: the most that was really done'),
  notes: z
    .array(words)
    .min(1)
    .max(16)
    .optional()
    .describe('what a person should know of it, as a list of sentences; told where it cannot be reached'),
  ...parts,
  deviations: z.array(deviation).max(64).describe('a list of at, why, evidence; [] where there is none'),
});

/** A profile as it stands in its file. */
export type ProfileFile = z.infer<typeof fields>;
export type ControlProfile = z.infer<typeof control>;
export type PointProfile = z.infer<typeof point>;
export type PointSource = z.infer<typeof source>;

export const profileFile: z.ZodType<ProfileFile> = fields.superRefine((profile, context) => {
  for (const { path, message } of fault(profile))
    context.addIssue({ code: 'custom', path: [...path], message });
});
