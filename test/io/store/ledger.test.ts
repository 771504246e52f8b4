import { expect } from 'chai';
import { join } from 'node:path';
import { unixSeconds } from '../../../src/base/time.ts';
import { openLedger } from '../../../src/io/store/mod.ts';
import type { Ledger } from '../../../src/io/store/mod.ts';
import type { Cti, GatewayId, SentCommand } from '../../../src/model/mod.ts';
import { tempDir } from '../../support/temp.ts';

const T0 = unixSeconds(1_800_000_000);

function open(folder: string): Ledger {
  const opened = openLedger(join(folder, 'ledger.db'));
  if (!opened.ok) throw new Error(opened.detail);
  return opened.value;
}

function sent(n: number): SentCommand {
  return {
    cti: `${n}`.padStart(32, '0') as Cti,
    audience: 'd/gw-1',
    topic: 'ug/1/grid/d/gw-1/cmd',
    bytes: Uint8Array.of(n),
    stream: 'd',
    sequence: n,
    sentAt: unixSeconds(1_800_000_000 + n),
    expires: unixSeconds(1_800_003_600),
    kind: n % 2 === 0 ? 'event' : 'grant',
    about: `ev-${n}`,
    awaits: ['gw-1' as GatewayId],
  };
}

describe('the ledger', () => {
  it('gives the rows of one actor below a prefix, in the order of their keys, and no other', async () => {
    await using dir = await tempDir();
    const ledger = open(dir.path);
    const keys = ['b/1', 'a@2', 'a@1', 'a', 'a@\u{10FFFE}', 'aa@1'];
    await ledger.commit(keys.map(key => ({ op: 'put', actor: 'one', key, value: key })));
    await ledger.commit([{ op: 'put', actor: 'two', key: 'a@3', value: 0 }]);
    const below = async (prefix?: string) => (await ledger.rows('one', prefix)).map(({ key }) => key);
    expect(await below('a@')).to.deep.equal(['a@1', 'a@2', 'a@\u{10FFFE}']);
    expect(await below()).to.deep.equal(['a', 'a@1', 'a@2', 'a@\u{10FFFE}', 'aa@1', 'b/1']);
    expect(await below('c')).to.deep.equal([]);
    await ledger.close();
  });

  it('GRP-3: gives a command with its end, and the newest of a kind, also after a restart', async () => {
    await using dir = await tempDir();
    const first = open(dir.path);
    for (const n of [1, 2, 3, 4, 6]) await first.commit([{ op: 'command', command: sent(n) }]);
    await first.commit([{ op: 'settle', cti: sent(2).cti, how: 'expired', at: T0 }]);
    await first.close();
    const ledger = open(dir.path);
    expect(await ledger.command(sent(1).cti)).to.deep.equal({ command: sent(1) });
    expect(await ledger.command(sent(2).cti)).to.deep.equal({
      command: sent(2),
      settled: { how: 'expired', at: T0 },
    });
    expect(await ledger.command(sent(9).cti)).to.equal(undefined);
    const newest = await ledger.commands('event', 2);
    expect(newest.map(({ command }) => command.about)).to.deep.equal(['ev-6', 'ev-4']);
    await ledger.close();
  });
});
