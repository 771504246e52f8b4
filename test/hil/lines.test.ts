/**
 * `underglass hil run` on lines as they are: a device behind a TCP socket and behind a serial line, which socat makes
 * of two pseudo-terminals; a person at a terminal, by `script`; and what Wireshark makes of the captures.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { instant } from '../../src/base/time.ts';
import { Inverter, serveSerialLine, serveTcp } from '../../src/sim/mod.ts';
import type { Server, Unit } from '../../src/sim/mod.ts';
import { underglass } from '../cli/local/support.ts';
import { serialPair } from '../support/serial-pair.ts';
import type { SerialPair } from '../support/serial-pair.ts';
import { needs } from '../support/needs.ts';
import { run } from '../support/run.ts';
import { tempDir } from '../support/temp.ts';

const GRID = { voltageV: 230, frequencyHz: 50 };

/** An inverter at full power whose clock stands still: what it says changes by writes alone. */
class Bench implements AsyncDisposable {
  readonly inverter = new Inverter(instant(0), { unit: 1 });
  /** Told of each write that was taken. */
  onWrite: () => void = () => undefined;
  link = '';
  #server: Server | undefined;
  #pair: SerialPair | undefined;

  constructor() {
    for (let at = 0; at <= 60_000; at += 1000) this.inverter.advance(instant(at), 8000, GRID);
  }

  async overTcp(): Promise<this> {
    this.#server = await serveTcp({ units: [this.#unit()], port: 0 });
    this.link = `tcp://127.0.0.1:${this.#server.port}?unit=1`;
    return this;
  }

  async overSerial(): Promise<this> {
    this.#pair = await serialPair();
    const [path, near] = this.#pair.paths;
    this.#server = await serveSerialLine({ path, baud: 115_200, units: [this.#unit()] });
    this.link = `serial:${near}?baud=115200&unit=1`;
    return this;
  }

  /** All registers, one after the other. */
  words(): readonly number[] {
    const words: number[] = [];
    for (let at = 40_000; ; at++) {
      const word = this.inverter.image.read(at, 1);
      if ('exception' in word) return words;
      words.push(...word);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.close();
    await this.#pair?.close();
  }

  #unit(): Unit {
    const { wire } = this.inverter;
    return {
      unit: wire.unit,
      read: (address, count) => wire.read(address, count),
      write: (address, words) => {
        const refused = wire.write(address, words);
        if (refused === undefined) this.onWrite();
        return refused;
      },
    };
  }
}

/** What `tshark` makes of a capture: one line of protocol and summary a packet. */
async function seenByWireshark(path: string, ...options: readonly string[]): Promise<readonly string[]> {
  const columns = ['-T', 'fields', '-e', '_ws.col.Protocol', '-e', '_ws.col.Info'];
  const { code, stdout, stderr } = await run('tshark', ['-n', '-r', path, ...options, ...columns]);
  expect(code, stderr).to.equal(0);
  return stdout.trimEnd().split('\n');
}

describe('underglass hil run on a serial line', () => {
  beforeEach(function () {
    needs(this, 'socat');
  });

  it('RTU-1 to RTU-3: asks bare bytes and registers in turn, and finds a good device good', async () => {
    await using bench = await new Bench().overSerial();
    const only = 'DEV-1,RTU-1,RTU-2,RTU-3,MOD-1';
    const { code, out, err } = await underglass('hil', 'run', bench.link, '--only', only);
    expect(code, `${out}${err}`).to.equal(0);
    for (const id of [...only.split(','), 'LEFT'])
      expect(
        out.split('\n').some(line => line.startsWith('PASS ') && line.includes(` ${id} `)),
        id,
      ).to.equal(true);
  }).timeout(20_000);

  it('--pcap writes what tshark opens as Modbus RTU, bare bytes included', async function () {
    needs(this, 'tshark');
    await using dir = await tempDir();
    await using bench = await new Bench().overSerial();
    const path = join(dir.path, 'rtu.pcap');
    await underglass('hil', 'run', bench.link, '--only', 'DEV-1,RTU-2', '--pcap', path);
    const seen = await seenByWireshark(path, '-d', 'rtacser.data,mbrtu');
    expect(seen.every(line => line.startsWith('Modbus RTU\t'))).to.equal(true);
    expect(seen.some(line => line.includes('Query: Unit:   1, Func:   3'))).to.equal(true);
    expect(seen.some(line => line.includes('Response: Unit:   1, Func:   3'))).to.equal(true);
    // The request with the wrong CRC: said once, by hand.
    const checked = ['-d', 'rtacser.data,mbrtu', '-o', 'mbrtu.crc_verification:TRUE'];
    const wrong = await seenByWireshark(path, ...checked, '-Y', 'mbrtu.crc16.status == "Bad"');
    expect(wrong).to.have.length(1);
  }).timeout(30_000);
});

