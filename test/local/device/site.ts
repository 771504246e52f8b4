/**
 * An inverter as a table of registers, for tests of orders: models 123 and 704 laid down by hand.
 *
 * 40000: 123 (26 words). 40100: 703 (19 words). 40200: 704 (67 words). Gaps between them cannot be read.
 */
import type { ModelEntry, SunSpecDevice } from '../../../src/local/sunspec/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { type Table, table } from '../sunspec/table.ts';

const WHERE: Readonly<Record<number, readonly [number, number]>> = {
  123: [40_000, 24],
  703: [40_100, 17],
  704: [40_200, 65],
};

export function device(...ids: readonly number[]): SunSpecDevice {
  const models = ids.map((id): ModelEntry => {
    const [address, length] = WHERE[id] ?? [0, 0];
    return { id, name: MODELS.get(id)?.name ?? null, address, length };
  });
  return { unit: 1, models };
}

/** Offsets counted in the definitions: 123 by its 26 words, 704 by its 59. */
export const AT = {
  conn123: 40_004,
  connWinTms: 40_002,
  connRvrtTms: 40_003,
  pct123: 40_005,
  pct123WinTms: 40_006,
  pct123RvrtTms: 40_007,
  ena123: 40_009,
  pct123SF: 40_023,
  es703: 40_102,
  ena704: 40_214,
  pct704: 40_215,
  rvrt704: 40_216,
  enaRvrt704: 40_217,
  rvrtTms704: 40_218,
  rvrtRem704: 40_220,
  pct704SF: 40_254,
} as const;

/** Connected, no limit in force, limits in whole percents on 123 (SF 0) and in hundredths on 704 (SF −2). */
export function registers(changes: Readonly<Record<number, number>> = {}): Table {
  const at = table(
    [40_000, [123, 24, ...Array<number>(24).fill(0)]],
    [40_100, [703, 17, 1, ...Array<number>(16).fill(0)]],
    [40_200, [704, 65, ...Array<number>(65).fill(0)]],
  );
  const start = { [AT.conn123]: 1, [AT.pct123]: 100, [AT.pct704]: 10_000, [AT.pct704SF]: 0xfffe };
  for (const [address, word] of Object.entries({ ...start, ...changes }))
    at.registers.set(Number(address), word);
  return at;
}
