/**
 * REJ-1: what is read-only refuses to be written, and does not change.
 */
import type { Bench, Procedure, Sheet, Spot, Step } from '../bench/mod.ts';
import { isImplemented, notSupported, wordsIn } from '../bench/mod.ts';
import { rejectedStep } from './rejected.ts';

export const rej1: Procedure = {
  id: 'REJ-1',
  title: 'Read-only points reject writes',
  requirement: 'A write to a read-only point is answered by an exception, and the point keeps its value.',
  source: 'SunSpec conformance, rejection; Modbus Application Protocol 1.1b3, 7',
  steps,
};

/** Points that every device of their model has, that do not move by themselves, and whose change would show. */
const READ_ONLY = [
  '1.ID',
  '1.L',
  '1.Mn',
  '120.WRtg',
  '702.WMaxRtg',
  '704.WMaxLimPct_SF',
  '123.WMaxLimPct_SF',
];

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  let tried = 0;
  for (const name of READ_ONLY) {
    const target = find(bench, name);
    if (target === undefined) continue;
    tried += 1;
    const { spot, words } = target;
    // The last bit only: should the device take it, as little as possible is wrong until it is put back.
    const other = words.map((word, at) => (at === words.length - 1 ? word ^ 1 : word));
    bench.onLeave(async () => {
      const now = await bench.readRaw(spot.address, spot.size);
      if (now.ok && now.words.some((word, at) => word !== words[at]))
        await bench.writeRaw(spot.address, words);
    });
    yield await rejectedStep(bench, {
      what: `write ${name}, which is read-only`,
      spot,
      before: words,
      words: other,
    });
  }
  if (tried === 0) yield notSupported('none of the known read-only points is implemented');
}

function find(bench: Bench, name: string): { spot: Spot; words: readonly number[] } | undefined {
  const [model = '', path = ''] = name.split('.');
  if (!bench.has(Number(model))) return undefined;
  const sheet: Sheet = bench.found(Number(model));
  const spot = sheet.spots.get(path);
  const words = spot === undefined || !isImplemented(sheet, spot) ? undefined : wordsIn(sheet, spot);
  return spot === undefined || words === undefined ? undefined : { spot, words };
}
