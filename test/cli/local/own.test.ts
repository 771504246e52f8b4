/**
 * A vendor's first hour with a product that has registers of its own: a profile is written, checked, and then the
 * product is scanned, read, watched and written by the names that the profile gives its registers.
 */
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { shippedModels } from '../../../src/io/models.ts';
import { savedScan } from '../../../src/local/sunspec/mod.ts';
import { recordedUnit, serveTcp } from '../../../src/sim/mod.ts';
import type { Behaving } from '../../io/devices/behaving.ts';
import { serveUnits } from '../../io/devices/behaving.ts';
import type { Registers } from '../../sim/quirks-bench.ts';
import { POWER_W, inverter, owning, wired } from '../../sim/quirks-bench.ts';
import { tempDir } from '../../support/temp.ts';
import { underglass } from './support.ts';

/** The small profile that the page about profiles begins with, and a code that can only be written. */
const PAGE = readFileSync('device-profiles/vendors/README.md', 'utf8');
const SMALL = /```yaml\n([^]*?)```/.exec(PAGE)?.[1] ?? '';
const PROFILE = SMALL.replace(
  'controls:\n',
  '  code:\n    from:\n      - { table: holding, addressBase: 1, register: 201, type: uint16, writeOnly: true }\ncontrols:\n',
).concat('  - { at: points.code, why: It is locked., evidence: ["field-note: none"] }\n');

describe('underglass with registers of the maker', () => {
  let device: Behaving;
  let holding: Registers;
  let link: string;
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let mine: string;

  beforeEach(async () => {
    holding = new Map([[100, 1000]]);
    const input: Registers = new Map([
      [0, 7],
      // -3000 W to the maker: 3000 out of the device.
      [10, 0xf448],
      [11, 0xffff],
    ]);
    const unit = owning({ holding, input });
    const write = (address: number, words: readonly number[]) =>
      address === 200 ? undefined : unit.write(address, words);
    device = await serveUnits([{ ...unit, write }]);
    link = `tcp://127.0.0.1:${device.port}`;
    dir = await tempDir();
    mine = join(dir.path, 'sunbox.yaml');
    await writeFile(mine, PROFILE);
  });

  afterEach(async () => {
    await device.close();
    await dir[Symbol.asyncDispose]();
  });

  const ask = (command: string, ...args: readonly string[]) =>
    underglass(command, link, ...args, '--profile', mine);

  it('begins with a small profile that is good as it stands on its page', async () => {
    await writeFile(mine, SMALL);
    const { code, out, err } = await underglass('profile', 'check', mine);
    expect([code, out]).to.deep.equal([
      0,
      `${mine}: good: Acme Sunbox, 5 deviations, 1 controls, tested: none\n`,
    ]);
    // It has no timer of its own, and whoever takes it over should think of one.
    expect(err).to.match(
      /^note: .*controls\.limit: an order outlives a gateway that dies: .*revert-after.*\n$/,
    );
  });

  it('scans a device without a map by its points, and asks for nothing else', async () => {
    const text = await ask('scan');
    expect([text.code, text.out]).to.deep.equal([
      0,
      `${link}: Acme Sunbox, no SunSpec map; by its own registers:\n  kind   7\n  power  3000 W\n  limit  100 %\n`,
    ]);
    const json = JSON.parse((await ask('scan', '--json')).out) as object;
    expect(json).to.deep.equal({
      target: link,
      base: null,
      devices: [{ model: 'Acme Sunbox', models: [], points: { kind: 7, power: 3000, limit: 100 } }],
    });
    const asked = device.log.map(request => (request.kind === 'read' ? request.address : -1));
    expect(Math.max(...asked)).to.equal(100);
    expect(await ask('scan', '--units', '1-2', '--save', join(dir.path, 'x'))).to.include({
      code: 2,
      out: '',
    });
  });

  it('says that another product stands there', async () => {
    await device.close();
    device = await serveUnits([owning({ input: new Map([[0, 8]]) })]);
    link = `tcp://127.0.0.1:${device.port}`;
    const { code, err } = await ask('scan');
    expect(code).to.equal(1);
    expect(err).to.match(/kind/);
  });

  it('reads and watches points by their names, beside those of models', async () => {
    expect((await ask('read', 'power', 'limit')).out).to.equal('power  3000 W\nlimit  100 %\n');
    const watched = await ask('watch', '--count', '1', '--json');
    expect(JSON.parse(watched.out)).to.deep.include({ points: { kind: 7, power: 3000, limit: 100 } });
    const unknown = await ask('read', 'powers');
    expect([unknown.code, unknown.out]).to.deep.equal([2, '']);
    expect(unknown.err).to.contain('profile sunbox has no such point; it has kind, power, limit, code');
    const nameless = await underglass('read', link, 'power');
    expect(nameless.err).to.match(/like 103\.W, or by a name of the profile/);
  });

  it('are kept by a saved scan: what is made of it says the same, and takes what the profile writes', async () => {
    const file = join(dir.path, 'saved.json');
    expect((await ask('scan', '--save', file)).err).to.contain('saved 4 registers');
    const { units } = savedScan.parse(JSON.parse(await readFile(file, 'utf8')));
    const models = await shippedModels();
    const replay = await serveTcp({ units: units.map(each => recordedUnit({ ...each, models })), port: 0 });
    try {
      const there = `tcp://127.0.0.1:${replay.port}`;
      const again = (command: string, ...args: readonly string[]) =>
        underglass(command, there, ...args, '--profile', mine);
      const [was, is] = [await ask('scan'), await again('scan')];
      expect(is.out).to.equal(was.out.replace(link, there));
      const wrote = await again('write', 'limit=42.5', '--json');
      expect(JSON.parse(wrote.out)).to.deep.include({ points: { limit: 42.5 }, result: 'implemented' });
      const blind = await again('write', 'code=6868');
      expect(blind.out).to.match(/unknown: code: acknowledged/);
      for (const each of units)
        expect(recordedUnit({ ...each, models }).write(101, [1])).to.deep.equal({ exception: 2 });
    } finally {
      await replay.close();
    }
  });

  it('writes them in engineering values, reads back, and says what it cannot know', async () => {
    const wrote = await ask('write', 'limit=42.5', '--json');
    expect(JSON.parse(wrote.out)).to.deep.equal({
      target: link,
      points: { limit: 42.5 },
      result: 'implemented',
    });
    expect(holding.get(100)).to.equal(425);
    const blind = await ask('write', 'code=6868');
    expect(blind.code).to.equal(1);
    expect(blind.out).to.match(/unknown: code: acknowledged/);
    for (const [order, why] of [
      ['limit=42.55', 'it takes steps of 0.1'],
      ['limit=9999', '99990 does not fit'],
      ['limit=much', 'it takes a number'],
      ['power=1', 'an input register, which takes nothing'],
    ] as const) {
      const no = await ask('write', order);
      expect([no.code, no.out], order).to.deep.equal([2, '']);
      expect(no.err).to.contain(why);
    }
    expect(holding.get(100)).to.equal(425);
  });
});

