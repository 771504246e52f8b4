/** Reading models: how many requests, where they part, and what faults do to them. */
import { expect } from 'chai';
import {
  type ModelEntry,
  type SunSpecDevice,
  type Want,
  readDevice,
  readModels,
} from '../../../src/local/sunspec/mod.ts';
import { filled } from './chain.ts';
import { MODELS, model } from './models.ts';
import { GARBLED, TIMEOUT, type Table, exception, reads, run, table } from './table.ts';

function chain(at: number, ...lengths: readonly (readonly [number, number])[]): SunSpecDevice {
  const models: ModelEntry[] = [];
  let address = at;
  for (const [id, length] of lengths) {
    models.push({ id, name: MODELS.get(id)?.name ?? null, address, length });
    address += length + 2;
  }
  return { unit: 1, models };
}

function registers({ models }: SunSpecDevice, word = 1): Table {
  return table(...models.map(entry => [entry.address, filled(entry.id, entry.length, word)] as const));
}

function read(device: SunSpecDevice, on: Table, wants?: readonly Want[], joinGapsUpTo = 0) {
  return run(
    wants === undefined
      ? readDevice(device, { models: MODELS })
      : readModels(device, wants, { models: MODELS, joinGapsUpTo }),
    on,
  );
}

describe('SunSpec polling', () => {
  const site = chain(40_070, [103, 50], [120, 26], [121, 30], [123, 24]);

  it('reads models that follow each other in one request, up to 125 registers', () => {
    const on = registers(site);
    const result = read(site, on);
    expect(result.ok && result.value.map(each => each.id)).to.deep.equal([103, 120, 121, 123]);
    // 52 + 28 + 32 = 112 together; 26 more would make 138
    expect(reads(on)).to.deep.equal([
      [40_070, 112],
      [40_182, 26],
    ]);
  });

  it('gives the same value again where a model says the same words, and a new one where a word is another', () => {
    const on = registers(site);
    const first = read(site, on);
    on.registers.set(40_070 + 2, 9); // 103.A
    const second = read(site, on);
    const third = read(site, on);
    const [before, after, again] = [first, second, third].map(each => (each.ok ? each.value : []));
    expect(after?.[0]?.points['A']).not.to.equal(before?.[0]?.points['A']);
    expect(after?.slice(1).every((each, at) => each === before?.[at + 1])).to.equal(true);
    expect(again?.every((each, at) => each === after?.[at])).to.equal(true);
  });

  it('believes no word of before where one cannot be read any more', () => {
    const on = registers(site);
    read(site, on);
    on.registers.delete(40_070 + 2);
    const result = read(site, on);
    expect(result.ok && result.value[0]?.points['A']).to.equal(undefined);
    const moved = { unit: 1, models: site.models.map(entry => ({ ...entry, address: entry.address + 1 })) };
    expect(read(moved, on)).to.include({ ok: false, refusal: 'map-changed' });
  });

  it('does not read over a gap, unless it is told how wide a gap may be', () => {
    const ends = site.models
      .filter(entry => entry.id !== 120)
      .map(entry => ({ entry }))
      .slice(0, 2);
    const on = registers(site);
    read(site, on, ends);
    expect(reads(on)).to.deep.equal([
      [40_070, 52],
      [40_150, 32],
    ]);
    const joined = registers(site);
    const result = read(site, joined, ends, 28);
    expect(reads(joined)).to.deep.equal([[40_070, 112]]);
    expect(result.ok && result.value.map(each => each.id)).to.deep.equal([103, 121]);
  });

  it('reads a model only as far as the wanted points and their scale factors reach', () => {
    const device = chain(40_000, [701, 153]);
    const on = registers(device);
    read(
      device,
      on,
      device.models.map(entry => ({ entry, points: ['W', 'Hz'] })),
    );
    // W_SF stands at 116: 117 registers from the id on
    expect(reads(on)).to.deep.equal([[40_000, 117]]);
  });

  it('parts a long model before a value, never inside one', () => {
    for (const id of [13, 211, 214, 701, 63_001, 64_411]) {
      const words = model(id).points.reduce((sum, point) => sum + point.size, 0);
      const device = chain(100, [id, words - 2]);
      const on = registers(device);
      expect(read(device, on).ok).to.equal(true);
      const starts = new Set<number>();
      model(id).points.reduce((offset, point) => starts.add(100 + offset) && offset + point.size, 0);
      for (const [address, count] of reads(on)) {
        expect(count).to.be.at.most(125);
        // a string of 150 words is longer than any request: it alone may be parted
        if (words < 1000) expect(starts, `model ${id}`).to.include(address);
      }
      const together = reads(on).reduce((sum, [, count]) => sum + count, 0);
      expect(together, `model ${id}`).to.equal(words);
    }
  });

  it('parts a long model with groups between values once it knows the counts', () => {
    // 711 has 14 words, each control 10: with 20 controls 214 words; a control's 32-bit values stay whole
    const device = chain(0, [711, 212]);
    const on = registers(device, 0);
    on.registers.set(5, 20); // NCtl
    const result = read(device, on);
    expect(result.ok && result.value[0]?.groups['Ctl']?.length).to.equal(20);
    const inControl = ((reads(on)[1]?.[0] ?? 0) - 14) % 10;
    const offsets = model(711).groups?.[0]?.points.map((_, at, all) =>
      all.slice(0, at).reduce((sum, p) => sum + p.size, 0),
    );
    expect(offsets).to.include(inControl);
  });

  it('does not read a model it has no definition of', () => {
    const device = chain(0, [64_999, 20]);
    const on = registers(device);
    expect(read(device, on)).to.deep.equal({
      ok: true,
      value: [{ id: 64_999, name: null, address: 0, length: 20, points: {}, groups: {} }],
    });
    expect(on.log).to.deep.equal([]);
  });

  it('reads around a hole: its points are unknown, all others are read', () => {
    const device = chain(0, [103, 50]);
    const on = registers(device);
    for (const hole of [27, 28, 29]) on.registers.delete(hole); // DCA, DCA_SF, DCV
    const result = read(device, on);
    const points = result.ok ? (result.value[0]?.points ?? {}) : {};
    expect(points).to.include({ St: 1, Evt1: 0x1_0001, DCA: undefined, DCV: undefined });
    expect(points['W']).to.equal(10);
    expect(on.log.length).to.be.below(30);
  });

  it('takes a device that is busy, or out of its gateway’s reach, for silent and not for full of holes', () => {
    for (const code of [5, 6, 10, 11])
      for (const bad of [0, 1]) {
        const device = chain(0, [103, 50]);
        const on = registers(device);
        on.registers.delete(27);
        on.fault = (_, at) => (at === bad ? exception(code) : undefined);
        expect(read(device, on), `${code} at ${bad}`).to.include({ ok: false, refusal: 'silent' });
        expect(on.log).to.have.length(bad + 1);
      }
  });

  it('gives up looking for holes after a bounded number of requests', () => {
    const device = chain(0, [203, 105]);
    const on = registers(device);
    on.fault = () => exception(2);
    const result = read(device, on);
    expect(result.ok && result.value[0]?.points['W']).to.equal(undefined);
    expect(on.log).to.have.length(48);
  });

  it('reads each model by itself where a device refuses them together', () => {
    const on = registers(site);
    on.fault = request => (request.kind === 'read' && request.count > 60 ? exception(2) : undefined);
    const result = read(site, on);
    expect(result.ok && result.value.map(each => each.points['ID'])).to.deep.equal([103, 120, 121, 123]);
  });

  for (const change of ['id', 'length'] as const)
    it(`believes nothing once the ${change} of a model is another`, () => {
      const on = registers(site);
      on.registers.set(40_122 + (change === 'id' ? 0 : 1), 77);
      expect(read(site, on)).to.include({ ok: false, refusal: 'map-changed', retry: 'later' });
    });

  it('accepts the length it was told is wrong', () => {
    const [entry] = chain(0, [103, 50]).models;
    if (entry === undefined) throw new Error('a chain of one has one');
    const device: SunSpecDevice = { unit: 1, models: [{ ...entry, claims: 48 }] };
    const on = registers(device);
    on.registers.set(1, 48);
    const result = read(device, on);
    expect(result.ok && result.value[0]).to.include({ length: 50 });
    expect(result.ok && result.value[0]?.points['EvtVnd4']).to.equal(0x1_0001);
  });

  for (const [name, fault] of Object.entries({ TIMEOUT, GARBLED }))
    it(`survives ${name} once at every request, and is silent after it twice`, () => {
      const calm = registers(site);
      const wanted = read(site, calm);
      for (let bad = 0; bad < calm.log.length; bad++) {
        const once = registers(site);
        once.fault = (_, at) => (at === bad ? fault : undefined);
        expect(read(site, once)).to.deep.equal(wanted);
        const twice = registers(site);
        twice.fault = (_, at) => (at === bad || at === bad + 1 ? fault : undefined);
        expect(read(site, twice)).to.include({ ok: false, refusal: 'silent', retry: 'later' });
      }
    });
});
