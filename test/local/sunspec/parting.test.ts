/** Where reading parts a chain of models: few requests, and no value without its scale factor. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  type GroupDef,
  type ModelEntry,
  type SunSpecDevice,
  decodeModel,
  readDevice,
} from '../../../src/local/sunspec/mod.ts';
import { MODELS, model } from './models.ts';
import { TIMEOUT, type Table, exception, reads, run, table } from './table.ts';

/** A model of a chain, and what its count points say. */
type Row = readonly [id: number, length: number, counts?: Readonly<Record<string, number>>];

/** A whole device of IEEE 1547. */
const WHOLE: readonly Row[] = [
  [1, 66],
  [701, 153],
  [702, 50],
  [703, 17],
  [704, 65],
  [705, 79, { NPt: 6, NCrv: 3 }],
  [706, 64, { NPt: 6, NCrv: 3 }],
  [707, 154, { NPt: 5, NCrvSet: 3 }],
  [708, 154, { NPt: 5, NCrvSet: 3 }],
  [709, 199, { NPt: 5, NCrvSet: 3 }],
  [710, 199, { NPt: 5, NCrvSet: 3 }],
  [711, 42, { NCtl: 3 }],
  [712, 60, { NPt: 6, NCrv: 3 }],
  [713, 7],
  [714, 43, { NPrt: 1 }],
];
/** Their curves are longer than a request: no request holds them with their factors. */
const TOO_LONG = [707, 708, 709, 710];

function chain(from: number, rows: readonly Row[]): { readonly device: SunSpecDevice; readonly on: Table } {
  const models: ModelEntry[] = [];
  const words: number[] = [];
  for (const [id, length, counts = {}] of rows) {
    models.push({ id, name: model(id).name, address: from + words.length, length });
    const at = words.length;
    // Every register another word, so that a word in a wrong place is seen; factors are 0 to 2.
    for (let word = 0; word < length + 2; word++) words.push(1 + ((at + word) % 3000));
    words[at] = id;
    words[at + 1] = length;
    for (const { name, offset, type } of placesIn(model(id))) {
      if (type === 'sunssf') words[at + offset] = offset % 3;
      const count = counts[name];
      if (count !== undefined) words[at + offset] = count;
    }
  }
  return { device: { unit: 1, models }, on: table([from, words]) };
}

/** The points of a model itself, laid one behind the other by hand. */
function placesIn(def: GroupDef) {
  let offset = 0;
  return def.points.map(point => {
    const place = { name: point.name, type: point.type, sf: point.sf, offset, size: point.size };
    offset += point.size;
    return place;
  });
}

/** Models whose static factors all belong to settings and ratings too. 701 measures; the others name nothing static. */
const SETTINGS = [702, 703, 704];

/** The values that were read in another request than a factor that may move, as `701.W`. */
function widowed({ models }: SunSpecDevice, on: Table): readonly string[] {
  const together = (from: number, to: number): boolean =>
    reads(on).some(([address, count]) => address <= from && to <= address + count);
  return models.flatMap(({ id, address }) => {
    if (SETTINGS.includes(id)) return [];
    const places = placesIn(model(id));
    return places.flatMap(({ name, sf, offset, size }) => {
      const factor = places.find(place => place.name === sf)?.offset ?? offset;
      const [from, to] = [Math.min(offset, factor), Math.max(offset + size, factor + 1)];
      return together(address + from, address + to) ? [] : [`${id}.${name}`];
    });
  });
}

function decoded({ models }: SunSpecDevice, { registers }: Table) {
  return models.map(({ id, address, length }) => {
    const words = Array.from({ length: length + 2 }, (_, at) => registers.get(address + at));
    return decodeModel(model(id), words, address);
  });
}

