/**
 * The line as a machine: who may speak, which bytes answer, how long to keep still. Frames as in examples.ts.
 */
import { expect } from 'chai';
import { toHex } from '../../../src/base/bytes.ts';
import { instant, milliseconds } from '../../../src/base/time.ts';
import type { Framing, Line } from '../../../src/local/bus/mod.ts';
import {
  encodeMbap,
  encodeRtu,
  frameSilence,
  giveUp,
  openLine,
  readyAt,
  receive,
  send,
} from '../../../src/local/bus/mod.ts';
import { EXCHANGES, bytes } from './examples.ts';

const [READ] = EXCHANGES;
const SILENCE = 4;
const QUARANTINE = 1000;

function line(framing: Framing): Line {
  return openLine(framing, { silence: milliseconds(SILENCE), quarantine: milliseconds(QUARANTINE) });
}

/** The reply to READ with these words, as the line would hear it after `line` sent its request. */
function reply(of: Line, pdu: string): Uint8Array {
  const frame = { transaction: of.transaction, unit: 17, pdu: bytes(pdu) };
  return of.framing === 'mbap' ? encodeMbap(frame) : encodeRtu(frame);
}

describe('local/bus line', () => {
  for (const framing of ['mbap', 'rtu'] as const) {
    it(`${framing}: sends one request and hands up its answer in the shape of RTU, from any chunking`, () => {
      const expected = READ.replyRtu;
      for (let at = 0; at <= bytes(framing === 'rtu' ? READ.replyRtu : READ.replyMbap).length; at++) {
        const one = line(framing);
        const sent = send(one, bytes(READ.requestRtu), instant(10));
        expect(toHex(sent).slice(framing === 'mbap' ? 4 : 0)).to.equal(
          framing === 'mbap' ? READ.requestMbap.slice(4) : READ.requestRtu,
        );
        expect(readyAt(one)).to.equal(undefined);
        const answer = reply(one, READ.reply);
        const first = receive(one, answer.slice(0, at), instant(20));
        const heard = first ?? receive(one, answer.slice(at), instant(20));
        expect(heard?.kind).to.equal('reply');
        expect(heard?.kind === 'reply' && toHex(heard.adu)).to.equal(expected);
        expect(readyAt(one)).to.equal(20 + SILENCE);
      }
    });

    it(`${framing}: does not send before it is free`, () => {
      const one = line(framing);
      send(one, bytes(READ.requestRtu), instant(10));
      expect(() => send(one, bytes(READ.requestRtu), instant(11))).to.throw('ready');
    });

    it(`${framing}: refuses an answer of another unit, function, length or echo`, () => {
      for (const wrong of [
        '0406022b00000064',
        '0304022b0000',
        '0308022b000000640000',
        '0305022b000000',
        '8402',
      ]) {
        const one = line(framing);
        send(one, bytes(READ.requestRtu), instant(0));
        expect(receive(one, reply(one, wrong), instant(1))?.kind, wrong).to.equal('garbled');
      }
      const one = line(framing);
      send(one, bytes(READ.requestRtu), instant(0));
      const frame = { transaction: one.transaction, unit: 18, pdu: bytes(READ.reply) };
      const other = framing === 'mbap' ? encodeMbap(frame) : encodeRtu(frame);
      expect(receive(one, other, instant(1))?.kind).to.equal('garbled');
    });

    it(`${framing}: keeps still after a timeout, and is free the moment the quarantine ends`, () => {
      const one = line(framing);
      send(one, bytes(READ.requestRtu), instant(0));
      giveUp(one, instant(500));
      expect(readyAt(one)).to.equal(500 + QUARANTINE);
      expect(() => send(one, bytes(READ.requestRtu), instant(499 + QUARANTINE))).to.throw('ready');
      send(one, bytes(READ.requestRtu), instant(500 + QUARANTINE));
    });

    it(`${framing}: swallows a late answer, which ends the quarantine`, () => {
      const one = line(framing);
      send(one, bytes(READ.requestRtu), instant(0));
      giveUp(one, instant(500));
      expect(receive(one, reply(one, READ.reply), instant(600))).to.equal(undefined);
      expect(readyAt(one)).to.equal(600 + SILENCE);
    });

    it(`${framing}: ignores what nobody asked for`, () => {
      const one = line(framing);
      expect(receive(one, reply(one, READ.reply), instant(100))).to.equal(undefined);
      const sent = send(one, bytes(READ.requestRtu), instant(100 + SILENCE));
      expect(sent.length).to.be.greaterThan(0);
      expect(receive(one, reply(one, READ.reply), instant(200))?.kind).to.equal('reply');
    });
  }

  it('mbap: a late answer to an older request is not the answer to the next', () => {
    const one = line('mbap');
    send(one, bytes(READ.requestRtu), instant(0));
    const late = reply(one, READ.reply);
    giveUp(one, instant(10));
    send(one, bytes(READ.requestRtu), instant(10 + QUARANTINE));
    expect(receive(one, late, instant(2000))).to.equal(undefined);
    const fresh = receive(one, reply(one, '0306000100020003'), instant(2001));
    expect(fresh?.kind === 'reply' && toHex(fresh.adu).slice(0, 18)).to.equal('110306000100020003');
  });

  it('mbap: an answer that stopped half way, at any byte, does not swallow the next', () => {
    for (let at = 1; at < bytes(READ.replyMbap).length; at++) {
      const one = line('mbap');
      send(one, bytes(READ.requestRtu), instant(0));
      receive(one, reply(one, READ.reply).slice(0, at), instant(5));
      giveUp(one, instant(10));
      send(one, bytes(READ.requestRtu), instant(10 + QUARANTINE));
      const fresh = receive(one, reply(one, '0306000100020003'), instant(2001));
      expect(fresh?.kind === 'reply' && toHex(fresh.adu).slice(0, 18)).to.equal('110306000100020003');
    }
  });

  it('mbap: an answer may be completed until the quarantine ends, and harms nobody', () => {
    const one = line('mbap');
    send(one, bytes(READ.requestRtu), instant(0));
    const late = reply(one, READ.reply);
    receive(one, late.slice(0, 8), instant(5));
    giveUp(one, instant(10));
    expect(receive(one, late.slice(8), instant(20))).to.equal(undefined);
    expect(readyAt(one)).to.equal(20 + SILENCE);
    send(one, bytes(READ.requestRtu), instant(20 + SILENCE));
    expect(receive(one, reply(one, READ.reply), instant(30))?.kind).to.equal('reply');
  });

  it('mbap: gives no transaction number twice within 65,535 requests', () => {
    const one = line('mbap');
    const seen = new Set<number>();
    for (let i = 0; i < 65_535; i++) {
      send(one, bytes(READ.requestRtu), instant(100 * i));
      seen.add(one.transaction);
      receive(one, reply(one, READ.reply), instant(100 * i));
    }
    expect(seen.size).to.equal(65_535);
    expect(Math.min(...seen)).to.equal(1);
  });

  it('mbap: one corrupted byte of header, function or byte count is never an answer', () => {
    // The values themselves carry no check of their own on TCP; theirs is TCP's.
    for (let at = 0; at < 9; at++)
      for (let flip = 1; flip < 256; flip++) {
        const one = line('mbap');
        send(one, bytes(READ.requestRtu), instant(0));
        const corrupt = reply(one, READ.reply);
        corrupt[at] = (corrupt[at] ?? 0) ^ flip;
        expect(receive(one, corrupt, instant(1))?.kind, `byte ${at} by ${flip}`).to.not.equal('reply');
      }
  });

  it('mbap: a broken stream says so', () => {
    const one = line('mbap');
    send(one, bytes(READ.requestRtu), instant(0));
    expect(receive(one, bytes('485454502f31'), instant(1))?.kind).to.equal('broken');
  });

  it('rtu: after noise it keeps still until the noise has been silent for 50 ms', () => {
    const one = line('rtu');
    send(one, bytes(READ.requestRtu), instant(0));
    expect(receive(one, bytes('ff'), instant(5))?.kind).to.equal('garbled');
    expect(readyAt(one)).to.equal(55);
    receive(one, bytes('ffff'), instant(40));
    expect(readyAt(one)).to.equal(90);
  });

  it('rtu: noise without end does not hold a line for ever', () => {
    const one = line('rtu');
    send(one, bytes(READ.requestRtu), instant(0));
    giveUp(one, instant(500));
    for (let at = 500; at < 20_000; at += 10) receive(one, bytes('ff'), instant(at));
    expect(readyAt(one)).to.equal(500 + 3 * QUARANTINE);
  });

  it('rtu: keeps no more than two frames of noise', () => {
    const one = line('rtu');
    send(one, bytes(READ.requestRtu), instant(0));
    giveUp(one, instant(500));
    for (let i = 0; i < 100; i++) receive(one, new Uint8Array(100), instant(501));
    expect(one.heard.length).to.be.at.most(512);
  });

  it('keeps 3.5 characters of silence, and 1.75 ms above 19,200 baud', () => {
    // 3.5 × 11 bits are 38.5 (Modbus over Serial Line 1.02, 2.5.1.1).
    expect([9600, 19_200, 38_400, 115_200].map(frameSilence)).to.deep.equal([
      38_500 / 9600,
      38_500 / 19_200,
      1.75,
      1.75,
    ]);
  });
});
