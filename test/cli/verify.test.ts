/**
 * `underglass sign` and `verify`, on a real disk: what one makes the other judges, and every refusal has its name. The
 * second implementation's commands are judged, too.
 */
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { readCommand } from '../../src/wan/envelope/mod.ts';
import { tempDir } from '../support/temp.ts';
import { VECTORS } from '../wan/envelope/vectors.ts';
import { ANN, BY_TWO, COMMAND, LIMIT, Office, keyIn } from './office.ts';

interface TrustVectors {
  readonly now: number;
  readonly root: string;
  readonly cases: readonly { readonly name: string; readonly documents: readonly string[] }[];
  readonly commands: readonly { readonly name: string; readonly hex: string; readonly verdict: string }[];
}

const TRUST_VECTORS = JSON.parse(
  readFileSync(new URL('../vectors/trust.json', import.meta.url), 'utf8'),
) as TrustVectors;

describe('underglass sign and verify', function () {
  this.timeout(20_000);

  async function trusting(dir: { readonly path: string }): Promise<Office> {
    const office = await Office.open(dir);
    await office.init(...BY_TWO);
    await office.done(...office.delegate('@ops', '--role', 'dispatcher', '--gateway', 'gw-1'));
    return office;
  }

  const TRUST = ['--trust', '@root-1', '@ops'];

  it('SIWG-2 make and judge a command, in bytes, in hexadecimal, and with a locked key', async () => {
    await using dir = await tempDir();
    const office = await trusting(dir);
    const good = { ok: true, issuer: 'grid-ops', audience: 'd/gw-1', class: 'dispatch' };
    await office.done('sign', '--key', '@ops.key', ...COMMAND, ...LIMIT, '--out', '@one');
    expect(await office.verdict('@one', ...TRUST)).to.deep.equal(good);
    await office.done('sign', '--key', '@ops.key', ...COMMAND, ...LIMIT, '--out', '@two', '--hex');
    expect(await office.verdict('@two', '--hex', ...TRUST)).to.deep.equal(good);
    await office.done('sign', '--key', '@ann.key', ...ANN, ...COMMAND, ...LIMIT, '--out', '@three');
    expect(await office.verdict('@three', '--trust', '@ann.key')).to.deep.equal(good);
    const said = await office.done('verify', '@one', ...TRUST);
    expect(said).to.deep.include({ out: 'ok: grid-ops to d/gw-1, class dispatch\n', err: '' });
  });

  it('take a command from a file, options in its place, and name the line that is wrong', async () => {
    await using dir = await tempDir();
    const office = await trusting(dir);
    const yaml = [
      'issuer: grid-ops',
      'audience: d/gw-1',
      'class: transmission',
      'sequence: 7',
      'body: { kind: cancel, mRID: ev-1 }',
      '',
    ].join('\n');
    await writeFile(office.at('cancel.yaml'), yaml);
    await office.done('sign', '@cancel.yaml', '--key', '@ops.key', '--out', '@one');
    expect(await office.verdict('@one', ...TRUST)).to.deep.include({ ok: true, class: 'transmission' });
    await office.done('sign', '@cancel.yaml', '--key', '@ops.key', '--class', 'market', '--out', '@two');
    expect(await office.verdict('@two', ...TRUST)).to.deep.include({ ok: true, class: 'market' });
    await writeFile(office.at('wrong.yaml'), yaml.replace('sequence: 7', 'sequence: -7'));
    const wrong = await office.run('sign', '@wrong.yaml', '--key', '@ops.key', '--out', '@three');
    expect(wrong.code).to.equal(1);
    expect(wrong.err).to.contain('wrong.yaml:4: sequence: -7');
    const group = ['--to', 'g/feeder-7', '--class', 'dispatch', '--sequence', '1', '--issuer', 'grid-ops'];
    await office.refused('claim-missing', 'sign', '--key', '@ops.key', ...group, ...LIMIT, '--out', '@four');
    const twice = ['sign', '--key', '@ops.key', ...COMMAND, ...LIMIT, '--out', '@one'];
    await office.refused('exists', ...twice);
    await office.done(...twice, '--force');
  });

  it('make every kind that a person can say, and tell by name what is not one', async () => {
    await using dir = await tempDir();
    const office = await Office.open(dir);
    const hash = 'ab'.repeat(32);
    const made = async (body: object, audience: string) => {
      const command = { issuer: 'grid-ops', audience, class: 'market', sequence: 7, body };
      const claims = audience.startsWith('g/') ? { ...command, groupEpoch: 3 } : command;
      await writeFile(office.at('command.json'), JSON.stringify(claims));
      return office.run('sign', '@command.json', '--key', '@ops.key', '--out', '@made', '--force');
    };
    const manifest = { kind: 'manifest', file: hash, size: 9, list: hash, model: 'X9', version: 'x9' };
    const special = { kind: 'special', intents: [{ kind: 'release', mode: 'opModVoltVar' }] };
    // As written, and as a gateway reads it where that is not the same.
    const bodies: readonly (readonly [object, object?])[] = [
      [{ kind: 'interrogate', device: 'inverter' }],
      [
        { kind: 'settings', order: { packet: 'ieee1547-2018-trip-3' } },
        { kind: 'settings', order: { kind: 'packet', name: 'ieee1547-2018-trip-3' } },
      ],
      [
        { kind: 'settings', device: 'inverter', order: { special: [{ release: 'opModVoltVar' }] } },
        { kind: 'settings', device: 'inverter', order: special },
      ],
      [{ kind: 'read' }],
      [{ kind: 'read', every: { s: 1, forS: 60 } }],
      [{ ...manifest, delivers: 'device-profile', versions: ['1', '2'] }],
      [{ kind: 'probe', from: 2, all: true, left: ['00112233445566ff'] }],
    ];
    for (const [body, read = body] of bodies) {
      const { code, err } = await made(body, 'left' in body ? 'g/feeder-7' : 'd/gw-1');
      expect(code, `${JSON.stringify(body)}: ${err}`).to.equal(0);
      const said = readCommand(await readFile(office.at('made')));
      expect(said.ok && said.value.body).to.deep.equal(read);
    }
    for (const kind of ['sealed', 'welcome']) expect((await made({ kind }, 'd/gw-1')).code).to.equal(1);
    const { out } = await office.run('sign', '--help');
    expect(out.replace(/\s+/g, ' ')).to.contain('Every kind but sealed').and.to.contain('and welcome');
  });

  it('refuse by the name that a gateway would', async () => {
    await using dir = await tempDir();
    const office = await trusting(dir);
    const make = (file: string, ...more: readonly string[]) =>
      office.done('sign', '--key', '@ops.key', ...COMMAND, ...LIMIT, '--out', file, ...more);
    await make('@good');
    await make('@emergency', '--class', 'emergency');
    await make('@elsewhere', '--to', 'd/gw-2');
    await make('@other', '--issuer', 'aggregator-b');
    await make('@epoch', '--key-epoch', '2');
    await make('@past', '--expires', '2027-01-01T00:00:00Z');
    const good = await readFile(office.at('good'));
    const flipped = Uint8Array.from(good);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 0x20;
    await writeFile(office.at('flipped'), flipped);
    await writeFile(office.at('short'), good.subarray(0, -1));
    await writeFile(office.at('nothing'), '');
    await writeFile(office.at('huge'), new Uint8Array(300_000));
    await office.done('trust', 'revoke', '@rev', '--root', '@root-1', '--key', '@ops.key', ...BY_TWO);
    for (const [refusal, ...args] of [
      ['class-exceeded', '@emergency', ...TRUST],
      ['gateway-out-of-scope', '@elsewhere', ...TRUST],
      ['issuer-mismatch', '@other', ...TRUST],
      ['key-epoch-mismatch', '@epoch', ...TRUST],
      ['expired', '@past', ...TRUST, '--at', '2027-01-01T00:00:00Z'],
      ['key-not-yet-valid', '@good', ...TRUST, '--at', '2020-01-01T00:00:00Z'],
      ['root-expired', '@good', ...TRUST, '--at', '2040-01-01T00:00:00Z'],
      ['topic-mismatch', '@good', ...TRUST, '--topic', 'ug/1/north/d/gw-2/cmd'],
      ['truncated', '@short', ...TRUST],
      ['truncated', '@nothing', ...TRUST],
      ['too-large', '@huge', ...TRUST],
      ['key-unknown', '@good', '--trust', '@root-1'],
      ['no-root', '@good', '--trust', '@ops'],
      ['key-revoked', '@good', ...TRUST, '@rev'],
    ] as const)
      expect(await office.verdict(...args), args.join(' ')).to.deep.equal({ ok: false, refusal });
    const verdict = await office.verdict('@flipped', ...TRUST);
    expect(verdict['refusal']).to.match(/^signature-(invalid|malleable)$/);
    const none = await office.run('verify', '@none', ...TRUST, '--json');
    expect(none).to.deep.include({ code: 1, out: '' });
    expect(none.err).to.contain('(missing)');
  });
});

