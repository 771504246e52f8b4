import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Result } from '../../src/base/assert.ts';
import { minutes, seconds, unixTime } from '../../src/base/time.ts';
import { gatewayConfig } from '../../src/gateway/mod.ts';
import { parseConfig, readGatewayConfig } from '../../src/io/config.ts';
import type { GatewayId } from '../../src/model/mod.ts';
import { KIND_NUMBERS, RESERVED_KINDS } from '../../src/wan/envelope/mod.ts';
import { claimCode } from '../../src/wan/trust/mod.ts';
import { tempDir } from '../support/temp.ts';

const KINDS = [...KIND_NUMBERS.keys()].filter(kind => !(kind in RESERVED_KINDS)).join(', ');

/** RFC 8032, 7.1, test 1: the public key of the first Ed25519 test vector. */
const KEY = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
/** RFC 8032, 7.1, test 2. */
const OTHER_KEY = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';

const GOOD = `
utility: demo
gateway: gw-17
stateFile: state.sqlite
keyFile: /etc/underglass/gateway.key
broker:
  url: mqtts://broker.example:8883
trustedKeys:
  - issuer: grid-ops
    publicKey: ${KEY}
    epoch: 2
    operations: [event, cancel]
    highestClass: emergency
    groups: [feeder-12]
    bounds:
      opModMaxLimW: { min: 0, max: 10000 }
    validFrom: 2026-01-01T00:00:00Z
    validUntil: 2028-01-01T00:00:00+01:00
devices:
  - id: pv
    link: tcp://192.168.1.20:1502?unit=3
  - id: meter
    link: serial:/dev/ttyUSB0?baud=19200&parity=even&unit=2
    role: meter
defaults:
  opModMaxLimW: 5000
`.trimStart();

function detailOf(result: Result<unknown, string>): string {
  return result.ok ? 'no mistake' : (result.detail ?? '');
}

/** The lines a wrong file is answered with. */
function mistakes(text: string): readonly string[] {
  return detailOf(parseConfig('gw.yaml', text, gatewayConfig)).split('\n');
}

function changed(from: string, to: string): string {
  expect(GOOD).to.contain(from);
  return GOOD.replace(from, to);
}

