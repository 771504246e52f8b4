/** An independent client, mbpoll, at the simulated inverter. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { instant } from '../../src/base/time.ts';
import type { Home, Server } from '../../src/sim/mod.ts';
import { makeHome, serveTcp } from '../../src/sim/mod.ts';
import { needs } from '../support/needs.ts';

const run = promisify(execFile);

describe('sim server, asked by mbpoll', () => {
  let home: Home;
  let server: Server;

  before(async function () {
    needs(this, 'mbpoll');
    home = makeHome(instant(0), { startHour: 12 });
    home.advance(instant(5000));
    server = await serveTcp({ units: [home.inverter.wire], port: 0 });
  });

  after(async () => {
    await server?.close();
  });

  async function mbpoll(register: number, options: string[], ...values: number[]): Promise<string> {
    const common = [
      '-m',
      'tcp',
      '-0',
      '-1',
      '-a',
      '1',
      '-r',
      String(register),
      '-p',
      String(server.port),
      '-o',
      '2',
    ];
    const written = values.map(String);
    try {
      return (await run('mbpoll', [...common, ...options, '127.0.0.1', ...written])).stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      return stdout + stderr;
    }
  }

  /** The values mbpoll printed, by register. */
  function values(text: string): number[] {
    return [...text.matchAll(/^\[\d+\]:\s+(0x)?([0-9A-Fa-f]+)/gm)].map(([, hex, digits]) =>
      Number.parseInt(digits ?? '', hex === undefined ? 10 : 16),
    );
  }

  it('finds SunS at 40000, then the common model of 66 registers', async () => {
    expect(values(await mbpoll(40_000, ['-t', '4:hex', '-c', '4']))).to.deep.equal([0x5375, 0x6e53, 1, 66]);
  });

  it('reads model 103 at 40070: id, length, and the power at offset 14', async () => {
    // Offsets from sunspec/models 7abdf89, model_103.json: W 14, W_SF 15, Hz 16, Hz_SF 17, St 38.
    const words = values(await mbpoll(40_070, ['-t', '4:hex', '-c', '52']));
    expect(words.slice(0, 2)).to.deep.equal([103, 50]);
    expect(words[14]).to.equal(home.inverter.image.get('103.W'));
    expect(words[14]).to.be.within(2500, 8000);
    expect([words[15], words[16], words[17], words[38]]).to.deep.equal([0, 5000, 0xfffe, 4]);
  });

  it('reads the same registers with functions 3 and 4', async () => {
    expect(values(await mbpoll(40_070, ['-t', '3:hex', '-c', '2']))).to.deep.equal([103, 50]);
  });

  it('writes the limit of model 704 at 40434 with functions 16 and 6, and the power follows', async () => {
    // model_704.json: WMaxLimPctEna 14, WMaxLimPct 15, WMaxLimPct_SF 54.
    expect(values(await mbpoll(40_434, ['-t', '4:hex', '-c', '2']))).to.deep.equal([704, 65]);
    expect(values(await mbpoll(40_434 + 54, ['-t', '4:hex']))).to.deep.equal([0xfffe]);
    expect(await mbpoll(40_434 + 14, ['-t', '4'], 1, 2500)).to.include('Written 2 references');
    home.advance(instant(8000));
    expect(values(await mbpoll(40_070 + 14, ['-t', '4:hex']))).to.deep.equal([2000]);
    expect(await mbpoll(40_434 + 14, ['-t', '4'], 0)).to.include('Written 1 references');
    home.advance(instant(11_000));
    expect(values(await mbpoll(40_070 + 14, ['-t', '4:hex']))[0]).to.be.greaterThan(2000);
  });

  it('refuses a read-only register, a value out of range and a register that is not there', async () => {
    expect(await mbpoll(40_070 + 14, ['-t', '4'], 1)).to.include('Illegal data address');
    expect(await mbpoll(40_434 + 15, ['-t', '4'], 10_001)).to.include('Illegal data value');
    expect(await mbpoll(0, ['-t', '4'])).to.include('Illegal data address');
    expect(await mbpoll(0, ['-t', '1'])).to.include('Illegal function');
  });
});
