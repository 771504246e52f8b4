import { join } from 'node:path';
import { expect } from 'chai';
import { ok, refused } from '../../src/base/assert.ts';
import { after, hours } from '../../src/base/time.ts';
import type { Cti, FileId, GatewayId, ReceiptBody, RecordBody } from '../../src/model/mod.ts';
import { Rollouts } from '../../src/utility/mod.ts';
import type {
  LedgerPort,
  MemberStatus,
  NewRollout,
  RolloutDoors,
  RolloutStatus,
} from '../../src/utility/mod.ts';
import { MAX_ROLLOUTS } from '../../src/utility/rollouts.ts';
import { tempDir } from '../support/temp.ts';
import { someBytes, testFile } from '../wan/delivery/files.ts';
import { START, TestHeadEnd, UTILITY } from './support.ts';

const FILE = testFile(someBytes(30_000), { delivers: 'device-firmware', model: 'X5', version: '3' });
const EXPIRES = after(START, hours(24));
const ALL = Array.from({ length: 20 }, (_, n) => `gw-${n}`);
const ASKED: NewRollout = {
  manifest: FILE.manifest,
  to: { kind: 'group', id: 'x5' as never },
  stages: [5, 10, 100],
  expires: EXPIRES,
};

/** A head end on a real ledger, its rollouts, and members who say what the test says. */
class Bench {
  readonly headEnd: TestHeadEnd;
  readonly rollouts: Rollouts;
  readonly troubles: string[];

  private constructor(headEnd: TestHeadEnd, rollouts: Rollouts, troubles: string[]) {
    this.headEnd = headEnd;
    this.rollouts = rollouts;
    this.troubles = troubles;
  }

  static async start(
    path: string,
    {
      before,
      through,
      ...more
    }: Partial<RolloutDoors> & { before?: Bench; through?: (l: LedgerPort) => LedgerPort } = {},
  ): Promise<Bench> {
    let rollouts: Rollouts | undefined;
    const headEnd = await TestHeadEnd.start(path, {
      gateways: ALL,
      ...(before === undefined ? {} : { before: before.headEnd }),
      events: {
        onReceipt: (gateway, receipt) => rollouts?.receipt(gateway, receipt),
        onRecord: (gateway, { body }) => {
          if (body.kind === 'request' && body.wants === 'chunks') rollouts?.asked(gateway, body);
        },
      },
    });
    const { nms, clock, ledger } = headEnd;
    const troubles: string[] = [];
    rollouts = await Rollouts.open({
      nms,
      clock,
      ledger: through?.(ledger) ?? ledger,
      membersOf: () => ok(ALL as GatewayId[]),
      read: (of, offset, length) => {
        const bytes = of === FILE.manifest.file ? FILE.bytes : FILE.list;
        return Promise.resolve(bytes.subarray(offset, offset + length));
      },
      trouble: why => void troubles.push(why),
      ...more,
    });
    return new Bench(headEnd, rollouts, troubles);
  }

  async begin(asked: NewRollout = ASKED): Promise<RolloutStatus> {
    const started = await this.rollouts.start(asked);
    if (!started.ok) throw new Error(started.detail);
    return started.value;
  }

  get status(): RolloutStatus {
    const [first] = this.rollouts.status();
    if (first === undefined) throw new Error('there is a rollout');
    return first;
  }

  /** Who was told, by the commands that went out. */
  told(): ReadonlyMap<GatewayId, Cti> {
    return new Map(
      this.headEnd.broker.on('/cmd').map(message => {
        const { audience, cti, body } = this.headEnd.opens(message);
        expect(body).to.deep.equal(FILE.manifest);
        return [audience.id as GatewayId, cti] as const;
      }),
    );
  }

  async tells(count: number): Promise<readonly GatewayId[]> {
    while (this.told().size < count) await new Promise(resolve => setImmediate(resolve));
    return [...this.told().keys()];
  }

