/** Whole models: hand-made registers, round trips of all models, and counts that lie. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  type GroupDef,
  type GroupValues,
  type PointDef,
  type Value,
  decodeModel,
  encodeModel,
  encodePoint,
  locate,
  parseModel,
} from '../../../src/local/sunspec/mod.ts';
import { MODELS, model } from './models.ts';

describe('SunSpec models', () => {
  it('are read with their own scale factors: model 103 by hand', () => {
    const words = Array<number>(52).fill(0xffff);
    const put = (offset: number, ...values: readonly number[]) =>
      values.forEach((word, at) => (words[offset + at] = word));
    put(0, 103, 50);
    put(2, 1234); // A
    put(6, 0xfffe); // A_SF -2: 12.34 A
    put(10, 2301); // PhVphA
    put(13, 0xffff); // V_SF -1: 230.1 V
    put(14, 0xff9c); // W -100
    put(15, 1); // W_SF 1: -1000 W
    put(16, 5000); // Hz
    put(17, 0x8000); // Hz_SF not implemented: the frequency is unknown
    put(24, 0x0001, 0x86a0, 1); // WH 0x000186a0 = 100000, WH_SF 1: 1000000 Wh
    put(20, 0x8000); // VAr not implemented
    put(38, 4); // St MPPT
    const { points } = decodeModel(model(103), words, 40_070);
    expect(points).to.include({ ID: 103, L: 50, A: 12.34, PhVphA: 230.1, W: -1000, WH: 1_000_000, St: 4 });
    for (const unknown of ['Hz', 'VAr', 'PhVphB', 'Evt1'])
      expect(points[unknown], unknown).to.equal(undefined);
  });

  it('nest three deep and take scale factors from the outermost group: model 707 by hand', () => {
    // Ena 1, AdptCrvReq 0, AdptCrvRslt 1, NPt 1, NCrvSet 2, V_SF -2, Tms_SF -3
    const header = [707, 33, 1, 0, 1, 1, 2, 0xfffe, 0xfffd];
    // a curve: ReadOnly, then three regions {ActPt, V, Tms(2)}
    const curve = (v: number, ms: number) => [1, 1, v, 0, ms, 1, v + 1, 0, ms, 1, v + 2, 0, ms];
    const { groups } = decodeModel(
      model(707),
      [...header, ...curve(5000, 2000), ...curve(8800, 21_000)],
      40_000,
    );
    const point = groups['Crv']?.[1]?.groups['MomCess']?.[0]?.groups['Pt']?.[0]?.points;
    // 8802 × 10^-2 = 88.02 %, 21000 × 10^-3 = 21 s
    expect(point).to.deep.equal({ V: 88.02, Tms: 21 });
    expect(groups['Crv']).to.have.length(2);
  });

  it('repeat to the end of the length where nothing counts them: model 160', () => {
    const words = [160, 8 + 2 * 20, ...Array<number>(8).fill(0), ...Array<number>(40).fill(7)];
    expect(decodeModel(model(160), words, 0).groups['module']).to.have.length(2);
    const torn = [160, 8 + 39, ...words.slice(2, -1)];
    expect(decodeModel(model(160), torn, 0).groups['module'], 'half a module is none').to.have.length(1);
  });

  it('take a literal exponent: model 307, ambient temperature in tenths', () => {
    const words = Array<number>(13).fill(0x8000);
    [307, 11, 0xffd6].forEach((word, at) => (words[at] = word)); // -42 × 10^-1 °C
    expect(decodeModel(model(307), words, 0).points['TmpAmb']).to.equal(-4.2);
  });

  it('keep 64 bits: model 701, energy beyond 2^53', () => {
    const words = Array<number>(155).fill(0xffff);
    [701, 153].forEach((word, at) => (words[at] = word));
    [0x0020, 0, 0, 1].forEach((word, at) => (words[19 + at] = word)); // 2^53 + 1
    words[120] = 0; // TotWh_SF
    expect(decodeModel(model(701), words, 0).points['TotWhInj']).to.equal(9_007_199_254_740_993n);
  });

  it('leave out what a shorter length has no room for, without reading into the next model', () => {
    const words = [704, 10, ...Array<number>(10).fill(1), ...Array<number>(60).fill(2)];
    const { points, groups } = decodeModel(model(704), words, 0);
    expect(points['PFWInjEna']).to.equal(1);
    expect(points['WMaxLimPctEna']).to.equal(undefined);
    expect(groups['PFWInj']).to.deep.equal([]);
  });

  it('survive counts that promise more than the length holds', () => {
    const words = Array<number>(200).fill(0xfffe);
    [705, 198, 1, 0, 1, 0xfffe, 0xfffe].forEach((word, at) => (words[at] = word));
    expect(decodeModel(model(705), words, 0).groups['Crv']).to.deep.equal([]);
  });

  it('place nothing behind a group that did not fit, and take the nearest scale factor', () => {
    const point = (name: string, more = {}) => ({ name, type: 'uint16', size: 1, ...more });
    const factor = { name: 'X_SF', type: 'sunssf', size: 1 };
    const def = parseModel({
      id: 65_000,
      name: 'made-up',
      type: 'group',
      points: [point('ID'), point('L'), factor],
      groups: [
        { name: 'A', type: 'group', count: 2, points: [point('X', { sf: 'X_SF' }), factor] },
        { name: 'B', type: 'group', points: [point('Y', { sf: 'X_SF' })] },
      ],
    });
    if (!def.ok) throw new Error(def.detail);
    // X_SF -1 outside; A: 5 × 10^1, 6 × 10^2; B: 7 × 10^-1
    const words = [65_000, 6, 0xffff, 5, 1, 6, 2, 7];
    const a = (X: number, X_SF: number) => ({ points: { X, X_SF }, groups: {} });
    expect(decodeModel(def.value, words, 0).groups).to.deep.equal({
      A: [a(50, 1), a(600, 2)],
      B: [{ points: { Y: 0.7 }, groups: {} }],
    });
    const short = decodeModel(def.value, words.with(1, 4), 0);
    expect(short.groups).to.deep.equal({ A: [a(50, 1)], B: [] });
  });

  it('never fail, whatever the registers hold', () => {
    const any = fc.array(fc.option(fc.integer({ min: 0, max: 0xffff }), { nil: undefined }), {
      maxLength: 160,
    });
    fc.assert(
      fc.property(fc.constantFrom(...MODELS.values()), any, (def, tail) => {
        const read = decodeModel(def, [def.id, tail.length, ...tail], 0);
        for (const value of Object.values(read.points)) expect(value).not.to.deep.equal(Number.NaN);
      }),
      { numRuns: 300 },
    );
  });

  for (const def of MODELS.values())
    it(`come back as they were written: model ${def.id} ${def.name}`, () => {
      fc.assert(
        fc.property(valuesOf(def), values => {
          const words = encodeModel(def, values);
          if (!words.ok) throw new Error(`${words.refusal}: ${words.detail}`);
          const read = decodeModel(def, words.value, 40_000);
          expect(read.length).to.equal(words.value.length - 2);
          expectSame(def, values, read);
        }),
        { numRuns: 5 },
      );
    });
});

describe('encoding a SunSpec model', () => {
  it('counts the instances it is given', () => {
    const crv = { points: { ActPt: 1 }, groups: { Pt: [{ points: {} }, { points: {} }] } };
    const words = encodeModel(model(705), { points: { NPt: 2 }, groups: { Crv: [crv, crv, crv] } });
    // fixed 15, three curves of 10 + 2 points of 2
    expect(words.ok && words.value.length).to.equal(15 + 3 * 14);
    expect(words.ok && words.value[6]).to.equal(3); // NCrv
  });

  const refusals: readonly (readonly [string, number, GroupValues])[] = [
    ['no-such-point', 103, { points: { Watts: 1 } }],
    ['no-such-point', 103, { points: {}, groups: { Crv: [] } }],
    ['no-scale-factor', 103, { points: { W: 1 } }],
    ['out-of-range', 103, { points: { W: 40_000, W_SF: 0 } }],
    ['wrong-type', 1, { points: { Mn: 7 } }],
    ['no-count', 705, { points: {}, groups: { Crv: [{ points: {} }] } }],
    ['too-many-instances', 704, { points: {}, groups: { PFWInj: [{ points: {} }, { points: {} }] } }],
  ];
  for (const [refusal, id, values] of refusals)
    it(`refuses ${refusal}: model ${id} ${JSON.stringify(values)}`, () => {
      expect(encodeModel(model(id), values)).to.include({ ok: false, refusal });
    });
});

describe('one SunSpec point', () => {
  it('is found by its path', () => {
    const at = (id: number, path: string, counts = {}) => {
      const found = locate(model(id), path, counts);
      return found.ok ? found.value.offset : found.refusal;
    };
    // 704: 59 words of its own points, then PFWInj, PFWInjRvrt, PFWAbs of 2 each
    expect(at(704, 'WMaxLimPct')).to.equal(15);
    expect(at(704, 'PFWInj.PF')).to.equal(59);
    expect(at(704, 'PFWAbs.Ext')).to.equal(59 + 4 + 1);
    // 705: 15, then curves of 10 and NPt pairs
    expect(at(705, 'Crv[1].Pt[3].Var', { NCrv: 2, NPt: 4 })).to.equal(15 + (10 + 8) + 10 + 3 * 2 + 1);
    expect(at(705, 'Crv[2].ActPt', { NCrv: 2, NPt: 4 })).to.equal('no-such-point');
    expect(at(705, 'Crv[0].ActPt')).to.equal('no-such-point');
    expect(at(160, 'module[3].DCW')).to.equal(10 + 3 * 20 + 11);
    for (const path of [
      '',
      'Nope',
      'PFWInj',
      'PFWInj.PF.X',
      'WMaxLimPct[0]',
      'PFWInj[1].PF',
      '.',
      '__proto__',
    ])
      expect(at(704, path), path).to.equal('no-such-point');
  });

  it('becomes the registers that set it', () => {
    // 33.3 % with a factor of 10^-1 is 333
    expect(encodePoint(model(704), 'WMaxLimPct', 33.3, { scaleFactor: -1 })).to.deep.equal({
      ok: true,
      value: { offset: 15, words: [333] },
    });
    // 86400 s = 0x00015180
    expect(encodePoint(model(704), 'WMaxLimPctRvrtTms', 86_400)).to.deep.equal({
      ok: true,
      value: { offset: 18, words: [1, 0x5180] },
    });
  });

  const refusals = [
    ['read-only', 'WMaxLimPctRvrtRem', 1, {}],
    ['no-such-point', 'Conn', 1, {}],
    ['no-scale-factor', 'WMaxLimPct', 50, {}],
    ['no-scale-factor', 'WMaxLimPct', 50, { scaleFactor: -32_768 }],
    ['out-of-range', 'WMaxLimPct', -1, { scaleFactor: 0 }],
    ['out-of-range', 'WMaxLimPct', Number.NaN, { scaleFactor: 0 }],
    ['wrong-type', 'WMaxLimPct', 'half', { scaleFactor: 0 }],
  ] as const;
  for (const [refusal, path, value, options] of refusals)
    it(`is refused as ${refusal}: ${path} = ${value} ${JSON.stringify(options)}`, () => {
      expect(encodePoint(model(704), path, value, options)).to.include({ ok: false, refusal });
    });
});

/** Any values a model can hold: scale factors that leave the raw value whole, two instances of what repeats. */
function valuesOf(def: GroupDef): fc.Arbitrary<GroupValues> {
  const counts = new Set(namesOfCounts(def));
  const points = Object.fromEntries(
    def.points.map(point => [point.name, counts.has(point.name) ? fc.constant(2) : valueOf(point)]),
  );
  const groups = Object.fromEntries(
    (def.groups ?? []).map(group => {
      const times = group.count === undefined ? 1 : 2;
      return [group.name, fc.array(valuesOf(group), { minLength: times, maxLength: times })];
    }),
  );
  return fc.record({ points: fc.record(points), groups: fc.record(groups) }) as fc.Arbitrary<GroupValues>;
}

