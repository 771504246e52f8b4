/** The model data: complete, the same facts as the official definitions, and nothing invalid is let in. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { expect } from 'chai';
import {
  type GroupDef,
  type ModelDef,
  type PlacedGroup,
  formatModel,
  importModel,
  parseModel,
  place,
} from '../../../src/local/sunspec/mod.ts';
import { MODELS, model } from './models.ts';

const OFFICIAL = new URL('../../../../shared/reference/sunspec-models/', import.meta.url);
const VECTORS = new URL('../../vectors/sunspec-layout.json', import.meta.url);

interface LayoutRow {
  readonly id: number;
  readonly points: number;
  readonly words: number;
  readonly sha256: string;
}

describe('SunSpec model data', () => {
  it('places every point of every model where a second implementation places it', () => {
    const { rows } = JSON.parse(readFileSync(VECTORS, 'utf8')) as { rows: readonly LayoutRow[] };
    expect(rows).to.have.length(112);
    for (const row of rows) {
      const def = model(row.id);
      const placed = place(def, row.words, () => 2);
      const lines = linesOf(def, placed, '');
      const sha256 = createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 32);
      expect({ points: lines.length, words: placed.end, sha256 }, `model ${row.id}`).to.deep.equal({
        points: row.points,
        words: row.words,
        sha256: row.sha256,
      });
    }
  });

  it('states the facts of the official definitions, point by point', function () {
    if (!existsSync(OFFICIAL)) {
      process.stderr.write('      skipped: the official definitions are not beside the repository\n');
      this.skip();
    }
    const files = readdirSync(OFFICIAL).filter(name => /^model_\d+\.json$/.test(name));
    expect(files).to.have.length(MODELS.size);
    let points = 0;
    for (const name of files) {
      const official = JSON.parse(readFileSync(new URL(name, OFFICIAL), 'utf8')) as Official;
      points += compare(official.group, model(official.id), `model ${official.id}`);
    }
    expect(points).to.equal(3802);
  });

  it('comes out of the importer word for word, so the files can be made again', () => {
    for (const def of MODELS.values()) {
      const again = importModel({ id: def.id, group: official(def) });
      expect(again.ok && formatModel(again.value), `model ${def.id}`).to.equal(formatModel(def));
      const file = new URL(`../../../device-profiles/sunspec/model_${def.id}.json`, import.meta.url);
      expect(readFileSync(file, 'utf8')).to.equal(formatModel(def));
    }
  });

  const good = JSON.parse(formatModel(model(705))) as Record<string, unknown>;
  const points = good['points'] as readonly Record<string, unknown>[];
  const bad: Record<string, unknown> = {
    'no object': 7,
    'an unknown word': { ...good, label: 'x' },
    'an id out of range': { ...good, id: 65_535 },
    'no header': { ...good, points: points.slice(1) },
    'a type of another size': {
      ...good,
      points: points.map(p => (p['name'] === 'Ena' ? { ...p, size: 2 } : p)),
    },
    'a type that does not exist': {
      ...good,
      points: points.map(p => (p['name'] === 'Ena' ? { ...p, type: 'x' } : p)),
    },
    'a point that comes twice': { ...good, points: [...points, points[3]] },
    'a scale factor that is not there': { ...good, points: points.filter(p => p['name'] !== 'V_SF') },
    'a count that is not there': { ...good, points: points.filter(p => p['name'] !== 'NPt') },
    'a name that could be mistaken for a path': {
      ...good,
      points: [...points, { ...points[3], name: 'a.b' }],
    },
    'four levels of groups': { ...good, groups: nested(4) },
  };
  for (const [what, json] of Object.entries(bad))
    it(`refuses a definition with ${what}`, () => {
      expect(parseModel(json)).to.include({ ok: false, refusal: 'definition-invalid' });
    });
});

interface OfficialPoint {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly sf?: string | number;
  readonly units?: string;
  readonly access?: string;
  readonly mandatory?: string;
  readonly static?: string;
  readonly symbols?: readonly { readonly name: string; readonly value: number }[];
}
interface OfficialGroup {
  readonly name: string;
  readonly type: string;
  readonly count?: string | number;
  readonly points?: readonly OfficialPoint[];
  readonly groups?: readonly OfficialGroup[];
}
interface Official {
  readonly id: number;
  readonly group: OfficialGroup;
}

function compare(theirs: OfficialGroup, ours: GroupDef, where: string): number {
  expect([ours.name, ours.type, ours.count], where).to.deep.equal([theirs.name, theirs.type, theirs.count]);
  expect(ours.points.length, where).to.equal(theirs.points?.length);
  let offset = 0;
  let compared = 0;
  for (const [at, point] of (theirs.points ?? []).entries()) {
    const mine = ours.points[at];
    expect(
      {
        name: mine?.name,
        offset: ours.points.slice(0, at).reduce((words, each) => words + each.size, 0),
        size: mine?.size,
        type: mine?.type,
        sf: mine?.sf,
        units: mine?.units,
        access: mine?.access ?? 'R',
        mandatory: mine?.mandatory ?? 'O',
        static: mine?.static ?? 'D',
        symbols: mine?.symbols,
      },
      `${where} ${point.name}`,
    ).to.deep.equal({
      name: point.name,
      offset,
      size: point.size,
      type: point.type,
      sf: point.sf,
      units: point.units,
      access: point.access ?? 'R',
      mandatory: point.mandatory ?? 'O',
      static: point.static ?? 'D',
      symbols: point.symbols && Object.fromEntries(point.symbols.map(({ name, value }) => [name, value])),
    });
    offset += point.size;
    compared += 1;
  }
  expect(ours.groups?.length ?? 0, where).to.equal(theirs.groups?.length ?? 0);
  for (const [at, group] of (theirs.groups ?? []).entries()) {
    const mine = ours.groups?.[at];
    if (mine !== undefined) compared += compare(group, mine, `${where}.${group.name}`);
  }
  return compared;
}

/** Our definition in the official shape again. */
function official(def: GroupDef): unknown {
  const { name, type, count, points, groups } = def;
  return {
    name,
    type,
    count,
    points: points.map(point => ({
      ...point,
      label: 'left out',
      access: point.access ?? 'R',
      symbols: point.symbols && Object.entries(point.symbols).map(([each, value]) => ({ name: each, value })),
    })),
    groups: groups?.map(official),
  };
}

function nested(depth: number): readonly unknown[] {
  if (depth === 0) return [];
  return [{ name: `G${depth}`, type: 'group', points: [], groups: nested(depth - 1) }];
}

function linesOf(def: ModelDef | GroupDef, placed: PlacedGroup, path: string): readonly string[] {
  const own = def.points.map(({ name, type, size, access = 'R', sf = '-', mandatory = 'O' }) =>
    [path + name, placed.points.get(name)?.offset, type, size, access, sf, mandatory].join(' '),
  );
  const inner = (def.groups ?? []).flatMap(group =>
    (placed.groups.get(group.name) ?? []).flatMap((each, at) =>
      linesOf(group, each, `${path}${group.name}[${at}].`),
    ),
  );
  return [...own, ...inner];
}
