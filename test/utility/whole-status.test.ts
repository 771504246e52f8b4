import { expect } from 'chai';
import { unixTime } from '../../src/base/time.ts';
import type { DeviceId, Reading, RecordBody, StatusBody, UplinkRecord } from '../../src/model/mod.ts';
import { wholeStatus } from '../../src/utility/mod.ts';

function reading(device: string, W: number): Reading {
  return { device: device as DeviceId, role: 'inverter', at: unixTime(0), points: { W } };
}

function status(digest: string, readings: readonly Reading[], partial?: true): StatusBody {
  return {
    kind: 'status',
    readings,
    ...(partial === undefined ? {} : { partial }),
    setpoints: [],
    membershipDigest: digest,
  };
}

function records(...bodies: readonly RecordBody[]): readonly UplinkRecord[] {
  return bodies.map((body, n) => ({ stream: 'status', sequence: n + 1, at: unixTime(n), body }));
}

describe('a gateway as it stands', () => {
  it('is its newest status, with the newest reading of each device since the last that held all', () => {
    const whole = wholeStatus(
      records(
        status('1', [reading('a', 1), reading('gone', 1)]),
        status('2', [reading('a', 2), reading('b', 2)]),
        status('3', [reading('a', 3)], true),
        status('4', [], true),
      ),
    );
    expect(whole).to.deep.equal(status('4', [reading('a', 3), reading('b', 2)]));
  });

  it('is unknown before a first status', () => {
    expect(wholeStatus(records({ kind: 'lost', first: 1, last: 1, why: 'test' }))).to.equal(undefined);
  });
});
