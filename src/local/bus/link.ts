/**
 * Where a device is, as a person writes it: `tcp://host:port?unit=1` or
 * `serial:/dev/ttyUSB0?baud=9600&parity=even&unit=1`. Text in, value out; nothing is opened here.
 */
import type { Result } from '../../base/assert.ts';
import { ok, refused } from '../../base/assert.ts';

export type Parity = 'none' | 'even' | 'odd';

export interface TcpLink {
  readonly kind: 'tcp';
  readonly host: string;
  /** 1 … 65535; 502 unless told. */
  readonly port: number;
  /** 0 … 255; 1 unless told. */
  readonly unit: number;
  /** How long to wait for a reply, in milliseconds; the bus has its own default. */
  readonly timeoutMs?: number;
}

export interface SerialLink {
  readonly kind: 'serial';
  readonly path: string;
  /** 9600 unless told: what SunSpec asks every device to have. */
  readonly baud: number;
  readonly parity: Parity;
  readonly stopBits: 1 | 2;
  /** 1 … 247 (Modbus over Serial Line 1.02, 2.2). */
  readonly unit: number;
  readonly timeoutMs?: number;
}

export type Link = TcpLink | SerialLink;

/** `scheme`: neither tcp nor serial. `place`: no host, port or path. `option`: an option unknown or out of range. */
export type LinkRefusal = 'scheme' | 'place' | 'option';

const OPTIONS = { tcp: ['unit', 'timeout'], serial: ['unit', 'timeout', 'baud', 'parity', 'stop'] } as const;
const TIMEOUT_MAX_MS = 60_000;

export function parseLink(text: string): Result<Link, LinkRefusal> {
  const [place = '', query = '', ...more] = text.split('?');
  const kind = place.startsWith('tcp://') ? 'tcp' : place.startsWith('serial:') ? 'serial' : undefined;
  if (kind === undefined) return refused('scheme', 'a link starts with tcp:// or serial:');
  const options = new URLSearchParams(query);
  const unknown = [...options.keys()].find(key => !OPTIONS[kind].some(known => known === key));
  if (unknown !== undefined || more.length > 0)
    return refused('option', `${unknown ?? more.join('?')}: known are ${OPTIONS[kind].join(', ')}`);
  return kind === 'tcp' ? parseTcp(place, options) : parseSerial(place.slice('serial:'.length), options);
}

function parseTcp(place: string, options: URLSearchParams): Result<Link, LinkRefusal> {
  const [, six, name, portText = '502'] =
    /^tcp:\/\/(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]\s]+))(?::(\d+))?\/?$/.exec(place) ?? [];
  const host = six ?? name;
  const port = whole(portText, 1, 65_535);
  if (host === undefined || port === undefined) return refused('place', 'tcp://host:port, port 1 to 65535');
  const unit = whole(options.get('unit') ?? '1', 0, 255);
  if (unit === undefined) return refused('option', 'unit is 0 to 255');
  return withTimeout({ kind: 'tcp', host, port, unit }, options);
}

function parseSerial(path: string, options: URLSearchParams): Result<Link, LinkRefusal> {
  if (path === '' || /\s/.test(path)) return refused('place', 'serial:/dev/ttyUSB0');
  const unit = whole(options.get('unit') ?? '1', 1, 247);
  if (unit === undefined) return refused('option', 'unit is 1 to 247');
  const baud = whole(options.get('baud') ?? '9600', 300, 921_600);
  if (baud === undefined) return refused('option', 'baud is 300 to 921600');
  const parity = options.get('parity') ?? 'none';
  if (parity !== 'none' && parity !== 'even' && parity !== 'odd')
    return refused('option', 'parity is none, even or odd');
  const stopBits = options.get('stop') ?? '1';
  if (stopBits !== '1' && stopBits !== '2') return refused('option', 'stop is 1 or 2');
  const link = { kind: 'serial', path, baud, parity, stopBits: stopBits === '1' ? 1 : 2, unit } as const;
  return withTimeout(link, options);
}

function withTimeout(link: Link, options: URLSearchParams): Result<Link, LinkRefusal> {
  const text = options.get('timeout');
  if (text === null) return ok(link);
  const timeoutMs = whole(text, 1, TIMEOUT_MAX_MS);
  if (timeoutMs === undefined) return refused('option', `timeout is 1 to ${TIMEOUT_MAX_MS} ms`);
  return ok({ ...link, timeoutMs });
}

/** The bus a link is on, without its unit: links with the same address share one bus. */
export function linkAddress(link: Link): string {
  if (link.kind === 'serial') return `serial:${link.path}`;
  return `tcp://${link.host.includes(':') ? `[${link.host}]` : link.host}:${link.port}`;
}

/** The link as text that {@link parseLink} takes; what stands at its default is left out, but for the unit. */
export function formatLink(link: Link): string {
  const timeout = link.timeoutMs === undefined ? '' : `&timeout=${link.timeoutMs}`;
  if (link.kind === 'tcp') return `${linkAddress(link)}?unit=${link.unit}${timeout}`;
  const stop = link.stopBits === 1 ? '' : '&stop=2';
  const line = `baud=${link.baud}&parity=${link.parity}${stop}`;
  return `${linkAddress(link)}?${line}&unit=${link.unit}${timeout}`;
}

function whole(text: string, low: number, high: number): number | undefined {
  const n = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return n >= low && n <= high ? n : undefined;
}