describe('SunSpec requests', () => {
  it('read a whole device of IEEE 1547, 1382 registers, in 12: as few as they fill', () => {
    const { device, on } = chain(40_002, WHOLE);
    const result = run(readDevice(device, { models: MODELS }), on);
    expect(result.ok && result.value).to.deep.equal(decoded(device, on));
    expect(reads(on)).to.have.length(12);
    expect(widowed(device, on)).to.deep.equal([]);
    const ends = new Set(reads(on).map(([address, count]) => address + count));
    const parted = device.models.filter(({ address, length }) =>
      [...ends].some(end => end > address && end < address + length + 2),
    );
    // 701 has 155 registers; 705 only sets and its factors are static.
    expect(parted.map(({ id }) => id).filter(id => !TOO_LONG.includes(id))).to.deep.equal([701, 705]);
  });

  it('keep what is measured with its factor, even a static one, and with the factors of groups', () => {
    for (let before = 0; before <= 10; before++) {
      const { device, on } = chain(40_002, [
        ...Array.from({ length: before }, () => [703, 17] as const),
        [701, 153],
        [713, 7],
        [714, 43, { NPrt: 1 }],
      ]);
      const result = run(readDevice(device, { models: MODELS }), on);
      expect(result.ok && result.value).to.deep.equal(decoded(device, on));
      expect(widowed(device, on), `${before}`).to.deep.equal([]);
      // A port's values have the factors of the model: 714 is one piece.
      const at = device.models.at(-1)?.address ?? 0;
      const inside = reads(on).filter(([address]) => address > at + 2 && address < at + 45);
      expect(inside, `${before}`).to.deep.equal([]);
    }
  });

  it('part no model where that spares no request', () => {
    const { device, on } = chain(100, [
      [120, 26],
      [121, 30],
      [122, 44],
      [123, 24],
      [120, 26],
    ]);
    run(readDevice(device, { models: MODELS }), on);
    const starts = new Set(device.models.map(({ address }) => address));
    expect(reads(on)).to.have.length(2);
    for (const [address] of reads(on)) expect(starts).to.include(address);
  });

  it('keep values with their factors, whatever models follow each other and however little a request holds', () => {
    const known = [1, 101, 103, 120, 121, 122, 123, 124, 203, 701, 702, 703, 704];
    const ids = fc.array(fc.constantFrom(...known), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(ids, fc.integer({ min: 118, max: 125 }), (chained, maxRead) => {
        const rows = chained.map(id => {
          const last = placesIn(model(id)).at(-1);
          return [id, (last?.offset ?? 0) + (last?.size ?? 0) - 2] as const;
        });
        const { device, on } = chain(40_002, rows);
        const result = run(readDevice(device, { models: MODELS, maxRead }), on);
        expect(result.ok && result.value).to.deep.equal(decoded(device, on));
        expect(widowed(device, on)).to.deep.equal([]);
        expect(Math.max(...reads(on).map(([, count]) => count))).to.be.at.most(maxRead);
        const total = rows.reduce((sum, [, length]) => sum + length + 2, 0);
        expect(reads(on).reduce((sum, [, count]) => sum + count, 0)).to.equal(total);
      }),
    );
  });

  it('give the right values in requests of any size', () => {
    for (const maxRead of [10, 17, 40, 64, 100, 124]) {
      const { device, on } = chain(40_002, WHOLE);
      const result = run(readDevice(device, { models: MODELS, maxRead }), on);
      expect(result.ok && result.value, `${maxRead}`).to.deep.equal(decoded(device, on));
      expect(Math.max(...reads(on).map(([, count]) => count))).to.be.at.most(maxRead);
    }
  });

  it('lose only a hole where there is one, and nothing of the models beside it', () => {
    for (const hole of [40_072, 40_190, 40_290, 40_443, 40_568, 40_700, 41_000, 41_290, 41_383]) {
      const { device, on } = chain(40_002, WHOLE);
      on.registers.delete(hole);
      const result = run(readDevice(device, { models: MODELS }), on);
      expect(result.ok && result.value, `${hole}`).to.deep.equal(decoded(device, on));
    }
  });

  it('give the right values of a device that refuses requests over the edge of a model', () => {
    const { device, on } = chain(40_002, WHOLE);
    const edges = device.models.map(({ address }) => address);
    on.fault = request =>
      request.kind === 'read' &&
      edges.some(edge => edge > request.address && edge < request.address + request.count)
        ? exception(2)
        : undefined;
    const result = run(readDevice(device, { models: MODELS }), on);
    expect(result.ok && result.value).to.deep.equal(decoded(device, on));
  });

  it('are repeated once, each of them, and say silent where both fail', () => {
    for (let bad = 0; bad < 12; bad++) {
      const { device, on } = chain(40_002, WHOLE);
      on.fault = (_, at) => (at === bad ? TIMEOUT : undefined);
      const result = run(readDevice(device, { models: MODELS }), on);
      expect(result.ok && result.value).to.deep.equal(decoded(device, on));
      on.log.length = 0;
      on.fault = (_, at) => (at === bad || at === bad + 1 ? TIMEOUT : undefined);
      expect(run(readDevice(device, { models: MODELS }), on)).to.include({ ok: false, refusal: 'silent' });
    }
  });

  it('follow the counts of a device that has other curves than a moment ago', () => {
    const { device, on } = chain(40_002, WHOLE);
    for (const points of [5, 3, 4, 5]) {
      for (const { id, address } of device.models)
        if (TOO_LONG.includes(id))
          for (const { name, offset } of placesIn(model(id)))
            if (name === 'NPt') on.registers.set(address + offset, points);
      on.log.length = 0;
      const result = run(readDevice(device, { models: MODELS }), on);
      expect(result.ok && result.value).to.deep.equal(decoded(device, on));
      const curve = result.ok ? result.value.find(each => each.id === 707)?.groups['Crv']?.[0] : undefined;
      expect(curve?.groups['MustTrip']?.[0]?.groups['Pt']).to.have.length(points);
    }
  });

  it('part a chain of 256 models without a long row of calls', () => {
    const { device, on } = chain(
      0,
      Array.from({ length: 256 }, () => [203, 105] as const),
    );
    const result = run(readDevice(device, { models: MODELS }), on);
    expect(result.ok && result.value).to.have.length(256);
    expect(widowed(device, on)).to.deep.equal([]);
  });
});
