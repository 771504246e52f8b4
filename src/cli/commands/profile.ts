/**
 * `underglass profile`: device profiles checked and listed, and SunSpec definitions brought into our own form.
 */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Profile } from '../../local/profiles/mod.ts';
import { sayOf } from '../local/say.ts';
import { EXIT, Trouble } from '../exit.ts';

export function addProfile(program: Command): void {
  const profile = program.command('profile').description('device profiles and model definitions');
  profile
    .command('check <file>')
    .description('say what is wrong with a profile, with file and line')
    .option('--json', 'print the answer as JSON')
    .action((file: string, options: JsonOption, command: Command) => check(file, options, command));
  profile
    .command('list')
    .description('the profiles that come with Underglass')
    .option('--json', 'print the answer as JSON')
    .action((options: JsonOption, command: Command) => list(options, command));
  profile
    .command('import <dir>')
    .description('make model definitions of official SunSpec ones (model_<id>.json), for --models')
    .requiredOption('--to <dir>', 'where to put them')
    .option('--json', 'print the answer as JSON')
    .action((dir: string, options: JsonOption & { to: string }, command: Command) =>
      importModels(dir, options, command),
    );
}

interface JsonOption {
  readonly json?: true;
}

async function check(file: string, options: JsonOption, command: Command): Promise<void> {
  const { readProfile } = await import('../../io/profiles.ts');
  const { deviationsOf } = await import('../../local/device/mod.ts');
  const say = sayOf(command);
  // A name with a folder is a file, whatever it looks like.
  const read = await readProfile(file.includes('/') ? file : `./${file}`);
  if (options.json === true) {
    const errors = read.ok ? [] : (read.detail ?? read.refusal).split('\n');
    say.json(read.ok ? { ok: true, file, profile: read.value.profile, errors } : { ok: false, file, errors });
  }
  if (!read.ok)
    throw new Trouble(
      options.json === true ? `${file}: not a good profile` : (read.detail ?? read.refusal),
      EXIT.failed,
    );
  const { title, tested, controls = {}, deviations } = read.value;
  for (const name of unreached(read.value, deviationsOf))
    say.talk(
      `note: ${file}: controls.${name}: no order reaches it: it carries no axis, and puts an order into no SunSpec point that takes one`,
    );
  for (const name of unending(read.value))
    say.talk(
      `note: ${file}: controls.${name}: an order outlives a gateway that dies: it has no step with revert-after, no keepAlive and no expiresAfterS; say which timer of the device ends it, if it has one`,
    );
  if (options.json === true) return;
  say.out(
    `${file}: good: ${title}, ${deviations.length} deviations, ${Object.keys(controls).length} controls, tested: ${tested}`,
  );
}

/** Controls that name their axis, and pass no reversion nor forget by themselves. */
function unending({ controls = {} }: Profile): readonly string[] {
  return Object.entries(controls)
    .filter(
      ([, { carries, steps, keepAlive, release }]) =>
        carries !== undefined &&
        keepAlive === undefined &&
        'steps' in release &&
        !steps.some(({ value }) => value === 'revert-after'),
    )
    .map(([name]) => name);
}

/** Controls that are data only: they neither name an axis nor change how a model is written. */
function unreached(
  { controls = {} }: Profile,
  deviationsOf: (controls: NonNullable<Profile['controls']>) => readonly unknown[],
): readonly string[] {
  return Object.entries(controls)
    .filter(([, control]) => control.carries === undefined && deviationsOf({ control }).length === 0)
    .map(([name]) => name);
}

async function list(options: JsonOption, command: Command): Promise<void> {
  const { shippedProfiles } = await import('../../io/profiles.ts');
  const say = sayOf(command);
  const profiles = [...(await shippedProfiles()).values()];
  if (options.json === true) {
    say.json(profiles.map(({ profile, title, tested, match }) => ({ profile, title, tested, match })));
    return;
  }
  const width = Math.max(...profiles.map(({ profile }) => profile.length));
  for (const { profile, title, tested } of profiles)
    say.out(`${profile.padEnd(width)}  ${title} (tested: ${tested})`);
}

async function importModels(
  dir: string,
  options: JsonOption & { to: string },
  command: Command,
): Promise<void> {
  const { formatModel, importModel } = await import('../../local/sunspec/mod.ts');
  const say = sayOf(command);
  const names = await readdir(dir).catch(() => {
    throw new Trouble(`${dir}: there is no such folder`, EXIT.usage);
  });
  const official = names.filter(name => /^model_\d+\.json$/.test(name)).sort();
  if (official.length === 0) throw new Trouble(`${dir}: there is no file model_<id>.json in it`, EXIT.usage);
  const { makeWritable } = await import('../../io/folders.ts');
  await makeWritable(options.to).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Trouble(`--to ${options.to}: ${why}; name a folder that can be written`, EXIT.usage);
  });
  const models: number[] = [];
  for (const name of official) {
    const model = importModel(await jsonIn(join(dir, name)));
    if (!model.ok) throw new Trouble(`${join(dir, name)}: ${model.detail ?? model.refusal}`);
    await writeFile(join(options.to, `model_${model.value.id}.json`), formatModel(model.value));
    models.push(model.value.id);
  }
  models.sort((a, b) => a - b);
  if (options.json === true) say.json({ to: options.to, models });
  else
    say.out(
      `${models.length} models to ${options.to}; scan, read, write and watch know them with --models ${options.to}`,
    );
}

async function jsonIn(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw new Trouble(`${path}: ${error.message}`);
    throw error;
  }
}
