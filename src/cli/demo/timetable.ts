/**
 * The timetable of one command: every stage it passed, when, and at which register.
 */
import type { ReceiptBody, StatusBody } from '../../model/mod.ts';
import type { Timeline, WriteTimes } from './timeline.ts';

export interface TimetableRow {
  readonly stage: string;
  /** Milliseconds after the command was given to the head end. */
  readonly afterMs: number;
  readonly what: string;
}

/** What the story saw of a command itself; times on the clock of `performance.now()`. */
export interface Sighting {
  readonly issuer: string;
  readonly startMs: number;
  readonly receiptMs: number;
  readonly effectMs: number;
  readonly statusMs: number;
  readonly beforeW: number;
  readonly effectW: number | undefined;
  readonly statusW: number | undefined;
}

/** The rows in order of time, or `undefined` when the gateway was not seen to verify the command. */
export function timetable(
  timeline: Timeline,
  receipt: ReceiptBody,
  seen: Sighting,
): readonly TimetableRow[] | undefined {
  const stages = timeline.stages(receipt.cti);
  if (stages === undefined) return undefined;
  const row = (stage: string, atMs: number, what: string): TimetableRow => ({
    stage,
    afterMs: atMs - seen.startMs,
    what,
  });
  const writes = timeline.writes(receipt.applied ?? [], stages.persistedMs);
  const written = together(
    writes,
    w => w.writtenMs,
    (point, { wrote }) => `${point} ← ${wrote.join(' ')}`,
  );
  const readBack = together(
    writes,
    w => w.readBackMs,
    (point, e) => `${point} = ${e.readBack?.join(' ')}`,
  );
  return [
    row('sent', seen.startMs, 'to be signed and stored by the head end'),
    row('received', stages.receivedMs, `${stages.bytes} bytes on ${stages.topic}`),
    row('verified', stages.verifiedMs, `Ed25519 by ${seen.issuer}, audience, epoch, time, sequence`),
    row('persisted', stages.persistedMs, 'on the disk; then acknowledged to the broker'),
    ...written.map(w => row('written', w.atMs, w.what)),
    ...readBack.map(w => row('read back', w.atMs, w.what)),
    row('receipt', seen.receiptMs, `${receipt.response}, signed by the gateway, stored by the head end`),
    row('effect', seen.effectMs, `inverter ${watts(seen.beforeW)} → ${watts(seen.effectW)}`),
    row('status', seen.statusMs, `at the head end: inverter ${watts(seen.statusW)}`),
  ].sort((a, b) => a.afterMs - b.afterMs);
}

/** Registers that went in one request stand in one row. */
function together(
  writes: readonly WriteTimes[],
  timeOf: (write: WriteTimes) => number | undefined,
  say: (point: string, evidence: WriteTimes['evidence']) => string,
): readonly { atMs: number; what: string }[] {
  const rows = new Map<string, { atMs: number; device: string; registers: string[] }>();
  for (const write of writes) {
    const atMs = timeOf(write);
    if (atMs === undefined) continue;
    const key = `${write.device} ${atMs}`;
    const row = rows.get(key) ?? { atMs, device: write.device, registers: [] };
    row.registers.push(say(`${write.evidence.point} (${write.evidence.address})`, write.evidence));
    rows.set(key, row);
  }
  return [...rows.values()].map(({ atMs, device, registers }) => ({
    atMs,
    what: `${device}: ${registers.join(', ')}`,
  }));
}

/** Real power of a device in a status, in W; `undefined` where the status does not say. */
export function powerOf(status: StatusBody, device: string): number | undefined {
  return status.readings.find(r => r.device === device)?.points.W;
}

function watts(powerW: number | undefined): string {
  return powerW === undefined ? 'unknown' : `${powerW.toFixed(0)} W`;
}
