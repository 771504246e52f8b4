/**
 * The official definitions (github.com/sunspec/models, `json/model_<id>.json`) brought into our own form:
 * the facts of each point on one line, no labels, no descriptions. `underglass profile import DIR` runs it;
 * reading and writing the files is its caller's work.
 */
import { type Result, refused } from '../../base/assert.ts';
import { type GroupDef, type ModelDef, type PointDef, parseModel } from './definition.ts';

type Loose = Readonly<Record<string, unknown>>;

/** The definition that an official file states, judged by the same rules as one of our own. */
export function importModel(official: unknown): Result<ModelDef, 'definition-invalid'> {
  if (!isObject(official) || !isObject(official['group']))
    return refused('definition-invalid', 'not an official model definition: no group');
  return parseModel({ id: official['id'], ...groupOf(official['group']) });
}

/** Our file of one model: JSON with one point a line, ending in a newline. */
export function formatModel(model: ModelDef): string {
  return `{"id":${model.id},${groupText(model, '')}}\n`;
}

function groupOf(group: Loose): Loose {
  return {
    ...picked(group, ['name', 'type', 'count']),
    points: listOf(group['points']).map(pointOf),
    ...(listOf(group['groups']).length === 0 ? {} : { groups: listOf(group['groups']).map(groupOf) }),
  };
}

/** `access` R, `mandatory` O and `static` D are what the absence of the word means. */
function pointOf(point: Loose): Loose {
  const fact = (key: string, value: string) => (point[key] === value ? { [key]: value } : {});
  return {
    ...picked(point, ['name', 'type', 'size', 'sf', 'units']),
    ...fact('access', 'RW'),
    ...fact('mandatory', 'M'),
    ...fact('static', 'S'),
    ...(point['symbols'] === undefined ? {} : { symbols: symbolsOf(listOf(point['symbols'])) }),
  };
}

function symbolsOf(symbols: readonly Loose[]): Loose {
  return Object.fromEntries(symbols.map(symbol => [symbol['name'], symbol['value']]));
}

function groupText(group: GroupDef, indent: string): string {
  const head = (['name', 'type', 'count'] as const)
    .filter(key => group[key] !== undefined)
    .map(key => `"${key}":${JSON.stringify(group[key])}`);
  const lines = group.points.map((point: PointDef) => `${indent} ${JSON.stringify(point)}`);
  const inner = (group.groups ?? []).map(each => `${indent}  {${groupText(each, `${indent}  `)}}`);
  return [
    ...head,
    `"points":[\n${lines.join(',\n')}\n${indent}]`,
    ...(inner.length === 0 ? [] : [`"groups":[\n${inner.join(',\n')}\n${indent}]`]),
  ].join(',');
}

function picked(from: Loose, keys: readonly string[]): Loose {
  return Object.fromEntries(keys.filter(key => from[key] !== undefined).map(key => [key, from[key]]));
}

function listOf(value: unknown): readonly Loose[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
