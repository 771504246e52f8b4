/**
 * `underglass hil` as a user runs it: against the simulated inverter on a real socket, and a place where nobody is.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { addHil } from '../../src/cli/commands/hil.ts';
import { main } from '../../src/cli/main.ts';
import { needsThat } from '../support/needs.ts';
import { freePort } from '../support/port.ts';
import { tempDir } from '../support/temp.ts';

async function underglass(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await main(['hil', ...args], [addHil], {
    out: text => void (out += text),
    err: text => void (err += text),
  });
  return { code, out, err };
}

describe('underglass hil', () => {
  it('lists the checks of the suite with what they require', async () => {
    const { code, out } = await underglass('list', '--json');
    const { suites } = JSON.parse(out) as {
      suites: { name: string; checks: { id: string; requirement: string }[] }[];
    };
    expect([code, suites.map(({ name }) => name)]).to.deep.equal([0, ['sunspec']]);
    const ids = suites[0]?.checks.map(({ id }) => id) ?? [];
    for (const stem of ['RTU', 'TCP', 'MOD', 'CRV', 'REV', 'REJ'])
      expect(ids.filter(id => id.startsWith(stem))).to.deep.equal([1, 2, 3].map(n => `${stem}-${n}`));
  });

  it('runs checks over a real socket, writes the four files, and finds nothing worse than itself', async () => {
    await using dir = await tempDir();
    const only = 'DEV-1,TCP-1,TCP-2,TCP-3,MOD-1,FC-1,REJ-3';
    const { code, out, err } = await underglass('run', 'sim:', '--only', only, '--report', dir.path);
    expect(code, `${out}${err}`).to.equal(0);
    expect(out)
      .to.match(/^PASS +DEV-1/m)
      .and.to.match(/^PASS +LEFT/m);
    expect((await readdir(dir.path)).toSorted()).to.deep.equal([
      'frames.txt',
      'junit.xml',
      'report.html',
      'report.json',
    ]);
    expect(await readFile(join(dir.path, 'frames.txt'), 'utf8')).to.match(/# TCP-2\n.*> raw 2001/);
    expect(await underglass('diff', dir.path, join(dir.path, 'report.json'))).to.include({
      code: 0,
      out: 'nothing changed\n',
    });
    const worse = (await readFile(join(dir.path, 'report.json'), 'utf8')).replaceAll('"PASS"', '"FAIL"');
    await writeFile(join(dir.path, 'worse.json'), worse);
    const diff = await underglass('diff', dir.path, join(dir.path, 'worse.json'));
    expect(diff.code).to.equal(1);
    expect(diff.out).to.match(/^worse {2}DEV-1: PASS, then FAIL/m);
    expect((await underglass('diff', join(dir.path, 'worse.json'), dir.path)).code).to.equal(0);
  });

  it('leaves the device as it was found on Ctrl-C', async () => {
    const entry = new URL('../../src/cli/underglass.js', import.meta.url).pathname;
    const child = spawn(process.execPath, [entry, 'hil', 'run', 'sim:', '--only', 'DEV-1,REV-1'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(child, 'exit');
    let [out, err] = ['', ''];
    child.stderr.on('data', bytes => (err += String(bytes)));
    for await (const bytes of child.stdout) {
      const first = out === '';
      out += String(bytes);
      if (first) child.kill('SIGINT');
    }
    const [code] = (await ended) as [number];
    expect([code, err]).to.deep.equal([
      1,
      'stopping: the device is put back as it was found (again: stop at once)\nunderglass: sim:: stopped by the operator\n',
    ]);
    expect(out).to.match(/^PASS +LEFT/m);
  });

  it('names a report folder that cannot be made before the bench starts, with its remedy', async function () {
    needsThat(this, existsSync('/proc/self'), 'there is no /proc, which has no place for a folder');
    await using dir = await tempDir();
    const file = join(dir.path, 'file');
    await writeFile(file, '');
    for (const folder of ['/proc/x', '/proc/x/y', file, join(file, 'x')]) {
      const { code, out, err } = await underglass('run', 'sim:', '--only', 'DEV-1', '--report', folder);
      expect([code, out]).to.deep.equal([2, '']);
      expect(err).to.contain(`--report ${folder}: `).and.to.contain('name a folder that can be written');
    }
  });

  it('ends with 3 where nobody answers, and with 2 when it is asked wrongly', async () => {
    const port = await freePort();
    expect((await underglass('run', `tcp://127.0.0.1:${port}?timeout=50`)).code).to.equal(3);
    for (const wrong of [
      ['run', 'udp://a'],
      ['run', 'sim:', '--suite', 'none'],
      ['run', 'sim:', '--only', 'XYZ-9'],
      ['run', 'sim:', '--reversion', '1'],
      ['run', 'sim:', '--instruments', 'nowhere.yaml'],
      ['diff', 'nowhere.json', 'nowhere.json'],
    ])
      expect((await underglass(...wrong)).code, wrong.join(' ')).to.equal(2);
  });
});
