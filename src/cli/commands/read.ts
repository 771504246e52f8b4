/**
 * `underglass read LINK POINT…`: single points, or whole models, as engineering values.
 */
import type { Command } from 'commander';
import { withLinkOptions } from '../local/options.ts';
import type { LinkOptions } from '../local/options.ts';

export function addRead(program: Command): void {
  withLinkOptions(program.command('read <link> <points...>'))
    .description(
      'read points: 103.W, 103#2.W (second model 103), 705.Crv[0].Pt[1].V, 103 for all of it, or names of the profile',
    )
    .action((link: string, points: readonly string[], options: LinkOptions, command: Command) =>
      run({ target: link, points }, options, command),
    );
}

async function run(
  { target, points }: { target: string; points: readonly string[] },
  options: LinkOptions,
  command: Command,
): Promise<void> {
  const { discovered, withDevice } = await import('../local/device.ts');
  const { parseName, shown } = await import('../local/points.ts');
  const { assertOwn } = await import('../local/own.ts');
  const { readPoints } = await import('../local/reading.ts');
  const { valueJson } = await import('../../local/sunspec/mod.ts');
  const names = points.map(parseName);
  await withDevice(target, { options, command }, async device => {
    assertOwn(device, names);
    const rows = await readPoints(device, await discovered(device), names);
    if (options.json === true) {
      const values = Object.fromEntries(rows.map(({ name, value }) => [name, valueJson(value)]));
      device.say.json({ target, points: values });
      return;
    }
    const width = Math.max(...rows.map(({ name }) => name.length));
    for (const row of rows) device.say.out(`${row.name.padEnd(width)}  ${shown(row)}`);
  });
}
