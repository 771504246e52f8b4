import { expect } from 'chai';
import * as fc from 'fast-check';
import { unixSeconds } from '../../../src/base/time.ts';
import { pack, unpack } from '../../../src/io/store/bodies.ts';
import { READING_POINTS } from '../../../src/model/mod.ts';
import type { DeviceId, RecordBody, StatusBody } from '../../../src/model/mod.ts';

function status(points: Record<string, number>): StatusBody {
  const reading = { device: 'inverter' as DeviceId, role: 'inverter', at: unixSeconds(1), points } as const;
  return { kind: 'status', readings: [reading], setpoints: [], membershipDigest: '0011223344556677' };
}

describe('bodies of records on the disk', () => {
  it('come back as they were, packed or not', () => {
    const values = fc.dictionary(
      fc.constantFrom(...READING_POINTS),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    fc.assert(
      fc.property(values, fc.constantFrom('status', 'reading', 'receipt' as const), (points, stream) => {
        const body = status(points);
        const back: RecordBody = JSON.parse(JSON.stringify(body)) as RecordBody;
        expect(unpack(pack(stream, body))).to.deep.equal(back);
      }),
      { numRuns: 200 },
    );
  });

  it('are text that a person can read where they say what was done, and short where they are telemetry', () => {
    const points = Object.fromEntries(READING_POINTS.slice(0, 20).map((name, n) => [name, 1234.5 + n]));
    const text = JSON.stringify(status(points));
    expect(pack('receipt', status(points))).to.equal(text);
    expect(pack('status', status(points)).length).to.be.below(text.length / 2);
  });

  it('that were packed by an earlier program are read still', () => {
    // Packed when the words were chosen: they are part of the format.
    expect(unpack(PACKED_THEN)).to.deep.equal(status({ W: 1500, Hz: 60.01, PhVphA: 240.2, Conn: 1 }));
  });
});

const PACKED_THEN = 'z1o57PMH1laAoSgrrUwBDhSCMTAz0jfK7CFi8GBoaGRkbGxiYmpqZmZubmSrUA';
