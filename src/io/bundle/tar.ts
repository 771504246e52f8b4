/**
 * Files as one .tar.gz: the ustar format of POSIX.1-1988 (512-byte headers, numbers in octal), which every tar reads.
 * For small files with short names alone.
 */
import { gzipSync } from 'node:zlib';
import { assert } from '../../base/assert.ts';
import type { UnixTime } from '../../base/time.ts';

export interface BundledFile {
  /** At most 100 letters of ASCII. */
  readonly name: string;
  readonly text: string;
}

const BLOCK = 512;

export function tarGz(files: readonly BundledFile[], at: UnixTime): Uint8Array {
  const blocks = files.flatMap(file => blocksOf(file, at));
  // Two empty blocks end an archive.
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]));
}

function blocksOf({ name, text }: BundledFile, at: UnixTime): readonly Buffer[] {
  const body = Buffer.from(text, 'utf8');
  const padding = Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK);
  return [headerOf(name, body.length, at), body, padding];
}

function headerOf(name: string, bytes: number, at: UnixTime): Buffer {
  assert(/^[\x20-\x7e]{1,100}$/.test(name), 'a name that fits into a header');
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  header.write(name, 0);
  header.write(`${octal(0o600, 7)}\0`, 100);
  header.write(`${octal(0, 7)}\0`, 108);
  header.write(`${octal(0, 7)}\0`, 116);
  header.write(`${octal(bytes, 11)}\0`, 124);
  header.write(`${octal(Math.floor(at / 1000), 11)}\0`, 136);
  // The checksum is counted with blanks in its own place.
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  return header;
}
