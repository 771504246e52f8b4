/**
 * What can be controlled: the axes. An axis is decided on its own (IEEE 2030.5 supersedes per control), so
 * two events that name different axes never conflict. The numbers are those of an envelope's body.
 */

/** One row an axis: its code in an envelope, its unit and range there, and what it does. IEEE 2030.5 DERControlBase. */
const TABLE = {
  opModConnect: { code: 1, min: 0, max: 1, unit: 'switch', does: 'connection to the grid' },
  opModMaxLimW: { code: 2, min: 0, max: 10_000, unit: '0.01 % of WMax', does: 'limit of real power' },
  opModFixedW: { code: 3, min: -10_000, max: 10_000, unit: '0.01 % of WMax', does: 'real power' },
  opModTargetW: { code: 4, min: -1e12, max: 1e12, unit: 'W', does: 'target of real power' },
  opModFixedVar: { code: 5, min: -10_000, max: 10_000, unit: '0.01 % of VArMax', does: 'reactive power' },
  opModFixedPFInjectW: {
    code: 6,
    min: -10_000,
    max: 10_000,
    unit: '0.0001, negative under-excited',
    does: 'power factor while injecting',
  },
  opModFixedPFAbsorbW: {
    code: 7,
    min: -10_000,
    max: 10_000,
    unit: '0.0001, negative under-excited',
    does: 'power factor while absorbing',
  },
  opModExpLimW: { code: 8, min: 0, max: 1e12, unit: 'W', does: 'limit of export at the site' },
  opModImpLimW: { code: 9, min: 0, max: 1e12, unit: 'W', does: 'limit of import at the site' },
  opModGenLimW: { code: 10, min: 0, max: 1e12, unit: 'W', does: 'limit of generation' },
  opModLoadLimW: { code: 11, min: 0, max: 1e12, unit: 'W', does: 'limit of load' },
  opModStorageTargetW: {
    code: 12,
    min: -1e12,
    max: 1e12,
    unit: 'W, positive charges',
    does: 'target of storage',
  },
} as const;

export type Axis = keyof typeof TABLE;

export interface AxisRow {
  readonly axis: Axis;
  /** Key in the `axes` map of an envelope's body. */
  readonly code: number;
  /** Inclusive range of the integer on the wire. */
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  readonly does: string;
}

export const AXES: readonly AxisRow[] = Object.entries(TABLE).map(([axis, row]) => ({
  axis: axis as Axis,
  ...row,
}));

const AXIS_ORDER = AXES.map(row => row.axis);
const BY_CODE = new Map(AXES.map(row => [row.code, row]));

export function axisRow(axis: Axis): AxisRow {
  return { axis, ...TABLE[axis] };
}

export function axisOfCode(code: number): AxisRow | undefined {
  return BY_CODE.get(code);
}

/** Axes of a device that share one setpoint, so that it can hold one of them at a time: a row a setpoint. */
export type SharedSetpoints = readonly (readonly Axis[])[];

/** Axes that may share one; the more special before the more general. SunSpec 704 has one WSet for all of these. */
const ONE_SETPOINT: SharedSetpoints = [['opModStorageTargetW', 'opModTargetW', 'opModFixedW']];

/**
 * `axis` and those that share its setpoint, in their order; `axis` alone where it has one of its own. `shared` is what
 * the device has; until that is known all that may share one count as sharing it.
 */
export function setpointOf(axis: Axis, shared: SharedSetpoints = ONE_SETPOINT): readonly Axis[] {
  return shared.find(row => row.includes(axis)) ?? [axis];
}

/** What a device shares, where `carriers` says by what each of its axes is carried out. */
export function sharedSetpoints(carriers: ReadonlyMap<Axis, string>): SharedSetpoints {
  return ONE_SETPOINT.flatMap(row => {
    const able = row.filter(axis => carriers.has(axis));
    const by = Map.groupBy(able, axis => carriers.get(axis));
    return [...by.values()].filter(axes => axes.length > 1);
  });
}

/** Axes whose number is a sum over the site and not a measure of each device: those in W. */
const SITE_TOTALS: ReadonlySet<Axis> = new Set(
  AXES.filter(row => row.unit.startsWith('W')).map(row => row.axis),
);

export function isSiteTotal(axis: Axis): boolean {
  return SITE_TOTALS.has(axis);
}

/** Integers in the unit of each axis; an axis that is not named is not asked for. */
export type AxisValues = Readonly<Partial<Record<Axis, number>>>;

/** The axes that `values` names, in the order of the table. */
export function axesOf(values: AxisValues): readonly Axis[] {
  const named = Object.keys(values) as Axis[];
  return named.length === 1 ? named : AXIS_ORDER.filter(axis => values[axis] !== undefined);
}

/** Classes of event in order of rank: the first outranks all that follow. The number is the envelope's. */
export const CLASSES = ['emergency', 'transmission', 'reliability', 'dispatch', 'market'] as const;
export type CommandClass = (typeof CLASSES)[number];

export function classNumber(commandClass: CommandClass): number {
  return CLASSES.indexOf(commandClass);
}

export function classOfNumber(number: number): CommandClass | undefined {
  return CLASSES[number];
}

/** One cause of a setpoint, in words for a person and with the rule that made it one. */
export interface Reason {
  /** Rule id of the requirements, or the name of the mechanism (`default`, `reversion`). */
  readonly rule: string;
  readonly text: string;
}

/**
 * What one axis shall be now. `none`: nothing is asked of the device, a limit in force is released.
 * `value`: an integer in the axis's unit; 0 is a value like any other. `unknown` is never a setpoint.
 */
export interface Setpoint {
  readonly axis: Axis;
  readonly order: { readonly kind: 'none' } | { readonly kind: 'value'; readonly value: number };
  /** Why, most decisive first; never empty. */
  readonly reasons: readonly Reason[];
}
