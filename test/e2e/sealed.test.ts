/**
 * The plain code of a customer: sealed by a head end, opened by a gateway on a real store, used at the display, and
 * then searched for in every byte that was written, logged or recorded on the way.
 */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { fromHex } from '../../src/base/bytes.ts';
import { openerOf, seal } from '../../src/io/box.ts';
import { noCode } from '../../src/io/codes.ts';
import { generateKey } from '../../src/io/keys.ts';
import { openStore } from '../../src/io/store/mod.ts';
import type { CommandBody, MRID } from '../../src/model/mod.ts';
import type { SealedContent } from '../../src/wan/envelope/mod.ts';
import { T0 } from '../support/events.ts';
import { GATEWAY } from '../support/head-end.ts';
import { tempDir } from '../support/temp.ts';
import { World } from '../gateway/ports.ts';
import { eventBody } from '../gateway/bench.ts';

const CODE = '73-lilac-29';
const TEXT = 'Your neighbour must not read this.';
const EV = 'ev-1' as MRID;

describe('what was sealed to a gateway', () => {
  it('SIWG-2 OVR-1: the code overrides its event, and stands in no log, store or recording', async () => {
    await using dir = await tempDir();
    const key = generateKey();
    const opener = openerOf(key);
    const store = openStore(join(dir.path, 'gateway.sqlite'));
    if (!store.ok) throw new Error(store.refusal);
    const seen: string[] = [];
    const world = new World();
    const box = (content: SealedContent, mRID?: MRID): CommandBody => {
      const about = mRID === undefined ? {} : { mRID };
      const to = fromHex(opener.boxKey) ?? new Uint8Array();
      const context = { issuer: world.headEnd.issuer, gateway: GATEWAY, ...about };
      return { kind: 'sealed', box: seal(content, to, context), ...about };
    };
    const gateway = await world.start(
      {
        store: store.value,
        opener,
        code: noCode,
        log: entry => void seen.push(JSON.stringify(entry)),
        observe: what => void seen.push(JSON.stringify(what)),
      },
      { boxKey: opener.boxKey },
    );
    try {
      world.broker?.link({ up: true, why: 'test' });
      world.present();
      world.command(eventBody({ start: T0 }));
      world.command(box({ kind: 'code', text: CODE }, EV));
      world.command(box({ kind: 'message', text: TEXT }));
      while (!seen.some(line => line.includes('the override code of event ev-1 is set')))
        await world.settled();
      await world.turn(1000);
      await gateway.request({ kind: 'acknowledge', mRID: EV });
      const wrong = await gateway.request({ kind: 'override', mRID: EV, code: '0000' });
      expect(wrong).to.include({ ok: false, refusal: 'code-wrong' });
      const right = await gateway.request({ kind: 'override', mRID: EV, code: CODE });
      expect(right, right.why).to.include({ ok: true });
      while (!world.views.some(view => view.messages?.[0]?.text === TEXT)) await world.turn(200);
    } finally {
      await gateway.stop();
      await store.value.close();
    }
    await writeFile(join(dir.path, 'recording.jsonl'), seen.join('\n'));
    const files = await readdir(dir.path);
    expect(files).to.include.members(['gateway.sqlite', 'recording.jsonl']);
    for (const name of files) {
      const bytes = await readFile(join(dir.path, name));
      expect(bytes.includes(CODE), `${name} holds the code`).to.equal(false);
      expect(bytes.includes(Buffer.from(CODE).toString('hex')), `${name} holds the code as hex`).to.equal(
        false,
      );
      if (name.endsWith('.jsonl')) {
        expect(bytes.includes(TEXT), `${name} holds the message`).to.equal(false);
        expect(bytes.includes('scrypt$'), `${name} holds the hash`).to.equal(false);
      }
    }
  });
});
