/**
 * Runs a suite against a device: finds it, takes down how it stands, carries out one procedure after the other, and
 * after each puts back what it changed. Whatever happens on the way (silence, an instrument that trips, an operator
 * who wants out), the device is left as it was found and the report says what could not be.
 */
import type { Instant } from '../../src/base/time.ts';
import { between, isoSeconds } from '../../src/base/time.ts';
import type { Discovery, DiscoveryOptions, ModelSet, SunSpecDevice } from '../../src/local/sunspec/mod.ts';
import { discover } from '../../src/local/sunspec/mod.ts';
import { Bench, Interrupted } from './bench.ts';
import type { BenchPorts } from './ports.ts';
import type { Procedure, Suite } from './procedure.ts';
import type { Restored } from './restore.ts';
import { restore } from './restore.ts';
import type { ChainModel, Check, Report, Step, Subject } from './result.ts';
import type { Sheet } from './sheet.ts';
import { isImplemented, readSheet } from './sheet.ts';
import { worst } from './verdict.ts';

export interface RunOptions {
  readonly suite: Suite;
  /** Ids of the checks to run; all unless told. */
  readonly only?: readonly string[];
  readonly ports: BenchPorts;
  readonly models: ModelSet;
  /** What the product's profile says of finding and reading it. */
  readonly reading?: Pick<DiscoveryOptions, 'bases' | 'lengths' | 'maxRead'>;
  /** The link as the user wrote it. */
  readonly link: string;
  readonly tool: string;
  /** Aborted when the operator wants out. */
  readonly signal: AbortSignal;
  /** Seconds of the reversion timers that are tried; 4 unless told. Longer judges the clock of a device better. */
  readonly reversionS?: number;
  /** Told before each check and after it. */
  readonly onBegin?: (procedure: Procedure) => void;
  readonly onCheck?: (check: Check) => void;
}

/** Long enough to look several times on a slow line, short enough for a person to wait. */
const REVERSION_S = 4;

/** Never rejects for trouble with the device; rejects, with the device restored, when a procedure itself breaks. */
export async function runSuite(options: RunOptions): Promise<Report> {
  const run = new Run(options);
  const found = await run.find();
  if (typeof found === 'string') return run.report({ found: undefined, why: found });
  try {
    await run.checks(found);
  } finally {
    await run.leave(found);
  }
  return run.report({ found, why: options.signal.aborted ? 'stopped by the operator' : undefined });
}

