/** What a simulated world knows of the events that were sent, from the head end's own ledger. */
import { classNumber } from '../../../src/model/mod.ts';
import type {
  Axis,
  AxisValues,
  CommandClass,
  Cti,
  GatewayId,
  MRID,
  Service,
} from '../../../src/model/mod.ts';

export { classNumber };
export type { Axis };

export interface KnownEvent {
  readonly mRID: MRID;
  readonly cti: Cti;
  readonly class: CommandClass;
  readonly primacy: number;
  readonly service: Service;
  readonly axes: AxisValues;
  readonly issuedAt: number;
  readonly sequence: number;
  /** Milliseconds since 1970, as for the rest. */
  readonly start: number;
  readonly durationMs: number | undefined;
  readonly awaits: readonly GatewayId[];
  /** A cancel of it was given to the broker, or may have been. */
  cancelSent: boolean;
}

export function endOf({ start, durationMs }: KnownEvent): number {
  return durationMs === undefined ? Number.POSITIVE_INFINITY : start + durationMs;
}
