import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { expect } from 'chai';
import {
  arrowTrouble,
  doorTrouble,
  isPure,
  placeTrouble,
  provenRules,
  purityTrouble,
  shapeTrouble,
} from './support/house.ts';
import { factsOf, filesBelow } from './support/sources.ts';
import type { Source } from './support/sources.ts';

/** The rules of the requirements, by their ids. */
const RULES = [
  'OVR-1 OVR-2 OVR-3 OVR-4 OVR-5 PROF-1 PRICE-1 HAN-1 TAR-1 TAR-2 AUTO-1 AUTO-2 INT-1 ELIG-1 TIME-1 PQ-1',
  'ALARM-1 DR-1 DR-2 CAP-1 LTC-1 NMS-1 MDM-1 PLAN-1 GRP-1 GRP-2 GRP-3 GRP-4 CS-1 CS-2 CS-3 CS-4 CS-5',
  'SIWG-1 SIWG-2 SIWG-3 SIWG-4 SIWG-5 SIWG-6',
].flatMap(row => row.split(' '));

/** What stands at the top beside dot-files. */
const TOP =
  'package.json package-lock.json tsconfig.json Dockerfile LICENSE README.md src device-profiles hil test'.split(
    ' ',
  );
/** What tools leave there and the version control ignores. */
const LEFT_BY_TOOLS = ['node_modules', 'dist'];

const house = [...filesBelow('src', /\.tsx?$/), ...filesBelow('hil', /\.ts$/)];
const tests = filesBelow('test', /\.ts$/);
const facts = new Map([...house, ...tests].map(source => [source.path, factsOf(source)]));

function every(
  sources: readonly Source[],
  trouble: (source: Source, facts: ReturnType<typeof factsOf>) => readonly string[],
): readonly string[] {
  return sources.flatMap(source => trouble(source, facts.get(source.path) ?? factsOf(source)));
}

