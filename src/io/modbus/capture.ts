/**
 * A capture of what went over a line, in the format of pcap (draft-ietf-opsawg-pcap), that Wireshark opens.
 *
 * TCP: each piece of bytes becomes an IPv4 packet with a TCP segment of a connection that is made up (client
 * 192.0.2.1, device 192.0.2.2 port 502, whatever the real addresses), because only the bytes pass here; Wireshark
 * then reads Modbus without being told. Serial: LINKTYPE_RTAC_SERIAL, direction and bytes as they came, so that
 * garbage stays garbage; in Wireshark choose Decode As… Modbus RTU (tshark: `-d rtacser.data,mbrtu`).
 *
 * It is written as it goes: what a crash leaves is a good file.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Link } from '../../local/bus/mod.ts';
import type { Traffic } from './port.ts';

export interface Capture {
  readonly onTraffic: (traffic: Traffic) => void;
  close(): void;
}

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const LINKTYPE_RAW = 101;
const LINKTYPE_RTAC_SERIAL = 250;
const SNAP_LENGTH = 65_535;

/** Starts the file at `path` anew. Throws what the file system says when it cannot be written. */
export function captureFile(path: string, kind: Link['kind']): Capture {
  const file = openSync(path, 'w');
  writeSync(file, fileHeader(kind === 'tcp' ? LINKTYPE_RAW : LINKTYPE_RTAC_SERIAL));
  const packetOf = kind === 'tcp' ? tcpPackets() : rtacPacket;
  return {
    onTraffic: traffic => void writeSync(file, record(packetOf(traffic), microsecondsOf(traffic))),
    close: () => closeSync(file),
  };
}

function fileHeader(linkType: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32BE(MAGIC_MICROSECONDS, 0);
  header.writeUInt16BE(2, 4);
  header.writeUInt16BE(4, 6);
  header.writeUInt32BE(SNAP_LENGTH, 16);
  header.writeUInt32BE(linkType, 20);
  return header;
}

function record(packet: Uint8Array, atUs: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32BE(Math.floor(atUs / 1e6), 0);
  header.writeUInt32BE(atUs % 1e6, 4);
  header.writeUInt32BE(packet.length, 8);
  header.writeUInt32BE(packet.length, 12);
  return Buffer.concat([header, packet]);
}

function microsecondsOf({ atMs }: Traffic): number {
  return Math.floor((performance.timeOrigin + atMs) * 1000);
}

/** Header of Schweitzer's serial captures: time, event (1 sent, 2 received), control lines, footer. */
function rtacPacket(traffic: Traffic): Buffer {
  const header = Buffer.alloc(12);
  const atUs = microsecondsOf(traffic);
  header.writeUInt32BE(Math.floor(atUs / 1e6), 0);
  header.writeUInt32BE(atUs % 1e6, 4);
  header[8] = traffic.direction === 'sent' ? 1 : 2;
  return Buffer.concat([header, traffic.bytes]);
}

const MODBUS_PORT = 502;
const CLIENT = { address: [192, 0, 2, 1], port: 49_152 } as const;
const DEVICE = { address: [192, 0, 2, 2], port: MODBUS_PORT } as const;
const IP_HEADER = 20;
const TCP_HEADER = 20;
const PUSH_ACK = 0x18;

/** Packets of one made-up connection: each side's sequence numbers go on without a gap. */
function tcpPackets(): (traffic: Traffic) => Buffer {
  const next = { sent: 1, received: 1 };
  return ({ direction, bytes }) => {
    const [from, to, other] =
      direction === 'sent' ? ([CLIENT, DEVICE, 'received'] as const) : ([DEVICE, CLIENT, 'sent'] as const);
    const packet = Buffer.alloc(IP_HEADER + TCP_HEADER);
    packet[0] = 0x45;
    packet.writeUInt16BE(packet.length + bytes.length, 2);
    packet[8] = 64;
    packet[9] = 6;
    packet.set([...from.address, ...to.address], 12);
    packet.writeUInt16BE(internetChecksum(packet.subarray(0, IP_HEADER)), 10);
    packet.writeUInt16BE(from.port, IP_HEADER);
    packet.writeUInt16BE(to.port, IP_HEADER + 2);
    packet.writeUInt32BE(next[direction], IP_HEADER + 4);
    packet.writeUInt32BE(next[other], IP_HEADER + 8);
    packet[IP_HEADER + 12] = (TCP_HEADER / 4) << 4;
    packet[IP_HEADER + 13] = PUSH_ACK;
    packet.writeUInt16BE(0xffff, IP_HEADER + 14);
    next[direction] = (next[direction] + bytes.length) >>> 0;
    const whole = Buffer.concat([packet, bytes]);
    whole.writeUInt16BE(tcpChecksum(whole), IP_HEADER + 16);
    return whole;
  };
}

/** RFC 9293, 3.1: over a pseudo-header of addresses, protocol and length, then header and data. */
function tcpChecksum(packet: Buffer): number {
  const segment = packet.subarray(IP_HEADER);
  const pseudo = Buffer.from([...packet.subarray(12, 20), 0, 6, segment.length >>> 8, segment.length & 0xff]);
  return internetChecksum(Buffer.concat([pseudo, segment]));
}

/** RFC 1071: the one's complement of the one's complement sum of all 16-bit words. */
function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