  async says(gateway: GatewayId, answer: Partial<ReceiptBody>): Promise<void> {
    const cti = this.told().get(gateway);
    if (cti === undefined) throw new Error(`${gateway} was told`);
    await this.#reports(gateway, 'receipt', {
      kind: 'receipt',
      cti,
      issuer: 'ops',
      response: 'received',
      why: 'as the test says',
      ...answer,
    });
  }

  asks(gateway: GatewayId, of: FileId, pieces: readonly number[], held = 0): Promise<void> {
    const { file } = FILE.manifest;
    return this.#reports(gateway, 'request', {
      kind: 'request',
      wants: 'chunks',
      file,
      of,
      pieces,
      held,
      why: 'test',
    });
  }

  member(gateway: GatewayId): MemberStatus | undefined {
    return this.status.members.find(each => each.gateway === gateway);
  }

  async close(): Promise<void> {
    await this.rollouts.close();
    await this.headEnd.close();
  }

  async #reports(id: GatewayId, stream: 'receipt' | 'request', body: RecordBody): Promise<void> {
    const gateway = this.headEnd.gateways.find(each => each.id === id);
    if (gateway === undefined) throw new Error(`${id} is a gateway`);
    const { topic, payload } = gateway.signs(stream, body);
    await this.headEnd.broker.deliver(topic, payload);
  }
}

