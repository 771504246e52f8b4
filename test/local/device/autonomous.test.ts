/**
 * What a device does by itself when voltage or frequency leave their range is not touched by any order on any axis:
 * each axis × orders, orders with a fall-back, release, on devices of each generation and of both, all of them with
 * everything on; and on each generation × every fault at every request. What is protected is listed here and not taken from the tables.
 */
import { expect } from 'chai';
import { type ApplyResult, applyIntent, controlsOf } from '../../../src/local/device/mod.ts';
import type { ModbusReply } from '../../../src/local/bus/conversation.ts';
import type { Axis, Intent } from '../../../src/model/mod.ts';
import { AXES, axisRow } from '../../../src/model/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { DISCONNECTED, GARBLED, TIMEOUT, exception, run, writes } from '../sunspec/table.ts';
import { HELD, type Plant, addressOf, changed, deviceOf, plant, registersOf } from './plant.ts';

/** Volt-var, volt-watt, watt-var and watt-PF, frequency-watt and droop, trips, dynamic current, ramps, reserve. */
const AUTONOMOUS = HELD.filter(
  id => (id >= 126 && id <= 145) || (id >= 705 && id <= 712) || id === 121 || id === 802,
);
/** Beside them, of models that carry orders too: entering service, anti-islanding, ramps, reserve. */
const POINTS = [
  ...['ESVHi', 'ESVLo', 'ESHzHi', 'ESHzLo', 'ESDlyTms', 'ESRndTms', 'ESRmpTms'].map(name => `703.${name}`),
  ...['AntiIslEna', 'WRmp', 'WRmpRef', 'VarRmp'].map(name => `704.${name}`),
  ...['WChaMax', 'WChaGra', 'WDisChaGra', 'MinRsvPct', 'ChaGriSet'].map(name => `124.${name}`),
];

const APART = addressOf(HELD[1] ?? 0) - addressOf(HELD[0] ?? 0);
const PROTECTED: ReadonlySet<number> = new Set([
  ...AUTONOMOUS.flatMap(id => Array.from({ length: APART }, (_, at) => addressOf(id) + at)),
  ...POINTS.flatMap(registersOf),
]);

const GENERATIONS: readonly (readonly [string, readonly number[]])[] = [
  ['models 121 to 145', HELD.filter(id => id < 700)],
  ['models 703 to 715', HELD.filter(id => id > 700)],
  ['both', HELD],
];

/** The plant's battery is of 2 W; here of 5000, and with nothing of its own in force. */
function house(): Plant {
  return plant({ '124.WChaMax': [50_000], '802.WDisChaRteMax': [50_000] });
}

/** What can happen to a request, and whether it reached the device. */
const FAULTS: readonly (readonly [string, ModbusReply, 'carried out' | 'lost'])[] = [
  ['no answer, carried out', TIMEOUT, 'carried out'],
  ['no answer, lost', TIMEOUT, 'lost'],
  ['garbled, carried out', GARBLED, 'carried out'],
  ['link lost', DISCONNECTED, 'lost'],
  ['exception 1', exception(1), 'lost'],
  ['exception 2', exception(2), 'lost'],
  ['exception 3', exception(3), 'lost'],
  ['exception 4', exception(4), 'lost'],
  ['exception 6', exception(6), 'lost'],
  ['acknowledged, not carried out', { ok: true, words: [] }, 'lost'],
];

/** Breaks the request `at`, and every one after it where `from` says so. */
function breakAt(
  on: Plant,
  at: number,
  [, reply, fate]: (typeof FAULTS)[number],
  then: 'once' | 'from',
): void {
  on.fault = (request, number) => {
    if (then === 'once' ? number !== at : number < at) return undefined;
    if (reply.ok && request.kind === 'read') return undefined;
    if (fate === 'carried out' && request.kind === 'write')
      for (const [offset, word] of request.words.entries()) on.registers.set(request.address + offset, word);
    return reply;
  };
}

function obey(on: Plant, ids: readonly number[], intent: Intent): ApplyResult {
  let result = run(applyIntent(deviceOf(...ids), intent, MODELS), on);
  for (let tried = 0; result.recheck !== undefined && tried < 16; tried++) result = run(result.recheck(), on);
  return result;
}

/** Orders at the ends of the range, about nothing, and in the middle; each with a fall-back too; and the release. */
function intentsOf(axis: Axis): readonly Intent[] {
  const { min, max } = axisRow(axis);
  const values = [...new Set([min, -1, 0, 1, 1000, max])].filter(value => value >= min && value <= max);
  const orders = values.map((value): Intent => ({ kind: 'value', mode: axis, value }));
  const reversion = { afterS: 60, value: min };
  const guarded = values.map((value): Intent => ({ kind: 'value', mode: axis, value, reversion }));
  return [...orders, ...guarded, { kind: 'release', mode: axis }];
}

function touched(on: Plant, before: ReadonlyMap<number, number>): readonly number[] {
  const asked = writes(on).flatMap(([address, words]) => words.map((_, at) => address + at));
  return [...new Set([...changed(on, before), ...asked])].filter(address => PROTECTED.has(address));
}

/** Which of the intents are tried with faults: one order, one with a fall-back, and the release; others only differ in words. */
function isProbed(intent: Intent): boolean {
  return (
    intent.kind === 'release' ||
    (intent.kind === 'value' && intent.value === Math.min(1000, axisRow(intent.mode).max))
  );
}

/** `intent` carried out with each fault at each of its `requests`, once and from there on. */
function* failures(
  intent: Intent,
  ids: readonly number[],
  requests: number,
): Generator<{ readonly on: Plant; readonly what: string }> {
  for (const fault of FAULTS)
    for (const then of ['once', 'from'] as const)
      for (let at = 0; at < requests; at++) {
        const on = house();
        breakAt(on, at, fault, then);
        obey(on, ids, intent);
        yield { on, what: `${JSON.stringify(intent)}, request ${at} ${then}: ${fault[0]}` };
      }
}

describe('what a device does by itself', () => {
  it('is protected as a whole: the list names registers of every such model', () => {
    for (const id of AUTONOMOUS) expect(PROTECTED.has(addressOf(id) + 2), String(id)).to.equal(true);
    expect(AUTONOMOUS).to.have.length(29);
  });

  for (const [generation, ids] of GENERATIONS)
    for (const { axis } of AXES) {
      const how = generation === 'both' ? 'ordered and released' : 'ordered, released, and failing midway';
      const isCarried = controlsOf(deviceOf(...ids), axis).length > 0;
      it(`AUTO-1: ${generation}: ${axis}, ${isCarried ? how : 'which none carries'}, leaves it as it is`, () => {
        let done = 0;
        for (const intent of intentsOf(axis)) {
          const on = house();
          const before = new Map(on.registers);
          const result = obey(on, ids, intent);
          if (result.outcome === 'implemented') done += 1;
          expect(touched(on, before), JSON.stringify(intent)).to.deep.equal([]);
          if (generation !== 'both' && isProbed(intent))
            for (const broken of failures(intent, ids, on.log.length))
              expect(touched(broken.on, before), broken.what).to.deep.equal([]);
        }
        if (isCarried) expect(done, 'something was carried out').to.be.above(1);
        else expect(done).to.equal(0);
      });
    }
});
