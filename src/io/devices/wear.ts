/**
 * How many registers of flash were written today, by device and axis: what a profile's budget is held against. The
 * counts outlive a restart: each is handed on to be kept before the order that it is about is answered.
 *
 * A count that cannot be kept still holds for as long as the process does; whoever keeps them tells of the trouble.
 */
import type { UnixTime } from '../../base/time.ts';
import type { Axis, DeviceId } from '../../model/mod.ts';

/** One count. `day`: in days since 1970 (UTC). At most one for each device and axis, so there are few. */
export interface WearCount {
  readonly device: DeviceId;
  readonly axis: Axis;
  readonly day: number;
  readonly words: number;
}

/** Where counts are kept. */
export interface WearPort {
  /** Those kept so far, of any day. */
  readonly kept: readonly WearCount[];
  /** Resolves when the count is on the disk, or the trouble was told. Never rejects. */
  keep(count: WearCount): Promise<void>;
}

const MS_A_DAY = 86_400_000;

export class Wear {
  readonly #port: WearPort | undefined;
  readonly #counts = new Map<string, WearCount>();

  /** Without a port, counts begin anew with the process. */
  constructor(port?: WearPort) {
    this.#port = port;
    for (const count of port?.kept ?? []) this.#counts.set(keyOf(count), count);
  }

  /** Registers written since midnight (UTC). */
  today(of: Pick<WearCount, 'device' | 'axis'>, now: UnixTime): number {
    const count = this.#counts.get(keyOf(of));
    // A clock that is set back by some minutes at midnight does not forget.
    const ahead = (count?.day ?? Number.NaN) - dayOf(now);
    return ahead === 0 || ahead === 1 ? (count?.words ?? 0) : 0;
  }

  async add({ device, axis, words }: Omit<WearCount, 'day'>, now: UnixTime): Promise<void> {
    if (words === 0) return;
    const count: WearCount = {
      device,
      axis,
      day: dayOf(now),
      words: words + this.today({ device, axis }, now),
    };
    this.#counts.set(keyOf(count), count);
    await this.#port?.keep(count);
  }
}

function keyOf({ device, axis }: Pick<WearCount, 'device' | 'axis'>): string {
  return `${device}/${axis}`;
}

function dayOf(now: UnixTime): number {
  return Math.floor(now / MS_A_DAY);
}
