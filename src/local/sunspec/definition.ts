/**
 * What a SunSpec model is: points one after the other, then groups of points that may repeat and nest.
 *
 * A definition is data (`device-profiles/sunspec/model_<id>.json`), judged once when it is loaded: after
 * {@link parseModel} every scale factor and every count is known to name a point that can be found, so the
 * codec never has to ask. It holds facts only, no prose. It does not read files.
 */
import { z } from 'zod';
import { type Result, ok, refused } from '../../base/assert.ts';

/**
 * Words of each type; 0 where the definition says how many. SunSpec Device Information Model Specification 1.2,
 * and `schema.json` of github.com/sunspec/models.
 */
export const TYPE_WORDS = {
  int16: 1,
  uint16: 1,
  acc16: 1,
  enum16: 1,
  bitfield16: 1,
  raw16: 1,
  count: 1,
  sunssf: 1,
  pad: 1,
  int32: 2,
  uint32: 2,
  acc32: 2,
  enum32: 2,
  bitfield32: 2,
  float32: 2,
  ipaddr: 2,
  int64: 4,
  uint64: 4,
  acc64: 4,
  bitfield64: 4,
  float64: 4,
  eui48: 4,
  ipv6addr: 8,
  string: 0,
} as const;
export type PointType = keyof typeof TYPE_WORDS;

/** Nesting of groups below the model; 707 to 710 reach 3. A deeper definition is refused. */
export const MAX_DEPTH = 3;

const name = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/);

const pointShape = z.strictObject({
  name,
  type: z.enum(Object.keys(TYPE_WORDS) as [PointType, ...PointType[]]),
  size: z.int().min(1).max(0xffff),
  sf: z.union([name, z.int().min(-10).max(10)]).optional(),
  units: z.string().max(40).optional(),
  access: z.literal('RW').optional(),
  mandatory: z.literal('M').optional(),
  static: z.literal('S').optional(),
  symbols: z.record(z.string(), z.int().min(0)).optional(),
});

const groupShape = z.strictObject({
  name,
  type: z.enum(['group', 'sync']),
  count: z.union([name, z.int().min(0).max(0xffff)]).optional(),
  points: z.array(pointShape),
  get groups() {
    return z.array(groupShape).optional();
  },
});

const modelShape = z.strictObject({
  id: z.int().min(1).max(0xfffe),
  ...groupShape.shape,
});

/** One point. `size` in words; `sf`: the point that holds the exponent of ten, or the exponent itself. */
export type PointDef = Readonly<z.infer<typeof pointShape>>;

/**
 * Points and groups that stand or repeat together. `count`: how often (absent: once; a name: as often as that
 * point of this or an outer group says; 0: as often as the model's length has room for).
 */
export interface GroupDef {
  readonly name: string;
  readonly type: 'group' | 'sync';
  readonly count?: string | number | undefined;
  readonly points: readonly PointDef[];
  readonly groups?: readonly GroupDef[] | undefined;
}

/** A model: its outermost group, that begins with the points ID and L. */
export interface ModelDef extends GroupDef {
  readonly id: number;
}

/** Definitions by model id. */
export type ModelSet = ReadonlyMap<number, ModelDef>;

/** Judges the parsed JSON of one definition file. `detail` names the first thing that is wrong. */
export function parseModel(json: unknown): Result<ModelDef, 'definition-invalid'> {
  const parsed = modelShape.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return refused('definition-invalid', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'no model'}`);
  }
  const model: ModelDef = parsed.data;
  const fault = headerFault(model) ?? groupFault(model, [], 0);
  return fault === undefined ? ok(model) : refused('definition-invalid', `model ${model.id}: ${fault}`);
}

/** All definitions of a folder as one set; refuses the first that is invalid or an id that comes twice. */
export function modelSet(definitions: Iterable<unknown>): Result<ModelSet, 'definition-invalid'> {
  const set = new Map<number, ModelDef>();
  for (const json of definitions) {
    const model = parseModel(json);
    if (!model.ok) return model;
    if (set.has(model.value.id)) return refused('definition-invalid', `model ${model.value.id} comes twice`);
    set.set(model.value.id, model.value);
  }
  return ok(set);
}

/** Words of the points of a group itself, without the groups inside it. */
export function ownWords(group: GroupDef): number {
  return group.points.reduce((words, point) => words + point.size, 0);
}

function headerFault(model: ModelDef): string | undefined {
  const [id, length] = model.points;
  return id?.name === 'ID' && id.size === 1 && length?.name === 'L' && length.size === 1
    ? undefined
    : 'does not begin with ID and L';
}

function groupFault(group: GroupDef, outer: readonly GroupDef[], depth: number): string | undefined {
  if (depth > MAX_DEPTH) return `${group.name}: nested deeper than ${MAX_DEPTH}`;
  const scope = [...outer, group];
  const names = [...group.points, ...(group.groups ?? [])].map(member => member.name);
  const twice = names.find((member, at) => names.indexOf(member) !== at);
  if (twice !== undefined) return `${group.name}: ${twice} comes twice`;
  if (typeof group.count === 'string' && !finds(outer, group.count))
    return `${group.name}: its count ${group.count} is no point around it`;
  for (const point of group.points) {
    const fault = pointFault(point, scope);
    if (fault !== undefined) return `${group.name}.${point.name}: ${fault}`;
  }
  for (const inner of group.groups ?? []) {
    const fault = groupFault(inner, scope, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function pointFault(point: PointDef, scope: readonly GroupDef[]): string | undefined {
  const words = TYPE_WORDS[point.type];
  if (words !== 0 && words !== point.size) return `${point.type} has ${words} words, not ${point.size}`;
  if (typeof point.sf === 'string' && !finds(scope, point.sf, 'sunssf'))
    return `its scale factor ${point.sf} is no sunssf around it`;
  return undefined;
}

function finds(scope: readonly GroupDef[], wanted: string, type?: PointType): boolean {
  return scope.some(group =>
    group.points.some(point => point.name === wanted && (type === undefined || point.type === type)),
  );
}
