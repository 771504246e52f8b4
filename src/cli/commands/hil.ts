/**
 * `underglass hil`: the bench on the command line. `run` tests a device and writes its report, `list` says what there
 * is to run, `diff` says what got worse between two reports.
 */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Check, ComparedReport, Report, Suite } from '../../../hil/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import { oneLine } from '../legible.ts';
import { withLinkOptions } from '../local/options.ts';
import type { LinkOptions } from '../local/options.ts';
import type { Say } from '../local/say.ts';
import { sayOf } from '../local/say.ts';
import { packageVersion } from '../version.ts';
import type { Around } from '../wiring/bench.ts';

interface RunOptions extends LinkOptions {
  readonly suite: string;
  readonly only?: string;
  readonly report?: string;
  readonly instruments?: string;
  readonly reversion?: string;
}

export function addHil(program: Command): void {
  const hil = program.command('hil').description('the bench: does a device do what it has to?');
  withLinkOptions(hil.command('run <link>'))
    .description('test a device and leave it as it was; "sim:" is a simulated inverter')
    .option('--suite <name>', 'which suite: underglass hil list', 'sunspec')
    .option('--only <ids>', 'these checks only, like MOD-3,REV-1')
    .option('--report <dir>', 'write report.html, report.json, junit.xml and frames.txt there')
    .option('--instruments <file>', 'a bench file with SCPI instruments, or "person" to be asked')
    .option('--reversion <s>', 'seconds of the reversion timers that are tried, 2 to 300', '4')
    .action((link: string, options: RunOptions, command: Command) => run(link, options, command));
  hil
    .command('list')
    .description('the suites, and the checks in them')
    .option('--json', 'print the answer as JSON')
    .action((options: { json?: true }, command: Command) => list(options, command));
  hil
    .command('diff <before> <after>')
    .description('two reports (files, or folders of --report): fails when anything got worse')
    .option('--json', 'print the answer as JSON')
    .action((before: string, after: string, options: { json?: true }, command: Command) =>
      diff([before, after], options, command),
    );
}

async function run(target: string, options: RunOptions, command: Command): Promise<void> {
  const { FrameLog, runSuite } = await import('../../../hil/mod.ts');
  const { wireBench } = await import('../wiring/bench.ts');
  const { modelsWith, profileOf } = await import('../local/device.ts');
  const { readManners } = await import('../../local/profiles/mod.ts');
  const say = sayOf(command);
  const suite = await suiteOf(options.suite);
  const only = idsOf(suite, options.only);
  const reversionS = secondsOf(options.reversion);
  const frames = new FrameLog();
  const profile = options.profile === undefined ? undefined : await profileOf(options.profile);
  if (profile?.sunspec?.none === true)
    throw new Trouble(
      `profile ${profile.profile} is for a device without a SunSpec map, and the checks are of one; underglass scan shows it by its own registers`,
      EXIT.usage,
    );
  if (options.report !== undefined) await assertRoomFor(options.report);
  const models = await modelsWith(options.models);
  const around = await aroundOf(options.instruments);
  const wired = await wireBench(target, frames, { profile, pcap: options.pcap, around });
  const operator = listenToOperator(say, async () => wired.ports.instruments?.safe());
  try {
    const report = await runSuite({
      suite,
      ports: wired.ports,
      models,
      ...(profile === undefined ? {} : { reading: readManners(profile) }),
      link: wired.link,
      tool: `underglass ${packageVersion()}`,
      signal: operator.signal,
      reversionS,
      ...(only === undefined ? {} : { only }),
      onBegin: ({ id, title }) => {
        frames.check(id);
        say.progress(`${id} ${title} …`);
      },
      onCheck: check => {
        if (options.json !== true) say.out(checkLine(check));
      },
    });
    if (options.report !== undefined) await save(options.report, report, frames.text());
    tell(say, report, options);
    judge(target, report);
  } finally {
    operator.done();
    await wired.close();
  }
}