describe('underglass hil run on TCP', () => {
  it('--pcap writes what tshark opens as Modbus/TCP, without a malformed packet', async function () {
    needs(this, 'tshark');
    await using dir = await tempDir();
    await using bench = await new Bench().overTcp();
    const path = join(dir.path, 'tcp.pcap');
    const { code } = await underglass('hil', 'run', bench.link, '--only', 'DEV-1,TCP-2', '--pcap', path);
    expect(code).to.equal(0);
    const seen = await seenByWireshark(path);
    expect(seen.filter(line => line.startsWith('Modbus/TCP\t')).length).to.be.above(20);
    expect(await seenByWireshark(path, '-Y', '_ws.malformed || tcp.checksum.status == "Bad"')).to.deep.equal([
      '',
    ]);
  }).timeout(30_000);

  it('minds a profile, and knows the models of a folder', async () => {
    await using dir = await tempDir();
    await using bench = await new Bench().overTcp();
    const report = join(dir.path, 'report');
    const asked = ['hil', 'run', bench.link, '--only', 'DEV-1', '--report', report];
    expect((await underglass(...asked, '--profile', 'there-is-none')).code).to.equal(2);
    const mapless = await underglass(...asked, '--profile', 'deye');
    expect([mapless.code, mapless.err]).to.deep.equal([
      2,
      'underglass: profile deye is for a device without a SunSpec map, and the checks are of one; underglass scan shows it by its own registers\n',
    ]);
    expect((await underglass(...asked, '--models', join(dir.path, 'nowhere'))).code).to.equal(2);
    expect((await underglass(...asked, '--pcap', join(dir.path, 'no', 'folder.pcap'))).code).to.equal(2);
    const profile = join(dir.path, 'short.yaml');
    await writeFile(profile, SHORT_READS);
    const { code, err } = await underglass(...asked, '--profile', profile);
    expect(code, err).to.equal(0);
    expect(Math.max(...(await readsIn(join(report, 'frames.txt'))))).to.equal(40);
    expect((await underglass(...asked)).code).to.equal(0);
    expect(Math.max(...(await readsIn(join(report, 'frames.txt'))))).to.equal(125);
  });
});

const SHORT_READS = `profile: short
title: Short reads
tested: none
match: { manufacturer: [Underglass] }
link: { maxRead: 40 }
deviations:
  - { at: link.maxRead, why: It takes 40 registers at once., evidence: ["field-note: this test"] }
`;

/** How many registers each read of a report's frames asked for. */
async function readsIn(path: string): Promise<readonly number[]> {
  const text = await readFile(path, 'utf8');
  return [...text.matchAll(/> 1 03[0-9a-f]{4}([0-9a-f]{4})$/gm)].map(([, count = '']) =>
    Number.parseInt(count, 16),
  );
}

describe('underglass hil run that is interrupted', () => {
  for (const how of ['TCP', 'a serial line'] as const)
    it(`leaves every register as it was after Ctrl-C in the middle of a check, over ${how}`, async function () {
      if (how !== 'TCP') needs(this, 'socat');
      await using bench = await (how === 'TCP' ? new Bench().overTcp() : new Bench().overSerial());
      const before = bench.words();
      const child = start(process.execPath, [
        'src/cli/underglass.js',
        'hil',
        'run',
        bench.link,
        '--only',
        'REV-1',
      ]);
      let changed = 0;
      bench.onWrite = () => {
        if (bench.inverter.image.get('704.WMaxLimPctEna') !== 1) return;
        changed = bench.words().filter((word, at) => word !== before[at]).length;
        bench.onWrite = () => undefined;
        child.process.kill('SIGINT');
      };
      expect(await child.ended).to.equal(1);
      expect(child.said()).to.match(/stopping: the device is put back.*PASS +LEFT/s);
      expect(changed).to.be.above(0);
      expect(bench.words()).to.deep.equal(before);
    }).timeout(30_000);
});

describe('underglass hil run with a person at a terminal', () => {
  beforeEach(function () {
    needs(this, 'script');
  });

  it('asks, waits, takes what is typed, and asks for the source to be switched off', async () => {
    await using bench = await new Bench().overTcp();
    const at = atTerminal('hil', 'run', bench.link, '--only', 'MEA-1', '--instruments', 'person');
    await at.asks('Set 230 V, 1000 W/m²');
    at.types('\n');
    await at.asks('Read P in W, Q in var, V, f in Hz');
    const { powerW, reactiveVar } = bench.inverter.power;
    at.types(`${powerW} ${reactiveVar} 230 50\n`);
    await at.asks('Set 234.6 V, 500 W/m²');
    at.types('no such knob\n');
    await at.asks('STOP: switch the source off');
    at.types('\n');
    expect(await at.ended, at.said()).to.equal(0);
    expect(at.said())
      .to.match(/INCONCLUSIVE +MEA-1/)
      .and.to.contain('no such knob');
    expect(at.said()).to.match(/PASS +LEFT/);
  }).timeout(40_000);

  it('Ctrl-C at a question ends the run, and the source is still to be switched off', async () => {
    await using bench = await new Bench().overTcp();
    const before = bench.words();
    const at = atTerminal('hil', 'run', bench.link, '--only', 'MEA-1', '--instruments', 'person');
    await at.asks('Set 230 V, 1000 W/m²');
    at.types('\x03');
    await at.asks('stopping: the device is put back');
    await at.asks('STOP: switch the source off');
    at.types('\n');
    expect(await at.ended, at.said()).to.equal(1);
    expect(bench.words()).to.deep.equal(before);
  }).timeout(40_000);
});

interface Started {
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;
  /** All it said so far, both streams. */
  said(): string;
  heard(): Promise<unknown>;
}

function start(program: string, args: readonly string[]): Started {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let all = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', bytes => (all += String(bytes)));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    process: child,
    ended,
    said: () => all,
    heard: () => Promise.race([once(child.stdout, 'data'), ended]),
  };
}

/** `underglass` at a terminal of its own. */
function atTerminal(...args: readonly string[]) {
  const words = [process.execPath, 'src/cli/underglass.js', ...args].map(word => `'${word}'`).join(' ');
  const started = start('script', ['--quiet', '--return', '--command', words, '/dev/null']);
  return {
    ended: started.ended,
    said: () => started.said(),
    types: (text: string): void => void started.process.stdin?.write(text),
    /** Resolves when it has said `text`; rejects when it ends before. */
    asks: async (text: string): Promise<void> => {
      while (!started.said().includes(text)) {
        if (started.process.exitCode !== null) throw new Error(`it ended, and said: ${started.said()}`);
        await started.heard();
      }
    },
  };
}
