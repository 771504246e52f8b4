/**
 * The slots of models 705 to 712: slot 1 shows what is in force and is read-only, the others are written; a slot is
 * adopted when its number, counted from 1, is asked for. The result is 0 from the request on, and 1 completed or 2
 * failed with the device's next step. A slot that makes no function (its points go backwards) is not adopted.
 *
 * Source: SunSpec models 705 to 712, sunspec/models 7abdf89, as read since 2024.
 */
import { EXCEPTION } from '../local/bus/mod.ts';
import type { Image, WriteGuard, WrittenPoint } from './image.ts';

export interface CurveTable {
  readonly model: number;
  readonly group: 'Crv' | 'Ctl';
  readonly request: string;
  readonly result: string;
  readonly count: string;
  /** The coordinate that must not go backwards, where the points make a function. */
  readonly x?: string;
}

const crv = { group: 'Crv', request: 'AdptCrvReq', result: 'AdptCrvRslt' } as const;

export const CURVE_TABLES: readonly CurveTable[] = [
  { model: 705, ...crv, count: 'NCrv', x: 'V' },
  { model: 706, ...crv, count: 'NCrv', x: 'V' },
  ...[707, 708, 709, 710].map(model => ({ model, ...crv, count: 'NCrvSet' })),
  { model: 711, group: 'Ctl', request: 'AdptCtlReq', result: 'AdptCtlRslt', count: 'NCtl' },
  { model: 712, ...crv, count: 'NCrv', x: 'W' },
];

const RESULT = { inProgress: 0, completed: 1, failed: 2 } as const;
const IN_FORCE = /^7\d\d\.C(?:rv|tl)\[0\]\./;

/** One point of a curve in force. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
}

export class Curves {
  readonly #image: Image;
  readonly #tables: readonly CurveTable[];

  constructor(image: Image) {
    this.#image = image;
    this.#tables = CURVE_TABLES.filter(({ model, request }) => image.has(`${model}.${request}`));
  }

  /** A request starts an adoption. */
  written(written: readonly WrittenPoint[]): void {
    for (const { model, request, result } of this.#tables)
      if (written.some(({ point }) => point === `${model}.${request}`))
        this.#image.set(`${model}.${result}`, RESULT.inProgress);
  }

  /** Ends the adoptions in progress. */
  advance(): void {
    for (const table of this.#tables) {
      const result = `${table.model}.${table.result}`;
      if (this.#image.get(result) === RESULT.inProgress)
        this.#image.set(result, this.#adopt(table) ? RESULT.completed : RESULT.failed);
    }
  }

  /** Refuses writes to a slot in force with exception 2, and more points than a slot has with 3. */
  readonly guard: WriteGuard = (point, value) => {
    if (IN_FORCE.test(point)) return EXCEPTION.illegalAddress;
    const model = point.slice(0, 3);
    if (point.endsWith('.ActPt') && value > this.#image.get(`${model}.NPt`)) return EXCEPTION.illegalValue;
    return undefined;
  };

  #adopt(table: CurveTable): boolean {
    const { model, group, request, count } = table;
    const asked = this.#image.get(`${model}.${request}`);
    if (asked < 1 || asked > this.#image.get(`${model}.${count}`)) return false;
    const from = `${model}.${group}[${asked - 1}].`;
    if (!this.#makesSense(table, from)) return false;
    this.#image.copy(from, `${model}.${group}[0].`, 'ReadOnly');
    return true;
  }

  #makesSense({ model, x }: CurveTable, slot: string): boolean {
    if (model === 711) return this.#image.get(`${slot}KOf`) > 0 && this.#image.get(`${slot}KUf`) > 0;
    if (x === undefined) return true;
    const points = Array.from({ length: this.#image.get(`${slot}ActPt`) }, (_, n) =>
      this.#image.get(`${slot}Pt[${n}].${x}`),
    );
    return points.length > 0 && points.every((at, n) => n === 0 || at >= (points[n - 1] ?? at));
  }
}

/** The points of the curve in force of a model, `Pt[n].V` and `Pt[n].Var` by their names. */
export function curveInForce(image: Image, model: number, { x, y }: { x: string; y: string }): CurvePoint[] {
  const slot = `${model}.Crv[0].`;
  return Array.from({ length: image.get(`${slot}ActPt`) }, (_, n) => ({
    x: image.get(`${slot}Pt[${n}].${x}`),
    y: image.get(`${slot}Pt[${n}].${y}`),
  }));
}

/** The curve at `x`: straight between its points, level beyond its ends. `points` are not empty. */
export function along(points: readonly CurvePoint[], x: number): number {
  const right = points.findIndex(point => point.x >= x);
  const [a, b] = [points[right - 1], points[right]];
  if (b === undefined) return points.at(-1)?.y ?? 0;
  if (a === undefined) return b.y;
  return a.y + ((b.y - a.y) * (x - a.x)) / (b.x - a.x);
}
