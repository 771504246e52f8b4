/**
 * scan, read, write and watch, at a device that shares nothing with this program: pymodbus serves what
 * `peer.py` lays out by hand, and mbpoll looks over the shoulder.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ScanJson } from '../../../src/local/sunspec/mod.ts';
import { needs } from '../../support/needs.ts';
import { freePort } from '../../support/port.ts';
import { run } from '../../support/run.ts';
import { tempDir } from '../../support/temp.ts';
import { startPeer, underglass } from './support.ts';
import type { Peer } from './support.ts';

describe('the local side on the command line', () => {
  let peer: Peer;

  before(async function () {
    peer = await startPeer(this);
  });

  after(async () => {
    await peer?.stop();
  });

  const answer = async <T>(...args: readonly string[]): Promise<T> => {
    const { code, out, err } = await underglass(...args);
    expect(code, err).to.equal(0);
    return JSON.parse(out) as T;
  };

  it('scan --json tells the devices, their models and the values of a device by pymodbus', async () => {
    const scan = await answer<ScanJson>('scan', peer.link, '--json');
    expect(Object.keys(scan)).to.deep.equal(['target', 'base', 'devices']);
    expect([scan.target, scan.base]).to.deep.equal([peer.link, 0]);
    const [inverter, meter] = scan.devices;
    expect({ ...inverter, models: 0 }).to.deep.equal({
      manufacturer: 'Acme',
      model: 'Peer 8',
      serial: 'P-1',
      version: '4.2',
      models: 0,
    });
    expect(
      inverter?.models.map(({ id, name, address, length }) => [id, name, address, length]),
    ).to.deep.equal([
      [1, 'common', 2, 66],
      [103, 'inverter_three_phase', 70, 50],
      [123, 'controls', 122, 24],
      [64_999, null, 148, 5],
      [705, 'DERVoltVar', 155, 41],
    ]);
    expect(meter?.models.map(({ id, address }) => [id, address])).to.deep.equal([
      [1, 198],
      [203, 266],
    ]);
  });

  it('scan --json has engineering values, enums as numbers, and null where nothing is implemented', async () => {
    const { devices } = await answer<ScanJson>('scan', peer.link, '--json');
    const [, inverter, controls, vendor, curves] = devices[0]?.models ?? [];
    const { A, AphC, PhVphB, W, Hz, PF, WH, TmpCab, St, Evt1, VA, PPVphAB, W_SF } = inverter?.points ?? {};
    expect({ A, AphC, PhVphB, W, Hz, PF, WH, TmpCab, St, Evt1 }).to.deep.equal({
      A: 12.34,
      AphC: 4.12,
      PhVphB: 230.2,
      W: -12_500,
      Hz: 50.01,
      PF: -98.5,
      WH: 1_000_000,
      TmpCab: 45.1,
      St: 4,
      Evt1: 64,
    });
    expect([VA, PPVphAB, W_SF]).to.deep.equal([null, null, 1]);
    expect(controls?.points['WMaxLimPct']).to.equal(100);
    expect([vendor?.points, vendor?.groups]).to.deep.equal([{}, {}]);
    const volts = curves?.groups['Crv']?.map(curve => curve.groups['Pt']?.map(point => point.points));
    expect(volts).to.deep.equal([
      [
        { V: 92, Var: 44 },
        { V: 98, Var: 0 },
      ],
      [
        { V: 88, Var: 10 },
        { V: 110, Var: -10 },
      ],
    ]);
    expect(devices[1]?.models[1]?.points['W']).to.equal(-321);
  });

  it('scan tells a person the same, and what is odd about it', async () => {
    const { code, out, err } = await underglass('scan', peer.link);
    expect(code).to.equal(0);
    expect(out).to.match(/Acme Peer 8, serial P-1, version 4\.2/);
    expect(out).to.match(/^ +W +-12500 W$/m);
    expect(out).to.match(/^ +St +4 MPPT$/m);
    expect(out).to.match(/^ +Crv\[1\]\.Pt\[1\]\.V +110 VNomPct$/m);
    expect(err).to.contain('model 64999 has no definition here');
  });

  it('scan --units finds the unit that is there, and answers with a list', async () => {
    const { code, out, err } = await underglass(
      'scan',
      `${peer.link}?timeout=500`,
      '--units',
      '0-3',
      '--json',
    );
    expect(code, err).to.equal(0);
    const scans = JSON.parse(out) as readonly ScanJson[];
    expect(scans.map(({ target }) => target)).to.deep.equal([`${peer.link}?unit=1&timeout=500`]);
    expect(scans[0]?.devices).to.have.length(2);
  });

  it('read --json gives points by name, also of groups and of a second model of one id', async () => {
    const names = ['103.W', '705.Crv[1].Pt[1].V', '705.Crv.Pt.Var', '1#2.Md', '103.VA'];
    expect(await answer('read', peer.link, ...names, '--json')).to.deep.equal({
      target: peer.link,
      points: {
        '103.W': -12_500,
        '705.Crv[1].Pt[1].V': 110,
        '705.Crv.Pt.Var': 44,
        '1#2.Md': 'Peer Meter',
        '103.VA': null,
      },
    });
  });

  it('read agrees with mbpoll, register by register', async function () {
    const mbpoll = needs(this, 'mbpoll');
    const { stdout } = await run(
      mbpoll,
      `-m tcp -0 -1 -a 1 -t 4 -r 70 -c 52 -p ${peer.port} 127.0.0.1`.split(' '),
    );
    const raw = [...stdout.matchAll(/^\[\d+\]:\s+(\d+)(?: \((-\d+)\))?/gm)].map(([, word, signed]) =>
      Number(signed ?? word),
    );
    expect(raw).to.have.length(52);
    // Offsets of sunspec/models 7abdf89, model_103.json: A 2, PhVphA 10, W 14, W_SF 15, Hz 16, TmpCab 33, St 38.
    const scaled = (at: number, factor: number) => (raw[at] ?? Number.NaN) / 10 ** -(raw[factor] ?? 0);
    const { points } = await answer<{ points: Record<string, number> }>(
      'read',
      peer.link,
      '103.A',
      '103.PhVphA',
      '103.W',
      '103.Hz',
      '103.TmpCab',
      '103.St',
      '--json',
    );
    expect(Object.values(points)).to.deep.equal([
      scaled(2, 6),
      scaled(10, 13),
      scaled(14, 15),
      scaled(16, 17),
      scaled(33, 37),
      raw[38],
    ]);
  });

  it('write puts a value in force, and mbpoll reads it', async function () {
    const mbpoll = needs(this, 'mbpoll');
    const said = await answer('write', peer.link, '123.WMaxLimPct=42.5', '123.WMaxLim_Ena=ENABLED', '--json');
    expect(said).to.deep.equal({
      target: peer.link,
      points: { '123.WMaxLimPct': 42.5, '123.WMaxLim_Ena': 1 },
      result: 'implemented',
    });
    const { stdout } = await run(
      mbpoll,
      `-m tcp -0 -1 -a 1 -t 4 -r 127 -c 5 -p ${peer.port} 127.0.0.1`.split(' '),
    );
    expect(stdout)
      .to.match(/^\[127\]:\s+425$/m)
      .and.to.match(/^\[131\]:\s+1$/m);
  });

  it('write does not believe an acknowledgement: what stays as it was is refused, with exit code 1', async () => {
    const { code, out } = await underglass('write', peer.link, '123.Conn=DISCONNECT', '--json');
    expect(code).to.equal(1);
    const said = JSON.parse(out) as { result: string; why: string; points: Record<string, number> };
    expect(said).to.include({ result: 'refused' });
    expect(said.why).to.match(/after 1000 ms the registers hold 0x0001/);
    expect(said.points).to.deep.equal({ '123.Conn': 1 });
  });

  it('write stops at the first point that does not take effect, and says which were not written', async () => {
    const { out } = await underglass(
      'write',
      peer.link,
      '123.Conn=DISCONNECT',
      '123.WMaxLim_Ena=DISABLED',
      '--json',
    );
    const said = JSON.parse(out) as { why: string; points: Record<string, number> };
    expect(said.why).to.match(/not written: 123\.WMaxLim_Ena$/);
    expect(said.points['123.WMaxLim_Ena']).to.equal(1);
  });

  it('write reaches a point inside nested groups', async () => {
    const said = await answer<{ points: object }>('write', peer.link, '705.Crv[1].Pt[0].V=89.5', '--json');
    expect(said).to.deep.equal({
      target: peer.link,
      points: { '705.Crv[1].Pt[0].V': 89.5 },
      result: 'implemented',
    });
  });

  it('watch gives one line a reading', async () => {
    const { out } = await underglass('watch', peer.link, '103.W', '--count', '2', '--every', '0.1', '--json');
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { points: object });
    expect(lines.map(({ points }) => points)).to.deep.equal([{ '103.W': -12_500 }, { '103.W': -12_500 }]);
    const { out: text } = await underglass('watch', peer.link, '--count', '1');
    expect(text).to.match(/^20\d\d-\S+Z {2}103\.W -12500 W {2}/);
  });

  const MISTAKES: readonly (readonly [string, number, readonly string[], RegExp])[] = [
    ['a link that is none', 2, ['scan', 'foo'], /links are like tcp:\/\/.*serial:/],
    ['no link at all', 2, ['scan'], /which device\?\nlinks are like tcp:/],
    ['a point that is none', 2, ['read', 'LINK', 'W'], /named like 103\.W/],
    ['a point the model has not', 2, ['read', 'LINK', '103.w'], /did you mean 103\.W\?/],
    ['a model the device has not', 1, ['read', 'LINK', '104.W'], /it has 1, 103, 123, 64999, 705, 203/],
    ['a second model that is not there', 1, ['read', 'LINK', '103#2.W'], /no such model/],
    ['a curve the device has not', 1, ['read', 'LINK', '705.Crv[2].ActPt'], /no such instance/],
    ['a value that is none', 2, ['write', 'LINK', '123.Conn=OFF'], /it takes DISCONNECT, CONNECT/],
    ['an order without a value', 2, ['write', 'LINK', '123.Conn'], /like 704\.WMaxLimPct=50/],
    ['a point that is read-only', 2, ['write', 'LINK', '103.W=1'], /read-only/],
    ['a value out of range', 2, ['write', 'LINK', '123.WMaxLimPct=1e9'], /does not fit/],
    ['a unit list that is none', 2, ['scan', 'LINK', '--units', '1-300'], /like 1-247/],
    ['a profile that is not there', 2, ['scan', 'LINK', '--profile', 'acme'], /profile list/],
  ];
  for (const [what, wanted, args, says] of MISTAKES)
    it(`answers ${what} with exit code ${wanted} and a hint, and nothing on standard output`, async () => {
      const { code, out, err } = await underglass(...args.map(arg => (arg === 'LINK' ? peer.link : arg)));
      expect(err).to.match(says);
      expect([code, out]).to.deep.equal([wanted, '']);
    });

  it('answers a device that is not there with exit code 3 and the reason', async () => {
    const nowhere = `tcp://127.0.0.1:${await freePort()}`;
    for (const args of [['scan'], ['read', '103.W'], ['write', '123.Conn=1'], ['watch']]) {
      const [command = '', ...rest] = args;
      const { code, out, err } = await underglass(command, nowhere, ...rest);
      expect([code, out], command).to.deep.equal([3, '']);
      expect(err, command).to.contain('ECONNREFUSED');
    }
  });

  it('answers a serial line that is not there with exit code 3, the reason, and the lines that are', async () => {
    const { code, out, err } = await underglass('scan', 'serial:/dev/ttyNone?baud=19200');
    expect([code, out]).to.deep.equal([3, '']);
    expect(err).to.match(
      /No such file or directory.*\n(this machine has no serial adapter|serial ports here:\n {2}serial:)/,
    );
  });

  it('scan --save keeps every register, unknown models and the end of the map too', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'scan.json');
    await answer('scan', peer.link, '--save', path, '--json');
    const saved = JSON.parse(await readFile(path, 'utf8')) as {
      units: readonly { unit: number; registers: readonly { address: number; words: readonly number[] }[] }[];
    };
    const [unit] = saved.units;
    expect(unit?.registers.map(({ address, words }) => [address, words.length])).to.deep.equal([[0, 375]]);
    expect(unit?.registers[0]?.words.slice(148, 155)).to.deep.equal([64_999, 5, 11, 22, 33, 44, 55]);
    expect(unit?.registers[0]?.words.slice(373)).to.deep.equal([0xffff, 0]);
  });
});
