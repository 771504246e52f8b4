import { expect } from 'chai';
import { AUDIT_EVERY } from '../../../src/gateway/uplink/audit.ts';
import type { AuditBody, DeviceId } from '../../../src/model/mod.ts';
import { CHAIN_START, chained } from '../../../src/wan/envelope/mod.ts';
import { Bench } from '../bench.ts';

/** A gateway that has had no audit yet; its bench stands where the first one is due. */
function due(): Bench {
  const bench = Bench.ready();
  bench.step({ on: 'tick' });
  bench.reading({ W: 1000.25, PF: -0.5 }, 'pv' as DeviceId);
  bench.command({ kind: 'read' });
  bench.until(bench.ms + AUDIT_EVERY);
  return bench;
}

function audits(bench: Bench): readonly AuditBody[] {
  return bench.reported('audit').flatMap(({ body }) => (body.kind === 'audit' ? [body] : []));
}

describe('the audit of a gateway', () => {
  it('says every quarter of an hour which numbers it gave, and the chain of hashes over them as they are stored', () => {
    const bench = due();
    const [audit, ...more] = audits(bench);
    expect(more).to.deep.equal([]);
    const streams = audit?.streams ?? [];
    expect(streams.map(({ stream }) => stream)).to.include.members(['receipt', 'status', 'reading', 'birth']);
    for (const { stream, first, last, count, hash } of streams) {
      const records = bench.reported(stream).filter(r => r.sequence >= first && r.sequence <= last);
      expect(records, stream).to.have.length(count);
      expect(hash, stream).to.equal(records.reduce(chained, CHAIN_START));
    }
  });

  it('begins where the one before ended, and counts the audits themselves', () => {
    const bench = due();
    bench.until(bench.ms + AUDIT_EVERY);
    const [before, after] = audits(bench);
    const lastOf = (audit: AuditBody | undefined, stream: string): number =>
      audit?.streams.find(one => one.stream === stream)?.last ?? 0;
    const [status, own] = ['status', 'audit'].map(name => after?.streams.find(one => one.stream === name));
    expect(status?.first).to.equal(1 + lastOf(before, 'status'));
    expect(own).to.include({ first: 1, last: 1, count: 1 });
    expect(after?.streams.map(({ stream }) => stream)).to.have.members(['status', 'audit']);
  });

  it('tells what was numbered before a restart by its numbers alone, and what follows with its chain', () => {
    const bench = Bench.ready();
    bench.step({ on: 'tick' });
    bench.command({ kind: 'read' });
    bench.restart();
    bench.link('up');
    bench.command({ kind: 'read' });
    bench.until(bench.ms + AUDIT_EVERY);
    const receipts = audits(bench)[0]?.streams.filter(({ stream }) => stream === 'receipt');
    expect(receipts?.map(({ first, last, hash }) => [first, last, hash !== undefined])).to.deep.equal([
      [1, 1, false],
      [2, 2, true],
    ]);
    bench.restart();
    bench.link('up');
    bench.until(bench.ms + AUDIT_EVERY);
    const again = audits(bench)[1]?.streams.map(({ stream }) => stream) ?? [];
    expect(again).to.include('status').and.not.to.include('receipt');
  });
});
