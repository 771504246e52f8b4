/**
 * The models whose curves are adopted: which point asks, which answers, and what may be changed in a copy of the
 * active curve without harm: its times, and where it has none what depends, towards zero.
 */
import type { Bench, Sheet, Spot, Wanted } from '../bench/mod.ts';
import { isImplemented, numberIn, wordsIn } from '../bench/mod.ts';

export interface Curves {
  readonly model: number;
  readonly request: string;
  readonly result: string;
  readonly count: string;
  readonly group: string;
  /** What stands on the x and y axis of its plot. */
  readonly x: string;
  readonly y: string;
}

const crv = { request: 'AdptCrvReq', result: 'AdptCrvRslt', group: 'Crv' };
const curve = (model: number, x: string, y: string): Curves => ({ model, ...crv, count: 'NCrv', x, y });
const trip = (model: number, x: string): Curves => ({ model, ...crv, count: 'NCrvSet', x, y: 'Tms' });

/** SunSpec models 705 to 712, sunspec/models 7abdf89. */
export const CURVES: readonly Curves[] = [
  curve(705, 'V', 'Var'),
  curve(706, 'V', 'W'),
  trip(707, 'V'),
  trip(708, 'V'),
  trip(709, 'Hz'),
  trip(710, 'Hz'),
  { model: 711, request: 'AdptCtlReq', result: 'AdptCtlRslt', count: 'NCtl', group: 'Ctl', x: '', y: '' },
  curve(712, 'W', 'Var'),
];

/** `AdptCrvRslt` and `AdptCtlRslt`. */
export const ADOPTION = { inProgress: 0, completed: 1, failed: 2 } as const;

/** The curve tables of this device. */
export function curvesOf(bench: Bench): readonly Curves[] {
  return CURVES.filter(({ model }) => bench.has(model));
}

/** The points of curve `index`, counted from 0, in the order of their addresses, without the read-only mark. */
export function spotsOfCurve(sheet: Sheet, { group }: Curves, index: number): readonly Spot[] {
  const prefix = `${group}[${index}].`;
  return [...sheet.spots.values()].filter(
    ({ path }) => path.startsWith(prefix) && !path.endsWith('.ReadOnly'),
  );
}

export function wordsOfCurve(sheet: Sheet, curves: Curves, index: number): readonly (number | undefined)[] {
  return spotsOfCurve(sheet, curves, index).flatMap(({ placed, size }) =>
    sheet.words.slice(placed.offset, placed.offset + size),
  );
}

/** The active curve as writes to curve `index`: only what both implement. */
export function copyTo(sheet: Sheet, curves: Curves, index: number): readonly Wanted[] {
  const targets = spotsOfCurve(sheet, curves, index);
  return spotsOfCurve(sheet, curves, 0).flatMap((source, at) => {
    const spot = targets[at];
    const words = isImplemented(sheet, source) ? wordsIn(sheet, source) : undefined;
    return spot === undefined || words === undefined || !spot.writable ? [] : [{ spot, words }];
  });
}

const TIMES = /\.(RspTms|Tms)$/;
const DEPENDS = /\.(Var|W|KOf|KUf)$/;

/** The same with times a tenth longer, or with what depends a tenth smaller; `undefined`: nothing to change. */
export function changed(copy: readonly Wanted[]): readonly Wanted[] | undefined {
  for (const [pattern, factor] of [
    [TIMES, 1.1],
    [DEPENDS, 0.9],
  ] as const) {
    const other = copy.map(({ spot, words }) =>
      pattern.test(spot.path) ? { spot, words: times(words, factor) } : { spot, words },
    );
    if (other.some(({ words }, at) => words.some((word, i) => word !== copy[at]?.words[i]))) return other;
  }
  return undefined;
}

/** The number in one or two registers times `factor`, at least one step away from 0 where it is longer. */
function times(words: readonly number[], factor: number): readonly number[] {
  const raw = words.reduce((number, word) => number * 0x1_0000 + word, 0);
  const isNegative = words.length === 1 && raw >= 0x8000;
  const value = isNegative ? raw - 0x1_0000 : raw;
  const other =
    factor > 1 ? value + Math.max(1, Math.round(value * (factor - 1))) : Math.trunc(value * factor);
  const bits = other < 0 ? other + 0x1_0000 : other;
  return words.length === 1 ? [bits] : [Math.floor(bits / 0x1_0000), bits % 0x1_0000];
}

/** The points in use of a curve, for its plot, as far as it has `x` and `y`; of a trip curve where it must trip. */
export function dotsOf(
  sheet: Sheet,
  { group, x, y }: Curves,
  index: number,
): readonly (readonly [number, number])[] {
  const curve = `${group}[${index}].`;
  const table = sheet.spots.has(`${curve}MustTrip.ActPt`) ? `${curve}MustTrip.` : curve;
  const dots: (readonly [number, number])[] = [];
  for (let at = 0; at < (numberIn(sheet, `${table}ActPt`) ?? 0); at++) {
    const [right, up] = [
      numberIn(sheet, `${table}Pt[${at}].${x}`),
      numberIn(sheet, `${table}Pt[${at}].${y}`),
    ];
    if (right !== undefined && up !== undefined) dots.push([right, up]);
  }
  return dots;
}
