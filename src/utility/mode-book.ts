/**
 * What each device was last known to hold (SIWG-4): which curve is active, its points, on or off, set by whom. A
 * gateway's answer goes into the ledger with the record that carries it, so neither is there without the other.
 *
 * A copy of what was told, with its time: a device may have been changed by its owner since. Asking again is the
 * operator's to decide.
 */
import type { UnixTime } from '../base/time.ts';
import type { Cti, DeviceId, GatewayId, ModesBody, UplinkRecord } from '../model/mod.ts';
import type { Json, LedgerChange, LedgerPort } from './ports.ts';

/**
 * Rows of one gateway, one a part of a device's answer: sixty devices whose answers take four. What a gateway tells
 * beyond them stands in its records only.
 */
export const MAX_ROWS = 256;

const ACTOR = 'modes';

/** What one device told, in answer to one command. */
export interface ModesKnown {
  readonly gateway: GatewayId;
  readonly device: DeviceId;
  readonly at: UnixTime;
  readonly cti: Cti;
  readonly issuer: string;
  readonly modes: ModesBody['modes'];
  readonly unread: ModesBody['unread'];
  readonly setBy: ModesBody['setBy'];
  /** Parts of the answer that have not come; 0: this is all of it. */
  readonly missing: number;
}

interface Row {
  readonly at: UnixTime;
  readonly body: ModesBody;
}

export class ModeBook {
  readonly #ledger: LedgerPort;
  /** How old each row is, of gateways that told something since the start: a late record does not undo a newer one. */
  readonly #ages = new Map<GatewayId, Map<string, UnixTime>>();

  constructor(ledger: LedgerPort) {
    this.#ledger = ledger;
  }

  /** What goes into the ledger beside `record`. */
  async changes(gateway: GatewayId, { at, body }: UplinkRecord): Promise<readonly LedgerChange[]> {
    if (body.kind !== 'modes') return [];
    const ages = await this.#agesOf(gateway);
    const key = keyOf(gateway, body);
    if ((ages.get(key) ?? at) > at || (!ages.has(key) && ages.size >= MAX_ROWS)) return [];
    ages.set(key, at);
    const value = { at, body } satisfies Row as unknown as Json;
    return [{ op: 'put', actor: ACTOR, key, value }];
  }

  /** What the devices of a gateway last told, by the newest command each answered. */
  async of(gateway: GatewayId): Promise<readonly ModesKnown[]> {
    const byDevice = Map.groupBy(await this.#rows(gateway), ({ body }) => body.device);
    return [...byDevice].map(([device, rows]) => known(gateway, device, rows));
  }

  async #agesOf(gateway: GatewayId): Promise<Map<string, UnixTime>> {
    const there = this.#ages.get(gateway);
    if (there !== undefined) return there;
    const rows = await this.#rows(gateway);
    const ages = this.#ages.get(gateway) ?? new Map(rows.map(({ at, body }) => [keyOf(gateway, body), at]));
    this.#ages.set(gateway, ages);
    return ages;
  }

  async #rows(gateway: GatewayId): Promise<readonly Row[]> {
    return (await this.#ledger.rows(ACTOR, `${gateway} `)).map(({ value }) => value as unknown as Row);
  }
}

function keyOf(gateway: GatewayId, { device, part }: ModesBody): string {
  return `${gateway} ${device} ${part}`;
}

/** Parts of an older answer may stand beside those of the newest: they are not part of it. */
function known(gateway: GatewayId, device: DeviceId, rows: readonly Row[]): ModesKnown {
  const newest = rows.reduce((a, b) => (b.at > a.at ? b : a));
  const { cti, issuer, parts } = newest.body;
  const bodies = rows
    .map(({ body }) => body)
    .filter(body => body.cti === cti)
    .toSorted((a, b) => a.part - b.part);
  return {
    gateway,
    device,
    at: newest.at,
    cti,
    issuer,
    modes: bodies.flatMap(({ modes }) => modes),
    unread: newest.body.unread,
    setBy: [...new Map(bodies.flatMap(({ setBy }) => setBy.map(by => [by.mode, by]))).values()],
    missing: Math.max(0, parts - bodies.length),
  };
}