describe('the configuration of a gateway', () => {
  it('is read into values ready to use: links parsed, keys vetted, times in their unit', () => {
    const read = parseConfig('gw.yaml', GOOD, gatewayConfig);
    expect(read.ok, detailOf(read)).to.equal(true);
    if (!read.ok) return;
    expect(read.value.devices).to.deep.equal([
      { id: 'pv', link: { kind: 'tcp', host: '192.168.1.20', port: 1502, unit: 3 } },
      {
        id: 'meter',
        link: { kind: 'serial', path: '/dev/ttyUSB0', baud: 19_200, parity: 'even', stopBits: 1, unit: 2 },
        role: 'meter',
      },
    ]);
    const [key] = read.value.trustedKeys;
    // First 8 bytes of SHA-256 of the key, by: printf … | xxd -r -p | sha256sum
    expect(key).to.include({ kid: '21fe31dfa154a261', issuer: 'grid-ops', alg: -19, epoch: 2 });
    expect(key?.scope).to.deep.equal({
      operations: ['event', 'cancel'],
      highestClass: 'emergency',
      groups: ['feeder-12'],
      primacy: { min: 1, max: 255 },
      bounds: { opModMaxLimW: { min: 0, max: 10_000 } },
      validFrom: unixTime(Date.UTC(2026, 0, 1)),
      validUntil: unixTime(Date.UTC(2027, 11, 31, 23)),
    });
  });

  it('is cautious where nothing is said', () => {
    const read = parseConfig('gw.yaml', `${GOOD}display: { port: 8080 }\n`, gatewayConfig);
    expect(read.ok && read.value).to.deep.include({
      display: { port: 8080, host: '127.0.0.1', names: [] },
      tariff: {},
      directMayBeOverridden: [],
      pollSeconds: seconds(1),
      reversionMinutes: minutes(10),
    });
  });

  const WRONG: readonly (readonly [title: string, text: string, line: string])[] = [
    [
      'an unknown key with the nearest known one',
      changed('broker:', 'brokr:'),
      'gw.yaml:5: brokr is unknown: did you mean broker?',
    ],
    [
      'an unknown key deep inside',
      changed('    role: meter', '    rol: meter'),
      'gw.yaml:23: devices[1].rol is unknown: did you mean role?',
    ],
    [
      'an unknown key that is like none, with those that are known',
      changed('    role: meter', '    colour: red'),
      'gw.yaml:23: devices[1].colour is unknown: known in devices[1] are id, link, role, meter, place, profile',
    ],
    [
      'what is missing, at the line it is missing from',
      changed('  - issuer: grid-ops\n    publicKey', '  - publicKey'),
      'gw.yaml:8: trustedKeys[0].issuer is missing; expected: who speaks with this key: 1 to 64 of a-z, 0-9 and the hyphen',
    ],
    [
      'a unit where a bare number is meant',
      `${GOOD}pollSeconds: 1s\n`,
      'gw.yaml:26: pollSeconds: 1s does not fit; expected: how often devices are read: a number of seconds from 1 to 3600',
    ],
    [
      'a percentage where hundredths of a percent are meant',
      changed('opModMaxLimW: 5000', 'opModMaxLimW: 50 %'),
      'gw.yaml:25: defaults.opModMaxLimW: 50 % does not fit; expected: limit of real power: a whole number from 0 to 10000, in 0.01 % of WMax (5000 is 50 %)',
    ],
    [
      'a number beyond the range of its axis',
      changed('opModMaxLimW: 5000', 'opModMaxLimW: 10001'),
      'gw.yaml:25: defaults.opModMaxLimW: 10001 does not fit; expected: limit of real power: a whole number from 0 to 10000, in 0.01 % of WMax (5000 is 50 %)',
    ],
    [
      'a link that cannot be read, in the words of who reads it',
      changed('tcp://192.168.1.20:1502?unit=3', 'tcp://192.168.1.20:1502?unit=300'),
      'gw.yaml:20: devices[0].link: tcp://192.168.1.20:1502?unit=300 is no link: unit is 0 to 255; expected: where the device is: tcp://host:port?unit=1 or serial:/dev/ttyUSB0?baud=9600&parity=even&unit=1',
    ],
    [
      'a key of digits without quotes, as it was written',
      changed(KEY, '1'.repeat(64)),
      `gw.yaml:9: trustedKeys[0].publicKey: ${'1'.repeat(60)}… does not fit; expected: an Ed25519 public key: 64 hexadecimal digits in quotes`,
    ],
    [
      'a key that no key generation gives',
      changed(KEY, `"${'0'.repeat(64)}"`),
      'gw.yaml:9: trustedKeys[0].publicKey: 000000000000000000000000000000000000000000000000000000000000… is not trusted: key-small-order; expected: an Ed25519 public key: 64 hexadecimal digits in quotes',
    ],
    [
      'a time without its zone',
      changed('2026-01-01T00:00:00Z', '2026-01-01'),
      'gw.yaml:16: trustedKeys[0].validFrom: 2026-01-01 does not fit; expected: first moment of trust: a time with its zone, as in 2026-01-31T12:00:00Z',
    ],
    [
      'a word that is none of those allowed',
      changed('[event, cancel]', '[event, cancle]'),
      `gw.yaml:11: trustedKeys[0].operations[1]: cancle does not fit; expected: what it may send: a list of ${KINDS}`,
    ],
    [
      'bounds the wrong way round',
      `${GOOD}tariff:\n  opModExpLimW: { min: 5, max: 4 }\n`,
      'gw.yaml:27: tariff.opModExpLimW: this map has its min above its max; expected: the bounds of opModExpLimW, as in { min: 0, max: 1000000000000 }',
    ],
    [
      'OVR-4 a tariff that forbids isolation, with a remedy',
      `${GOOD}tariff:\n  opModConnect: { min: 1, max: 1 }\n`,
      'gw.yaml:27: tariff.opModConnect.min: 1 forbids isolation in an emergency (OVR-4); write 0, or leave opModConnect out; expected: connection to the grid: a whole number from 0 to 1, in switch',
    ],
    [
      'a broker that is none',
      changed('mqtts://broker.example:8883', 'wss://broker.example/mqtt'),
      'gw.yaml:6: broker.url: wss://broker.example/mqtt is no address of a broker; expected: where the broker is: mqtt://host:1883, or mqtts://host:8883 with TLS',
    ],
    [
      'a certificate that would go out without TLS',
      changed('  url: mqtts:', "  caFile: ca.pem\n  standby: ['mqtt://other.example']\n  url: mqtts:"),
      'gw.yaml:7: broker.standby[0]: mqtt://other.example is without TLS, and there is caFile; expected: where another broker of the same utility is, as in mqtts://host:8883',
    ],
    [
      'a certificate without its key',
      changed('  url: mqtts:', '  certFile: own.pem\n  url: mqtts:'),
      "gw.yaml:6: broker.certFile: own.pem is there without keyFile; expected: our own certificate, in PEM: a file name, relative to this file's folder",
    ],
    [
      'two devices of one name',
      changed('id: meter', 'id: pv'),
      'gw.yaml:21: devices[1].id: pv is the same as in entry 1 of the list; expected: a name for this device: 1 to 64 of a-z, 0-9 and the hyphen',
    ],
  ];

  for (const [title, text, line] of WRONG)
    it(`names ${title}`, () => {
      expect(mistakes(text)).to.include(line);
    });

  it('OVR-3 refuses a tariff that would let a customer override a transmission constraint', () => {
    const [told] = mistakes(`${GOOD}directMayBeOverridden: [dispatch, transmission]\n`);
    expect(told).to.contain('gw.yaml:26: directMayBeOverridden[1]: transmission does not fit');
  });

  it('never shows what may be a secret', () => {
    const told = mistakes(`${GOOD}overrideCode: hunter2\n`);
    expect(told).to.deep.equal([
      'gw.yaml:26: overrideCode: is no hash of a code; expected: the hash of the customer override code, made by underglass keys code: scrypt$N$r$p$salt$hash',
    ]);
  });

  it('tells every mistake, in the order of the file, one line each', () => {
    const told = mistakes(changed('gw-17', 'GW_17').replace('id: pv', 'id: ""').concat('pollSeconds: 0\n'));
    expect(told.map(line => line.slice(0, 14))).to.deep.equal([
      'gw.yaml:2: gat',
      'gw.yaml:19: de',
      'gw.yaml:26: po',
    ]);
  });

  it('takes two devices on one bus, and not one device twice', () => {
    const link = 'serial:/dev/ttyUSB0?baud=19200&parity=even';
    expect(mistakes(changed('tcp://192.168.1.20:1502?unit=3', `${link}&unit=3`))).to.deep.equal([
      'no mistake',
    ]);
    expect(mistakes(changed('tcp://192.168.1.20:1502?unit=3', `${link}&unit=2`)).join()).to.contain(
      'devices[1].link: serial:/dev/ttyUSB0?baud=19200&parity=even&unit=2 is the same as in entry 1',
    );
  });

  it('ALARM-1: takes what a meter is to the utility, with the base of ANSI C84.1 unless told otherwise', () => {
    const meters = (text: string): readonly unknown[] => {
      const file = changed('role: meter', `role: meter\n    meter: ${text}`);
      const read = parseConfig('gw.yaml', file, gatewayConfig);
      return read.ok ? read.value.devices.map(({ meter }) => meter) : [];
    };
    expect(meters('{}')[1]).to.deep.equal({ service: 'net-billing', nominalV: 120, dwell: 30_000 });
    const rec = { service: 'rec', nominalV: 230, dwell: 5000 };
    expect(meters('{ service: rec, nominalV: 230, dwellSeconds: 5 }')[1]).to.deep.equal(rec);
    const wrong = mistakes(changed('role: meter', 'role: meter\n    meter: { nominalV: 12 }'));
    expect(wrong.join()).to.contain('devices[1].meter.nominalV').and.to.contain('as 120 or 230');
  });

  it('takes several devices of one chain, each with its place', () => {
    const link = 'serial:/dev/ttyUSB0?baud=19200&parity=even&unit=2';
    const same = changed('tcp://192.168.1.20:1502?unit=3', link);
    expect(mistakes(same.replace('role: meter', 'place: 1'))).to.deep.equal(['no mistake']);
    expect(mistakes(same.replace('role: meter', 'place: 0')).join()).to.contain('devices[1].link');
  });

  it('refuses one line that is to be opened in two ways', () => {
    const link = 'serial:/dev/ttyUSB0?baud=9600&parity=even&unit=3';
    expect(mistakes(changed('tcp://192.168.1.20:1502?unit=3', link)).join()).to.contain(
      'devices[1].link: serial:/dev/ttyUSB0?baud=19200&parity=even&unit=2 is the line of entry 1 of the list, with other options',
    );
  });

  it('takes the profile of a device, and what its link leaves to that', () => {
    const text = changed('tcp://192.168.1.20:1502?unit=3', 'tcp://192.168.1.20').replace(
      'role: meter',
      'profile: growatt',
    );
    const both = text.replace('id: pv', 'id: pv\n    profile: sma');
    const read = parseConfig('gw.yaml', both, gatewayConfig);
    expect(read.ok && read.value.devices[0]).to.deep.include({ profile: 'sma', linkGaps: ['port', 'unit'] });
    expect(read.ok && read.value.devices[1]).to.deep.include({ profile: 'growatt', linkGaps: [] });
  });

  it('takes several keys of one issuer, and not one key twice', () => {
    const list = GOOD.slice(GOOD.indexOf('  - issuer'), GOOD.indexOf('devices:'));
    expect(mistakes(GOOD.replace(list, list + list.replace(KEY, OTHER_KEY)))).to.deep.equal(['no mistake']);
    expect(mistakes(GOOD.replace(list, list + list)).join()).to.contain('trustedKeys[1].publicKey');
  });

  it('SIWG-2 takes a root file or a claim code in place of keys, one of the two, and asks for someone to obey', () => {
    const list = GOOD.slice(GOOD.indexOf('trustedKeys:'), GOOD.indexOf('devices:'));
    const claim = claimCode(new Uint8Array(9), 'gw-17' as GatewayId);
    const typed = claim.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o');
    const read = parseConfig('gw.yaml', GOOD.replace(list, `trust: { claim: ${typed} }\n`), gatewayConfig);
    expect(read.ok && read.value.trust, detailOf(read)).to.deep.equal({ claim });
    expect(mistakes(GOOD.replace(list, 'trust: { root: root-1.cbor }\n'))).to.deep.equal(['no mistake']);
    const both = `trust: { root: root-1.cbor, claim: ${claim} }\n`;
    for (const [trust, told] of [
      [both, 'trust: this map has to hold one of root and claim'],
      ['trust: {}\n', 'trust: this map has to hold one of root and claim'],
      [`trust: { claim: ${claim.slice(0, -1)}* }\n`, '(claim-digits)'],
      [`trust: { claim: ${swapped(claim)} }\n`, '(claim-check)'],
      ['', 'trustedKeys'],
      ['trustedKeys: []\n', 'there is no trust'],
    ] as const)
      expect(mistakes(GOOD.replace(list, trust)).join(), trust).to.contain(told);
  });

  it('names the line of broken YAML, and of a key written twice', () => {
    expect(mistakes(changed('[event, cancel]', '[event, cancel'))[0]).to.match(/^gw\.yaml:1[23]: .*\]/);
    expect(mistakes(`${GOOD}gateway: gw-18\n`)).to.deep.equal(['gw.yaml:26: Map keys must be unique']);
  });

  it('answers an empty file with what is missing, and a list with what is expected', () => {
    expect(mistakes('').map(line => line.split(' ')[1])).to.include.members(['utility', 'broker', 'devices']);
    expect(mistakes('- a')[0]).to.match(/^gw\.yaml:1: .*this list/);
  });

  it('refuses aliases that unfold without end, and keeps the terminal readable', () => {
    const bomb = Array.from(
      { length: 12 },
      (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(i > 0 ? 9 : 0)}x]`,
    );
    expect(mistakes(bomb.join('\n'))).to.deep.equal(['gw.yaml: repeats itself by too many aliases']);
    for (const line of mistakes(`utility: "${'x'.repeat(10_000)}\\e[31m"`))
      expect(line.length).to.be.below(420);
  });

  it('tells at most twenty mistakes and counts the rest', () => {
    const many = Array.from({ length: 30 }, (_, i) => `unknown${i}: 1`).join('\n');
    const told = mistakes(`${GOOD}${many}\n`);
    expect(told.length).to.equal(21);
    expect(told[20]).to.equal('gw.yaml: and 10 more');
  });
});

/** The first two neighbours that differ, exchanged. */
function swapped(code: string): string {
  const at = Array.from(code).findIndex(
    (digit, i) => /\w\w/.test(code.slice(i, i + 2)) && digit !== code[i + 1],
  );
  return `${code.slice(0, at)}${code[at + 1]}${code[at]}${code.slice(at + 2)}`;
}

describe('the file of a configuration', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  beforeEach(async () => {
    dir = await tempDir();
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  it('may name other files relative to itself', async () => {
    const path = join(dir.path, 'gw.yaml');
    await writeFile(path, GOOD.replace('broker:\n', 'broker:\n  passwordFile: secret\n'));
    expect(detailOf(await readGatewayConfig(path))).to.equal(
      `${path}:6: broker.passwordFile: secret is not there; expected: holds the broker password: a file name, relative to this file's folder`,
    );
    await writeFile(join(dir.path, 'secret'), 'x');
    const read = await readGatewayConfig(path);
    expect(read.ok && read.value).to.deep.include({
      stateFile: join(dir.path, 'state.sqlite'),
      keyFile: '/etc/underglass/gateway.key',
      broker: { url: 'mqtts://broker.example:8883', standby: [], passwordFile: join(dir.path, 'secret') },
    });
  });

  it('may name certificates and profiles relative to itself, and profiles that ship by their name', async () => {
    const path = join(dir.path, 'gw.yaml');
    const secured = 'tcp://h?ca=ca.pem&cert=/etc/ug.pem&key=own/key.pem\n    profile: mine.yaml';
    const text = changed('tcp://192.168.1.20:1502?unit=3', secured);
    await writeFile(path, text.replace('role: meter', 'profile: sma'));
    const read = await readGatewayConfig(path);
    expect(read.ok, detailOf(read)).to.equal(true);
    const [pv, meter] = read.ok ? read.value.devices : [];
    const tls = { ca: join(dir.path, 'ca.pem'), cert: '/etc/ug.pem', key: join(dir.path, 'own/key.pem') };
    expect(pv).to.deep.include({ profile: join(dir.path, 'mine.yaml'), linkGaps: ['unit'] });
    expect(pv?.link).to.deep.equal({ kind: 'tcp', host: 'h', port: 802, unit: 1, tls });
    expect(meter).to.include({ profile: 'sma' });
  });

  it('is named when it is not there, a folder, or no text', async () => {
    const refusalOf = async (path: string) => detailOf(await readGatewayConfig(path));
    const missing = join(dir.path, 'missing.yaml');
    expect(await refusalOf(missing)).to.equal(`${missing}: there is no such file`);
    expect(await refusalOf(dir.path)).to.equal(`${dir.path}: is a folder, not a file`);
    const binary = join(dir.path, 'binary.yaml');
    await writeFile(binary, Buffer.from([0x89, 0x50, 0xff, 0xfe]));
    expect(await refusalOf(binary)).to.equal(`${binary}: is no text in UTF-8: no configuration`);
  });
});
