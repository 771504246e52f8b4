/** Finding devices: where the marker stands, how chains end, and what the field does to them. */
import { expect } from 'chai';
import { withManners } from '../../../src/local/profiles/mod.ts';
import { type Discovery, discover, scan, toScanJson } from '../../../src/local/sunspec/mod.ts';
import { END, SUNS, common, filled } from './chain.ts';
import { MODELS } from './models.ts';
import { DISCONNECTED, GARBLED, TIMEOUT, type Table, exception, reads, run, table } from './table.ts';

const ACME = common('Acme', 'SN-1');
const find = (device: Table, bases: readonly number[] = []) =>
  run(discover({ unit: 3, models: MODELS, bases }), device);

function found(device: Table): Discovery {
  const result = find(device);
  if (!result.ok) throw new Error(`${result.refusal}: ${result.detail}`);
  return result.value;
}

function ids(device: Table): readonly (readonly number[])[] {
  return found(device).devices.map(each => each.models.map(entry => entry.id));
}

describe('SunSpec discovery', () => {
  for (const base of [40_000, 0, 50_000])
    it(`finds the marker at ${base}`, () => {
      const device = table([base, [...SUNS, ...ACME, ...filled(103, 50), ...END]]);
      expect(found(device)).to.deep.equal({
        base,
        devices: [
          {
            unit: 3,
            manufacturer: 'Acme',
            model: 'Model-5',
            serial: 'SN-1',
            version: '1.2.3',
            models: [
              { id: 1, name: 'common', address: base + 2, length: 66 },
              { id: 103, name: 'inverter_three_phase', address: base + 70, length: 50 },
            ],
          },
        ],
        end: { how: 'end-model', address: base + 122 },
      });
      expect(new Set(device.log.map(request => request.unit))).to.deep.equal(new Set([3]));
    });

  it('tries the bases it is given first', () => {
    const device = table([30_000, [...SUNS, ...ACME, ...END]]);
    const result = find(device, [30_000]);
    expect(result.ok && result.value.base).to.equal(30_000);
    expect(reads(device)[0]).to.deep.equal([30_000, 2]);
  });

  it('ends at a missing end model that answers with an exception', () => {
    expect(found(table([40_000, [...SUNS, ...ACME, ...filled(103, 50)]])).end).to.deep.equal({
      how: 'refused',
      address: 40_122,
    });
  });

  it('ends at a single register of 0 behind the last model', () => {
    expect(found(table([40_000, [...SUNS, ...ACME, ...filled(103, 50), 0]])).end.how).to.equal('zero');
  });

  it('ends at an end model of which only the id can be read', () => {
    expect(found(table([40_000, [...SUNS, ...ACME, 0xffff]])).end.how).to.equal('end-model');
  });

  it('ends where the address space ends', () => {
    const device = table([65_530, [...SUNS, ...filled(64_900, 2)]]);
    const result = find(device, [65_530]);
    expect(result.ok && result.value.end.how).to.equal('limit');
  });

  it('does not believe a model that would end behind the last register, whatever length it claims', () => {
    for (const length of [65_000, 0xfffe]) {
      const device = table([40_000, [...SUNS, ...ACME, 705, length, ...Array<number>(9000).fill(1)]]);
      expect(ids(device)).to.deep.equal([[1]]);
      expect(found(device).end).to.deep.equal({ how: 'limit', address: 40_070 });
    }
    const sized = table([40_000, [...SUNS, ...ACME, 103, 65_000, ...filled(103, 50).slice(2), ...END]]);
    expect(ids(sized)).to.deep.equal([[1, 103]]);
    expect(found(sized).end.how).to.equal('end-model');
  });

  it('ends after the most models one chain may have', () => {
    const device = table([0, [...SUNS, ...Array.from({ length: 300 }, () => filled(64_900, 1)).flat()]]);
    expect(found(device).end.how).to.equal('limit');
    expect(found(device).devices[0]?.models).to.have.length(256);
  });

  it('says that the device fell silent instead of taking silence for an end', () => {
    const device = table([40_000, [...SUNS, ...ACME, ...filled(103, 50), ...END]]);
    device.fault = request => (request.address === 40_122 ? TIMEOUT : undefined);
    expect(found(device).end).to.deep.equal({ how: 'silent', address: 40_122 });
  });

  it('begins a further device at each common model, and keeps a model that stands twice', () => {
    const chain = [
      ...ACME,
      ...filled(103, 50),
      ...filled(160, 28),
      ...filled(160, 28),
      ...common('Meter', 'M-1'),
    ];
    const device = table([40_000, [...SUNS, ...chain, ...filled(203, 105), ...END]]);
    expect(ids(device)).to.deep.equal([
      [1, 103, 160, 160],
      [1, 203],
    ]);
    expect(found(device).devices[1]).to.include({ manufacturer: 'Meter', serial: 'M-1' });
  });

  it('skips a vendor model by its length', () => {
    const device = table([40_000, [...SUNS, ...ACME, ...filled(64_999, 300), ...filled(103, 50), ...END]]);
    expect(found(device).devices[0]?.models[1]).to.deep.equal({
      id: 64_999,
      name: null,
      address: 40_070,
      length: 300,
    });
    expect(ids(device)).to.deep.equal([[1, 64_999, 103]]);
  });

  it('takes a common model of 65 words as well as of 66', () => {
    const device = table([40_000, [...SUNS, ...common('Acme', 'SN-1', 65), ...filled(103, 50), ...END]]);
    expect(ids(device)).to.deep.equal([[1, 103]]);
  });

  it('goes by the definition where a length leads nowhere and the definition leads on', () => {
    const lying = [103, 48, ...Array<number>(50).fill(5)];
    const device = table([40_000, [...SUNS, ...ACME, ...lying, ...filled(120, 26), ...END]]);
    expect(ids(device)).to.deep.equal([[1, 103, 120]]);
    expect(found(device).devices[0]?.models[1]).to.include({ length: 50, claims: 48 });
  });

  it('goes by the length of the device where that leads on', () => {
    // what looks like an end model stands inside the model, where the definition would have it end
    const longer = [...filled(103, 50), ...END].with(1, 52);
    const device = table([40_000, [...SUNS, ...ACME, ...longer, ...filled(120, 26), ...END]]);
    expect(found(device).devices[0]?.models[1]).to.deep.include({ id: 103, length: 52 });
    expect(ids(device)).to.deep.equal([[1, 103, 120]]);
  });

  it('still finds the models of a device that will not say who it is', () => {
    const device = table([40_000, [...SUNS, ...ACME, ...filled(103, 50), ...END]]);
    device.fault = request =>
      request.kind === 'read' && request.address === 40_002 && request.count > 2 ? TIMEOUT : undefined;
    expect(ids(device)).to.deep.equal([[1, 103]]);
    expect(found(device).devices[0]).not.to.have.property('manufacturer');
  });

  it('gives a device that begins without a common model no name', () => {
    expect(found(table([40_000, [...SUNS, ...filled(103, 50), ...END]])).devices[0]).to.have.keys(
      'unit',
      'models',
    );
  });

  it('tells a device that is not there from one that is none, and from one that is swapped', () => {
    const silent = table();
    silent.fault = () => TIMEOUT;
    expect(find(silent)).to.include({ refusal: 'unreachable', retry: 'later', detail: 'no answer' });
    expect(find(table([40_000, [1, 2, 3]]))).to.include({ refusal: 'no-marker' });
    expect(find(table())).to.include({ refusal: 'no-marker' });
    for (const marker of [
      [0x6e53, 0x5375],
      [0x7553, 0x536e],
      [0x536e, 0x7553],
    ])
      expect(find(table([40_000, marker]))).to.include({ refusal: 'byte-order' });
  });

  it('does not go on asking when there is no link', () => {
    const device = table();
    device.fault = () => DISCONNECTED;
    expect(find(device)).to.include({ refusal: 'unreachable' });
    expect(device.log).to.have.length(1);
  });

  for (const [name, fault] of Object.entries({ TIMEOUT, GARBLED }))
    it(`survives ${name} once at every request`, () => {
      const blocks = [40_000, [...SUNS, ...ACME, ...filled(103, 50), ...END]] as const;
      const calm = table(blocks);
      const wanted = found(calm);
      for (let bad = 0; bad < calm.log.length; bad++) {
        const device = table(blocks);
        device.fault = (_, at) => (at === bad ? fault : undefined);
        expect(found(device), `fault at ${bad}`).to.deep.equal(wanted);
      }
    });

  for (const code of [5, 6, 10, 11])
    it(`is put off by exception ${code}, and never takes that for the end of a map`, () => {
      const blocks = [40_000, [...SUNS, ...ACME, ...filled(103, 50), ...END]] as const;
      const calm = table(blocks);
      const wanted = found(calm);
      for (let bad = 0; bad < calm.log.length; bad++) {
        const busy = () => {
          const device = table(blocks);
          device.fault = (_, at) => (at === bad ? exception(code) : undefined);
          return device;
        };
        const plain = find(busy());
        const isWhole = plain.ok && plain.value.end.how !== 'silent';
        if (isWhole)
          expect(plain.value.devices[0]?.models, `busy at ${bad}`).to.deep.equal(wanted.devices[0]?.models);
        if (!plain.ok)
          expect(plain.detail).to.match(code > 6 ? /40000: a gateway on the way/ : /40000: it is busy/);
        // Only the profile of a device knows that an exception is worth a repeat.
        const heeded = withManners(discover({ unit: 3, models: MODELS }), { retryOn: [code] });
        const again = run(heeded, busy());
        expect(again.ok && again.value, `asked again at ${bad}`).to.deep.equal(wanted);
      }
    });

  it('takes a reply of another number of registers for garbled', () => {
    const device = table([40_000, [...SUNS, ...ACME, ...END]]);
    device.fault = (_, at) => (at === 1 ? { ok: true, words: [1] } : undefined);
    expect(ids(device)).to.deep.equal([[1]]);
  });
});

