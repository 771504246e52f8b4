import { expect } from 'chai';
import { join } from 'node:path';
import { milliseconds, after } from '../../src/base/time.ts';
import { openLedger } from '../../src/io/store/mod.ts';
import type { Ledger } from '../../src/io/store/mod.ts';
import type { Cti, DeviceId, GatewayId, ModesBody, UplinkRecord } from '../../src/model/mod.ts';
import { MAX_ROWS, ModeBook } from '../../src/utility/mode-book.ts';
import { tempDir } from '../support/temp.ts';
import { START, TestHeadEnd } from './support.ts';

const GW = 'gw-1' as GatewayId;
const ON = { mode: 'opModVoltVar', model: 705, state: 'on' } as const;
const OFF = { mode: 'opModVoltWatt', model: 706, state: 'off' } as const;

function told(cti: string, more: Partial<ModesBody> = {}, s = 0): UplinkRecord {
  const body: ModesBody = {
    kind: 'modes',
    cti: cti as Cti,
    issuer: 'ops',
    device: 'pv' as DeviceId,
    part: 1,
    parts: 1,
    modes: [ON],
    unread: [],
    setBy: [],
    ...more,
  };
  return { stream: 'receipt', sequence: 1, at: after(START, milliseconds(s * 1000)), body };
}

describe('utility/mode-book', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let ledger: Ledger;
  beforeEach(async () => {
    dir = await tempDir();
    const opened = openLedger(join(dir.path, 'ledger.db'));
    if (!opened.ok) throw new Error(opened.detail);
    ledger = opened.value;
  });
  afterEach(async () => {
    await ledger.close();
    await dir[Symbol.asyncDispose]();
  });

  async function note(book: ModeBook, record: UplinkRecord): Promise<number> {
    const changes = await book.changes(GW, record);
    await ledger.commit(changes);
    return changes.length;
  }

  it('keeps what each device last told, over a restart', async () => {
    const book = new ModeBook(ledger);
    await note(book, told('a'));
    await note(book, told('b', { modes: [OFF] }, 1));
    await note(book, told('c', { device: 'battery' as DeviceId }, 2));
    const known = await new ModeBook(ledger).of(GW);
    expect(known.map(({ device, cti, modes, missing }) => [device, cti, modes, missing])).to.deep.equal([
      ['battery', 'c', [ON], 0],
      ['pv', 'b', [OFF], 0],
    ]);
  });

  it('joins the parts of one answer, says how many are missing, and takes no part of an older one for them', async () => {
    const book = new ModeBook(ledger);
    for (const part of [1, 2, 3]) await note(book, told('a', { part, parts: 3 }));
    await note(book, told('b', { part: 2, parts: 2, modes: [OFF] }, 1));
    expect(await book.of(GW)).to.have.nested.property('[0].missing', 1);
    await note(book, told('b', { part: 1, parts: 2 }, 1));
    const [known] = await book.of(GW);
    expect(known).to.deep.include({ cti: 'b', modes: [ON, OFF], missing: 0 });
  });

  it('lets no record that comes late undo a newer one, not even after a restart', async () => {
    await note(new ModeBook(ledger), told('b', {}, 5));
    const again = new ModeBook(ledger);
    expect(await note(again, told('a', {}, 4))).to.equal(0);
    expect(await note(again, told('b', {}, 5))).to.equal(1);
  });

  it('keeps so many rows of one gateway and no more', async () => {
    const book = new ModeBook(ledger);
    for (let n = 0; n < MAX_ROWS; n++) await note(book, told('a', { device: `d-${n}` as DeviceId }));
    expect(await note(book, told('a', { device: 'one-more' as DeviceId }))).to.equal(0);
    expect(await note(book, told('b', { device: 'd-7' as DeviceId }, 1))).to.equal(1);
  });

  it('keeps nothing of any other record', async () => {
    const body = { kind: 'receipt', cti: 'a' as Cti, response: 'completed', why: '' } as const;
    const record: UplinkRecord = { stream: 'receipt', sequence: 1, at: START, body };
    expect(await new ModeBook(ledger).changes(GW, record)).to.deep.equal([]);
  });
});

describe('utility/ami-nms, modes', () => {
  it('has what a gateway told in the ledger when the record is acknowledged', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const { topic, payload } = head.gateway.signs('receipt', told('a').body);
    await head.broker.deliver(topic, payload);
    expect(await head.nms.modes(GW))
      .to.have.nested.property('[0].modes')
      .deep.equal([ON]);
    await head.close();
  });
});
