/** The door between two programs of one user, on real sockets, and the lock that dies with its process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { knock, openDoor } from '../../src/io/door.ts';
import type { DoorCall, DoorJson } from '../../src/io/door.ts';
import { takeLock } from '../../src/io/lock.ts';
import { tempDir } from '../support/temp.ts';

const silent = { tell: () => {} };

describe('a door', () => {
  it('lets in who can read its file, tells on the way, and answers', async () => {
    await using dir = await tempDir();
    const file = join(dir.path, 'head-end.door');
    const door = await openDoor(file, ({ call, args, tell }) => {
      tell('half way');
      return Promise.resolve({ call, args });
    });
    const told: DoorJson[] = [];
    const answer = await knock(file, { call: 'send', args: { to: 'g/ä' }, tell: line => told.push(line) });
    expect(answer).to.deep.equal({ ok: true, value: { call: 'send', args: { to: 'g/ä' } } });
    expect(told).to.deep.equal(['half way']);
    expect((await stat(file)).mode & 0o777).to.equal(0o600);
    await door.close();
    expect(await readdir(dir.path)).to.deep.equal([]);
    expect(await knock(file, { call: 'send', args: null, ...silent })).to.include({ refusal: 'closed' });
  });

  it('keeps out who has not the token, whatever is said, and answers nothing of it', async () => {
    await using dir = await tempDir();
    const file = join(dir.path, 'head-end.door');
    let calls = 0;
    const door = await openDoor(file, () => Promise.resolve(++calls));
    const there = JSON.parse(await readFile(file, 'utf8')) as { port: number; token: string };
    for (const line of [
      '{}',
      'GET / HTTP/1.1',
      JSON.stringify({ token: '', call: 'x', args: 1 }),
      JSON.stringify({ token: there.token.replace(/^./, 'g'), call: 'x', args: 1 }),
      JSON.stringify({ token: there.token, call: 7, args: 1 }),
    ]) {
      const socket = connect(there.port, '127.0.0.1');
      socket.end(`${line}\n`);
      expect(await text(socket)).to.equal('{"denied":true}\n');
    }
    await writeFile(file, JSON.stringify({ ...there, token: 'another' }));
    expect(await knock(file, { call: 'x', args: 1, ...silent })).to.include({ refusal: 'denied' });
    expect(calls).to.equal(0);
    await door.close();
  });

  it('tells the call that who made it has gone, and who waits that the program has', async () => {
    await using dir = await tempDir();
    const file = join(dir.path, 'head-end.door');
    const came = Promise.withResolvers<DoorCall>();
    const door = await openDoor(file, call => (came.resolve(call), new Promise<never>(() => {})));
    const waiting = knock(file, { call: 'x', args: 1, ...silent });
    const { signal } = await came.promise;
    const aborted = once(signal, 'abort');
    await door.close();
    expect(await waiting).to.include({ refusal: 'broken' });
    await aborted;
  });

  it('takes a description that is torn, or of a program that ended, for a closed door', async () => {
    await using dir = await tempDir();
    const file = join(dir.path, 'head-end.door');
    const door = await openDoor(file, () => Promise.resolve(1));
    const there = await readFile(file, 'utf8');
    await door.close();
    for (const left of [there, there.slice(0, 9), '']) {
      await writeFile(file, left);
      expect(await knock(file, { call: 'x', args: 1, ...silent })).to.include({ refusal: 'closed' });
    }
  });
});

describe('a lock', () => {
  it('is held by one, given back, and gone with a process that is killed', async () => {
    await using dir = await tempDir();
    const path = join(dir.path, 'ledger.lock');
    const first = takeLock(path);
    if (!first.ok) throw new Error(first.detail);
    expect(takeLock(path)).to.include({ ok: false, refusal: 'held', retry: 'later' });
    first.value();
    const script = `import { takeLock } from './src/io/lock.ts'; const taken = takeLock(${JSON.stringify(path)}).ok; gc(); console.log(taken); setInterval(() => {}, 1000)`;
    const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const closed = once(child, 'close');
    try {
      const [said] = (await once(child.stdout, 'data')) as [Buffer];
      expect(said.toString()).to.equal('true\n');
      expect(takeLock(path)).to.include({ refusal: 'held' });
    } finally {
      child.kill('SIGKILL');
      await closed;
    }
    const again = takeLock(path);
    expect(again.ok).to.equal(true);
    if (again.ok) again.value();
    expect(takeLock(join(dir.path, 'no', 'where'))).to.include({ refusal: 'io' });
  });
});