class Run {
  readonly #options: RunOptions;
  readonly #began;
  readonly #checks: Check[] = [];
  /** Settings written back after checks, and what could not be. */
  #restored: Restored | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#began = options.ports.clock.now();
  }

  /** The device and how it stands, or why there is none to test. */
  async find(): Promise<Bench | string> {
    const { ports, models, signal, reading = {} } = this.#options;
    const { unit } = ports.device;
    const discovery = await ports.device.run(discover({ unit, models, ...reading }));
    if (!discovery.ok) return `${discovery.refusal}: ${discovery.detail ?? 'no SunSpec device'}`;
    const device = discovery.value.devices[0];
    if (device === undefined) return 'the chain holds no model';
    const asFound = await this.#takeDown(device);
    if (typeof asFound === 'string') return asFound;
    const reversionS = this.#options.reversionS ?? REVERSION_S;
    const parts = {
      ports,
      models,
      device,
      asFound,
      signal,
      reversionS,
      maxRead: reading.maxRead,
      began: this.#began,
    };
    return new Bench({ ...parts, discovery: discovery.value });
  }

  async #takeDown(device: SunSpecDevice): Promise<ReadonlyMap<number, Sheet> | string> {
    const asFound = new Map<number, Sheet>();
    const reader = { unit: device.unit, maxRead: this.#options.reading?.maxRead };
    for (const entry of device.models) {
      const def = this.#options.models.get(entry.id);
      if (def === undefined || asFound.has(entry.id)) continue;
      const sheet = await this.#options.ports.device.run(readSheet(reader, entry, def));
      if (!sheet.ok) return `model ${entry.id} cannot be read: ${sheet.detail ?? 'no answer'}`;
      asFound.set(entry.id, sheet.value);
    }
    return asFound;
  }

  async checks(bench: Bench): Promise<void> {
    for (const procedure of this.#wanted()) {
      if (this.#options.signal.aborted) return;
      this.#options.onBegin?.(procedure);
      const check = await this.#check(bench, procedure);
      this.#checks.push(check);
      this.#options.onCheck?.(check);
    }
  }

  async #check(bench: Bench, procedure: Procedure): Promise<Check> {
    const startedMs = bench.elapsedMs();
    const steps: Step[] = [];
    try {
      for await (const step of procedure.steps(bench)) steps.push(step);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      steps.push({ what: 'the rest of this check', verdict: 'INCONCLUSIVE', cause: error.message });
    }
    if (bench.wrote || bench.undos.length > 0) await this.#putBack(bench);
    return this.#asCheck(procedure, steps, startedMs);
  }

  async #putBack(bench: Bench): Promise<void> {
    const restored = await restore(bench);
    this.#restored = { ...restored, written: restored.written + (this.#restored?.written ?? 0) };
  }

  /** The last look: nothing of what the run changed may be left behind. */
  async leave(bench: Bench): Promise<void> {
    try {
      await this.#lastLook(bench);
    } finally {
      // Outputs off, and only now: the device needed its supply to be put back.
      await this.#options.ports.instruments?.safe();
    }
  }

  async #lastLook(bench: Bench): Promise<void> {
    const startedMs = bench.elapsedMs();
    if (this.#restored !== undefined || bench.wrote) await this.#putBack(bench);
    const steps = this.#restored === undefined ? [] : [leftStep(this.#restored)];
    const nothing: Step = { what: 'nothing was written', verdict: 'PASS' };
    const check = this.#asCheck(LEFT, steps.length === 0 ? [nothing] : steps, startedMs);
    this.#checks.push(check);
    this.#options.onCheck?.(check);
  }

  #asCheck(procedure: Omit<Procedure, 'steps'>, steps: readonly Step[], startedMs: number): Check {
    const { id, title, requirement, source } = procedure;
    const verdict = worst(steps.map(step => step.verdict));
    return { id, title, requirement, source, verdict, steps, startedMs, tookMs: this.#now() - startedMs };
  }

  report(end: { readonly found: Bench | undefined; readonly why: string | undefined }): Report {
    const { suite, tool, ports, reversionS = REVERSION_S } = this.#options;
    const done = new Map(this.#checks.map(check => [check.id, check]));
    const cause = end.why ?? 'not asked for';
    const asked = new Set(this.#wanted().map(({ id }) => id));
    const missing = (procedure: Procedure): Check =>
      this.#asCheck(procedure, [{ what: procedure.title, verdict: 'NOT-RUN', cause }], this.#now());
    const planned = suite.procedures.flatMap(procedure => {
      const check = done.get(procedure.id) ?? (asked.has(procedure.id) ? missing(procedure) : undefined);
      return check === undefined ? [] : [check];
    });
    const last = done.get(LEFT.id);
    const checks = last === undefined ? planned : [...planned, last];
    return {
      format: 'underglass-bench-report',
      version: 1,
      suite: suite.name,
      title: suite.title,
      verdict: worst(checks.map(check => check.verdict)),
      tool,
      beganAt: isoSeconds(this.#began.unix),
      endedAt: isoSeconds(ports.clock.now().unix),
      ...(end.why === undefined ? {} : { stopped: end.why }),
      subject: subjectOf(this.#options, end.found),
      instruments: ports.instruments?.name ?? null,
      settings: { reversionS },
      checks,
    };
  }

  #wanted(): readonly Procedure[] {
    const { suite, only } = this.#options;
    return suite.procedures.filter(({ id }) => only === undefined || only.includes(id));
  }

  #now(): number {
    const at: Instant = this.#options.ports.clock.now().instant;
    return between(this.#began.instant, at);
  }
}

const LEFT = {
  id: 'LEFT',
  title: 'Left as it was found',
  requirement: 'Every setting holds after the run what it held before it.',
  source: 'the bench itself',
};

function leftStep({ compared, written, left, unread }: Restored): Step {
  const what = `compare ${compared} settings with the first reading`;
  const measured = `${written} written back in all, ${left.length} not as found`;
  if (unread.length > 0)
    return { what, verdict: 'INCONCLUSIVE', measured, cause: `models ${unread.join(', ')} did not answer` };
  if (left.length === 0) return { what, verdict: 'PASS', measured };
  const names = left.map(({ point }) => point).join(', ');
  return { what, verdict: 'FAIL', measured, registers: left, cause: `set these by hand: ${names}` };
}

function subjectOf({ link, ports }: RunOptions, found: Bench | undefined): Subject {
  const discovery: Discovery | undefined = found?.parts.discovery;
  const device = found?.device;
  return {
    link,
    unit: ports.device.unit,
    base: discovery?.base ?? null,
    manufacturer: device?.manufacturer ?? null,
    model: device?.model ?? null,
    serial: device?.serial ?? null,
    version: device?.version ?? null,
    chain: found === undefined ? [] : chainOf(found),
    chainEnd: discovery?.end.how ?? null,
  };
}

function chainOf(bench: Bench): readonly ChainModel[] {
  return bench.device.models.map(({ id, name, address, length }) => {
    const sheet = bench.parts.asFound.get(id);
    const spots = sheet === undefined ? [] : [...sheet.spots.values()];
    const implemented = spots.filter(spot => sheet !== undefined && isImplemented(sheet, spot)).length;
    return { id, name, address, length, points: spots.length, implemented };
  });
}
