/**
 * Leaving a device as it was found: what differs from the first reading is written back and read again. What is in
 * force is released first and what was in force is put in force last, so that no value acts that was never meant to.
 */
import type { Evidence } from '../../src/model/mod.ts';
import type { Bench, Wanted } from './bench.ts';
import { runsOf, same } from './bench.ts';
import type { Sheet, Spot } from './sheet.ts';
import { isImplemented, wordsIn } from './sheet.ts';

/** Registers that start something when written; what stands in them is no setting. */
const COMMANDS = /(^|\.)(Adpt(Crv|Ctl)Req|AlmRst|SetOp|SetInvState|PCSSetOperation)$/;
/** Points that put others in force. */
const SWITCH = /(Ena|StorCtl_Mod|Conn|ES|EnaRvrt)$/;
/** Writing a register may change another that was right; a second round mends that, a third would change nothing. */
const ROUNDS = 2;

export interface Restored {
  /** Settings compared, and how many of them had to be written. */
  readonly compared: number;
  readonly written: number;
  /** What is not as it was found: `wrote` is what should stand there. */
  readonly left: readonly Evidence[];
  /** Models that could not be read. */
  readonly unread: readonly number[];
}

/** Undoes what the check announced, then puts back every setting that differs. Not interrupted by the operator. */
export async function restore(bench: Bench): Promise<Restored> {
  bench.leaving = true;
  for (let undo = bench.undos.pop(); undo !== undefined; undo = bench.undos.pop()) await undo();
  let written = 0;
  for (let round = 0; ; round++) {
    const { compared, differing, unread } = await compare(bench);
    const mendable = differing.filter(({ spot }) => spot.writable);
    if (mendable.length === 0 || round === ROUNDS) {
      bench.leaving = false;
      bench.wrote = false;
      return { compared, written, left: differing.map(asEvidence), unread };
    }
    written += mendable.length;
    for (const run of runsOf(inOrder(mendable)))
      await bench.writeRaw(run.address, run.words, undefined, run.values);
  }
}

/** A setting that is not as it was found. `words`: what it held then. */
interface Differing extends Wanted {
  readonly now: readonly number[];
}

interface Compared {
  readonly compared: number;
  readonly differing: readonly Differing[];
  readonly unread: readonly number[];
}

async function compare(bench: Bench): Promise<Compared> {
  let compared = 0;
  const differing: Differing[] = [];
  const unread: number[] = [];
  for (const [id, found] of bench.parts.asFound) {
    const settings = settingsOf(found);
    if (settings.length === 0) continue;
    const now = await bench.sheet(id);
    if (!now.ok) unread.push(id);
    else {
      compared += settings.length;
      differing.push(...settings.flatMap(spot => difference(spot, found, now.value)));
    }
  }
  return { compared, differing, unread };
}

/** Everything a client may set, and the curves that mirror what is adopted. */
function settingsOf(sheet: Sheet): readonly Spot[] {
  return [...sheet.spots.values()].filter(
    spot => spot.placed.def.access === 'RW' && !COMMANDS.test(spot.path) && isImplemented(sheet, spot),
  );
}

function difference(spot: Spot, found: Sheet, now: Sheet): readonly Differing[] {
  const [then, today] = [wordsIn(found, spot), wordsIn(now, spot)];
  if (then === undefined || today === undefined || same(then, today)) return [];
  return [{ spot, words: then, now: today }];
}

function inOrder(differing: readonly Differing[]): readonly Differing[] {
  const rank = ({ spot, words }: Differing): number => {
    if (!SWITCH.test(spot.path)) return 1;
    return words.every(word => word === 0) ? 0 : 2;
  };
  return differing.toSorted((a, b) => rank(a) - rank(b));
}

function asEvidence({ spot, words, now }: Differing): Evidence {
  return { point: spot.name, address: spot.address, wrote: words, readBack: now };
}
