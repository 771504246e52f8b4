/**
 * What a scan says to a person: who it is, its models and their points, and what is odd about them.
 */
import type { ModelSet, Scan, ScannedDevice } from '../../local/sunspec/mod.ts';
import { oneLine } from '../legible.ts';
import { modelName, isPlumbing, rowsOf, shown } from './points.ts';
import type { Row } from './points.ts';

/** Oddities of models that are told one by one: who has more is odd altogether. */
const ODDITIES_MAX = 12;
/** Names of points on a line of `not implemented`. */
const LINE = 96;
/** Points are indented below their model, and values stand in a column. */
const NAME_WIDTH = 18;

export function describeScan(
  scan: Scan,
  models: ModelSet,
  { brief = false }: { readonly brief?: boolean } = {},
): readonly string[] {
  return [
    `SunSpec map at ${scan.base}`,
    ...scan.devices.flatMap(each => describeDevice(each, models, brief)),
  ];
}

function describeDevice(
  { device, instances }: ScannedDevice,
  models: ModelSet,
  brief: boolean,
): readonly string[] {
  const { manufacturer, model, serial, version } = device;
  const who = [manufacturer, model].filter(text => text !== undefined).join(' ') || 'a device without a name';
  const heading = [who, serial && `serial ${serial}`, version && `version ${version}`]
    .filter(text => text !== undefined)
    .map(oneLine)
    .join(', ');
  const body = instances.flatMap(instance => {
    const { id, name, address, length } = instance;
    const def = models.get(id);
    const title = `${String(id).padStart(6)}  ${(name ?? 'unknown: skipped by its length').padEnd(30)}  ${length} registers at ${address}`;
    if (brief || def === undefined) return [title];
    const rows = rowsOf(def, instance).filter(row => !isPlumbing(row));
    return ['', title, ...describeRows(rows)];
  });
  return ['', heading, ...body];
}

function describeRows(rows: readonly Row[]): readonly string[] {
  const there = rows.filter(({ value }) => value !== undefined);
  const absent = rows.filter(({ value }) => value === undefined).map(({ path }) => path);
  return [
    ...there.map(row => `          ${row.path.padEnd(NAME_WIDTH)}  ${shown(row)}`),
    ...(absent.length === 0 ? [] : wrap(`not implemented: ${absent.join(', ')}`)),
  ];
}

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < LINE) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`          ${lines.length === 0 ? '' : '  '}${word}`);
  }
  return lines;
}

/** What departs from the specification, or limits what was seen; one sentence each. */
export function oddities(scan: Scan, models: ModelSet): readonly string[] {
  const devices = scan.devices.map(({ device }) => device);
  const each = scan.devices.flatMap(({ device, instances }) =>
    device.models.flatMap((entry, at) => {
      const def = models.get(entry.id);
      const instance = instances[at];
      const name = modelName({ device, entry }, devices);
      if (def === undefined || instance === undefined)
        return [`model ${name} has no definition here; underglass profile import and --models add one`];
      const claim =
        entry.claims === undefined
          ? []
          : [`model ${name} says it has ${entry.claims} registers, but has ${entry.length}`];
      const lacking = rowsOf(def, instance).filter(
        row =>
          row.value === undefined &&
          row.def.mandatory === 'M' &&
          row.def.type !== 'pad' &&
          !row.def.type.startsWith('acc'),
      );
      const names = lacking.slice(0, 8).map(({ path }) => path);
      const more = lacking.length > names.length ? ` and ${lacking.length - names.length} more` : '';
      return [
        ...claim,
        ...(lacking.length === 0 ? [] : [`model ${name} lacks mandatory points: ${names.join(', ')}${more}`]),
      ];
    }),
  );
  const most = each.slice(0, ODDITIES_MAX);
  const rest = each.length - most.length;
  return [...unnamed(scan), ...ending(scan), ...most, ...(rest === 0 ? [] : [`and ${rest} more like these`])];
}

function unnamed({ devices }: Scan): readonly string[] {
  return devices.some(({ device }) => device.models[0]?.id !== 1)
    ? ['the map does not begin with the common model']
    : [];
}

function ending({ end }: Scan): readonly string[] {
  const says = {
    'end-model': undefined,
    zero: `the map ends with an id of 0 at ${end.address}, not with the end model 0xFFFF`,
    refused: `the map has no end model: register ${end.address} is refused`,
    silent: `the device fell silent at register ${end.address}: models may be missing`,
    limit: `the map has no end: given up at register ${end.address}`,
  }[end.how];
  return says === undefined ? [] : [says];
}
