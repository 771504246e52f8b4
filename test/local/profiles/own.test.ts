/** Points of a profile: where they stand, what their registers say, and what is asked of the device for them. */
import { expect } from 'chai';
import type { OwnRead, PointProfile } from '../../../src/local/profiles/mod.ts';
import { ownPointsOf, readOwn, registerOf } from '../../../src/local/profiles/mod.ts';
import type { SunSpecDevice } from '../../../src/local/sunspec/mod.ts';
import { MODELS } from '../sunspec/models.ts';
import { type Table, TIMEOUT, exception, reads, run, table } from '../sunspec/table.ts';

type Source = PointProfile['from'][number];

const at = (register: number, more: Partial<Extract<Source, { table: string }>> = {}): Source => ({
  table: 'holding',
  addressBase: 0,
  register,
  type: 'uint16',
  ...more,
});

const BARE: SunSpecDevice = { unit: 1, models: [] };

function read(
  points: Readonly<Record<string, PointProfile>>,
  on: Table,
  options: Parameters<typeof readOwn>[1] & { readonly device?: SunSpecDevice } = {},
): OwnRead {
  const { device = BARE, ...more } = options;
  const result = run(readOwn(ownPointsOf(points, device, MODELS), more), on);
  if (!result.ok) throw new Error(result.detail);
  return result.value;
}

/** What one point says on a device with `words` from register 100 on. */
function said(point: PointProfile, words: readonly number[]): unknown {
  return read({ x: point }, table([100, words])).values.get('x');
}

describe('a point of a maker’s own table', () => {
  const cases: readonly (readonly [string, Partial<PointProfile>, Source, readonly number[], unknown])[] = [
    ['int16', {}, at(100, { type: 'int16' }), [0xfffe], -2],
    ['uint16', {}, at(100), [0xfffe], 65_534],
    ['int32, high word first', {}, at(100, { type: 'int32' }), [0xffff, 0xfffe], -2],
    [
      'uint32, low word first',
      {},
      at(100, { type: 'uint32', wordOrder: 'little' }),
      [0x5678, 0x1234],
      0x1234_5678,
    ],
    ['int64, low word first', {}, at(100, { type: 'int64', wordOrder: 'little' }), [5, 0, 0, 1], 2 ** 48 + 5],
    // IEEE 754: 4000.0 is 457a0000.
    ['float32, low word first', {}, at(100, { type: 'float32', wordOrder: 'little' }), [0, 0x457a], 4000],
    ['text', {}, at(100, { type: 'string', count: 2 }), [0x4142, 0x4300], 'ABC'],
    ['a power of ten', {}, at(100, { exponent: -1 }), [123], 12.3],
    ['a positive power of ten', {}, at(100, { exponent: 2 }), [123], 12_300],
    ['a maker who counts from 1', {}, at(101, { addressBase: 1 }), [7], 7],
    ['a maker’s own sign', { negated: true }, at(100, { type: 'int16' }), [300], -300],
    ['the sentinel of the type', {}, at(100), [0xffff], undefined],
    ['a sentinel of the maker, raw', { sentinels: [300] }, at(100, { exponent: -1 }), [300], undefined],
    ['a zero that is one', {}, at(100), [0], 0],
    ['a zero that means nothing', { zeroMeansUnknown: true }, at(100), [0], undefined],
    ['a float that is no number', {}, at(100, { type: 'float32' }), [0x7fc0, 0], undefined],
  ];
  for (const [what, point, source, words, value] of cases)
    it(`says ${String(value)}: ${what}`, () => {
      expect(said({ ...point, from: [source] }, words)).to.equal(value);
    });

  it('is written as it is read, and refused where it does not fit', () => {
    const little = registerOf({ from: [at(100, { type: 'uint32', wordOrder: 'little' })] }, 3);
    expect(little).to.include({ unit: 3, address: 100, size: 2 });
    expect(little?.encode(0x1234_5678)).to.deep.equal({ ok: true, value: [0x5678, 0x1234] });
    expect(registerOf({ from: [at(13_001, { addressBase: 1, unit: 100 })] }, 3)).to.include({
      unit: 100,
      address: 13_000,
    });
    expect(registerOf({ from: [at(1)] }, 1)?.encode(-1)).to.include({ ok: false, refusal: 'out-of-range' });
    expect(registerOf({ from: [{ sunspec: '103.W' }] }, 1)).to.equal(undefined);
  });

  it('is never read where it can only be written', () => {
    const on = table([100, [1]]);
    expect(read({ x: { from: [at(100, { writeOnly: true })] } }, on).values.size).to.equal(0);
    expect(on.log).to.deep.equal([]);
  });
});

