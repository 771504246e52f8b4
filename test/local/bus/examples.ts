/**
 * Exchanges with expected bytes: the PDUs are the examples of Modbus Application Protocol 1.1b3, 6.3, 6.4, 6.6 and
 * 6.12; their frames were made by pymodbus 3.0.0rc1 (ModbusRtuFramer, ModbusSocketFramer).
 */
import { fromHex } from '../../../src/base/bytes.ts';

export function bytes(hex: string): Uint8Array<ArrayBuffer> {
  const made = fromHex(hex);
  if (made === undefined) throw new Error(`no hexadecimal: ${hex}`);
  return made;
}

/** Request and reply PDUs, and both as RTU frames of unit 17 and MBAP frames of transaction 17, unit 17. */
export const EXCHANGES = [
  {
    name: 'read holding registers (6.3)',
    request: '03006b0003',
    reply: '0306022b00000064',
    requestRtu: '1103006b00037687',
    replyRtu: '110306022b00000064c8ba',
    requestMbap: '0011000000061103006b0003',
    replyMbap: '001100000009110306022b00000064',
    value: { kind: 'read', unit: 17, space: 'holding', address: 0x6b, count: 3 },
    words: [0x022b, 0, 0x64],
  },
  {
    name: 'read input registers (6.4)',
    request: '0400080001',
    reply: '0402000a',
    requestRtu: '110400080001b298',
    replyRtu: '110402000af8f4',
    requestMbap: '001100000006110400080001',
    replyMbap: '001100000005110402000a',
    value: { kind: 'read', unit: 17, space: 'input', address: 8, count: 1 },
    words: [0x0a],
  },
  {
    name: 'write single register (6.6)',
    request: '0600010003',
    reply: '0600010003',
    requestRtu: '1106000100039a9b',
    replyRtu: '1106000100039a9b',
    requestMbap: '001100000006110600010003',
    replyMbap: '001100000006110600010003',
    value: { kind: 'write', unit: 17, address: 1, words: [3], how: 'single' },
    words: [],
  },
  {
    name: 'write multiple registers (6.12)',
    request: '100001000204000a0102',
    reply: '1000010002',
    requestRtu: '11100001000204000a0102c6f0',
    replyRtu: '1110000100021298',
    requestMbap: '00110000000b11100001000204000a0102',
    replyMbap: '001100000006111000010002',
    value: { kind: 'write', unit: 17, address: 1, words: [0x0a, 0x0102], how: 'multiple' },
    words: [],
  },
] as const;
