/**
 * `underglass sim` at one end of a serial line, which socat makes of two pseudo-terminals, and the other commands at
 * the other end. What a device says over TCP is the measure of what it says here.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ScanJson } from '../../src/local/sunspec/mod.ts';
import { serialPair } from '../support/serial-pair.ts';
import { needs } from '../support/needs.ts';
import type { SerialPair } from '../support/serial-pair.ts';
import { tempDir } from '../support/temp.ts';
import { underglass } from './local/support.ts';
import { sim } from './serving.ts';

/** What a scan of `link` prints, without the link itself. */
async function scanned(link: string, ...options: readonly string[]): Promise<Omit<ScanJson, 'target'>> {
  const { code, out, err } = await underglass('scan', link, '--json', ...options);
  expect(code, err).to.equal(0);
  const { target: _, ...scan } = JSON.parse(out) as ScanJson;
  return scan;
}

const METER = 'meter: { port: 0 }';

describe('underglass sim on a serial line', () => {
  let pair: SerialPair;

  before(function () {
    needs(this, 'socat');
  });

  beforeEach(async () => {
    pair = await serialPair();
  });

  afterEach(async () => {
    await pair.close();
  });

  const line = (end: 0 | 1): string => `serial:${pair.paths[end]}?baud=115200`;

  it('serves a saved scan on it, word by word as over TCP, and ends when it is interrupted', async () => {
    await using dir = await tempDir();
    const [site, saved] = [join(dir.path, 'site.yaml'), join(dir.path, 'scan.json')];
    await writeFile(
      site,
      `home:\n  inverter: { port: 0, unit: 3, serial: S-7 }\n  battery: { port: 0 }\n  ${METER}\n`,
    );
    const original = await sim(site);
    const overTcp = await scanned(original.devices[0]?.link ?? '', '--save', saved);
    expect(await original.stop()).to.equal(0);
    const copy = await sim('--from', saved, '--serial', line(0));
    try {
      expect(copy.devices[0]?.link).to.equal(`serial:${pair.paths[0]}?baud=115200&parity=none&unit=3`);
      expect(await scanned(`${line(1)}&unit=3`)).to.deep.equal(overTcp);
    } finally {
      expect(await copy.stop()).to.equal(0);
    }
  }).timeout(30_000);

  it('serves devices of a site on one line by their units, beside others on TCP', async () => {
    await using dir = await tempDir();
    const site = join(dir.path, 'site.yaml');
    const listen = `listen: "${line(0)}"`;
    await writeFile(
      site,
      `home:\n  inverter: { ${listen}, serial: S-7 }\n  battery: { ${listen}, unit: 2, serial: S-8 }\n  ${METER}\n`,
    );
    const served = await sim(site);
    try {
      expect(served.devices.map(({ device }) => device)).to.have.members(['inverter', 'battery', 'meter']);
      for (const [unit, serial] of [
        [1, 'S-7'],
        [2, 'S-8'],
      ]) {
        const { out } = await underglass('read', `${line(1)}&unit=${unit}`, '1.SN', '--json');
        expect(JSON.parse(out)).to.have.property('points').that.deep.equals({ '1.SN': serial });
      }
      const link = served.devices.find(({ device }) => device === 'meter')?.link ?? '';
      expect((await underglass('read', link, '203.W')).code).to.equal(0);
      expect(await write(`${line(1)}&unit=1`)).to.include({ result: 'implemented' });
    } finally {
      expect(await served.stop()).to.equal(0);
    }
  }).timeout(30_000);
});

describe('underglass sim that cannot serve a serial line', () => {
  const refusals: readonly (readonly [string, string, number, string])[] = [
    ['port: 0, listen: "serial:/dev/x"', METER, 1, 'has to listen in one place'],
    ['unit: 1', METER, 1, 'has to listen in one place'],
    ['listen: "serial:/dev/x?baud=1"', METER, 1, 'is not a serial line like serial:'],
    ['listen: "serial:/dev/x?unit=3"', METER, 1, 'is not a serial line like serial:'],
    ['listen: "tcp://127.0.0.1"', METER, 1, 'is not a serial line like serial:'],
    ['listen: "serial:/dev/x"', 'meter: { listen: "serial:/dev/x" }', 2, 'unit 1 is there twice'],
    ['listen: "serial:/dev/x"', 'meter: { listen: "serial:/dev/x?baud=300", unit: 2 }', 2, 'one speed'],
    ['unit: 248, listen: "serial:/dev/x"', METER, 2, 'on a serial line it is 1 to 247'],
    ['listen: "serial:/dev/no-such-line"', METER, 1, 'cannot listen on /dev/no-such-line'],
  ];

  for (const [inverter, meter, code, says] of refusals)
    it(`says why, and ends with ${code}: inverter { ${inverter} }, ${meter}`, async () => {
      await using dir = await tempDir();
      const site = join(dir.path, 'site.yaml');
      await writeFile(site, `home:\n  inverter: { ${inverter} }\n  battery: { port: 0 }\n  ${meter}\n`);
      const said = await underglass('sim', site);
      expect(said.err).to.contain(says);
      expect(said).to.include({ code, out: '' });
    });

  it('takes --serial with --from alone, and without --port', async () => {
    for (const args of [
      ['site.yaml', '--serial', 'serial:/dev/x'],
      ['--from', 'scan.json', '--port', '0', '--serial', 'serial:/dev/x'],
      ['--from', 'scan.json', '--serial', '/dev/x'],
    ])
      expect((await underglass('sim', ...args)).code, args.join(' ')).to.equal(2);
  });
});

async function write(link: string): Promise<unknown> {
  return JSON.parse((await underglass('write', link, '123.WMaxLimPct=40', '--json')).out);
}