describe('the points of a profile', () => {
  it('share a request where their registers adjoin, and only there', () => {
    const on = table([100, [1, 2, 3, 4, 5]]);
    const points = { a: { from: [at(101)] }, b: { from: [at(100)] }, c: { from: [at(103)] } };
    expect([...read(points, on).values]).to.deep.equal([
      ['a', 2],
      ['b', 1],
      ['c', 4],
    ]);
    expect(reads(on)).to.deep.equal([
      [100, 2],
      [103, 1],
    ]);
    const filled = table([100, [1, 2, 3, 4, 5]]);
    read(points, filled, { joinGapsUpTo: 1 });
    expect(reads(filled)).to.deep.equal([[100, 4]]);
    const short = table([100, [1, 2, 3, 4, 5]]);
    read(points, short, { joinGapsUpTo: 1, maxRead: 2 });
    expect(Math.max(...reads(short).map(([, count]) => count))).to.equal(2);
  });

  it('tell input registers from holding registers of the same number, and units apart', () => {
    const on = table([100, [0]]);
    on.fault = request =>
      request.kind === 'read'
        ? { ok: true, words: [request.space === 'input' ? 1 : request.unit === 1 ? 2 : 3] }
        : undefined;
    const { values } = read(
      {
        input: { from: [at(100, { table: 'input' })] },
        holding: { from: [at(100)] },
        other: { from: [at(100, { unit: 247 })] },
      },
      on,
    );
    expect(Object.fromEntries(values)).to.deep.equal({ input: 1, holding: 2, other: 3 });
  });

  it('are looked for in their order: a place that is refused or empty gives way to the next', () => {
    const on = table([100, [0xffff, 7]], [300, [9]]);
    const points = {
      empty: { from: [at(100), at(101)] },
      refused: { from: [at(200), at(300)] },
      nowhere: { from: [at(200), at(201)] },
    };
    const own = ownPointsOf(points, BARE, MODELS);
    const first = run(readOwn(own), on);
    expect(first.ok && Object.fromEntries(first.value.values)).to.deep.equal({ empty: 7, refused: 9 });
    on.log.length = 0;
    run(readOwn(own, { before: first.ok ? first.value : undefined }), on);
    expect(
      reads(on).map(([address]) => address),
      'what was refused is not asked again',
    ).to.deep.equal([100, 300, 101]);
  });

  it('are asked for one by one where the device refuses them together', () => {
    const on = table([100, [1, 2, 3]]);
    on.fault = request => (request.kind === 'read' && request.count > 1 ? exception(2) : undefined);
    const points = { a: { from: [at(100)] }, b: { from: [at(101)] }, c: { from: [at(102)] } };
    expect(Object.fromEntries(read(points, on).values)).to.deep.equal({ a: 1, b: 2, c: 3 });
  });

  it('end with silence: no value is made of what was not said', () => {
    const on = table([100, [1]]);
    on.fault = () => TIMEOUT;
    const result = run(readOwn(ownPointsOf({ a: { from: [at(100)] } }, BARE, MODELS)), on);
    expect(result).to.include({ ok: false, refusal: 'silent' });
  });

  it('do not go back where they may only rise', () => {
    const points: Record<string, PointProfile> = { e: { from: [at(100)], monotonic: true } };
    const on = table([100, [50]]);
    const first = read(points, on);
    on.registers.set(100, 40);
    const second = read(points, on, { before: first });
    expect(second.values.get('e')).to.equal(undefined);
    on.registers.set(100, 51);
    expect(read(points, on, { before: second }).values.get('e')).to.equal(51);
  });
});

describe('a SunSpec point as a profile has it', () => {
  // Model 103 at 40002: WH at offset 24, WH_SF at 26, as in sunspec/models 7abdf89.
  const device: SunSpecDevice = {
    unit: 1,
    models: [{ id: 103, name: 'inverter', address: 40_002, length: 50 }],
  };
  const model = (changes: Readonly<Record<number, number>>) => {
    const words = [103, 50, ...Array<number>(50).fill(0)];
    for (const [offset, word] of Object.entries(changes)) words[Number(offset)] = word;
    return table([40_002, words]);
  };
  const energy: PointProfile = { from: [{ sunspec: '103.WH', readAs: 'int32' }] };

  it('is read as what it really is, with its scale factor in the same request', () => {
    const on = model({ 24: 0xffff, 25: 0xfff6, 26: 1 });
    expect(read({ energy }, on, { device }).values.get('energy')).to.equal(-100);
    expect(reads(on)).to.have.length(1);
  });

  it('is not believed where another model stands now', () => {
    const on = model({ 0: 113, 24: 0, 25: 7, 26: 0 });
    expect(read({ energy }, on, { device }).values.size).to.equal(0);
  });

  it('is passed over where the device has not its model', () => {
    expect(read({ energy }, table(), { device: BARE }).values.size).to.equal(0);
  });
});
