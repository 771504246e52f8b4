/**
 * The meters behind this gateway: their voltage is watched and their energy counted by the quarter of an hour, reading
 * by reading. The gateway speaks for a meter that has no radio of its own, and its records say so.
 *
 * What a reading means is the business of metering/; here it becomes records, and rows that outlive a restart: the
 * level of each phase, and the registers at the start of the interval that runs.
 */
import { milliseconds, seconds, unixTime } from '../../base/time.ts';
import type { Duration, Now } from '../../base/time.ts';
import {
  DEFAULT_DWELL,
  levelOf,
  newPhaseWatch,
  noteRegisters,
  phasesOf,
  watchPhase,
} from '../../metering/mod.ts';
import type { BillingInterval, OpenInterval, Registers, VoltageChange } from '../../metering/mod.ts';
import type {
  BillingBody,
  DeviceId,
  MeterService,
  Phase,
  Points,
  Reading,
  VoltageAlarm,
  VoltageLevel,
} from '../../model/mod.ts';
import type { Work } from '../effects.ts';
import { meteringOf } from './metering-rows.ts';
import type { MeterTerms, Metering } from './metering-rows.ts';
import { report } from './reports.ts';
import { count, put } from '../state.ts';
import type { GatewayState } from '../state.ts';

/** A meter that nothing was said about. */
const PLAIN: MeterTerms = { service: 'net-billing', dwell: DEFAULT_DWELL };
/** A voltage this far from nominal for its first reading is rather a wrong configuration; V / V. */
const DOUBTFUL = 0.25;

/** Takes what a meter told. */
export function noteMeter(state: GatewayState, work: Work, reading: Reading, now: Now): void {
  const terms = state.settings.meters?.get(reading.device) ?? (reading.role === 'meter' ? PLAIN : undefined);
  if (terms === undefined) return;
  const metering = meteringOf(state.metering, reading.device);
  watchVoltage(state, work, { metering, reading, terms }, now);
  countEnergy(state, work, { metering, reading, terms }, now);
}

interface Seen {
  readonly metering: Metering;
  readonly reading: Reading;
  readonly terms: MeterTerms;
}

function watchVoltage(state: GatewayState, work: Work, { metering, reading, terms }: Seen, now: Now): void {
  const { nominalV, dwell } = terms;
  if (nominalV === undefined) return;
  for (const [phase, voltageV] of phasesOf(reading.points)) {
    const known = metering.phases.get(phase);
    const watch = known ?? newPhaseWatch();
    metering.phases.set(phase, watch);
    if (known === undefined) tellDoubt(work, { meter: reading.device, phase, voltageV, nominalV });
    const how = { nominalV, dwell, staleAfter: silence(state) };
    const change = watchPhase(watch, { phase, voltageV }, how, now.instant);
    if (change === undefined) continue;
    const voltage = alarmOf(reading.device, change, nominalV, now);
    work.store(put('voltage', `${reading.device}/${phase}`, levelOf(watch)));
    report(state, work, 'alarm', { kind: 'alarm', alarm: 'voltage', why: sentence(voltage), voltage }, now);
    work.log(change.to === 0 ? 'info' : 'warn', `voltage.${voltage.change}`, sentence(voltage), {
      device: reading.device,
    });
    count(state, `voltage.${voltage.change}`);
  }
}

function countEnergy(state: GatewayState, work: Work, { metering, reading, terms }: Seen, now: Now): void {
  const { book } = metering;
  const { open } = book;
  const registers = registersIn(reading.points);
  const seen = { now, registers, clock: state.clock.trust, silentAfter: silence(state) };
  for (const interval of noteRegisters(book, seen)) {
    const body = billingBody(reading.device, terms.service, interval);
    report(state, work, 'billing', body, now);
    if (body.quality !== 'actual') count(state, `billing.${body.quality}`);
  }
  if (book.open !== undefined && !isAlike(open, book.open))
    work.store(put('interval', reading.device, book.open));
}

/** Three readings that did not come. */
function silence({ settings: { pollEvery = seconds(1) } }: GatewayState): Duration {
  return milliseconds(3 * pollEvery + 1000);
}

/** A meter counts what crosses the boundary both ways; an inverter in the place of a meter what it gave. */
function registersIn({ TotWhImp, TotWhExp, TotWhInj }: Points): Registers {
  const exportWh = TotWhExp ?? TotWhInj;
  return {
    ...(TotWhImp === undefined ? {} : { importWh: TotWhImp }),
    ...(exportWh === undefined ? {} : { exportWh }),
  };
}

function billingBody(
  meter: DeviceId,
  service: MeterService,
  { start, duration, quality, energy, registers, flags }: BillingInterval,
): BillingBody {
  const { importWh: importRegisterWh, exportWh: exportRegisterWh } = registers;
  return {
    kind: 'billing',
    meter,
    speaks: 'gateway',
    service,
    start,
    durationS: duration / 1000,
    quality,
    ...energy,
    ...(importRegisterWh === undefined ? {} : { importRegisterWh }),
    ...(exportRegisterWh === undefined ? {} : { exportRegisterWh }),
    flags,
  };
}

function alarmOf(meter: DeviceId, change: VoltageChange, nominalV: number, now: Now): VoltageAlarm {
  const { phase, from, to, voltageV, limitV } = change;
  const since = unixTime(now.unix - change.for);
  return {
    meter,
    speaks: 'gateway',
    phase,
    change: nameOf(from, to),
    level: to,
    voltageV,
    nominalV,
    limitV,
    since,
  };
}

function nameOf(from: VoltageLevel, to: VoltageLevel): VoltageAlarm['change'] {
  if (to === 0) return 'cleared';
  if (from === 0 || from * to < 0) return 'raised';
  return Math.abs(to) > Math.abs(from) ? 'escalated' : 'eased';
}

/** `meter, phase A: 113.2 V, below Range A (114 V) for 30 s; told by the gateway`. */
function sentence({ meter, phase, level, voltageV, limitV, change }: VoltageAlarm): string {
  const where = `${meter}, ${phase === 'average' ? 'average of its phases' : `phase ${phase}`}: ${tenths(voltageV)} V`;
  const limit = `(${tenths(limitV)} V)`;
  if (level === 0) return `${where}, back inside Range A ${limit}`;
  const range = `${level < 0 ? 'below' : 'above'} Range ${Math.abs(level) === 1 ? 'A' : 'B'}`;
  return change === 'eased'
    ? `${where}, back inside Range B ${limit}, still ${range}`
    : `${where}, ${range} ${limit}`;
}

function tenths(volts: number): number {
  return Math.round(volts * 10) / 10;
}

function tellDoubt(
  work: Work,
  { meter, phase, voltageV, nominalV }: { meter: DeviceId; phase: Phase; voltageV: number; nominalV: number },
): void {
  if (Math.abs(voltageV / nominalV - 1) <= DOUBTFUL) return;
  const why = `${meter} reads ${tenths(voltageV)} V on phase ${phase}, far from its nominal ${nominalV} V: is nominalV of this meter right?`;
  work.log('warn', 'voltage.doubtful', why, { device: meter });
}

/** Only what changed is worth a row: flags of an interval come together, once. */
function isAlike(before: OpenInterval | undefined, now: OpenInterval): boolean {
  return (
    before?.start === now.start &&
    before.flags.length === now.flags.length &&
    before.registers === now.registers
  );
}
