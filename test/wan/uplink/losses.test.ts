import { expect } from 'chai';
import { instant, unixTime } from '../../../src/base/time.ts';
import type { RecordBody, StreamName, UplinkRecord } from '../../../src/model/mod.ts';
import {
  acknowledged,
  linkChanged,
  loaded,
  newUplink,
  number,
  offer,
  pump,
} from '../../../src/wan/uplink/mod.ts';

const BODY: RecordBody = { kind: 'request', wants: 'grant', group: 'feeder-7', why: 'test' };
const T = instant(1_000_000);

describe('the uplink about records the store cannot give', () => {
  it('calls nothing lost that an answer to another question did not speak of', () => {
    const uplink = newUplink([{ stream: 'status', acknowledged: 0, last: 1 }]);
    linkChanged(uplink, true, T);
    expect(pump(uplink)).to.deep.equal([{ do: 'load', stream: 'status', after: 0, limit: 1 }]);
    linkChanged(uplink, false, T);
    number(uplink, 'status', unixTime(0), BODY);
    linkChanged(uplink, true, T);
    expect(pump(uplink)).to.deep.equal([{ do: 'load', stream: 'status', after: 0, limit: 2 }]);
    const late = { stream: 'status', after: 0, limit: 1, records: [record('status', 1)] } as const;
    expect(loaded(uplink, late, unixTime(0))).to.deep.equal([]);
  });

  it('calls nothing lost that was acknowledged while it was being loaded', () => {
    const uplink = newUplink([{ stream: 'status', acknowledged: 0, last: 3 }]);
    linkChanged(uplink, true, T);
    pump(uplink);
    acknowledged(uplink, 'status', 2, T);
    const answer = { stream: 'status', after: 0, limit: 3, records: [record('status', 3)] } as const;
    expect(loaded(uplink, answer, unixTime(0))).to.deep.equal([
      { do: 'publish', session: uplink.session, record: record('status', 3) },
    ]);
  });

  it('takes a loss that the store itself tells for all it stands for, and asks on behind it', () => {
    const uplink = newUplink([{ stream: 'status', acknowledged: 0, last: 60 }]);
    linkChanged(uplink, true, T);
    expect(pump(uplink)).to.deep.equal([{ do: 'load', stream: 'status', after: 0, limit: 20 }]);
    const dropped = (first: number, last: number): UplinkRecord => ({
      ...record('status', first),
      body: { kind: 'lost', first, last, why: 'its store was full' },
    });
    const records = [dropped(1, 3), record('status', 4), dropped(5, 58), record('status', 59)];
    const told = loaded(uplink, { stream: 'status', after: 0, limit: 20, records }, unixTime(7));
    expect(told.map(wish => wish.do === 'publish' && wish.record)).to.deep.equal(records.slice(0, 3));
    expect(pump(uplink)).to.deep.equal([{ do: 'load', stream: 'status', after: 58, limit: 2 }]);
  });

  it('says what was lost just below a run that was sent ahead, without sending the run again', () => {
    const uplink = newUplink([{ stream: 'status', acknowledged: 0, last: 2 }]);
    linkChanged(uplink, true, T);
    offer(uplink, number(uplink, 'status', unixTime(0), BODY));
    expect(pump(uplink)).to.deep.equal([{ do: 'load', stream: 'status', after: 0, limit: 2 }]);
    const answer = { stream: 'status', after: 0, limit: 2, records: [record('status', 3)] } as const;
    expect(loaded(uplink, answer, unixTime(7))).to.deep.equal([
      {
        do: 'publish',
        session: uplink.session,
        record: {
          stream: 'status',
          sequence: 1,
          at: 7,
          body: { kind: 'lost', first: 1, last: 2, why: "damaged on the gateway's disk" },
        },
      },
    ]);
    expect(pump(uplink)).to.deep.equal([]);
  });
});

function record(stream: StreamName, sequence: number): UplinkRecord {
  return { stream, sequence, at: unixTime(0), body: BODY };
}
