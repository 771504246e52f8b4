/** Whom a head end believes of a gateway that rotates its key. */
import { expect } from 'chai';
import type { GatewayId } from '../../src/model/mod.ts';
import { keyFromSeed, nextKey, signerOf } from '../../src/io/keys.ts';
import type { SigningKey } from '../../src/io/keys.ts';
import { unixTime } from '../../src/base/time.ts';
import { DeviceKeys } from '../../src/utility/mod.ts';
import { signRecord } from '../../src/wan/envelope/mod.ts';

const ID = 'gw-1' as GatewayId;

function birthOf(key: SigningKey): Uint8Array {
  const { epoch: keyEpoch = 1, successions = [] } = key;
  const from = { gateway: ID, utility: 'north', at: unixTime(0), keyEpoch, successions };
  const body = { kind: 'birth', version: '1', start: 1, devices: [] } as const;
  return signRecord({ stream: 'birth', sequence: 1, at: unixTime(0), body }, from, signerOf(key));
}

describe('the keys of gateways', () => {
  const first = keyFromSeed(new Uint8Array(32).fill(7));
  const second = nextKey(first);
  const listed = { id: ID, publicKey: first.publicKey, alg: -19, epoch: 1 } as const;

  it('SIWG-2 are believed from the moment they succeed, and those before them no more', () => {
    const keys = new DeviceKeys([listed], () => {});
    const heir = keys.heirOf(birthOf(second));
    if (heir === undefined) throw new Error('it is known by the first');
    expect(keys.keyOf(second.kid)).to.equal(undefined);
    expect(keys.keyOf(first.kid)?.issuer).to.equal(ID);
    keys.succeed(heir);
    expect(keys.keyOf(second.kid)).to.deep.include({ issuer: ID, epoch: 2, alg: -19 });
    expect(keys.keyOf(first.kid)).to.equal(undefined);
  });

  it('are the same after a restart, whatever the list still says', () => {
    const before = new DeviceKeys([listed], () => {});
    const heir = before.heirOf(birthOf(second));
    if (heir === undefined) throw new Error('it is known by the first');
    const row: unknown = JSON.parse(JSON.stringify(before.successor(heir)));
    const keys = new DeviceKeys([listed], () => {}, [row as ReturnType<DeviceKeys['successor']>]);
    expect(keys.keyOf(second.kid)?.epoch).to.equal(2);
    expect(keys.keyOf(first.kid)).to.equal(undefined);
  });

  it('are not made known twice by a key that was given up: a thief comes too late', () => {
    const keys = new DeviceKeys([listed], () => {});
    const heir = keys.heirOf(birthOf(second));
    if (heir !== undefined) keys.succeed(heir);
    expect(keys.heirOf(birthOf(nextKey(first)))).to.equal(undefined);
    expect(keys.heirOf(birthOf(nextKey(second)))?.epoch).to.equal(3);
  });

  it('are unknown where nothing leads to them', () => {
    const keys = new DeviceKeys([listed], () => {});
    const stranger = keyFromSeed(new Uint8Array(32).fill(9));
    expect(keys.heirOf(birthOf(stranger))).to.equal(undefined);
    expect(keys.heirOf(birthOf(nextKey(stranger)))).to.equal(undefined);
    expect(keys.heirOf(new Uint8Array(9))).to.equal(undefined);
  });
});