/** Count points may stand in any group above. */
function namesOfCounts(def: GroupDef): readonly string[] {
  return (def.groups ?? []).flatMap(group => [
    ...(typeof group.count === 'string' ? [group.count] : []),
    ...namesOfCounts(group),
  ]);
}

function valueOf(point: PointDef): fc.Arbitrary<Value | undefined> {
  if (point.name === 'ID' || point.name === 'L' || point.type === 'pad') return fc.constant(undefined);
  if (point.type === 'sunssf') return fc.constant(-1);
  const tenths = (min: number, max: number) =>
    fc.integer({ min, max }).map(raw => (point.sf === undefined ? raw : raw / 10 ** -exponentOf(point)));
  const long = (max: bigint) =>
    point.sf === undefined ? fc.bigInt({ min: 2n ** 53n, max }) : tenths(1, 2 ** 40);
  const special: Readonly<Record<string, () => fc.Arbitrary<Value>>> = {
    string: () =>
      fc.string({ minLength: 1, maxLength: 2 * point.size }).filter(value => !value.includes('\0')),
    float32: () => fc.float({ noNaN: true, noDefaultInfinity: true }),
    float64: () => fc.double({ noNaN: true, noDefaultInfinity: true }),
    ipaddr: () => fc.ipV4().filter(value => value !== '0.0.0.0'),
    ipv6addr: () => fc.constant('2001:db8:0:0:0:0:0:1'),
    eui48: () => fc.constant('02:00:5E:10:00:01'),
    int64: () => long(2n ** 63n - 1n),
    uint64: () => long(2n ** 64n - 2n),
  };
  const low = point.type.startsWith('acc') ? 1 : 0;
  return fc.option(special[point.type]?.() ?? tenths(low, 0x7fff), { nil: undefined });
}

function exponentOf(point: PointDef): number {
  return typeof point.sf === 'number' ? point.sf : -1;
}

function expectSame(def: GroupDef, wanted: GroupValues, read: GroupValues): void {
  for (const { name } of def.points)
    if (name !== 'ID' && name !== 'L') expect(read.points[name], name).to.deep.equal(wanted.points[name]);
  for (const group of def.groups ?? []) {
    const instances = wanted.groups?.[group.name] ?? [];
    expect(read.groups?.[group.name], group.name).to.have.length(instances.length);
    instances.forEach((each, at) =>
      expectSame(group, each, read.groups?.[group.name]?.[at] ?? { points: {} }),
    );
  }
}