describe('a delivery from the head end', () => {
  it('is told in stages, each when all of the one before have it and are well', async () => {
    await using dir = await tempDir();
    const bench = await Bench.start(join(dir.path, 'ledger'));
    await bench.begin();
    const [first] = await bench.tells(1);
    if (first === undefined) throw new Error('one was told');
    await bench.says(first, { response: 'received' });
    await bench.says(first, { response: 'started' });
    expect(bench.told().size).to.equal(1);
    expect(bench.member(first)).to.include({ progress: 'applying', held: 3 });
    await bench.says(first, { response: 'completed' });
    const two = await bench.tells(2);
    await bench.says(two[1] as GatewayId, { response: 'invalid', refusal: 'model-not-here', why: 'no X5' });
    const all = await bench.tells(20);
    for (const gateway of all.slice(2)) await bench.says(gateway, { response: 'completed' });
    expect(bench.status).to.include({ next: 'done' });
    expect(bench.member(two[1] as GatewayId)).to.include({ refusal: 'model-not-here', why: 'no X5' });
    await bench.close();
  });

  it('halts where one failed, and nobody else is told, also after a restart', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger');
    const bench = await Bench.start(path);
    await bench.begin();
    const [first] = await bench.tells(1);
    const why = 'pv not read';
    await bench.says(first as GatewayId, { response: 'abortedByProgram', refusal: 'rolled-back', why });
    expect(bench.status).to.include({ next: 'halted', why: `${first} failed` });
    await bench.close();
    const again = await Bench.start(path, { before: bench });
    expect(again.status).to.include({ next: 'halted', why: `${first} failed` });
    expect(again.member(first as GatewayId)).to.include({ refusal: 'rolled-back', why });
    expect(again.told().size).to.equal(0);
    await again.close();
  });

  it('GRP-3 goes on after a head end that died while it told: nobody is told twice', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger');
    let puts = 0;
    const bench = await Bench.start(path, {
      // The row that says who was told never reaches the disk.
      through: ledger => ({
        ...portOf(ledger),
        commit: changes =>
          changes.some(change => change.op === 'put') && ++puts > 1
            ? Promise.reject(new Error('power failed'))
            : ledger.commit(changes),
      }),
    });
    await bench.begin();
    const [first] = await bench.tells(1);
    await bench.says(first as GatewayId, { response: 'received' });
    await bench.close();
    expect(bench.troubles).to.have.length(1);
    const again = await Bench.start(path, { before: bench });
    expect(again.member(first as GatewayId)).to.include({ progress: 'fetching' });
    expect(again.status.members.filter(({ progress }) => progress === 'waiting')).to.have.length(19);
    expect(again.told().size).to.equal(0);
    await again.close();
  });

  it('serves the chunks that a member asks for, each once for all who wait, and none of another file', async () => {
    await using dir = await tempDir();
    const bench = await Bench.start(join(dir.path, 'ledger'));
    await bench.begin({ ...ASKED, stages: [100] });
    const [one, two] = await bench.tells(20);
    const { file, list } = FILE.manifest;
    await bench.says(one as GatewayId, { response: 'received' });
    await bench.asks(one as GatewayId, list, [0, 1, -1]);
    await bench.asks(one as GatewayId, file, [0, 2, 3], 1);
    await bench.asks(two as GatewayId, file, [2]);
    await bench.asks(two as GatewayId, 'ab'.repeat(32) as FileId, [0]);
    const chunks = () => bench.headEnd.broker.published.filter(({ topic }) => topic.includes('/blob/'));
    while (chunks().length < 3) await new Promise(resolve => setImmediate(resolve));
    await bench.rollouts.close();
    const served = new Map(chunks().map(({ topic, payload }) => [topic, Buffer.from(payload)]));
    expect([...served.keys()].sort()).to.deep.equal(
      [`${list}/0`, `${file}/0`, `${file}/2`].map(end => `ug/1/${UTILITY}/blob/${end}`).sort(),
    );
    for (const [of, n] of [
      [list, 0],
      [file, 0],
      [file, 2],
    ] as const)
      expect(served.get(`ug/1/${UTILITY}/blob/${of}/${n}`)?.equals(FILE.piece(of, n))).to.equal(true);
    expect(bench.member(one as GatewayId)).to.include({ held: 1 });
    expect(bench.troubles).to.deep.equal([]);
    await bench.headEnd.close();
  });

  it('is served to nobody who was not told', async () => {
    await using dir = await tempDir();
    const bench = await Bench.start(join(dir.path, 'ledger'));
    await bench.begin();
    const [first] = await bench.tells(1);
    const other = ALL.find(id => id !== first) as GatewayId;
    await bench.asks(other, FILE.manifest.file, [0]);
    await bench.rollouts.close();
    expect(bench.headEnd.broker.published.filter(({ topic }) => topic.includes('/blob/'))).to.deep.equal([]);
    await bench.headEnd.close();
  });

  it('ends when its time is up for who never answered or was not told, and halts where one took it and fell silent', async () => {
    await using dir = await tempDir();
    const bench = await Bench.start(join(dir.path, 'ledger'));
    await bench.begin();
    const [told] = await bench.tells(1);
    bench.headEnd.clock.advance(hours(24) - 1);
    expect(bench.status.next).to.equal('wait');
    bench.headEnd.clock.advance(1);
    expect(bench.member(told as GatewayId)).to.include({ progress: 'refused', refusal: 'unanswered' });
    expect(bench.status.members.filter(({ refusal }) => refusal === 'expired')).to.have.length(19);
    expect(bench.status.next).to.equal('done');
    await bench.close();

    await using next = await tempDir();
    const silent = await Bench.start(join(next.path, 'ledger'));
    await silent.begin();
    const [first] = await silent.tells(1);
    await silent.says(first as GatewayId, { response: 'started' });
    silent.headEnd.clock.advance(hours(26) - (silent.headEnd.clock.now().unix - START) - 1);
    expect(silent.status.next).to.equal('wait');
    silent.headEnd.clock.advance(1);
    expect(silent.status).to.include({ next: 'halted' });
    expect(silent.member(first as GatewayId)).to.include({ progress: 'failed', refusal: 'silent' });
    await silent.close();
  });

  it('is refused by name while the same file is on its way, to nobody, and where sixteen have not ended', async () => {
    await using dir = await tempDir();
    const bench = await Bench.start(join(dir.path, 'ledger'), {
      membersOf: ({ id }) =>
        id === 'none' ? refused('no-members', 'none is empty') : ok(['gw-0' as GatewayId]),
    });
    await bench.begin();
    expect(await bench.rollouts.start(ASKED)).to.include({ refusal: 'in-progress' });
    const to = { kind: 'group', id: 'none' as never } as const;
    const other = { ...FILE.manifest, file: 'ab'.repeat(32) as FileId };
    expect(await bench.rollouts.start({ ...ASKED, manifest: other, to })).to.include({
      refusal: 'no-members',
    });
    for (let n = 1; n < MAX_ROLLOUTS; n++)
      await bench.begin({
        ...ASKED,
        manifest: { ...FILE.manifest, file: n.toString(16).padStart(64, '0') as FileId },
      });
    expect(await bench.rollouts.start({ ...ASKED, manifest: other })).to.include({
      refusal: 'too-many-rollouts',
    });
    await bench.close();
  });
});

function portOf(ledger: LedgerPort): LedgerPort {
  return {
    snapshot: () => ledger.snapshot(),
    rows: (...args) => ledger.rows(...args),
    answers: cti => ledger.answers(cti),
    command: cti => ledger.command(cti),
    commands: (...args) => ledger.commands(...args),
    records: (...args) => ledger.records(...args),
    commit: changes => ledger.commit(changes),
  };
}
