/**
 * REJ-2: values outside a point's range refuse to be written, and the setting does not change.
 */
import type { Bench, Procedure, Step } from '../bench/mod.ts';
import { isImplemented, notSupported, wordsFor, wordsIn } from '../bench/mod.ts';
import { rejectedStep } from './rejected.ts';
import { writables } from './settings.ts';

export const rej2: Procedure = {
  id: 'REJ-2',
  title: 'Out-of-range values are rejected',
  requirement: 'A value beyond its range or its enumeration is answered by an exception and changes nothing.',
  source: 'SunSpec conformance, rejection; IEEE 1547-2018, 10.4 (settings within ratings)',
  steps,
};

/** An enable has two values; this is none of them, nor the sentinel. */
const NO_SYMBOL = 9;
const ENABLES = ['704.WMaxLimPctEna', '704.WSetEna', '123.WMaxLim_Ena'];

async function* steps(bench: Bench): AsyncGenerator<Step, void> {
  let tried = 0;
  for (const { sheet, first, beyond } of writables(bench)) {
    const spot = sheet.spots.get(first);
    const words = beyond === undefined ? undefined : wordsFor(sheet, first, beyond);
    const before = spot === undefined ? undefined : wordsIn(sheet, spot);
    if (spot === undefined || before === undefined || words?.ok !== true) continue;
    tried += 1;
    const what = `write ${spot.name} = ${beyond}`;
    yield await rejectedStep(bench, { what, spot, before, words: words.value });
  }
  for (const name of ENABLES) {
    const [model = '', path = ''] = name.split('.');
    if (!bench.has(Number(model))) continue;
    const sheet = bench.found(Number(model));
    const spot = sheet.spots.get(path);
    const before = spot === undefined || !isImplemented(sheet, spot) ? undefined : wordsIn(sheet, spot);
    if (spot === undefined || before === undefined) continue;
    tried += 1;
    const what = `write ${name} = ${NO_SYMBOL}, which is no symbol of it`;
    yield await rejectedStep(bench, { what, spot, before, words: [NO_SYMBOL] });
  }
  if (tried === 0) yield notSupported('no setting with a known range is implemented');
}