describe('scan --json', () => {
  it('gives engineering values, null for unknown, and every model in its place', () => {
    const lithium = filled(64_999, 2, 9);
    const inverter = [...filled(103, 50, 0xffff)];
    inverter[14] = 1234; // W
    inverter[15] = 0xffff; // W_SF -1
    inverter[38] = 4; // St
    const device = table([
      40_000,
      [...SUNS, ...ACME, ...lithium, ...inverter, ...filled(160, 28, 1), ...END],
    ]);
    const result = run(scan({ unit: 1, models: MODELS }), device);
    if (!result.ok) throw new Error(result.refusal);
    const json = toScanJson('tcp://127.0.0.1:502?unit=1', result.value);
    expect(JSON.parse(JSON.stringify(json))).to.deep.equal(json);
    const { models, ...identity } = json.devices[0] ?? { models: [] };
    expect(json).to.include({ target: 'tcp://127.0.0.1:502?unit=1', base: 40_000 });
    expect(identity).to.deep.equal({
      manufacturer: 'Acme',
      model: 'Model-5',
      serial: 'SN-1',
      version: '1.2.3',
    });
    expect(models.map(each => [each.id, each.name, each.address, each.length])).to.deep.equal([
      [1, 'common', 40_002, 66],
      [64_999, null, 40_070, 2],
      [103, 'inverter_three_phase', 40_074, 50],
      [160, 'mppt', 40_126, 28],
    ]);
    expect(models[1]).to.deep.include({ points: {}, groups: {} });
    expect(models[2]?.points).to.include({ W: 123.4, St: 4, A: null });
    expect(models[3]?.groups['module']).to.have.length(1);
  });

  it('writes an integer beyond 2^53 as text', () => {
    const measured = [...filled(701, 153, 0xffff)];
    [0x0020, 0, 0, 1].forEach((word, at) => (measured[19 + at] = word)); // TotWhInj 2^53 + 1
    measured[120] = 0;
    const result = run(scan({ unit: 1, models: MODELS }), table([0, [...SUNS, ...measured, ...END]]));
    if (!result.ok) throw new Error(result.refusal);
    const points = toScanJson('x', result.value).devices[0]?.models[0]?.points;
    expect(points).to.include({ TotWhInj: '9007199254740993' });
  });
});