function judge(target: string, report: Report): void {
  const { stopped, verdict, subject } = report;
  if (stopped?.startsWith('unreachable') === true)
    throw new Trouble(`${target}: ${stopped}`, EXIT.unreachable);
  // A device that answers but shows no marker has failed the first check there is.
  if (subject.base === null) throw new Trouble(`${target}: ${stopped ?? 'no SunSpec device'}`);
  // Whoever waits for the exit code must not take half a run for a whole one.
  if (verdict !== 'FAIL' && stopped !== undefined) throw new Trouble(`${target}: ${stopped}`);
  if (verdict !== 'FAIL') return;
  const failed = report.checks.filter(check => check.verdict === 'FAIL').map(({ id }) => id);
  throw new Trouble(`${target}: failed ${failed.join(', ')}`);
}

function tell(say: Say, report: Report, { json, report: folder }: RunOptions): void {
  if (json === true) say.json(report);
  else {
    const { manufacturer, model, serial } = report.subject;
    const device = oneLine([manufacturer, model, serial].filter(part => part !== null).join(' '));
    say.out(`\n${report.verdict}  ${device || report.subject.link}`);
  }
  if (folder !== undefined) say.talk(`report: ${join(folder, 'report.html')}`);
}

const WIDTH = 'NOT-SUPPORTED'.length;

function checkLine({ id, title, verdict, steps }: Check): string {
  const bad = steps.filter(step => step.verdict === 'FAIL' || step.verdict === 'INCONCLUSIVE');
  const why = bad.map(({ what, measured, cause }) =>
    [`\n    ${what}`, measured, cause].filter(part => part !== undefined && part !== '').join(': '),
  );
  return `${verdict.padEnd(WIDTH)}  ${id.padEnd(6)} ${title}${why.join('')}`;
}

/** Before the bench starts: a run takes minutes, and must not end without its report. */
async function assertRoomFor(folder: string): Promise<void> {
  const { makeWritable } = await import('../../io/folders.ts');
  await makeWritable(folder).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Trouble(`--report ${folder}: ${why}; name a folder that can be written`, EXIT.usage);
  });
}

