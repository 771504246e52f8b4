/**
 * What must agree in a device that scales its registers rightly: sums, products and one quantity in two models. A
 * wrong scale factor is wrong by ten at least, so the agreement is loose and never fails for a passing cloud.
 */

/** Values by name, in their units. */
export type Known = Readonly<Record<string, number>>;

export interface Identity {
  /** The quantity that is looked at, and the points it is worked out from. */
  readonly point: string;
  readonly from: readonly string[];
  readonly unit: string;
  readonly formula: string;
  readonly expected: (known: Known) => number;
  /** Zero is its ordinary state: where nothing flows nothing is missing. */
  readonly mayRest?: true;
  /** Holds only when these points have these values. */
  readonly when?: Readonly<Record<string, number>>;
}

const of = (known: Known, name: string): number => known[name] ?? Number.NaN;

/** One quantity that stands in two models. */
function twin(point: string, other: string, unit: string): Identity {
  return { point, from: [other], unit, formula: other, expected: known => of(known, other) };
}

function hypotenuse(point: string, real: string, reactive: string): Identity {
  return {
    point,
    from: [real, reactive],
    unit: 'VA',
    formula: `√(${real}² + ${reactive}²)`,
    expected: known => Math.hypot(of(known, real), of(known, reactive)),
  };
}

function product(point: string, a: string, b: string, unit: string): Identity {
  return {
    point,
    from: [a, b],
    unit,
    formula: `${a} × ${b}`,
    expected: known => of(known, a) * of(known, b),
  };
}

function sum(point: string, parts: readonly string[], unit: string): Identity {
  const expected = (known: Known): number => parts.reduce((total, part) => total + of(known, part), 0);
  return { point, from: parts, unit, formula: parts.join(' + '), expected };
}

const PHASES = ['A', 'B', 'C'] as const;

export const IDENTITIES: readonly Identity[] = [
  hypotenuse('103.VA', '103.W', '103.VAr'),
  sum(
    '103.A',
    PHASES.map(phase => `103.Aph${phase}`),
    'A',
  ),
  {
    point: '103.VA',
    from: PHASES.flatMap(phase => [`103.PhVph${phase}`, `103.Aph${phase}`]),
    unit: 'VA',
    formula: 'sum of PhV × Aph over the phases',
    expected: known =>
      PHASES.reduce((va, phase) => va + of(known, `103.PhVph${phase}`) * of(known, `103.Aph${phase}`), 0),
  },
  product('103.DCW', '103.DCV', '103.DCA', 'W'),
  // Conversion loses a few percent: far less than what is looked for.
  twin('103.DCW', '103.W', 'W'),
  hypotenuse('701.VA', '701.W', '701.Var'),
  product('701.VA', '701.A', '701.LNV', 'VA'),
  {
    point: '701.LLV',
    from: ['701.LNV', '701.ACType'],
    unit: 'V',
    formula: '√3 × 701.LNV',
    expected: known => Math.sqrt(3) * of(known, '701.LNV'),
    when: { '701.ACType': 2 },
  },
  twin('701.W', '103.W', 'W'),
  { ...twin('701.Var', '103.VAr', 'var'), mayRest: true },
  twin('701.Hz', '103.Hz', 'Hz'),
  twin('701.LNV', '702.VNomRtg', 'V'),
  twin('702.WMaxRtg', '120.WRtg', 'W'),
  twin('702.VAMaxRtg', '120.VARtg', 'VA'),
  twin('702.WMax', '121.WMax', 'W'),
  twin('702.VAMax', '121.VAMax', 'VA'),
];

/** Points whose value can only lie in one decade. */
export const RANGES: readonly {
  readonly point: string;
  readonly low: number;
  readonly high: number;
  readonly unit: string;
}[] = [
  { point: '103.Hz', low: 45, high: 66, unit: 'Hz' },
  { point: '701.Hz', low: 45, high: 66, unit: 'Hz' },
  { point: '701.PF', low: -1, high: 1, unit: '' },
  { point: '103.PF', low: -100, high: 100, unit: '%' },
  { point: '704.WMaxLimPct', low: 0, high: 100, unit: '%' },
  { point: '123.WMaxLimPct', low: 0, high: 100, unit: '%' },
  { point: '704.PFWInj.PF', low: 0, high: 1, unit: '' },
  { point: '123.OutPFSet', low: -1, high: 1, unit: '' },
];
