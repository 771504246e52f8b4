import { expect } from 'chai';
import { join } from 'node:path';
import { START, TestHeadEnd, birth, event, gated } from './support.ts';
import type { Published } from './support.ts';
import type { CommandBody, GroupId, Nonce, RecordBody } from '../../src/model/mod.ts';
import { MOST_AGAIN } from '../../src/utility/greeter.ts';
import { tempDir } from '../support/temp.ts';

const NONCE = 'ab'.repeat(16) as Nonce;
const DISPATCH = { class: 'dispatch', primacy: 3 } as const;
type Asks = Partial<Extract<RecordBody, { kind: 'birth' }>>;

/** The bodies of a kind that were said to the first gateway. */
function said<K extends CommandBody['kind']>(
  head: TestHeadEnd,
  kind: K,
): Extract<CommandBody, { kind: K }>[] {
  const bodies = head.broker.on('d/gw-1/cmd').map((message: Published) => head.opens(message).body);
  return bodies.filter((body): body is Extract<CommandBody, { kind: K }> => body.kind === kind);
}

async function begins(head: TestHeadEnd, asks: Asks = {}, number?: number): Promise<void> {
  const body = { ...birth(), nonce: NONCE, ...asks } as RecordBody;
  const { topic, payload } = head.gateway.signs('birth', body, number);
  const answers = said(head, 'welcome').length;
  await head.broker.deliver(topic, payload);
  // The number of the answer is reserved in the ledger first.
  while (said(head, 'welcome').length === answers) await new Promise(setImmediate);
}

async function send(head: TestHeadEnd, mRID: string) {
  const sent = await head.nms.send({ kind: 'device', id: head.gateway.id }, event(mRID), DISPATCH);
  if (!sent.ok) throw new Error(sent.refusal);
  return sent.value;
}