describe('underglass with a map and registers of the maker beside it', () => {
  it('reads both, and keeps both in a saved scan', async () => {
    await using dir = await tempDir();
    const own: Registers = new Map([[61_441, 80]]);
    const device = await serveUnits([owning({ holding: own }, wired(inverter('SolarEdge')))]);
    try {
      const link = `tcp://127.0.0.1:${device.port}`;
      const profile = join(dir.path, 'quick.yaml');
      const gap =
        'link: { gapMs: 1 }\ndeviations:\n  - { at: link.gapMs, why: A test is quick., evidence: ["field-note: none"] }\n';
      await writeFile(profile, `profile: quick\nextends: solaredge\ntitle: Quick\ntested: none\n${gap}`);
      const { out } = await underglass('read', link, '103.W', 'active-power-limit', '--profile', profile);
      expect(out).to.equal(`103.W               ${POWER_W} W\nactive-power-limit  80 %\n`);
      const file = join(dir.path, 'saved.json');
      const saved = await underglass('scan', link, '--profile', profile, '--save', file, '--json');
      expect(saved.code).to.equal(0);
      const { units } = JSON.parse(await readFile(file, 'utf8')) as {
        units: { registers: { address: number; words: number[] }[]; writable: number[] }[];
      };
      expect(units[0]?.registers).to.deep.include({ address: 61_441, words: [80] });
      expect(units[0]?.writable).to.include(61_441);
    } finally {
      await device.close();
    }
  });
});
