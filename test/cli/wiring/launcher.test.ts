/** The launcher with programs that are not gateways: what it starts, how often, and with what in force. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Trouble } from '../../../src/cli/exit.ts';
import { START_ANEW, launch } from '../../../src/cli/wiring/launcher.ts';
import { contentCheck, loadSlots, openDisk, saveSlots } from '../../../src/io/delivery/mod.ts';
import type { Disk } from '../../../src/io/delivery/mod.ts';
import type { FileId } from '../../../src/model/mod.ts';
import { beginTrial } from '../../../src/wan/delivery/mod.ts';
import type { SlotName } from '../../../src/wan/delivery/mod.ts';
import { tempDir } from '../../support/temp.ts';
import { sha256, testFile } from '../../wan/delivery/files.ts';

/** A folder of deliveries, and a program whose starts are written down with what was on trial. */
class Bench {
  readonly folder: string;
  readonly disk: Disk;
  readonly stop = new AbortController();
  readonly logs: string[] = [];

  private constructor(folder: string, disk: Disk) {
    this.folder = folder;
    this.disk = disk;
  }

  static async in(path: string): Promise<Bench> {
    return new Bench(path, await openDisk(join(path, 'deliveries')));
  }

  /** Puts `bytes` on trial. */
  async trial(bytes: Uint8Array, slot: SlotName = { is: 'configuration' }): Promise<FileId> {
    const file = sha256(bytes).toString('hex') as FileId;
    await this.disk.replace(file, bytes);
    await saveSlots(this.disk, beginTrial(await loadSlots(this.disk), slot, file));
    return file;
  }

  /** A script that notes its start and then does `then`; `trial` is what is on trial. */
  async program(then: string): Promise<string> {
    const path = join(this.folder, 'program.mjs');
    const slots = join(this.folder, 'deliveries', 'slots.json');
    const lines = [
      "import { appendFileSync, existsSync, readFileSync } from 'node:fs';",
      `const slots = existsSync('${slots}') ? JSON.parse(readFileSync('${slots}', 'utf8')) : {};`,
      'const trial = slots.trial?.file.slice(0, 4);',
      `appendFileSync('${join(this.folder, 'starts')}', \`\${trial ?? 'none'} \${process.argv.slice(2)}\\n\`);`,
      then,
    ];
    await writeFile(path, lines.join('\n'));
    return path;
  }

  async starts(): Promise<readonly string[]> {
    return (await readFile(join(this.folder, 'starts'), 'utf8').catch(() => '')).trim().split('\n');
  }

  launch(installed: string, trialWithinMs = 60_000): Promise<number> {
    const config = {
      folder: join(this.folder, 'deliveries'),
      accepts: [],
      maxMegabytes: 1,
      wellForSeconds: 30,
    };
    return launch({
      config,
      args: ['gateway'],
      installed,
      log: ({ text }) => void this.logs.push(text),
      signal: this.stop.signal,
      trialWithinMs,
    });
  }
}

/** A package as npm packs it, whose program does `then` when it is not asked for its version. */
async function packed(folder: string, version: string, then: string): Promise<Uint8Array> {
  const home = join(folder, 'package');
  await mkdir(home, { recursive: true });
  const bin = { underglass: 'main.mjs' };
  await writeFile(join(home, 'package.json'), JSON.stringify({ name: 'underglass', version, bin }));
  const says = `if (process.argv[2] === '--version') { console.log('${version}'); process.exit(0); }`;
  await writeFile(join(home, 'main.mjs'), `${says}\nawait import('zod');\n${then}\n`);
  const archive = join(folder, 'new.tgz');
  await promisify(execFile)('tar', ['-czf', archive, '-C', folder, 'package']);
  return Uint8Array.from(await readFile(archive));
}

