/** `--profile` on the command line: the link, the map and every request are as the profile of the device wants them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { serveTcp } from '../../../src/sim/mod.ts';
import type { Server, Unit } from '../../../src/sim/mod.ts';
import { tempDir } from '../../support/temp.ts';
import { END, SUNS, common, filled } from '../../local/sunspec/chain.ts';
import { underglass } from './support.ts';

/** Model 123 at 40070: WMaxLimPct at offset 5, its scale factor at 23, as in sunspec/models 7abdf89. */
const LIMIT = 40_075;
const LIMIT_SF = 40_093;

describe('underglass with a profile', () => {
  let server: Server | undefined;
  const asked: string[] = [];

  afterEach(async () => {
    await server?.close();
    server = undefined;
    asked.length = 0;
  });

  /** Unit 71: busy at every other read, longer reads than 40 refused, and register 40080 not to be touched. */
  async function serve(): Promise<string> {
    const words = [...SUNS, ...common('Acme', 'S-1'), ...filled(123, 24, 0), ...END];
    const registers = new Map(words.map((word, at) => [40_000 + at, word]));
    registers.set(LIMIT_SF, 0);
    let reads = 0;
    const unit: Unit = {
      unit: 71,
      read: (address, count) => {
        reads += 1;
        asked.push(`read ${address} ${count}`);
        if (reads % 2 === 1) return { exception: 6 };
        const found = Array.from({ length: count }, (_, at) => registers.get(address + at));
        return count > 40 || found.includes(undefined) ? { exception: 2 } : found.map(word => word ?? 0);
      },
      write: (address, values) => {
        asked.push(`write ${address} ${values.length}`);
        for (const [at, value] of values.entries()) registers.set(address + at, value);
        return undefined;
      },
    };
    server = await serveTcp({ units: [unit], port: 0 });
    return `tcp://127.0.0.1:${server.port}`;
  }

  const PROFILE = {
    profile: 'acme',
    title: 'Acme',
    tested: 'simulated',
    match: { manufacturer: ['Acme'] },
    link: { unit: 71, retryOn: [6], maxRead: 40, maxWrite: 1 },
    sunspec: { holes: [{ from: 40_080, count: 1 }] },
    deviations: ['link.unit', 'link.retryOn', 'link.maxRead', 'link.maxWrite', 'sunspec.holes'].map(at => ({
      at,
      why: 'So it is.',
      evidence: ['acme/forum#1'],
    })),
  };

  it('finds the unit, asks again when busy, and asks for no more than the device gives', async () => {
    await using dir = await tempDir();
    const profile = join(dir.path, 'acme.yaml');
    await writeFile(profile, JSON.stringify(PROFILE));
    const link = await serve();
    const { code, out, err } = await underglass(
      'read',
      link,
      '1.SN',
      '123.WMaxLimPct',
      '--profile',
      profile,
      '--json',
    );
    expect(code, err).to.equal(0);
    expect(JSON.parse(out))
      .to.have.property('points')
      .that.deep.equals({ '1.SN': 'S-1', '123.WMaxLimPct': 0 });
    const spans = asked.map(line => line.split(' ').slice(1).map(Number));
    for (const [address = 0, count = 0] of spans) {
      expect(count).to.be.at.most(40);
      expect(address > 40_080 || address + count <= 40_080, `${address} ${count}`).to.equal(true);
    }
  });

  it('tells what the profile has for a person where no SunSpec device is found, and else keeps it', async () => {
    await using dir = await tempDir();
    const profile = join(dir.path, 'acme.yaml');
    const note = 'The byte order is a setting of the device.';
    await writeFile(profile, JSON.stringify({ ...PROFILE, notes: [note] }));
    const unit: Unit = { unit: 71, read: () => ({ exception: 2 }), write: () => ({ exception: 1 }) };
    server = await serveTcp({ units: [unit], port: 0 });
    for (const args of [['scan'], ['read']]) {
      const points = args[0] === 'read' ? ['1.SN'] : [];
      const target = `tcp://127.0.0.1:${server.port}`;
      const { code, err } = await underglass(...args, target, ...points, '--profile', profile);
      expect(code).to.equal(1);
      expect(err).to.contain(`note: profile acme: ${note}\n`);
    }
    await server.close();
    const { code, err } = await underglass('read', await serve(), '1.SN', '--profile', profile);
    expect(code).to.equal(0);
    expect(err).to.not.contain(note);
  });

  it('parts a write as the device wants it, and reads it back', async () => {
    await using dir = await tempDir();
    const profile = join(dir.path, 'acme.yaml');
    await writeFile(profile, JSON.stringify(PROFILE));
    const link = await serve();
    const args = ['123.WMaxLimPct=40', '123.WMaxLimPct_WinTms=7', '--profile', profile, '--json'];
    const { code, out, err } = await underglass('write', link, ...args);
    expect(code, err).to.equal(0);
    expect(JSON.parse(out)).to.include({ result: 'implemented' });
    expect(asked.filter(line => line.startsWith('write'))).to.deep.equal([
      `write ${LIMIT} 1`,
      `write ${LIMIT + 1} 1`,
    ]);
  });

  it('writes with the one function a device takes, and refuses by name what does not fit one request', async () => {
    await using dir = await tempDir();
    const profile = join(dir.path, 'acme.yaml');
    const control = {
      steps: [{ write: '123.WMaxLimPct', value: 'order' }],
      functionCode: 6,
      verify: { by: 'read-back', point: '123.WMaxLimPct', withinMs: 1000 },
      release: { steps: [{ write: '123.WMaxLim_Ena', value: 0 }] },
      storage: 'volatile',
    };
    const long = { from: [{ table: 'holding', addressBase: 0, register: LIMIT, type: 'uint32' }] };
    const because = (at: string) => ({ at, why: 'So it is.', evidence: ['acme/forum#1'] });
    const write = async (more: object, ...orders: readonly string[]) => {
      const { sunspec: _, ...rest } = PROFILE;
      const parts = { ...rest, points: { long }, ...more };
      const lines = Object.entries(parts).flatMap(([part, of]) =>
        ['link', 'points', 'controls'].includes(part)
          ? Object.keys(of).map(key => because(`${part}.${key}`))
          : [],
      );
      await writeFile(profile, JSON.stringify({ ...parts, deviations: lines }));
      asked.length = 0;
      await server?.close();
      const ran = await underglass('write', await serve(), ...orders, '--profile', profile);
      return { ...ran, wrote: asked.filter(line => line.startsWith('write')) };
    };
    const link = { unit: 71, retryOn: [6] };
    const two = ['123.WMaxLimPct=40', '123.WMaxLimPct_WinTms=7'];
    const parted = [`write ${LIMIT} 1`, `write ${LIMIT + 1} 1`];
    expect((await write({ link }, ...two)).wrote).to.deep.equal([`write ${LIMIT} 2`]);
    expect((await write({ link: { ...link, writeWith: 6 } }, ...two)).wrote).to.deep.equal(parted);
    expect((await write({ link, controls: { limit: control } }, ...two)).wrote).to.deep.equal(parted);
    const torn = await write({ link: { ...link, writeWith: 6 } }, 'long=70000');
    expect([torn.code, torn.wrote]).to.deep.equal([1, []]);
    expect(torn.out)
      .to.contain('has 2 registers, and this device takes 1 in one write')
      .and.to.contain('link.writeWith');
    const own = { ...control, steps: [{ write: 'long', value: 1 }] };
    const named = await write({ link, controls: { limit: own } }, 'long=70000');
    expect([named.code, named.wrote]).to.deep.equal([1, []]);
    expect(named.err).to.contain('long: it has 2 registers').and.to.contain('functionCode: 6');
  });

  it('tells of a shipped profile that fits a device, where none was asked for', async () => {
    let words = [...SUNS, ...common('Fronius', 'S-1'), ...END];
    const read: Unit['read'] = (address, count) => {
      const found = words.slice(address - 40_000, address - 40_000 + count);
      return address < 40_000 || found.length < count ? { exception: 2 } : found;
    };
    server = await serveTcp({ units: [{ unit: 1, read, write: () => ({ exception: 1 }) }], port: 0 });
    const link = `tcp://127.0.0.1:${server.port}`;
    expect((await underglass('scan', link)).err).to.contain('--profile fronius minds its manners');
    expect((await underglass('scan', link, '--profile', 'enphase')).err).to.not.contain('minds its manners');
    words = [...SUNS, ...common('Fronius', 'S-1'), ...filled(203, 105, 0), ...END];
    const { err } = await underglass('scan', link);
    expect(err).to.contain('this is a meter by Fronius; where it is reached through an inverter');
    expect(err).to.not.contain('this looks like');
  });
});
