/**
 * What a device holds otherwise than an intent says: the deviation from a standard packet, as a list. Two numbers are
 * the same within 1 %, which is what the step of a register or the conversion between two models' units may cost.
 */
import type { Curve, Difference, Intent, Interrogation, ModeHeld } from '../../model/mod.ts';
import { modeOf } from '../../model/mod.ts';

const TOLERANCE = 0.01;

/** Nothing: the device holds all of `intents`, and every one of their modes is on. */
export function differences(intents: readonly Intent[], held: Interrogation): readonly Difference[] {
  return intents.flatMap(intent => {
    const mode = modeOf(intent);
    // Best model first, as an order would take it.
    const its = held.modes.find(each => each.mode === mode);
    const found: readonly Omit<Difference, 'mode'>[] = [...stateOf(intent, its), ...contentOf(intent, its)];
    return found.map(each => ({ mode, ...each }));
  });
}

type Found = readonly Omit<Difference, 'mode'>[];

function stateOf(intent: Intent, held: ModeHeld | undefined): Found {
  return compare('state', intent.kind === 'release' ? 'off' : 'on', held?.state);
}

function contentOf(intent: Intent, held: ModeHeld | undefined): Found {
  if (held === undefined) return [];
  if (intent.kind === 'settings')
    return Object.entries(intent.settings.values)
      .filter(([name]) => name !== 'nominalHz')
      .flatMap(([name, wanted]) => compare(name, wanted, held.settings?.[name]));
  return intent.kind === 'curve' ? curveContent(intent.curve, held.curve) : [];
}

function curveContent({ mode: _mode, points, ...rest }: Curve, held: Curve | undefined): Found {
  const { points: own, ...others } = held ?? { points: [] };
  const known: Readonly<Record<string, unknown>> = others;
  return [
    ...compare('points', points.length, own.length),
    ...points.flatMap(({ x, y }, at) => {
      const point = own[at];
      if (point === undefined) return [];
      return [...compare(`points[${at}].x`, x, point.x), ...compare(`points[${at}].y`, y, point.y)];
    }),
    ...Object.entries(rest).flatMap(([name, wanted]) => {
      const its = known[name];
      return compare(name, wanted, typeof its === 'number' || typeof its === 'string' ? its : undefined);
    }),
  ];
}

function compare(what: string, wanted: number | string, held: number | string | undefined): Found {
  const alike =
    typeof wanted === 'number' && typeof held === 'number'
      ? Math.abs(wanted - held) <= TOLERANCE * Math.abs(wanted)
      : wanted === held;
  if (alike) return [];
  return [{ what, wanted, ...(held === undefined ? {} : { held }) }];
}
