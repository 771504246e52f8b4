/**
 * Devices served on sockets by `underglass sim`, asked by the other commands; and captures, read by a second reader.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import type { ScanJson } from '../../../src/local/sunspec/mod.ts';
import { tempDir } from '../../support/temp.ts';
import { startPeer, underglass } from './support.ts';
import type { Peer } from './support.ts';

interface Served {
  readonly devices: readonly { readonly device: string; readonly link: string }[];
  /** Interrupts it; resolves with its exit code. */
  stop(): Promise<number | null>;
}

/** Runs `underglass sim` with `args` until it serves. */
async function sim(...args: readonly string[]): Promise<Served> {
  const child = spawn(process.execPath, ['src/cli/underglass.js', 'sim', ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { devices } = JSON.parse(line) as Served;
  return {
    devices,
    stop: async () => {
      child.kill('SIGINT');
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
}

const link = (served: Served, at = 0): string => served.devices[at]?.link ?? '';

describe('underglass sim', () => {
  it('serves a home as a file describes it, and ends cleanly when it is interrupted', async () => {
    await using dir = await tempDir();
    const site = join(dir.path, 'site.yaml');
    await writeFile(
      site,
      'home:\n  startHour: 12\n  inverter: { port: 0, unit: 3, serial: S-7, ratedW: 5000 }\n  battery: { port: 0 }\n  meter: { port: 0 }\n',
    );
    const served = await sim(site);
    try {
      expect(served.devices.map(({ device }) => device)).to.deep.equal(['inverter', 'battery', 'meter']);
      const { out } = await underglass('read', link(served), '1.SN', '120.WRtg', '--json');
      expect(JSON.parse(out))
        .to.have.property('points')
        .that.deep.equals({ '1.SN': 'S-7', '120.WRtg': 5000 });
      expect((await underglass('read', link(served, 2), '203.W')).code).to.equal(0);
    } finally {
      expect(await served.stop()).to.equal(0);
    }
  });

  it('names file, line and remedy of a site that is wrong, with exit code 1', async () => {
    await using dir = await tempDir();
    const site = join(dir.path, 'site.yaml');
    await writeFile(
      site,
      'home:\n  inverter: { port: 70000 }\n  battery: { port: 0 }\n  meter: { port: 0 }\n',
    );
    const { code, err } = await underglass('sim', site);
    expect(code).to.equal(1);
    expect(err).to.contain(`${site}:2: home.inverter.port: 70000 does not fit; expected: a TCP port`);
    expect((await underglass('sim')).code).to.equal(2);
    expect((await underglass('sim', site, '--from', site)).code).to.equal(2);
  });
});

describe('a saved scan', () => {
  let peer: Peer;

  before(async function () {
    peer = await startPeer(this);
  });

  after(async () => {
    await peer?.stop();
  });

  it('becomes a device that says, word by word, what the scanned one said', async () => {
    await using dir = await tempDir();
    const [first, second] = [join(dir.path, 'first.json'), join(dir.path, 'second.json')];
    const original = await underglass('scan', peer.link, '--save', first, '--json');
    const served = await sim('--from', first);
    try {
      const copy = await underglass('scan', link(served), '--save', second, '--json');
      expect({ ...(JSON.parse(copy.out) as ScanJson), target: peer.link }).to.deep.equal(
        JSON.parse(original.out),
      );
      const registersIn = async (path: string): Promise<unknown> =>
        (JSON.parse(await readFile(path, 'utf8')) as { units: readonly { registers: unknown }[] }).units[0]
          ?.registers;
      expect(await registersIn(second)).to.deep.equal(await registersIn(first));
    } finally {
      await served.stop();
    }
  });

  it('takes writes where its models allow them, also inside groups, and refuses all others', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'scan.json');
    await underglass('scan', peer.link, '--save', path, '--json');
    const served = await sim('--from', path);
    try {
      const write = async (order: string): Promise<unknown> =>
        JSON.parse((await underglass('write', link(served), order, '--json')).out);
      expect(await write('123.WMaxLimPct=12.5')).to.include({ result: 'implemented' });
      expect(await write('705.Crv[1].Pt[0].V=91')).to.include({ result: 'implemented' });
      // Not implemented there, so not writable here.
      expect(await write('123.WMaxLimPct_WinTms=3')).to.include({
        result: 'refused',
        why: '123.WMaxLimPct_WinTms: the device answers exception 2 (illegal data address)',
      });
    } finally {
      await served.stop();
    }
  });

  it('is told from a file that is none', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'scan.json');
    await writeFile(path, '{"format":"something"}');
    const { code, err } = await underglass('sim', '--from', path);
    expect(code).to.equal(1);
    expect(err).to.contain('a file that underglass scan --save wrote');
  });

  it('--pcap writes frames of Modbus/TCP on port 502, whole and with good checksums', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'frames.pcap');
    await underglass('read', peer.link, '103.W', '--pcap', path);
    const packets = packetsOf(await readFile(path));
    expect(packets.length).to.be.greaterThan(4);
    for (const { ip, tcp } of packets) {
      expect(ones(ip.subarray(0, 20)), 'IP checksum').to.equal(0xffff);
      const pseudo = Buffer.concat([
        ip.subarray(12, 20),
        Buffer.from([0, 6, tcp.length >> 8, tcp.length & 0xff]),
      ]);
      expect(ones(Buffer.concat([pseudo, tcp])), 'TCP checksum').to.equal(0xffff);
      expect(ip.readUInt16BE(2)).to.equal(ip.length);
      expect([tcp.readUInt16BE(0), tcp.readUInt16BE(2)]).to.include(502);
    }
    // MBAP (Modbus Messaging on TCP/IP 1.0b, 3.1.3): transaction, protocol 0, length; then unit and function 3.
    const frames = packets.map(({ tcp }) => tcp.subarray(20));
    for (const frame of frames) expect(frame.readUInt16BE(4)).to.equal(frame.length - 6);
    expect(frames[0]?.subarray(2)).to.deep.equal(Buffer.from([0, 0, 0, 6, 1, 3, 0x9c, 0x40, 0, 2]));
    // Each side goes on where it stopped, and acknowledges all it has heard.
    const next = new Map([
      [502, 1],
      [49_152, 1],
    ]);
    for (const { tcp } of packets) {
      const [from, to] = [tcp.readUInt16BE(0), tcp.readUInt16BE(2)];
      expect([tcp.readUInt32BE(4), tcp.readUInt32BE(8)]).to.deep.equal([next.get(from), next.get(to)]);
      next.set(from, tcp.readUInt32BE(4) + tcp.length - 20);
    }
  });
});

/** Packets of a pcap file (draft-ietf-opsawg-pcap) of raw IPv4, read from the format's own words. */
function packetsOf(file: Buffer): readonly { ip: Buffer; tcp: Buffer }[] {
  expect(file.readUInt32BE(0)).to.equal(0xa1b2c3d4);
  expect(file.readUInt32BE(20), 'LINKTYPE_RAW').to.equal(101);
  const packets: { ip: Buffer; tcp: Buffer }[] = [];
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32BE(at + 8);
    const ip = file.subarray(at + 16, at + 16 + length);
    packets.push({ ip, tcp: ip.subarray(20) });
    at += 16 + length;
  }
  return packets;
}

/** The one's complement sum of RFC 1071: all ones when the checksum inside is good. */
function ones(bytes: Buffer): number {
  const even = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.from([0])]);
  let sum = 0;
  for (let at = 0; at < even.length; at += 2) {
    sum += even.readUInt16BE(at);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}