describe('the house', () => {
  it('is not empty, or the rules below would hold for nothing', () => {
    expect(house.length).to.be.above(40);
    expect(house.filter(source => isPure(source.path)).length).to.be.above(30);
    expect(tests.length).to.be.above(10);
  });

  it('imports only from lower floors', () => {
    expect(every(house, arrowTrouble)).to.deep.equal([]);
  });

  it('enters a room by its door', () => {
    expect(every(house, (source, its) => doorTrouble(source, its, existsSync))).to.deep.equal([]);
  });

  it('has no clock, timer, randomness, environment, file or socket below the interpreter', () => {
    expect(every(house, purityTrouble)).to.deep.equal([]);
  });

  it('keeps files short, opened by what they are, without default exports, enums or namespaces', () => {
    expect(every([...house, ...tests], shapeTrouble)).to.deep.equal([]);
  });

  it('has one file of JavaScript in src, the entry', () => {
    const scripts = filesBelow('src', /\.[cm]?jsx?$/).map(({ path }) => path);
    expect(scripts).to.deep.equal(['src/cli/underglass.js']);
  });

  it('has at its top only what belongs there', () => {
    const there = readdirSync('.').filter(name => !name.startsWith('.') && !LEFT_BY_TOOLS.includes(name));
    expect(there.filter(name => !TOP.includes(name) && !name.endsWith('.tgz'))).to.deep.equal([]);
  });

  it('says in src/README.md why each dependency is here', () => {
    const map = readFileSync('src/README.md', 'utf8');
    const {
      dependencies,
      devDependencies,
    }: Record<string, Record<string, string>> = JSON.parse(readFileSync('package.json', 'utf8'));
    const names = Object.keys({ ...dependencies, ...devDependencies });
    expect(names.length).to.be.above(10);
    expect(names.filter(name => !map.includes(`\`${name}\``))).to.deep.equal([]);
  });

  it('pins every dependency exactly', () => {
    const {
      dependencies,
      devDependencies,
    }: Record<string, Record<string, string>> = JSON.parse(readFileSync('package.json', 'utf8'));
    const versions = Object.entries({ ...dependencies, ...devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).to.deep.equal([]);
  });

  it('names no machine and no host that packages come from', () => {
    const top = readdirSync('.').filter(name => statSync(name).isFile());
    const files = [
      ...top.map(path => ({ path, text: readFileSync(path, 'utf8') })),
      ...['src', 'hil', 'test', 'device-profiles', '.ci'].flatMap(folder => filesBelow(folder, /./)),
    ];
    expect(files.length).to.be.above(60);
    expect(files.flatMap(placeTrouble)).to.deep.equal([]);
  });

  it('proves each rule of the requirements in a test title, or owes it in rules-owed.json, never both', () => {
    const owed: string[] = JSON.parse(readFileSync('test/rules-owed.json', 'utf8'));
    const proven = provenRules(
      RULES,
      [...facts.values()].flatMap(({ titles }) => titles),
    );
    expect(
      owed.filter(id => !RULES.includes(id)),
      'owed, but no rule',
    ).to.deep.equal([]);
    expect(
      owed.filter(id => proven.includes(id)),
      'owed, but proven: take it off the list',
    ).to.deep.equal([]);
    expect(
      RULES.filter(id => !owed.includes(id) && !proven.includes(id)),
      'neither',
    ).to.deep.equal([]);
  });
});

describe('the rules of the house', () => {
  const look = (path: string, text: string) => {
    const source = { path, text };
    const its = factsOf(source);
    return { source, its };
  };
  const arrows = (path: string, text: string) => {
    const { source, its } = look(path, text);
    return arrowTrouble(source, its);
  };
  const impurities = (path: string, text: string) => {
    const { source, its } = look(path, text);
    return purityTrouble(source, its);
  };

  it('see an import upwards and one sideways, also of types, re-exports and at run time', () => {
    expect(arrows('src/wan/a.ts', `import type { A } from '../gateway/mod.ts';`)).to.have.length(1);
    expect(arrows('src/wan/a.ts', `import { a } from '../local/mod.ts';`)).to.have.length(1);
    expect(arrows('src/sim/a.ts', `export * from '../io/files.ts';`)).to.have.length(1);
    expect(arrows('hil/bench/a.ts', `await import('../../src/io/files.ts');`)).to.have.length(1);
    expect(arrows('src/io/deep/a.ts', `import '../../cli/exit.ts';`)).to.have.length(1);
    expect(arrows('src/control/a.ts', `import { a } from '../premise/mod.ts';`)).to.have.length(1);
    expect(arrows('src/base/a.ts', `import { a } from '../../test/support/port.ts';`)).to.have.length(1);
  });

  it('let an import downwards pass, and the few that go beside', () => {
    expect(arrows('src/premise/a.ts', `import { a } from '../control/mod.ts';`)).to.deep.equal([]);
    expect(arrows('src/cli/commands/a.ts', `import { a } from '../../../hil/mod.ts';`)).to.deep.equal([]);
    expect(arrows('src/io/a.ts', `import { z } from 'zod'; import { b } from './b.ts';`)).to.deep.equal([]);
  });

  it('see an import past a door where there is one', () => {
    const past = (from: string, doors: readonly string[]) => {
      const { source, its } = look('src/io/a.ts', `import { a } from '${from}';`);
      return doorTrouble(source, its, path => doors.includes(path));
    };
    expect(past('../model/ids.ts', ['src/model/mod.ts'])).to.have.length(1);
    expect(past('../local/bus/frame.ts', ['src/local/mod.ts', 'src/local/bus/mod.ts'])).to.have.length(1);
    expect(past('../local/bus/mod.ts', ['src/local/mod.ts', 'src/local/bus/mod.ts'])).to.deep.equal([]);
    expect(past('../base/time.ts', [])).to.deep.equal([]);
    expect(past('./files.ts', ['src/io/mod.ts'])).to.deep.equal([]);
  });

  for (const [what, text] of [
    ['a clock', 'const t = Date.now();'],
    ['a clock by another name', 'const t = new Date();'],
    ['a timer', 'setTimeout(() => {}, 1);'],
    ['randomness', 'const n = Math.random();'],
    ['randomness of a key', `import { randomBytes } from 'node:crypto';`],
    ['all of node:crypto', `import * as all from 'node:crypto';`],
    ['the environment', 'const home = process.env;'],
    ['a global by a detour', `const f = globalThis['fetch'];`],
    ['a file', `import { readFileSync } from 'node:fs';`],
    ['a socket', `import { connect } from 'node:net';`],
    ['a package with sockets', `import mqtt from 'mqtt';`],
    ['a log', `console.log('x');`],
  ] as const)
    it(`see ${what} in a pure room`, () => {
      expect(impurities('src/wan/a.ts', text)).to.have.length(1);
      expect(impurities('src/gateway/step.ts', text)).to.have.length(1);
      expect(impurities('src/io/a.ts', text)).to.deep.equal([]);
      expect(impurities('src/gateway/runtime/runtime.ts', text)).to.deep.equal([]);
    });

  it('take words in comments, strings, types and members for what they are', () => {
    const text = `
      // Date.now() and process.env
      const words = 'setTimeout';
      interface Bus { process(): void; performance: number }
      const at = (ms: number) => new Date(ms).toISOString();
      const run = (bus: Bus) => bus.process();
      const bus = { process() {}, fetch: 1 };`;
    expect(impurities('src/wan/a.ts', text)).to.deep.equal([]);
  });

  it('let wan hash and verify, and no other pure room', () => {
    const text = `import { hash, verify } from 'node:crypto';`;
    expect(impurities('src/wan/a.ts', text)).to.deep.equal([]);
    expect(impurities('src/control/a.ts', text)).to.have.length(1);
  });

  it('see a long file, a bare opening, a default export, an enum and a namespace', () => {
    const shape = (text: string, path = 'src/io/a.ts') => {
      const { source, its } = look(path, text);
      return shapeTrouble(source, its);
    };
    expect(shape('/** x */\n'.repeat(400))).to.deep.equal([]);
    expect(shape('/** x */\n'.repeat(401))).to.have.length(1);
    expect(shape('// x\nexport const a = 1;\n')).to.have.length(1);
    expect(shape('/** x */\nexport default 1;\n')).to.have.length(1);
    expect(shape('/** x */\nconst a = 1;\nexport { a as default };\n')).to.have.length(1);
    expect(shape('/** x */\nenum A { B }\n')).to.have.length(1);
    expect(shape('/** x */\nnamespace A { export const b = 1; }\n')).to.have.length(1);
    expect(shape('#!/usr/bin/env node\n/** x */\n', 'src/cli/underglass.js')).to.deep.equal([]);
  });

  it('see the place of a machine and of a package host', () => {
    const host = ['https://registry', 'npmjs', 'org'].join('.');
    const places = [['', 'home', 'ann'].join('/'), host, JSON.stringify({ resolved: host })];
    for (const text of places) expect(placeTrouble({ path: 'a', text }), text).to.have.length(1);
    expect(placeTrouble({ path: 'a', text: 'group-registry.ts and /etc/underglass' })).to.deep.equal([]);
  });

  it('find a rule id as a word of a title only', () => {
    const ids = ['GRP-1', 'CS-1'];
    expect(provenRules(ids, ['GRP-1 holds'])).to.deep.equal(['GRP-1']);
    expect(provenRules(ids, ['GRP-12 holds', 'ACS-1 holds'])).to.deep.equal([]);
    const titles = [
      ...look('test/a.test.ts', 'describe("x", () => { it(`CS-1 of ${n} things`, f); other("GRP-1"); })').its
        .titles,
    ];
    expect(provenRules(ids, titles)).to.deep.equal(['CS-1']);
  });
});
