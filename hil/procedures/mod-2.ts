/**
 * MOD-2: a point reads the same by itself as in the block it stands in, and every register can be read.
 */
import type { Bench, Procedure, Sheet, Spot, Step } from '../bench/mod.ts';
import { hex, same, wordsIn } from '../bench/mod.ts';
import { SILENT, listed } from './steps.ts';

export const mod2: Procedure = {
  id: 'MOD-2',
  title: 'Model read',
  requirement: 'Every register of a model can be read in blocks of up to 125, and a point alike by itself.',
  source: 'SunSpec conformance MOD-2; Modbus Application Protocol 1.1b3, 6.3',
  steps,
};

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  for (const sheet of bench.parts.asFound.values()) {
    yield holeStep(sheet);
    yield await aloneStep(bench, sheet);
  }
}

function holeStep({ def, entry, words }: Sheet): Step {
  const holes = [...words.entries()].flatMap(([at, word]) =>
    word === undefined ? [entry.address + at] : [],
  );
  const base = {
    what: `read the ${words.length} registers of model ${def.id} (${def.name})`,
    target: 'all of them',
    measured: `${words.length - holes.length} read`,
  };
  if (holes.length === 0) return { ...base, verdict: 'PASS' };
  return { ...base, verdict: 'FAIL', cause: `the device refuses to read ${listed(holes.map(String))}` };
}

/** Only what does not move by itself can be compared: identity, ratings, settings. */
async function aloneStep(bench: Bench, sheet: Sheet): Promise<Step> {
  const still = [...sheet.spots.values()].filter(
    ({ placed }) => placed.def.static === 'S' || placed.def.access === 'RW',
  );
  const what = `read ${still.length} still points of model ${sheet.def.id} one by one`;
  for (const spot of still) {
    const reply = await bench.readRaw(spot.address, spot.size);
    if (!reply.ok && reply.refusal !== 'exception')
      return { what, verdict: 'INCONCLUSIVE', measured: `no answer at ${spot.name}`, cause: SILENT };
    const trouble = reply.ok ? difference(sheet, spot, reply.words) : `exception ${reply.exception ?? '?'}`;
    if (trouble !== undefined)
      return { what, verdict: 'FAIL', measured: `${spot.name}: ${trouble}`, cause: CAUSE };
  }
  return { what, verdict: 'PASS', target: 'as in the block', measured: 'all alike' };
}

const CAUSE = 'the register map is built for blocks: reading from inside one is refused or shifted';

function difference(sheet: Sheet, spot: Spot, alone: readonly number[]): string | undefined {
  const block = wordsIn(sheet, spot);
  return block === undefined || same(block, alone) ? undefined : `${hex(alone)}, in the block ${hex(block)}`;
}
