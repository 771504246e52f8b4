/**
 * A head end whose ledger breaks a promise, as a process of its own: what its argument names happens to it, and how
 * it ends is for the test to see. Says `still here` when it has done what it was told and lives.
 */
import { join } from 'node:path';
import { AssertionError } from '../../src/base/assert.ts';
import { tempDir } from '../support/temp.ts';
import { event, START, TestHeadEnd } from './support.ts';

await using dir = await tempDir();
let isBroken = false;
const head = await TestHeadEnd.start(join(dir.path, 'ledger.db'), {
  through: ledger => ({
    snapshot: () => ledger.snapshot(),
    rows: (...args) => ledger.rows(...args),
    answers: cti => ledger.answers(cti),
    command: cti => ledger.command(cti),
    commands: (...args) => ledger.commands(...args),
    records: (...args) => ledger.records(...args),
    commit: changes => {
      if (isBroken) return Promise.reject(new AssertionError('a number is used once'));
      return ledger.commit(changes);
    },
  }),
});
const { topic, payload } = head.gateway.receipt('ab'.repeat(16) as never);
const [, , what = ''] = process.argv;
switch (what) {
  case 'bad-input': {
    for (let cut = 0; cut <= payload.length; cut++) await head.broker.deliver(topic, payload.slice(0, cut));
    for (const odd of ['', 'ug', 'ug/1/grid/d/gw-1/up/nothing', 'ug/1/other/d/gw-1/up/receipt', topic])
      await head.broker.deliver(
        odd,
        payload.map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
      );
    await head.broker.deliver('ug/1/grid/d/gw-1/state', new Uint8Array(99));
    break;
  }
  case 'record':
    isBroken = true;
    await head.broker.deliver(topic, payload);
    break;
  case 'send':
    isBroken = true;
    void head.nms.send({ kind: 'device', id: head.gateway.id }, event('ev-1', START), {
      class: 'dispatch',
      primacy: 1,
    });
    break;
  case 'settle': {
    const to = { kind: 'device', id: head.gateway.id } as const;
    const sent = await head.nms.send(to, event('ev-1', START), { class: 'dispatch', primacy: 1 });
    if (!sent.ok) throw new Error('it is sent');
    isBroken = true;
    head.clock.advance(3_600_000);
    break;
  }
  default:
    throw new Error('name what is to happen');
}
await new Promise(resolve => setImmediate(resolve));
await new Promise(resolve => setImmediate(resolve));
isBroken = false;
await head.close();
process.stdout.write('still here\n');
