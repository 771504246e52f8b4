/**
 * `underglass write LINK POINT=VALUE…`: points written, read back, and judged: implemented, refused or unknown.
 */
import type { Command } from 'commander';
import { withLinkOptions } from '../local/options.ts';
import type { LinkOptions } from '../local/options.ts';
import { EXIT, Trouble } from '../exit.ts';

export function addWrite(program: Command): void {
  withLinkOptions(program.command('write <link> <orders...>'))
    .description(
      'write points and read them back: 704.WMaxLimPct=50 704.WMaxLimPctEna=ENABLED, or names of the profile',
    )
    .action((link: string, orders: readonly string[], options: LinkOptions, command: Command) =>
      run({ target: link, orders }, options, command),
    );
}

async function run(
  { target, orders }: { target: string; orders: readonly string[] },
  options: LinkOptions,
  command: Command,
): Promise<void> {
  const { discovered, withDevice } = await import('../local/device.ts');
  const { isOwn, parseName, shown } = await import('../local/points.ts');
  const { assertOwn } = await import('../local/own.ts');
  const { keyOf, readNamed, readPoints } = await import('../local/reading.ts');
  const { blocksFor, parseOrder, roundingOf, writeBlocks } = await import('../local/writing.ts');
  const { valueJson } = await import('../../local/sunspec/mod.ts');
  const wanted = orders.map(text => parseOrder(text, parseName));
  // Read in full: a point inside groups needs their counts, and every point its scale factor.
  const wholes = wanted.flatMap(({ name }) => (isOwn(name) ? [] : [{ ...name, path: undefined }]));
  await withDevice(target, { options, command }, async device => {
    assertOwn(
      device,
      wanted.map(({ name }) => name),
    );
    const devices = await discovered(device);
    const models = await readNamed(device, devices, wholes);
    const blocks = blocksFor(wanted, device, name => models.get(keyOf(name)));
    const verdict = await writeBlocks(device, blocks);
    const names = wanted.map(({ name }) => name);
    const rows = await readPoints(device, devices, names).catch((error: unknown) => {
      // The verdict is worth more than the values: a device that fell silent after a write is told of, not hidden.
      if (error instanceof Trouble && error.code === EXIT.unreachable) return undefined;
      throw error;
    });
    const values = names.map(({ text }, at) => [text, valueJson(rows?.[at]?.value)] as const);
    if (options.json === true) device.say.json({ target, points: Object.fromEntries(values), ...verdict });
    else {
      for (const row of rows ?? []) device.say.out(`${row.name}  ${shown(row)}`);
      device.say.out([verdict.result, verdict.why].filter(text => text !== undefined).join(': '));
    }
    if (verdict.result === 'implemented')
      for (const [at, order] of wanted.entries()) {
        const row = rows?.[at];
        const rounding = row && roundingOf(order, row);
        if (rounding !== undefined) device.say.talk(`note: ${rounding}`);
      }
    if (verdict.result !== 'implemented') throw new Trouble(`${target}: the write is ${verdict.result}`);
  });
}
