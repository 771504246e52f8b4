/**
 * One line to one or more devices as a machine: who may speak, what was heard, and how long to keep still. There
 * is one request on the line at a time. Requests and replies go in and out in the shape of RTU (unit, PDU, CRC),
 * which is what modbus-serial speaks; on the wire they are framed as the line demands.
 *
 * After a timeout the line is in quarantine: the answer may still come, and on a serial line nothing tells it from
 * the answer to the next request. It ends when the late answer has come, or after a silent while; what was given up
 * stays in doubt (doubts.ts) until the device has answered something that cannot be mistaken.
 *
 * Instants and durations may have fractions of a millisecond here: silence on a line is shorter than two.
 */
import { assert } from '../../base/assert.ts';
import { concat } from '../../base/bytes.ts';
import type { Duration, Instant } from '../../base/time.ts';
import { after, instant, milliseconds } from '../../base/time.ts';
import { afterAnswer, withDoubt, withoutOne } from './doubts.ts';
import type { Doubt } from './doubts.ts';
import type { MbapParser } from './mbap.ts';
import { encodeMbap, feedMbap, forgetHalf, mbapParser } from './mbap.ts';
import { checkReply, decodeRequest } from './pdu.ts';
import type { RtuFrame } from './rtu.ts';
import { decodeRtu, encodeRtu, judgeRtuReply } from './rtu.ts';

export interface LineTiming {
  /** Stillness between two frames: 3.5 characters on a serial line, a device's own gap, or 0. */
  readonly silence: Duration;
  /** How long after a timeout a late answer is waited for. */
  readonly quarantine: Duration;
}

export type Framing = 'mbap' | 'rtu';

type State =
  /** Nobody speaks; the next request may go at `quietAt`. */
  | { readonly kind: 'idle'; readonly quietAt: Instant }
  | { readonly kind: 'waiting'; readonly request: RtuFrame }
  /** `request` went unanswered, or was answered with noise. Free at `until`, and at `atLatest` though bytes keep coming. */
  | {
      readonly kind: 'quarantine';
      readonly request: RtuFrame;
      readonly until: Instant;
      readonly atLatest: Instant;
    };

export interface Line {
  readonly framing: Framing;
  readonly timing: LineTiming;
  /** The MBAP transaction of the last request, 1 … 65535 and around: a number comes back after 65,535 others. */
  transaction: number;
  readonly parser: MbapParser;
  /** RTU bytes since the last request: no more than {@link HEARD_MAX}. */
  heard: Uint8Array;
  state: State;
  /** Only where frames are RTU. */
  doubts: readonly Doubt[];
}

/** Bytes kept of what a serial line says to one request: two of the longest frames. Beyond, it is noise and dropped. */
const HEARD_MAX = 512;
/** After noise, bytes that belong to it come within this: USB adapters hand them over in chunks 16 ms apart. */
const NOISE_SILENCE = milliseconds(50);
const MAX_TRANSACTION = 0xffff;
const NOTHING = new Uint8Array(0);

/** `doubts`: of the line that was open before this one, to the same devices. */
export function openLine(framing: Framing, timing: LineTiming, doubts: readonly Doubt[] = []): Line {
  const state: State = { kind: 'idle', quietAt: instant(0) };
  return { framing, timing, transaction: 0, parser: mbapParser(), heard: NOTHING, state, doubts };
}

/** When the next request may be sent; `undefined` while one is unanswered. */
export function readyAt(line: Line): Instant | undefined {
  const { state } = line;
  if (state.kind === 'waiting') return undefined;
  return state.kind === 'idle' ? state.quietAt : earlier(state.until, state.atLatest);
}

/** The bytes to write for `adu`, a request in the shape of RTU. The line must be ready. */
export function send(line: Line, adu: Uint8Array, now: Instant): Uint8Array {
  const free = readyAt(line);
  assert(free !== undefined && free <= now, 'a request is sent on a line that is ready');
  const request = decodeRtu(adu);
  assert(request !== undefined, 'a request is a whole RTU frame');
  line.state = { kind: 'waiting', request };
  line.heard = NOTHING;
  if (line.framing === 'rtu') return adu;
  // What is half here belongs to an answer that was given up, and the quarantine was its time to be completed.
  forgetHalf(line.parser);
  line.transaction = (line.transaction % MAX_TRANSACTION) + 1;
  return encodeMbap({ transaction: line.transaction, ...request });
}

/** What bytes from the wire mean to the request on the line. */
export type Heard =
  /** Its answer, checked, in the shape of RTU. */
  | { readonly kind: 'reply'; readonly adu: Uint8Array }
  /** Bytes that are not its answer. */
  | { readonly kind: 'garbled'; readonly why: string }
  /** The stream is beyond repair: end the connection. */
  | { readonly kind: 'broken'; readonly why: string };