describe('utility/ami-nms greeting', () => {
  it('answers a birth record with its nonce, the date, what is used, what is open and what is held', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const group = 'feeder-7' as GroupId;
    await head.registry.create(group);
    await head.registry.add(group, [head.gateway.id]);
    const [one] = [await send(head, 'ev-1'), await send(head, 'ev-2')];
    const answer = head.gateway.receipt(one.cti);
    await head.broker.deliver(answer.topic, answer.payload);
    await head.nms.send({ kind: 'group', id: group }, event('ev-3'), DISPATCH);
    await begins(head);
    const [welcome] = said(head, 'welcome');
    expect(welcome).to.deep.equal({
      kind: 'welcome',
      nonce: NONCE,
      time: START,
      marks: [
        // The first is its grant.
        { stream: 'd', through: 3, open: [1, 3] },
        { stream: 'g-feeder-7', through: 1, open: [1] },
      ],
      held: { receipt: 1, birth: 1 },
    });
    await head.close();
  });

  it('speaks for its former keys: each stream stands as high under them, and what one of them left open is named', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    const one = await TestHeadEnd.start(path);
    await send(one, 'ev-1');
    await one.close();
    const three = await TestHeadEnd.start(path, { before: one, keyEpoch: 3 });
    await send(three, 'ev-2');
    await begins(three);
    // Key epoch 2 was never ours.
    expect(said(three, 'welcome')[0]?.marks).to.deep.equal([
      { stream: 'd', through: 2, open: [2] },
      { stream: 'd', through: 2, open: [1], keyEpoch: 1 },
    ]);
    await three.close();
    const again = await TestHeadEnd.start(path, { before: three, keyEpoch: 3 });
    await begins(again);
    expect(said(again, 'welcome')[0]?.marks.map(({ keyEpoch }) => keyEpoch)).to.deep.equal([undefined, 1]);
    await again.close();
  });

  it('tells of its four newest former keys, and of none where its ledger cannot say', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.db');
    let head = await TestHeadEnd.start(path);
    for (let keyEpoch = 2; keyEpoch <= 7; keyEpoch++) {
      await head.close();
      head = await TestHeadEnd.start(path, { before: head, keyEpoch });
    }
    await begins(head);
    expect(said(head, 'welcome')[0]?.marks.map(({ keyEpoch }) => keyEpoch)).to.deep.equal([
      undefined,
      3,
      4,
      5,
      6,
    ]);
    await head.close();

    const troubles: string[] = [];
    const blind = await TestHeadEnd.start(path, {
      before: head,
      keyEpoch: 7,
      events: { onTrouble: why => void troubles.push(why) },
      through: ledger => ({
        ...gated().through(ledger),
        rows: (actor, prefix) =>
          actor === 'key-epochs' ? Promise.reject(new Error('no disk')) : ledger.rows(actor, prefix),
      }),
    });
    await begins(blind);
    expect(said(blind, 'welcome')[0]?.marks).to.have.length(1);
    expect(troubles).to.deep.equal(['no gateway is told of former keys: Error: no disk']);
    await blind.close();
  });

  it('does not call used up a command that it is just writing down', async () => {
    await using dir = await tempDir();
    const slow = Promise.withResolvers<void>();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
      through: ledger => ({
        ...gated().through(ledger),
        commit: async changes => {
          if (changes.some(({ op }) => op === 'command')) await slow.promise;
          await ledger.commit(changes);
        },
      }),
    });
    const sending = send(head, 'ev-1');
    await begins(head);
    slow.resolve();
    await sending;
    expect(said(head, 'welcome')[0]?.marks).to.deep.equal([{ stream: 'd', through: 1, open: [1] }]);
    await head.close();
  });

  it('answers a birth record each time it comes, for its answer may have been lost, five times in ten seconds', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    for (let n = 0; n <= MOST_AGAIN; n++) await begins(head, {}, 1);
    const again = head.gateway.signs('birth', { ...birth(), nonce: NONCE } as RecordBody, 1);
    head.clock.advance(9999);
    await head.broker.deliver(again.topic, again.payload);
    head.clock.advance(1);
    await begins(head, {}, 1);
    expect(said(head, 'welcome')).to.have.length(1 + MOST_AGAIN + 1);
    await head.close();
  });

  it('does not repeat an answer that the gateway refuses; after a minute, or a new start, it answers again', async () => {
    await using dir = await tempDir();
    const troubles: string[] = [];
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
      events: { onTrouble: why => void troubles.push(why) },
    });
    await begins(head, {}, 1);
    const [greeting] = head.broker.on('d/gw-1/cmd').map(message => head.opens(message));
    if (greeting === undefined) throw new Error('it was greeted');
    for (let n = 0; n < 2; n++) {
      const { topic, payload } = head.gateway.receipt(greeting.cti, 'operation-out-of-scope');
      await head.broker.deliver(topic, payload);
    }
    expect(troubles).to.have.length(1);
    expect(troubles[0]).to.match(/gw-1 does not take our answer to its start \(operation-out-of-scope\)/);
    for (const number of [1, 2]) {
      const { topic, payload } = head.gateway.signs(
        'birth',
        { ...birth(), nonce: NONCE } as RecordBody,
        number,
      );
      await head.broker.deliver(topic, payload);
    }
    await new Promise(setImmediate);
    expect(said(head, 'welcome')).to.have.length(1);
    await begins(head, { start: 9 }, 3);
    head.clock.advance(60_000);
    await begins(head, {}, 4);
    expect(said(head, 'welcome')).to.have.length(3);
    await head.close();
  });

  it('sends again at once what the gateway has not answered', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    await send(head, 'ev-1');
    expect(said(head, 'event')).to.have.length(1);
    await begins(head);
    expect(said(head, 'event')).to.have.length(2);
    await head.close();
  });

  it('believes no gateway that has taken more than there can be: no number would be left for it', async () => {
    await using dir = await tempDir();
    const troubles: string[] = [];
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
      events: { onTrouble: why => troubles.push(why) },
    });
    await begins(head, {
      marks: [{ issuer: 'ops', keyEpoch: 1, stream: 'd', high: Number.MAX_SAFE_INTEGER }],
    });
    expect(said(head, 'welcome')[0]?.marks).to.deep.equal([{ stream: 'd', through: 0, open: [] }]);
    expect(troubles.join()).to.contain('does not believe it');
    const how = { class: 'dispatch', primacy: 10 } as const;
    const sent = await head.nms.send({ kind: 'device', id: head.gateway.id }, event('ev-1'), how);
    expect(sent.ok).to.equal(true);
    await head.close();
  });

  it('that was itself restored goes on above what the gateway has taken, and tells people', async () => {
    await using dir = await tempDir();
    const troubles: string[] = [];
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
      events: { onTrouble: why => void troubles.push(why) },
    });
    await begins(head, { marks: [{ issuer: 'ops', keyEpoch: 1, stream: 'd', high: 40 }] });
    expect(said(head, 'welcome')[0]?.marks).to.deep.equal([{ stream: 'd', through: 40, open: [] }]);
    expect(troubles.join()).to.match(/gw-1 has taken command 40; this ledger knew of 0: it is restored/);
    await send(head, 'ev-1');
    expect(head.opens(head.broker.on('/cmd').at(-1) as Published).sequence).to.equal(41);
    await head.close();
  });

  it('believes no member about the stream of a group, nor anybody about another issuer or key epoch', async () => {
    await using dir = await tempDir();
    const troubles: string[] = [];
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
      events: { onTrouble: why => void troubles.push(why) },
    });
    const group = 'feeder-7' as GroupId;
    await head.registry.create(group);
    await head.registry.add(group, [head.gateway.id]);
    const marks = [
      { issuer: 'ops', keyEpoch: 1, stream: 'g-feeder-7', high: 9_000 },
      { issuer: 'ops', keyEpoch: 2, stream: 'd', high: 40 },
      { issuer: 'aggregator', keyEpoch: 1, stream: 'd', high: 40 },
    ];
    await begins(head, { marks });
    expect(said(head, 'welcome')[0]?.marks.map(({ through }) => through)).to.deep.equal([1, 0]);
    expect(troubles).to.have.length(1);
    expect(troubles[0]).to.match(/command 9000 of group feeder-7; this ledger knows 0/);
    await head.close();
  });

  it('tells the time to who asks for it, with its nonce', async () => {
    await using dir = await tempDir();
    const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'));
    const body = { kind: 'request', wants: 'time', nonce: NONCE, why: 'the clock jumped' } as const;
    const { topic, payload } = head.gateway.signs('request', body);
    const told = head.broker.next('d/gw-1/cmd');
    await head.broker.deliver(topic, payload);
    expect(head.opens(await told).body).to.deep.equal({ kind: 'time', time: START, nonce: NONCE });
    await head.close();
  });
});
