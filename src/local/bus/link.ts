/**
 * Where a device is, as a person writes it: `tcp://host:port?unit=1` or
 * `serial:/dev/ttyUSB0?baud=9600&parity=even&unit=1`. Text in, value out; nothing is opened here.
 *
 * What a converter makes of a serial line is TCP with the frames of that line: `framing=rtu`. Modbus/TCP Security
 * is TCP with `ca`, `cert` and `key`: files in PEM, because both sides must prove who they are.
 */
import type { Result } from '../../base/assert.ts';
import { ok, refused } from '../../base/assert.ts';

export type Parity = 'none' | 'even' | 'odd';

export interface TcpLink {
  readonly kind: 'tcp';
  readonly host: string;
  /** 1 … 65535; 502 unless told, with TLS 802. */
  readonly port: number;
  /** 0 … 255; 1 unless told. */
  readonly unit: number;
  /** RTU frames on the socket, with their CRC and without MBAP, as transparent serial converters pass them on. */
  readonly framing?: 'rtu';
  readonly tls?: TlsFiles;
  /** How long to wait for a reply, in milliseconds; the bus has its own default. */
  readonly timeoutMs?: number;
  /** Where it may listen instead, in the order they are tried: of a profile, never of a link as it is written. */
  readonly otherPorts?: readonly number[];
}

/** Modbus/TCP Security (MB-TCP-Security-v21): TLS in which both sides show a certificate. Names of files in PEM. */
export interface TlsFiles {
  /** Whoever signed the device's certificate; nobody else is believed. */
  readonly ca: string;
  /** Our certificate, and the private key that belongs to it. */
  readonly cert: string;
  readonly key: string;
  /** The name in the device's certificate, where it is not the link's host. */
  readonly name?: string;
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

/** IANA's port of mbap/tls. */
const TLS_PORT = '802';
const TLS_OPTIONS = ['ca', 'cert', 'key', 'name'] as const;
const OPTIONS = {
  tcp: ['unit', 'timeout', 'framing', ...TLS_OPTIONS],
  serial: ['unit', 'timeout', 'baud', 'parity', 'stop'],
} as const;
const TIMEOUT_MAX_MS = 60_000;

export function parseLink(text: string): Result<Link, LinkRefusal> {
  const [place = '', query = '', ...more] = text.split('?');
  const kind = place.startsWith('tcp://') ? 'tcp' : place.startsWith('serial:') ? 'serial' : undefined;
  if (kind === undefined) return refused('scheme', 'a link starts with tcp:// or serial:');
  const options = new URLSearchParams(query);
  const unknown = [...options.keys()].find(key => !OPTIONS[kind].some(known => known === key));
  const twice = [...options.keys()].find((key, at, all) => all.indexOf(key) !== at);
  if (twice !== undefined) return refused('option', `${twice} is there twice`);
  if (unknown !== undefined || more.length > 0)
    return refused('option', `${unknown ?? more.join('?')}: known are ${OPTIONS[kind].join(', ')}`);
  return kind === 'tcp' ? parseTcp(place, options) : parseSerial(place.slice('serial:'.length), options);
}

function parseTcp(place: string, options: URLSearchParams): Result<Link, LinkRefusal> {
  const tls = parseTls(options);
  if (!tls.ok) return tls;
  const [, six, name, portText = tls.value === undefined ? '502' : TLS_PORT] =
    /^tcp:\/\/(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]\s]+))(?::(\d+))?\/?$/.exec(place) ?? [];
  const host = six ?? name;
  const port = whole(portText, 1, 65_535);
  if (host === undefined || port === undefined) return refused('place', 'tcp://host:port, port 1 to 65535');
  const unit = whole(options.get('unit') ?? '1', 0, 255);
  if (unit === undefined) return refused('option', 'unit is 0 to 255');
  const framing = options.get('framing') ?? 'mbap';
  if (framing !== 'mbap' && framing !== 'rtu') return refused('option', 'framing is mbap or rtu');
  const link: TcpLink = {
    kind: 'tcp',
    host,
    port,
    unit,
    ...(framing === 'rtu' ? { framing } : {}),
    ...(tls.value === undefined ? {} : { tls: tls.value }),
  };
  return withTimeout(link, options);
}

/** All of the three files or none: a device that does not ask for a certificate is not secured by half. */
function parseTls(options: URLSearchParams): Result<TlsFiles | undefined, LinkRefusal> {
  if (!TLS_OPTIONS.some(option => options.has(option))) return ok(undefined);
  const [ca, cert, key] = ['ca', 'cert', 'key'].map(option => options.get(option) || undefined);
  if (ca === undefined || cert === undefined || key === undefined)
    return refused('option', 'TLS needs ca, cert and key, each a file');
  const name = options.get('name');
  return ok({ ca, cert, key, ...(name ? { name } : {}) });
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
  if (link.kind === 'tcp') return `${linkAddress(link)}?unit=${link.unit}${timeout}${tcpOptions(link)}`;
  const stop = link.stopBits === 1 ? '' : '&stop=2';
  const line = `baud=${link.baud}&parity=${link.parity}${stop}`;
  return `${linkAddress(link)}?${line}&unit=${link.unit}${timeout}`;
}

function tcpOptions({ framing, tls }: TcpLink): string {
  const files = TLS_OPTIONS.flatMap(option => {
    const value = tls?.[option];
    return value === undefined ? [] : [`&${option}=${encodeURIComponent(value)}`];
  });
  return [framing === undefined ? '' : `&framing=${framing}`, ...files].join('');
}

/** How bytes are framed on a link, whatever carries them. */
export function framingOf(link: Link): 'mbap' | 'rtu' {
  return link.kind === 'serial' ? 'rtu' : (link.framing ?? 'mbap');
}

/** What a link may leave to the device's profile. */
export type LinkGap = 'port' | 'unit';

/** What `text`, a link, does not say itself. A port of TLS is the port of TLS, whatever the device's usual one is. */
export function linkGaps(text: string): readonly LinkGap[] {
  const link = parseLink(text);
  const [place = '', query = ''] = text.split('?');
  const takesPort = link.ok && link.value.kind === 'tcp' && link.value.tls === undefined;
  const port = takesPort && !/:\d+\/?$/.test(place) ? (['port'] as const) : [];
  return [...port, ...(new URLSearchParams(query).has('unit') ? [] : (['unit'] as const))];
}

/** `link` with the ports and the unit of a profile where it left them open. */
export function fillLink(
  link: Link,
  gaps: readonly LinkGap[],
  { unit, ports }: { readonly unit?: number | undefined; readonly ports?: readonly number[] | undefined },
): Link {
  const [port, ...otherPorts] = ports ?? [];
  return {
    ...link,
    ...(unit === undefined || !gaps.includes('unit') ? {} : { unit }),
    ...(port === undefined || !gaps.includes('port') ? {} : { port }),
    ...(otherPorts.length === 0 || !gaps.includes('port') ? {} : { otherPorts }),
  };
}

/** The places where a link may be, in the order they are tried; at least one. */
export function placesOfLink(link: Link): readonly [Link, ...Link[]] {
  if (link.kind === 'serial' || link.otherPorts === undefined) return [link];
  return [link, ...link.otherPorts.map(port => ({ ...link, port }))];
}

function whole(text: string, low: number, high: number): number | undefined {
  const n = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return n >= low && n <= high ? n : undefined;
}
