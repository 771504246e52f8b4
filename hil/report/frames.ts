/**
 * What was said on the line, as text beside the report: one line a request and one a reply, as PDUs in hex, under the
 * check that said them. Replies that were checked are exactly these bytes; one that was not is told in words.
 */
import { toHex } from '../../src/base/bytes.ts';
import type { ModbusReply, ModbusRequest } from '../../src/local/bus/mod.ts';
import { encodeException, encodeReply } from '../../src/local/bus/mod.ts';

export interface ToldExchange {
  readonly request: ModbusRequest;
  readonly reply: ModbusReply;
  readonly sentMs: number;
  readonly answeredMs: number;
}

/** A suite on one device says some thousands; beyond this something loops, and memory is worth more than its words. */
const LINES_MAX = 200_000;

export class FrameLog {
  readonly #lines: string[] = [];
  #dropped = 0;

  /** A heading: what follows was said for `id`. */
  check(id: string): void {
    this.#add(`# ${id}`);
  }

  exchange({ request, reply, sentMs, answeredMs }: ToldExchange): void {
    const pdu = requestPdu(request);
    this.#add(`${time(sentMs)} > ${request.unit} ${toHex(pdu)}`);
    this.#add(`${time(answeredMs)} < ${request.unit} ${replyText(pdu, reply)}`);
  }

  /** Bytes of the bare line, as they were sent and heard. */
  raw(direction: '>' | '<', bytes: Uint8Array, atMs: number): void {
    if (bytes.length > 0) this.#add(`${time(atMs)} ${direction} raw ${toHex(bytes)}`);
  }

  text(): string {
    const head =
      '# ms since start, > to the device or < from it, unit, PDU in hex; "raw": all bytes of the frame\n';
    const tail = this.#dropped === 0 ? '' : `# ${this.#dropped} further lines were dropped\n`;
    return `${head}${this.#lines.join('\n')}\n${tail}`;
  }

  #add(line: string): void {
    if (this.#lines.length < LINES_MAX) this.#lines.push(line);
    else this.#dropped += 1;
  }
}

/** Modbus Application Protocol 1.1b3, 6.3, 6.4, 6.6 and 6.12. */
function requestPdu(request: ModbusRequest): Uint8Array {
  const { address } = request;
  const at = [address >>> 8, address & 0xff];
  if (request.kind === 'read')
    return Uint8Array.of(request.space === 'holding' ? 3 : 4, ...at, 0, request.count);
  const words = request.words.flatMap(word => [word >>> 8, word & 0xff]);
  if (request.how === 'single') return Uint8Array.of(6, ...at, ...words.slice(0, 2));
  return Uint8Array.of(16, ...at, 0, request.words.length, words.length, ...words);
}

function replyText(request: Uint8Array, reply: ModbusReply): string {
  if (reply.ok) return toHex(encodeReply(request, reply.words));
  if (reply.exception !== undefined) return toHex(encodeException(request, reply.exception));
  return `${reply.refusal}: ${reply.detail ?? ''}`;
}

function time(ms: number): string {
  return ms.toFixed(1).padStart(10);
}
