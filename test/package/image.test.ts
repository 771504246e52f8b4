import { chmod, chown, cp, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { needs, needsThat } from '../support/needs.ts';
import { mustRun, run } from '../support/run.ts';
import { tempDir } from '../support/temp.ts';

/** One line of the Dockerfile: `COPY`, `src src`. Lines that end in a backslash are joined. */
interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** User and group `nobody` of Debian: owns nothing, may write nowhere. */
const NOBODY = 65_534;

describe('the image', () => {
  let instructions: readonly Instruction[];

  before(async () => {
    instructions = parse(await readFile('Dockerfile', 'utf8'));
  });

  const all = (word: string) => instructions.filter(line => line.word === word).map(({ rest }) => rest);

  it('copies only what is there and what .dockerignore lets through', async () => {
    const let_through = (await readFile('.dockerignore', 'utf8')).match(/(?<=^!).+$/gm) ?? [];
    const sources = all('COPY').flatMap(rest =>
      rest.startsWith('--from') ? [] : rest.split(' ').slice(0, -1),
    );
    expect(sources).to.have.length.above(5);
    for (const source of sources) await stat(source);
    expect([...let_through].sort()).to.deep.equal([...sources].sort());
  });

  it('is built from Node 24 on Debian in both stages, and takes nothing but packages from the network', () => {
    expect(all('FROM')).to.deep.equal([
      '--platform=$BUILDPLATFORM node:24-bookworm-slim AS build',
      'node:24-bookworm-slim',
    ]);
    expect(
      [...all('RUN'), ...all('ADD')].filter(line => /curl|wget|apt|git |https?:/.test(line)),
    ).to.deep.equal([]);
    expect(all('ADD')).to.deep.equal([]);
  });

  it('runs as a user of its own, with a health check', () => {
    const words = instructions.map(({ word }) => word);
    expect(all('USER')).to.deep.equal(['node']);
    expect(words.lastIndexOf('USER'))
      .to.be.above(words.lastIndexOf('RUN'))
      .and.below(words.indexOf('ENTRYPOINT'));
    expect(words).to.include('HEALTHCHECK');
  });

  it('builds and starts by its own commands in a clean folder, as a user who owns nothing else', async function () {
    this.timeout(180_000);
    needsThat(this, process.getuid?.() === 0, 'not run as root, so no other user can be taken');
    const setpriv = needs(this, 'setpriv');
    await using folder = await tempDir();
    const machine = await newMachine(folder.path, setpriv);
    for (const instruction of instructions) await machine.follow(instruction);
    const { version }: { version: string } = JSON.parse(await readFile('package.json', 'utf8'));
    const [entry = ''] = JSON.parse(all('ENTRYPOINT')[0] ?? '[]');
    expect(await machine.start(`${entry} --version`)).to.deep.equal({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
    const [, , script = ''] = JSON.parse(all('HEALTHCHECK')[0]?.replace(/^.*?CMD /, '') ?? '[]');
    expect((await machine.start(`node -e "${script}"`)).code, 'healthy without a gateway').to.equal(1);
  });
});

function parse(text: string): readonly Instruction[] {
  const lines = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .trim()
    .split(/\n+/);
  return lines.map(line => {
    const [word = '', ...rest] = line.split(/\s+/);
    return { word, rest: rest.join(' ') };
  });
}

/**
 * A folder that stands for the image's file system, in which the Dockerfile is followed line by line: paths
 * from the root are those of the folder, and the image's user is nobody. Packages come by this machine's
 * cache, copied, since nobody may not read it where it is.
 */
async function newMachine(root: string, setpriv: string) {
  const bin = join(root, 'bin');
  await mkdir(bin);
  // Node itself must be within reach of a user who may not enter the folders around this clone.
  await cp(process.execPath, join(bin, 'node'));
  const { stdout } = await mustRun('npm', ['config', 'get', 'cache']);
  const cache = join(stdout.trim(), '_cacache');
  await cp(cache, join(root, 'cache/_cacache'), { recursive: true }).catch(() => mkdir(join(root, 'cache')));
  await mustRun('chown', ['-R', `${NOBODY}:${NOBODY}`, root]);
  await chmod(root, 0o755);
  let place = root;
  let path = `${bin}:/usr/local/bin:/usr/bin:/bin`;
  /** Paths that begin at the root and are no system's, as they are in the folder. */
  const inside = (text: string) => text.replace(/(?<=^|[\s=:])\/(build|opt|data)(?=[/\s:]|$)/g, `${root}/$1`);
  const start = (command: string) =>
    run(setpriv, [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', 'sh', '-c', command], {
      cwd: place,
      env: {
        PATH: path,
        HOME: root,
        npm_config_cache: join(root, 'cache'),
        npm_config_prefer_offline: 'true',
      },
    });
  const actions: Readonly<Record<string, (rest: string) => Promise<void>>> = {
    WORKDIR: async rest => {
      place = inside(rest);
      await mkdir(place, { recursive: true });
      for (let at = place; at !== root; at = dirname(at)) await chown(at, NOBODY, NOBODY);
    },
    COPY: async rest => {
      const [target = '', ...sources] = rest
        .split(' ')
        .filter(word => !word.startsWith('--'))
        .reverse();
      for (const source of sources) {
        const from = rest.startsWith('--from') ? inside(source) : source;
        const to =
          target === './' ? join(place, source.slice(source.lastIndexOf('/') + 1)) : join(place, target);
        await cp(from, to, { recursive: true });
        await mustRun('chown', ['-R', `${NOBODY}:${NOBODY}`, to]);
      }
    },
    ENV: async rest => {
      path = /PATH=(\S+?):\$PATH/.exec(inside(rest))?.[1]?.concat(`:${path}`) ?? path;
    },
    RUN: async rest => {
      const ran = await start(inside(rest).replaceAll('node:node', `${NOBODY}:${NOBODY}`));
      expect(ran.code, `RUN ${rest}\n${ran.stderr}${ran.stdout}`).to.equal(0);
    },
  };
  const follow = async ({ word, rest }: Instruction) => actions[word]?.(rest);
  return { follow, start };
}