async function save(folder: string, report: Report, frames: string): Promise<void> {
  const { toHtml, toJunit } = await import('../../../hil/mod.ts');
  const { makeFolder } = await import('../../io/folders.ts');
  const files = {
    'report.json': `${JSON.stringify(report, null, 2)}\n`,
    'report.html': toHtml(report),
    'junit.xml': toJunit(report),
    'frames.txt': frames,
  };
  try {
    await makeFolder(folder);
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  } catch (error) {
    throw new Trouble(`${folder}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The first signal asks the run to end and put everything back; the second switches the source off and ends at once. */
function listenToOperator(
  say: Say,
  stop: () => Promise<void>,
): { readonly signal: AbortSignal; done(): void } {
  const operator = new AbortController();
  const hear = (): void => {
    if (operator.signal.aborted) {
      say.talk('stopped at once: the source is switched off, the device is NOT as it was found');
      void stop().finally(() => process.exit(EXIT.failed));
      return;
    }
    operator.abort();
    say.talk('stopping: the device is put back as it was found (again: stop at once)');
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, hear);
  return {
    signal: operator.signal,
    done: () => {
      for (const signal of signals) process.off(signal, hear);
    },
  };
}

async function aroundOf(text: string | undefined): Promise<Around | undefined> {
  if (text === undefined) return undefined;
  const { openBench, person, readBenchConfig } = await import('../../io/instruments/mod.ts');
  // Who turns knobs by hand keeps to the limits of the laboratory; the bench asks for no more than these.
  const byHand = { voltageV: [184, 276], frequencyHz: [47, 63], irradianceWm2: [0, 1200] } as const;
  if (text === 'person') return { instruments: person(await prompt()), limits: byHand };
  const config = await readBenchConfig(text);
  if (!config.ok) throw new Trouble(config.detail ?? config.refusal, EXIT.usage);
  const bench = await openBench(config.value);
  if (!bench.ok) throw new Trouble(bench.detail ?? bench.refusal, EXIT.unreachable);
  return { instruments: bench.value, limits: limitsOf(config.value.limits) };
}

/** Without what is absent: to the parser of the file an optional key is one that may be undefined. */
function limitsOf(limits: Readonly<Record<string, unknown>>): Around['limits'] {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

/** Asks on standard error, so that standard output stays the answer. */
async function prompt(): Promise<(question: string) => Promise<string | undefined>> {
  const { createInterface } = await import('node:readline/promises');
  return async question => {
    const line = createInterface({ input: process.stdin, output: process.stderr });
    // readline takes Ctrl-C for itself: hand it on, and let the question go unanswered.
    const gone = new Promise<undefined>(resolve => {
      line.once('SIGINT', () => {
        process.kill(process.pid, 'SIGINT');
        resolve(undefined);
      });
      line.once('close', () => resolve(undefined));
    });
    try {
      return await Promise.race([line.question(question), gone]);
    } finally {
      line.close();
    }
  };
}

async function suiteOf(name: string): Promise<Suite> {
  const { SUITES } = await import('../../../hil/mod.ts');
  const suite = SUITES.find(each => each.name === name);
  if (suite === undefined) {
    const names = SUITES.map(each => each.name).join(', ');
    throw new Trouble(`--suite ${name}: there is ${names}`, EXIT.usage);
  }
  return suite;
}

function idsOf(suite: Suite, text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const ids = text.split(',').map(id => id.trim().toUpperCase());
  const unknown = ids.find(id => suite.procedures.every(procedure => procedure.id !== id));
  if (unknown !== undefined) throw new Trouble(`--only ${unknown}: no check of ${suite.name}`, EXIT.usage);
  return ids;
}

function secondsOf(text = '4'): number {
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= 2 && seconds <= 300)) throw new Trouble(`--reversion ${text}: 2 to 300 s`, EXIT.usage);
  return seconds;
}

async function list({ json }: { readonly json?: true }, command: Command): Promise<void> {
  const { SUITES } = await import('../../../hil/mod.ts');
  const say = sayOf(command);
  const suites = SUITES.map(({ name, title, procedures }) => ({
    name,
    title,
    checks: procedures.map(({ id, title: what, requirement, source }) => ({
      id,
      title: what,
      requirement,
      source,
    })),
  }));
  if (json === true) return say.json({ suites });
  for (const { name, title, checks } of suites) {
    say.out(`${name}: ${title}`);
    for (const { id, title: what, requirement } of checks)
      say.out(`  ${id.padEnd(6)} ${what}\n         ${requirement}`);
  }
}

async function diff(
  paths: readonly [string, string],
  { json }: { readonly json?: true },
  command: Command,
): Promise<void> {
  const { diffReports } = await import('../../../hil/mod.ts');
  const say = sayOf(command);
  const [before, after] = [await load(paths[0]), await load(paths[1])];
  const difference = diffReports(before, after);
  if (json === true) say.json(difference);
  else {
    for (const what of difference.differs) say.talk(`note: the reports differ in ${what}`);
    for (const [word, changes] of [
      ['worse', difference.worse],
      ['better', difference.better],
    ] as const)
      for (const { check, step, from, to, cause } of changes)
        say.out(
          `${word}  ${check}${step === undefined ? '' : ` (${step})`}: ${from}, then ${to}${cause === undefined ? '' : `: ${cause}`}`,
        );
    if (difference.worse.length + difference.better.length === 0) say.out('nothing changed');
  }
  const { worse } = difference;
  if (worse.length > 0)
    throw new Trouble(`${worse.length} got worse: ${worse.map(({ check }) => check).join(', ')}`);
}

async function load(path: string): Promise<ComparedReport> {
  const { parseReport } = await import('../../../hil/mod.ts');
  const text = await stat(path)
    .then(found => readFile(found.isDirectory() ? join(path, 'report.json') : path, 'utf8'))
    .catch((error: unknown) => {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      const why = missing ? 'there is no report here' : String(error);
      throw new Trouble(`${path}: ${why}`, EXIT.usage);
    });
  const report = parseReport(text);
  if (!report.ok) throw new Trouble(`${path}: ${report.detail ?? report.refusal}`, EXIT.usage);
  return report.value;
}