describe('the launcher of a gateway', function () {
  this.timeout(30_000);

  it('starts it anew when it asks for that, and ends with its exit code', async () => {
    await using dir = await tempDir();
    const bench = await Bench.in(dir.path);
    const again = `import { existsSync as is, writeFileSync } from 'node:fs';
      if (!is('${dir.path}/once')) { writeFileSync('${dir.path}/once', ''); process.exit(${START_ANEW}); }
      process.exit(9);`;
    expect(await bench.launch(await bench.program(again))).to.equal(9);
    expect(await bench.starts()).to.deep.equal(['none gateway', 'none gateway']);
  });

  it('goes back by itself when two starts with what is tried fail', async () => {
    await using dir = await tempDir();
    const bench = await Bench.in(dir.path);
    const file = await bench.trial(new TextEncoder().encode('pollSeconds: 5'));
    const program = await bench.program('process.exit(trial === undefined ? 0 : 1);');
    expect(await bench.launch(program)).to.equal(0);
    const on = `${file.slice(0, 4)} gateway`;
    expect(await bench.starts()).to.deep.equal([on, on, 'none gateway']);
    expect((await loadSlots(bench.disk)).failed).to.deep.equal([
      { file, why: 'it was started 2 times and never proved healthy' },
    ]);
    expect(bench.logs).to.have.length(2);
  });

  it('ends one that hangs on trial, and goes back', async () => {
    await using dir = await tempDir();
    const bench = await Bench.in(dir.path);
    await bench.trial(new TextEncoder().encode('pollSeconds: 5'));
    const program = await bench.program('if (trial !== undefined) setInterval(() => {}, 1000);');
    expect(await bench.launch(program, 300)).to.equal(0);
    expect((await bench.starts()).at(-1)).to.equal('none gateway');
  });

  it('says in one line where the folder cannot be used, and starts nothing', async () => {
    await using dir = await tempDir();
    const bench = await Bench.in(dir.path);
    const program = await bench.program('');
    await rm(join(dir.path, 'deliveries'), { recursive: true });
    await writeFile(join(dir.path, 'deliveries'), 'a file');
    const said = await bench.launch(program).catch((error: unknown) => error);
    expect(said).to.be.instanceOf(Trouble);
    expect(String(said)).to.contain('deliveries.folder').and.to.contain('cannot be used');
    expect(await bench.starts()).to.deep.equal(['']);
  });

  it('passes the signal on, and starts nothing any more', async () => {
    await using dir = await tempDir();
    const bench = await Bench.in(dir.path);
    const program = await bench.program(
      "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000);",
    );
    const ended = bench.launch(program);
    while ((await bench.starts()).length < 1 || (await bench.starts())[0] === '')
      await new Promise(resolve => setImmediate(resolve));
    bench.stop.abort();
    await ended;
    expect(await bench.starts()).to.have.length(1);
  });

  it('lets the gateway know when it dies itself: its standard input ends', async () => {
    await using dir = await tempDir();
    const bench = await Bench.in(dir.path);
    const program = await bench.program(
      "process.on('SIGTERM', () => {}); process.stdin.resume().on('end', () => process.exit(3));",
    );
    const launcher = join(dir.path, 'launcher.ts');
    const source = new URL('../../../src/cli/wiring/launcher.ts', import.meta.url).pathname;
    await writeFile(
      launcher,
      `import { launch } from '${source}';
       import { existsSync } from 'node:fs';
       setInterval(() => existsSync('${dir.path}/starts') && process.kill(process.pid, 'SIGKILL'), 10);
       await launch({ config: { folder: '${dir.path}/deliveries' }, args: ['gateway'], installed: '${program}',
         log: () => {}, signal: new AbortController().signal } as never);`,
    );
    const mark = `${program} gateway`;
    await promisify(execFile)(process.execPath, [launcher]).catch(() => {});
    const running = async (): Promise<string> =>
      (await promisify(execFile)('ps', ['-eo', 'args'])).stdout.includes(mark) ? 'runs' : 'ended';
    while ((await running()) === 'runs');
    expect(await bench.starts()).to.have.length(1);
  });

  it('starts the version in force, with packages lent where it brings none, and goes back from one that fails', async () => {
    await using dir = await tempDir();
    const bench = await Bench.in(dir.path);
    const note = `(await import('node:fs')).appendFileSync('${join(dir.path, 'starts')}', 'new\\n'); process.exit(1);`;
    const archive = await packed(dir.path, '9.9.9', note);
    const { manifest } = testFile(archive, { delivers: 'gateway-version', version: '9.9.9' });
    await bench.trial(archive, { is: 'version' });
    const check = contentCheck({ disk: bench.disk, installed: 'none' });
    const laid = await check(manifest, bench.disk.path(manifest.file));
    expect(laid).to.deep.equal({ ok: true, value: { is: 'version' } });
    expect(await bench.launch(await bench.program('process.exit(0);'))).to.equal(0);
    expect(await bench.starts()).to.deep.equal(['new', 'new', 'none gateway']);
  });

  it('refuses a version that is another, that does not start, or that is no package', async () => {
    await using dir = await tempDir();
    const bench = await Bench.in(dir.path);
    const check = contentCheck({ disk: bench.disk, installed: 'none' });
    const judged = async (bytes: Uint8Array): Promise<string> => {
      const { manifest } = testFile(bytes, { delivers: 'gateway-version', version: '2.0.0' });
      await bench.disk.replace(manifest.file, bytes);
      const said = await check(manifest, bench.disk.path(manifest.file));
      return said.ok ? 'ok' : `${said.refusal}: ${said.detail}`;
    };
    expect(await judged(await packed(join(dir.path, 'a'), '1.9.0', ''))).to.equal(
      'content-invalid: it says that it is 1.9.0, not 2.0.0',
    );
    expect(await judged(new Uint8Array(100))).to.contain('content-invalid: it does not unpack');
    expect(await judged(await packed(join(dir.path, 'b'), '2.0.0', ''))).to.equal('ok');
    expect((await bench.disk.list()).filter(({ name }) => name.endsWith('.new'))).to.deep.equal([]);
  });
});
