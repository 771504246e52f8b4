/**
 * Who may ask. The display has no login: it stands in the customer's home, and what matters needs the
 * customer's code. So a page of another site must not be able to ask in the customer's name (cross-site
 * request forgery), nor read the display by giving its own name the address of this server (DNS rebinding),
 * nor may anyone ask without end. Pure functions and values; the server applies them.
 */
import { isIP } from 'node:net';
import type { Instant } from '../../base/time.ts';
import { between } from '../../base/time.ts';

/**
 * Whether a request with this Host header was meant for us: an IP address or `localhost`, with any port, or
 * one of `names`. A rebinding attack always carries the attacker's name, never an address.
 */
export function isOurHost(host: string | undefined, names: readonly string[]): boolean {
  const name = hostName(host);
  if (name === undefined) return false;
  return name === 'localhost' || isIP(name) !== 0 || names.includes(name);
}

/** The name or address of a Host header without its port and brackets; `undefined` when it is none. */
function hostName(host: string | undefined): string | undefined {
  const parts = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d{1,5})?$/i.exec(host ?? '');
  return (parts?.[1] ?? parts?.[2])?.toLowerCase();
}

/** What a browser says of where a request comes from. A program that is no browser says none of it. */
export interface Origin {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  /** Sec-Fetch-Site (W3C Fetch Metadata). */
  readonly site?: string | undefined;
}

/** Whether a request that changes something comes from our own page, as far as its headers tell. */
export function isSameOrigin({ host, origin, site }: Origin): boolean {
  if (site !== undefined && site !== 'same-origin') return false;
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
}

/** Requests an address may make at once, then one every `refillMs`: a person's fingers, not a program's. */
const BURST = 10;
const REFILL_MS = 1000;
/**
 * Addresses remembered; a home has fewer screens. When full, the one that asked longest ago is forgotten,
 * which gives it a full burst again: the count of wrong codes is not kept here but in the gateway.
 */
const MAX_ADDRESSES = 64;

interface Bucket {
  tokens: number;
  at: Instant;
}
export type RateLimit = Map<string, Bucket>;

/** Takes one request of `address` from its budget; `false` when the budget is spent. */
export function takeTurn(limit: RateLimit, address: string, now: Instant): boolean {
  const last = limit.get(address) ?? { tokens: BURST, at: now };
  const tokens = Math.min(BURST, last.tokens + between(last.at, now) / REFILL_MS);
  const allowed = tokens >= 1;
  limit.delete(address);
  limit.set(address, { tokens: allowed ? tokens - 1 : tokens, at: now });
  if (limit.size > MAX_ADDRESSES) limit.delete(limit.keys().next().value ?? address);
  return allowed;
}
