/** A simulated device on a serial line whose adapter is pulled and put back. The line is two pseudo-terminals by socat. */
import { EventEmitter, once } from 'node:events';
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { openBus } from '../../src/io/modbus/mod.ts';
import { serveSerialLine } from '../../src/sim/mod.ts';
import type { Unit } from '../../src/sim/mod.ts';
import { asking, readOf } from '../io/modbus/fakes.ts';
import { needs } from '../support/needs.ts';
import { serialPair } from '../support/serial-pair.ts';
import { tempDir } from '../support/temp.ts';

describe('sim on a serial line that goes away', () => {
  beforeEach(function () {
    needs(this, 'socat');
  });

  it('says so once, and answers again on the line that took its place', async () => {
    await using dir = await tempDir();
    const name = join(dir.path, 'line');
    const heard = new EventEmitter();
    const states: string[] = [];
    const unit: Unit = { unit: 1, read: address => [address], write: () => ({ exception: 2 }) };
    const ask = async (path: string) => {
      const bus = openBus(
        { kind: 'serial', path, baud: 115_200, parity: 'none', stopBits: 1, unit: 1 },
        { random: () => 0 },
      );
      const replies = await bus.run(asking(readOf(7)), 'read');
      await bus.close();
      return replies;
    };
    const first = await serialPair();
    await symlink(first.paths[0], name);
    const onLine = (state: string): void => {
      states.push(state);
      heard.emit(state);
    };
    const server = await serveSerialLine({ path: name, baud: 115_200, units: [unit], onLine });
    try {
      expect(await ask(first.paths[1])).to.deep.equal([{ ok: true, words: [7] }]);
      const lost = once(heard, 'lost');
      await first.close();
      await lost;
      await rm(name);
      const second = await serialPair();
      try {
        const back = once(heard, 'back');
        await symlink(second.paths[0], name);
        await back;
        expect(await ask(second.paths[1])).to.deep.equal([{ ok: true, words: [7] }]);
        expect(states).to.deep.equal(['lost', 'back']);
      } finally {
        await server.close();
        await second.close();
      }
      expect(states, 'an end that was asked for is no loss').to.deep.equal(['lost', 'back']);
    } finally {
      await server.close();
    }
  }).timeout(20_000);
});
