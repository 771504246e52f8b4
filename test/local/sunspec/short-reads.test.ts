/** Devices that take fewer registers at once, and devices that state a wrong length: what their profile says holds. */
import { expect } from 'chai';
import { discover, readDevice, recording, readUnread, blocksOf } from '../../../src/local/sunspec/mod.ts';
import { END, SUNS, common, filled } from './chain.ts';
import { MODELS } from './models.ts';
import { TIMEOUT, exception, reads, run, table } from './table.ts';

describe('SunSpec reading with a shorter request', () => {
  const words = [...SUNS, ...common('Acme', 'S-1'), ...filled(103, 50, 1), ...filled(120, 26, 1), ...END];
  const device = () => {
    const on = table([40_000, words]);
    on.fault = request => (request.kind === 'read' && request.count > 40 ? exception(3) : undefined);
    return on;
  };

  it('finds and names a device, and reads it in full, with no request beyond its measure', () => {
    const on = device();
    const found = run(discover({ unit: 1, models: MODELS, maxRead: 40 }), on);
    expect(found.ok && found.value.devices[0]).to.include({ manufacturer: 'Acme', serial: 'S-1' });
    const [first] = found.ok ? found.value.devices : [];
    if (first === undefined) throw new Error('not found');
    const instances = run(readDevice(first, { models: MODELS, maxRead: 40 }), on);
    expect(instances.ok && instances.value[1]?.points).to.include({ A: 10, St: 1 });
    expect(Math.max(...reads(on).map(([, count]) => count))).to.be.at.most(40);
  });

  it('parts no value: a string that does not fit any more begins the next request', () => {
    const on = device();
    run(discover({ unit: 1, models: MODELS, maxRead: 40 }), on);
    // Model 1 at 40002: Mn ends at offset 17, Md at 33, Opt at 41, so 40 registers end before Opt.
    expect(reads(on)).to.deep.include([40_002, 34]);
    expect(reads(on)).to.deep.include([40_036, 34]);
  });
});

describe('SunSpec discovery with a length the device states wrongly', () => {
  it('goes on by the length of the profile', () => {
    const on = table([
      40_000,
      [...SUNS, ...common('Acme', 'S-1'), ...filled(64_999, 7), ...filled(103, 50), ...END],
    ]);
    on.registers.set(40_071, 9);
    const found = run(discover({ unit: 1, models: MODELS, lengths: { 64_999: 7 } }), on);
    expect(
      found.ok && found.value.devices[0]?.models.map(({ id, length, claims }) => [id, length, claims]),
    ).to.deep.equal([
      [1, 66, undefined],
      [64_999, 7, 9],
      [103, 50, undefined],
    ]);
    const blind = run(discover({ unit: 1, models: MODELS }), on);
    expect(blind.ok && blind.value.devices[0]?.models.map(({ id }) => id)).to.not.include(103);
  });
});

describe('a recording of what was read', () => {
  const words = [...SUNS, ...common('Acme', 'S-1'), ...filled(64_999, 200, 5), ...END];

  it('has what the conversation read, and then the rest of the map but for its holes', () => {
    const on = table([40_000, words]);
    on.registers.delete(40_100);
    const registers = new Map<number, number>();
    const found = run(recording(discover({ unit: 1, models: MODELS }), registers), on);
    expect(found.ok).to.equal(true);
    expect(registers.has(40_090)).to.equal(false);
    const devices = found.ok ? found.value.devices : [];
    expect(run(readUnread(1, devices, registers), on)).to.equal(true);
    expect(blocksOf(registers)).to.deep.equal([
      { address: 40_000, words: words.slice(0, 100) },
      { address: 40_101, words: words.slice(101) },
    ]);
  });

  it('ends where the device falls silent', () => {
    const on = table([40_000, words]);
    const registers = new Map<number, number>();
    const found = run(recording(discover({ unit: 1, models: MODELS }), registers), on);
    on.fault = () => TIMEOUT;
    expect(run(readUnread(1, found.ok ? found.value.devices : [], registers), on)).to.equal(false);
  });
});
