/**
 * Looks for devices in a network that a person named: who takes a connection at the ports of Modbus. Only addresses of
 * the subnet are asked, a few at a time, and nothing is said to them here.
 */
import { connect } from 'node:net';
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';

/** IANA's port of Modbus, and one that makers use where 502 is not theirs to take. */
export const MODBUS_PORTS: readonly number[] = [502, 1502];
/** Small routers forget connections when there are too many. */
const AT_ONCE = 32;
/** A device on the same wire answers within some milliseconds, over radio within some tens. */
const WITHIN_MS = 1000;
/** A home is a /24; a /20 is asked through in some minutes. */
const SMALLEST_PREFIX = 20;

/** Host addresses of an IPv4 subnet as in `192.0.2.0/24`, or of a single address; `subnet`: it is none, or too large. */
export function hostsIn(subnet: string): Result<readonly string[], 'subnet'> {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(subnet);
  const bytes = (parts ?? []).slice(1, 5).map(Number);
  const prefix = Number(parts?.[5] ?? 32);
  if (parts === null || bytes.some(byte => byte > 255) || prefix > 32)
    return refused('subnet', `${subnet} is no subnet: write it as 192.0.2.0/24`);
  if (prefix < SMALLEST_PREFIX)
    return refused('subnet', `${subnet} is too large: /${SMALLEST_PREFIX} at most, 4096 addresses`);
  const size = 2 ** (32 - prefix);
  const address = bytes.reduce((all, byte) => all * 256 + byte, 0);
  const first = address - (address % size);
  // The first names the network and the last all of it, but in a /31 and /32 (RFC 3021).
  const edge = size > 2 ? 1 : 0;
  return ok(Array.from({ length: size - 2 * edge }, (_, at) => textOf(first + edge + at)));
}

/** Those of `hosts` and `ports` that take a connection, in their order. */
export async function listening(
  hosts: readonly string[],
  ports: readonly number[] = MODBUS_PORTS,
): Promise<readonly { readonly host: string; readonly port: number }[]> {
  const places = hosts.flatMap(host => ports.map(port => ({ host, port })));
  const takes: boolean[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < places.length; at = next++) {
      const place = places[at];
      takes[at] = place !== undefined && (await takesConnection(place));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return places.filter((_, at) => takes[at] === true);
}

function takesConnection(place: { readonly host: string; readonly port: number }): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(place);
    const end = (takes: boolean) => () => {
      socket.destroy();
      resolve(takes);
    };
    socket.setTimeout(WITHIN_MS, end(false));
    socket.once('connect', end(true));
    socket.once('error', end(false));
  });
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map(shift => Math.floor(address / 2 ** shift) % 256).join('.');
}
