/** Frames of Modbus, both ways, against the examples of the specification. */
import { expect } from 'chai';
import * as fc from 'fast-check';
import { concat, sameBytes, toHex } from '../../../src/base/bytes.ts';
import { crc16 } from '../../../src/local/bus/crc16.ts';
import {
  checkReply,
  decodeRequest,
  decodeRtu,
  encodeException,
  encodeMbap,
  encodeReply,
  encodeRtu,
  endOfSilence,
  feedMbap,
  feedRtu,
  judgeRtuReply,
  mbapParser,
  rtuParser,
} from '../../../src/local/bus/mod.ts';

import { EXCHANGES, bytes } from './examples.ts';

describe('local/bus frames', () => {
  it('computes the CRC of the example in Modbus over Serial Line 1.02, 6.2.2', () => {
    expect(crc16(bytes('0207'))).to.equal(0x1241);
  });

  for (const each of EXCHANGES) {
    it(`frames ${each.name} as pymodbus does, on TCP and on a serial line`, () => {
      for (const [pdu, rtu, mbap] of [
        [each.request, each.requestRtu, each.requestMbap],
        [each.reply, each.replyRtu, each.replyMbap],
      ] as const) {
        expect(toHex(encodeRtu({ unit: 17, pdu: bytes(pdu) }))).to.equal(rtu);
        expect(toHex(encodeMbap({ transaction: 17, unit: 17, pdu: bytes(pdu) }))).to.equal(mbap);
        expect(toHex(decodeRtu(bytes(rtu))?.pdu ?? bytes(''))).to.equal(pdu);
      }
    });

    it(`reads and answers ${each.name} as a server`, () => {
      expect(decodeRequest(17, bytes(each.request))).to.deep.equal({ request: each.value });
      expect(toHex(encodeReply(bytes(each.request), each.words))).to.equal(each.reply);
    });

    it(`takes the answer to ${each.name}, and its exception, and nothing longer or shorter`, () => {
      const [request, reply] = [bytes(each.request), bytes(each.reply)];
      expect(checkReply(request, reply)).to.deep.equal({ ok: true, value: 'normal' });
      const exception = encodeException(request, 2);
      expect(checkReply(request, exception)).to.deep.equal({ ok: true, value: 'exception' });
      for (const wrong of [
        concat([reply, bytes('00')]),
        reply.slice(0, -1),
        concat([exception, bytes('00')]),
        exception.slice(0, 1),
        bytes(''),
      ])
        expect(checkReply(request, wrong)).to.include({ ok: false, refusal: 'garbled' });
    });

    it(`finds ${each.name} in any chunking of a TCP stream`, () => {
      const stream = bytes(each.replyMbap + each.requestMbap);
      for (let at = 0; at <= stream.length; at++) {
        const parser = mbapParser();
        const frames = [stream.slice(0, at), stream.slice(at)].flatMap(part => feedMbap(parser, part).frames);
        expect(frames.map(frame => toHex(frame.pdu))).to.deep.equal([each.reply, each.request]);
        expect(frames.every(frame => frame.transaction === 17 && frame.unit === 17)).to.equal(true);
      }
    });

    it(`finds requests to ${each.name} in any chunking of a serial stream`, () => {
      const stream = bytes(each.requestRtu + each.requestRtu);
      for (let at = 0; at <= stream.length; at++) {
        const parser = rtuParser();
        const frames = [stream.slice(0, at), stream.slice(at)].flatMap(part => feedRtu(parser, part));
        expect(frames.map(frame => toHex(frame.pdu))).to.deep.equal([each.request, each.request]);
      }
    });

    it(`waits for the whole serial reply to ${each.name}, byte by byte`, () => {
      const request = { unit: 17, pdu: bytes(each.request) };
      const reply = bytes(each.replyRtu);
      for (let at = 0; at < reply.length; at++)
        expect(judgeRtuReply(request, reply.slice(0, at))).to.deep.equal({ kind: 'more' });
      expect(judgeRtuReply(request, reply)).to.include({ kind: 'reply' });
      expect(judgeRtuReply(request, concat([reply, bytes('00')]))).to.include({ kind: 'garbled' });
    });

    it(`never takes a serial reply to ${each.name} with one corrupted byte, whatever the corruption`, () => {
      const request = { unit: 17, pdu: bytes(each.request) };
      const reply = bytes(each.replyRtu);
      for (let at = 0; at < reply.length; at++)
        for (let flip = 1; flip < 256; flip++) {
          const corrupt = reply.slice();
          corrupt[at] = (corrupt[at] ?? 0) ^ flip;
          expect(judgeRtuReply(request, corrupt).kind).to.not.equal('reply');
        }
    });

    it(`never answers a corrupted serial request to ${each.name}`, () => {
      const request = bytes(each.requestRtu);
      for (let at = 0; at < request.length; at++)
        for (let flip = 1; flip < 256; flip++) {
          const corrupt = request.slice();
          corrupt[at] = (corrupt[at] ?? 0) ^ flip;
          const parser = rtuParser();
          expect(feedRtu(parser, corrupt)).to.deep.equal([]);
          expect(endOfSilence(parser)).to.equal(undefined);
        }
    });
  }

  it('ends a TCP stream whose header is broken, and keeps the frames before it', () => {
    const good = EXCHANGES[0].replyMbap;
    for (const bad of ['001100010006', '001100000000', '001100000001', '0011000000ff', '0011ffff0006']) {
      const { frames, broken } = feedMbap(mbapParser(), bytes(good + bad));
      expect(frames).to.have.length(1);
      expect(broken).to.be.a('string');
    }
  });

  it('finds every frame of a random TCP stream in random chunks', () => {
    const frame = fc.record({
      transaction: fc.nat(0xffff),
      unit: fc.nat(255),
      pdu: fc.uint8Array({ minLength: 1, maxLength: 253 }),
    });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 5 }),
        fc.array(fc.nat(300), { maxLength: 12 }),
        (sent, cuts) => {
          const stream = concat(sent.map(encodeMbap));
          const parser = mbapParser();
          let at = 0;
          const heard = [...cuts, stream.length].flatMap(length => {
            const part = stream.slice(at, at + length);
            at += part.length;
            return feedMbap(parser, part).frames;
          });
          expect(heard.length).to.equal(sent.length);
          heard.forEach(({ transaction, unit, pdu }, i) => {
            expect({ transaction, unit }).to.deep.equal({
              transaction: sent[i]?.transaction,
              unit: sent[i]?.unit,
            });
            expect(sameBytes(pdu, sent[i]?.pdu ?? bytes(''))).to.equal(true);
          });
        },
      ),
    );
  });

  it('refuses as a server what the specification says is refused', () => {
    for (const [pdu, exception] of [
      ['2b0e0100', 1],
      ['0100000001', 1],
      ['0300000000', 3],
      ['030000007e', 3],
      ['03000000', 3],
      ['100000000000', 3],
      ['1000000001040001', 3],
      ['10000000010200', 3],
      ['06000000', 3],
    ] as const)
      expect(decodeRequest(1, bytes(pdu)), pdu).to.deep.equal({ exception });
  });

  it('lets silence end a request whose length only silence can tell, and forgets noise', () => {
    const parser = rtuParser();
    // Read device identification of unit 17 (6.21); the CRC is pymodbus's.
    expect(feedRtu(parser, bytes('112b0e0100b1b4'))).to.deep.equal([]);
    expect(toHex(endOfSilence(parser)?.pdu ?? bytes(''))).to.equal('2b0e0100');
    expect(feedRtu(parser, bytes('ffff'))).to.deep.equal([]);
    expect(endOfSilence(parser)).to.equal(undefined);
    expect(feedRtu(parser, bytes(EXCHANGES[0].requestRtu))).to.have.length(1);
  });

  it('keeps no more than one frame of serial noise', () => {
    const parser = rtuParser();
    for (let i = 0; i < 100; i++) feedRtu(parser, new Uint8Array(64).fill(0xff));
    expect(parser.buffered.length).to.be.at.most(257);
  });
});
