/**
 * What is watched where nobody says what, and how it is shown: a table that stays in its place on a terminal, lines
 * elsewhere.
 */
import { valueJson } from '../../local/sunspec/mod.ts';
import type { ModelSet, SunSpecDevice } from '../../local/sunspec/mod.ts';
import { Trouble } from '../exit.ts';
import { oneLine } from '../legible.ts';
import { modelName, shown } from './points.ts';
import type { NamedRow } from './reading.ts';
import type { Say } from './say.ts';

const INVERTER = ['W', 'VA', 'VAr', 'PF', 'Hz', 'A', 'PhVphA', 'DCW', 'WH', 'TmpCab', 'St'];
const METER = ['W', 'WphA', 'WphB', 'WphC', 'VAR', 'PF', 'Hz', 'PhV', 'A', 'TotWhExp', 'TotWhImp'];

/** What a person looks at first, by model. */
const MEASURED: Readonly<Record<number, readonly string[]>> = {
  ...Object.fromEntries([101, 102, 103, 111, 112, 113].map(id => [id, INVERTER])),
  ...Object.fromEntries([201, 202, 203, 204, 211, 212, 213, 214].map(id => [id, METER])),
  123: ['Conn', 'WMaxLimPct', 'WMaxLim_Ena'],
  124: ['ChaState', 'ChaSt', 'StorCtl_Mod', 'OutWRte', 'InWRte'],
  701: ['W', 'VA', 'Var', 'PF', 'Hz', 'A', 'LNV', 'InvSt', 'ConnSt', 'Alrm'],
  704: ['WMaxLimPctEna', 'WMaxLimPct', 'WSetEna', 'WSet', 'VarSetEna'],
  713: ['SoC', 'WHAvail', 'Sta'],
  714: ['DCW', 'DCA'],
  802: ['SoC', 'ChaSt', 'V', 'A', 'W', 'State'],
};

/** Names of points, in the order of the chain. */
export function measuredBy(devices: readonly SunSpecDevice[], models: ModelSet): readonly string[] {
  return devices.flatMap(device =>
    device.models.flatMap(entry => {
      const own = models.get(entry.id)?.points ?? [];
      const there = (MEASURED[entry.id] ?? []).filter(name => own.some(point => point.name === name));
      return there.map(name => `${modelName({ device, entry }, devices)}.${name}`);
    }),
  );
}

type View = (at: Date, rows: readonly NamedRow[] | Trouble) => void;

export function watchView(
  say: Say,
  { json, devices }: { readonly json: boolean; readonly devices: readonly SunSpecDevice[] },
): View {
  if (json) return jsonLines(say);
  return process.stdout.isTTY ? table(say, titleOf(devices)) : textLines(say);
}

function jsonLines(say: Say): View {
  return (at, rows) => {
    const t = at.toISOString();
    if (rows instanceof Trouble) say.json({ t, trouble: rows.message }, 'lines');
    else
      say.json({ t, points: Object.fromEntries(rows.map(row => [row.name, valueJson(row.value)])) }, 'lines');
  };
}

function textLines(say: Say): View {
  return (at, rows) => {
    const t = at.toISOString();
    if (rows instanceof Trouble) say.out(`${t}  ${rows.message}`);
    else say.out([t, ...implemented(rows).map(row => `${row.name} ${shown(row)}`)].join('  '));
  };
}

/** Title, state, an empty line, a line for what does not fit, and the cursor's own. */
const HEAD_AND_FOOT = 5;

/** Redrawn in place. The device's last values stay, marked as old, while it is silent. */
function table(say: Say, title: string): View {
  let lines = 0;
  let last: readonly NamedRow[] = [];
  return (at, rows) => {
    const trouble = rows instanceof Trouble ? rows.message : undefined;
    if (!(rows instanceof Trouble)) last = implemented(rows);
    const width = Math.max(0, ...last.map(row => row.name.length));
    const state = trouble === undefined ? at.toLocaleTimeString() : `old since: ${trouble}`;
    const body = last.map(row => `  ${row.name.padEnd(width)}  ${shown(row)}`);
    // A terminal that does not know its size says 0.
    const columns = process.stdout.columns || 80;
    const room = (process.stdout.rows || 24) - HEAD_AND_FOOT;
    if (body.length > room)
      body.splice(
        room,
        body.length,
        `  … and ${body.length - room} more: name the points to see, like 103.W`,
      );
    const text = [title, state, '', ...body].map(line => `\u001b[K${oneLine(line).slice(0, columns - 1)}`);
    const up = lines === 0 ? '' : `\u001b[${lines}A`;
    lines = text.length;
    say.draw(`${up}\r${text.join('\n')}`);
  };
}

function implemented(rows: readonly NamedRow[]): readonly NamedRow[] {
  return rows.filter(({ value }) => value !== undefined);
}

function titleOf(devices: readonly SunSpecDevice[]): string {
  return devices
    .map(({ manufacturer, model, serial }) =>
      [manufacturer, model, serial].filter(text => text !== undefined).join(' '),
    )
    .join(' · ');
}