/** Takes bytes as they come. `undefined`: nothing to tell (more must come, or nobody waits for these). */
export function receive(line: Line, bytes: Uint8Array, now: Instant): Heard | undefined {
  return line.framing === 'mbap' ? receiveMbap(line, bytes, now) : receiveRtu(line, bytes, now);
}

function receiveMbap(line: Line, bytes: Uint8Array, now: Instant): Heard | undefined {
  const { frames, broken } = feedMbap(line.parser, bytes);
  // A late answer carries an older transaction, and is dropped.
  const frame = frames.find(({ transaction }) => transaction === line.transaction);
  const { state } = line;
  if (frame !== undefined && state.kind !== 'idle') {
    settle(line, now);
    if (state.kind === 'waiting') return judgeMbap(state.request, frame);
  }
  return broken === undefined ? undefined : { kind: 'broken', why: broken };
}

function judgeMbap(request: RtuFrame, reply: RtuFrame): Heard {
  if (reply.unit !== request.unit) return { kind: 'garbled', why: `unit ${reply.unit}, not ${request.unit}` };
  const checked = checkReply(request.pdu, reply.pdu);
  if (!checked.ok) return { kind: 'garbled', why: checked.detail ?? checked.refusal };
  return { kind: 'reply', adu: encodeRtu(reply) };
}

function receiveRtu(line: Line, bytes: Uint8Array, now: Instant): Heard | undefined {
  const { state } = line;
  if (state.kind === 'idle') {
    // Nobody asks: a very late answer, noise, or a device that speaks out of turn. Stillness keeps it from the next.
    const late = line.doubts.find(({ frame }) => judgeRtuReply(frame, bytes).kind === 'reply');
    if (late !== undefined) line.doubts = withoutOne(line.doubts, late.request);
    settle(line, now);
    return undefined;
  }
  line.heard = concat([line.heard, bytes]).slice(0, HEARD_MAX);
  const heard = judgeRtuReply(state.request, line.heard);
  if (state.kind === 'quarantine') {
    if (heard.kind === 'reply') {
      line.doubts = withoutOne(line.doubts, doubtOf(state.request, now).request);
      settle(line, now);
    } else line.state = { ...state, until: later(state.until, after(now, noiseSilence(line))) };
    return undefined;
  }
  if (heard.kind === 'more') return undefined;
  const asked = doubtOf(state.request, now);
  if (heard.kind === 'garbled') {
    // What came may be a late answer; then its own is still to come.
    if (line.doubts.some(doubt => doubt.request.unit === asked.request.unit))
      line.doubts = withDoubt(line.doubts, asked);
    quarantine(line, state.request, { now, wait: noiseSilence(line) });
    return heard;
  }
  const exception = heard.frame.pdu[0] !== state.request.pdu[0];
  line.doubts = afterAnswer(line.doubts, asked, { exception });
  settle(line, now);
  return { kind: 'reply', adu: encodeRtu(heard.frame) };
}

/** What was sent, should its answer not be told from others. */
function doubtOf(frame: RtuFrame, since: Instant): Doubt {
  const decoded = decodeRequest(frame.unit, frame.pdu);
  assert('request' in decoded, 'only requests that can be answered are sent');
  return { request: decoded.request, frame, since };
}

/** The request on the line is given up: its answer did not come in time. */
export function giveUp(line: Line, now: Instant): void {
  const { state } = line;
  if (state.kind !== 'waiting') return;
  if (line.framing === 'rtu') line.doubts = withDoubt(line.doubts, doubtOf(state.request, now));
  quarantine(line, state.request, { now, wait: line.timing.quarantine });
}

function settle(line: Line, now: Instant): void {
  line.state = { kind: 'idle', quietAt: after(now, line.timing.silence) };
}

function quarantine(line: Line, request: RtuFrame, { now, wait }: { now: Instant; wait: Duration }): void {
  const atLatest = after(after(now, wait), milliseconds(2 * line.timing.quarantine));
  line.state = { kind: 'quarantine', request, until: after(now, wait), atLatest };
}

function noiseSilence(line: Line): Duration {
  return line.timing.silence > NOISE_SILENCE ? line.timing.silence : NOISE_SILENCE;
}

function earlier(a: Instant, b: Instant): Instant {
  return a < b ? a : b;
}

function later(a: Instant, b: Instant): Instant {
  return a > b ? a : b;
}

/**
 * 3.5 characters of 11 bits; 1.75 ms above 19,200 baud (Modbus over Serial Line 1.02, 2.5.1.1). Not rounded: a whole
 * millisecond more would cost a fast line a twentieth of its time.
 */
export function frameSilence(baud: number): Duration {
  return milliseconds(baud > 19_200 ? 1.75 : (3.5 * 11 * 1000) / baud);
}

/** How long the longest request and the longest reply take on a serial line of `baud`. */
export function transferTime(baud: number): Duration {
  return milliseconds(Math.ceil((2 * 256 * 11 * 1000) / baud));
}
