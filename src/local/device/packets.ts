/**
 * Standard packets: settings that the industry has a name for, as intents ready to be carried out. A special one
 * is an intent like any other and needs no name.
 *
 * California Rule 21, Hh: 100 % of rated a second in operation, 2 % a second after reconnection: all in 50 s.
 *
 * IEEE 1547-2018 as public code states it (sandialabs/svp_1547.1, epri-dev/OpenDER). Voltages in % of nominal,
 * reactive power in % of rated apparent power, times in s. Trips: one point an element, threshold and clearing
 * time, the outermost last. Categories A and B say how much reactive power a device has, I to III what it
 * rides through.
 */
import type { Curve, CurveMode, CurvePoint, Intent } from '../../model/mod.ts';

export interface Packet {
  readonly title: string;
  readonly intents: readonly Intent[];
}

const at = (...points: readonly (readonly [number, number])[]): readonly CurvePoint[] =>
  points.map(([x, y]) => ({ x, y }));

function curve(
  mode: CurveMode,
  points: readonly CurvePoint[],
  rest: Omit<Curve, 'mode' | 'points'> = {},
): Intent {
  return { kind: 'curve', curve: { mode, points, ...rest } };
}

/** The reference voltage, and whether it follows the measured one, stay as the device has them. */
function voltVar(points: readonly CurvePoint[], responseS: number): Intent {
  return curve('opModVoltVar', points, { reference: 'VAMax', responseS });
}

function rideThrough(trips: {
  readonly uv2: CurvePoint;
  readonly uv1: CurvePoint;
  readonly ov1: CurvePoint;
}) {
  const { uv1, uv2, ov1 } = trips;
  return [
    curve('opModLVRTMustTrip', [uv1, uv2]),
    curve('opModHVRTMustTrip', [ov1, { x: 120, y: 0.16 }]),
    curve('opModLFRTMustTrip', at([58.5, 300], [56.5, 0.16])),
    curve('opModHFRTMustTrip', at([61.2, 300], [62, 0.16])),
  ];
}

/** By name; the order of the intents is that in which they are carried out. */
export const PACKETS = {
  'ieee1547-2018-volt-var-a': {
    title: 'volt-var, default of category A',
    intents: [voltVar(at([90, 25], [100, 0], [100, 0], [110, -25]), 10)],
  },
  'ieee1547-2018-volt-var-b': {
    title: 'volt-var, default of category B',
    intents: [voltVar(at([92, 44], [98, 0], [102, 0], [108, -44]), 5)],
  },
  'ieee1547-2018-volt-watt': {
    title: 'volt-watt, default',
    intents: [curve('opModVoltWatt', at([106, 100], [110, 0]), { reference: 'WMax', responseS: 10 })],
  },
  'ieee1547-2018-watt-var-a': {
    title: 'watt-var, default of category A',
    intents: [curve('opModWattVar', at([20, 0], [50, 0], [100, -25]), { reference: 'VAMax' })],
  },
  'ieee1547-2018-watt-var-b': {
    title: 'watt-var, default of category B',
    intents: [curve('opModWattVar', at([20, 0], [50, 0], [100, -44]), { reference: 'VAMax' })],
  },
  'ieee1547-2018-droop': {
    title: 'frequency droop, default',
    intents: [
      {
        kind: 'settings',
        settings: {
          mode: 'opModFreqDroop',
          values: { dbOfHz: 0.036, dbUfHz: 0.036, kOf: 0.05, kUf: 0.05, responseS: 5 },
        },
      },
    ],
  },
  'ieee1547-2018-enter-service': {
    title: 'enter service, default',
    intents: [
      {
        kind: 'settings',
        settings: {
          mode: 'setES',
          values: { lowVoltPct: 91.7, highVoltPct: 105, lowHz: 59.5, highHz: 60.1, delayS: 300, rampS: 300 },
        },
      },
    ],
  },
  'anti-islanding': {
    title: 'detection of unintended islands, on',
    intents: [{ kind: 'settings', settings: { mode: 'setAntiIsl', values: { enabled: 1 } } }],
  },
  'rule21-ramps': {
    title: 'ramp in operation and soft start, defaults of California Rule 21',
    intents: [
      { kind: 'settings', settings: { mode: 'setGradW', values: { rampPctPerS: 100 } } },
      { kind: 'settings', settings: { mode: 'setES', values: { rampS: 50 } } },
    ],
  },
  'ieee1547-2018-trip-1': {
    title: 'trips, default of category I',
    intents: rideThrough({ uv1: { x: 70, y: 2 }, uv2: { x: 45, y: 0.16 }, ov1: { x: 110, y: 2 } }),
  },
  'ieee1547-2018-trip-2': {
    title: 'trips, default of category II',
    intents: rideThrough({ uv1: { x: 70, y: 10 }, uv2: { x: 45, y: 0.16 }, ov1: { x: 110, y: 2 } }),
  },
  'ieee1547-2018-trip-3': {
    title: 'trips, default of category III',
    intents: rideThrough({ uv1: { x: 88, y: 21 }, uv2: { x: 50, y: 2 }, ov1: { x: 110, y: 13 } }),
  },
} as const satisfies Readonly<Record<string, Packet>>;