/** Of every kind that a key can be given in: the same point, and one of small order. */
describe('underglass verify --trust with keys alone', () => {
  it('takes trustedKeys of a gateway, a JWK, PEM, hexadecimal and a key file', async () => {
    await using dir = await tempDir();
    const office = await Office.open(dir);
    await office.done('sign', '--key', '@ops.key', ...COMMAND, ...LIMIT, '--out', '@one');
    const { publicKey } = await keyIn(office.at('ops.key'));
    const hex = Buffer.from(publicKey).toString('hex');
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') };
    const record = {
      issuer: 'grid-ops',
      publicKey: hex,
      epoch: 1,
      operations: ['event'],
      highestClass: 'market',
      validFrom: '2020-01-01T00:00:00Z',
      validUntil: '2090-01-01T00:00:00Z',
    };
    const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'pem', type: 'spki' });
    for (const [text, refusal] of [
      [hex, undefined],
      [JSON.stringify(jwk), undefined],
      [pem, undefined],
      [JSON.stringify({ trustedKeys: [record] }), 'class-exceeded'],
      [JSON.stringify({ trustedKeys: [{ ...record, publicKey: '01'.padEnd(64, '0') }] }), 'key-small-order'],
      ['01'.padEnd(64, '0'), 'key-small-order'],
      [JSON.stringify({ ...jwk, x: Buffer.alloc(32, 0xff).toString('base64url') }), 'key-not-canonical'],
      [JSON.stringify({ ...record, highestClass: 'dispatch' }), undefined],
      [JSON.stringify([{ ...record, highestClass: 'dispatch' }]), undefined],
      [JSON.stringify([record]), 'class-exceeded'],
      [JSON.stringify({ issuer: 'grid-ops', publicKey: hex }), 'keys-invalid'],
      ['ff'.repeat(31), 'key-length'],
      ['[{', 'keys-invalid'],
      [JSON.stringify({ trustedKeys: [] }), 'keys-invalid'],
      ['nothing of the kind', 'keys-invalid'],
      ['d86284', 'document-form'],
    ] as const) {
      await writeFile(office.at('trusted'), text);
      const verdict = await office.verdict('@one', '--trust', '@trusted');
      expect(verdict['refusal'], String(text)).to.equal(refusal);
    }
    expect(await office.verdict('@one', '--trust', hex), 'by its digits').to.include({ ok: true });
    expect(await office.verdict('@one', '--trust', '01'.padEnd(64, '0'))).to.include({
      refusal: 'key-small-order',
    });
  });

  it('judges the commands of the second implementation as the pipeline does', async () => {
    await using dir = await tempDir();
    const office = new Office(dir.path);
    await writeFile(office.at('root'), TRUST_VECTORS.root);
    const [, delegated] =
      TRUST_VECTORS.cases.find(({ name }) => name === 'the root again, and a delegation')?.documents ?? [];
    await writeFile(office.at('ops'), delegated ?? '');
    const at = new Date(TRUST_VECTORS.now * 1000).toISOString();
    for (const { name, hex, verdict } of TRUST_VECTORS.commands) {
      await writeFile(office.at('one'), hex);
      const told = await office.verdict('@one', '--trust', '@root', '@ops', '--at', at);
      expect(told['refusal'] ?? 'ok', name).to.equal(verdict);
    }
  });

  it('SIWG-2 gives every envelope of the second implementation the name that the pipeline has for it', async () => {
    await using dir = await tempDir();
    const office = new Office(dir.path);
    const iso = (ms: number): string => new Date(ms).toISOString();
    const trustedKeys = VECTORS.keys.map(({ publicKey, issuer, alg, epoch, scope }) => ({
      ...scope,
      publicKey,
      issuer,
      alg,
      epoch,
      gateways: undefined,
      validFrom: iso(scope.validFrom),
      validUntil: iso(scope.validUntil),
    }));
    await writeFile(office.at('trusted'), JSON.stringify({ trustedKeys }));
    const at = iso(VECTORS.now * 1000);
    const judged = (file: string, topic: string) =>
      office.verdict(file, '--trust', '@trusted', '--utility', VECTORS.utility, '--topic', topic, '--at', at);
    // A configuration of one gateway names no gateways.
    const refused = VECTORS.refused.filter(({ refusal }) => refusal !== 'gateway-out-of-scope');
    expect(refused.length).to.be.above(150);
    for (const { name, topic, hex, refusal } of refused) {
      await writeFile(office.at('one'), Buffer.from(hex, 'hex'));
      expect(await judged('@one', topic), name).to.deep.equal({ ok: false, refusal });
    }
    for (const { name, topic, hex } of VECTORS.accepted) {
      await writeFile(office.at('one'), hex);
      expect((await judged('@one', topic))['ok'], name).to.equal(true);
    }
    const cose = VECTORS['eddsa-sig-01'];
    await writeFile(office.at('one'), cose.hex);
    await writeFile(office.at('trusted'), cose.publicKey);
    expect(await office.verdict('@one', '--trust', '@trusted')).to.deep.equal({
      ok: false,
      refusal: 'kid-unprotected',
    });
  });

  it('names what is wrong with every key of which the second implementation says that it is none', async () => {
    await using dir = await tempDir();
    const office = new Office(dir.path);
    const [good] = VECTORS.accepted;
    await writeFile(office.at('one'), good?.hex ?? '');
    const names = new Set<unknown>();
    for (const { name, hex, valid } of VECTORS.points) {
      await writeFile(office.at('trusted'), hex);
      const { refusal } = await office.verdict('@one', '--trust', '@trusted', '--at', '2027-01-15T08:00:00Z');
      expect(/^key-(?!unknown)/.test(String(refusal)), name).to.equal(!valid);
      if (!valid) names.add(refusal);
    }
    expect([...names]).to.have.members([
      'key-small-order',
      'key-mixed-order',
      'key-not-canonical',
      'key-not-on-curve',
    ]);
  });
});
