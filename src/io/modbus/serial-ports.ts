/**
 * The serial ports of this machine by names that survive a restart. The kernel's own numbering (ttyUSB0) changes
 * with the order of plugging in; the links of `by-id` do not. `SerialPort.list()` needs udev, which slim images lack.
 */
import { readdir } from 'node:fs/promises';

const BY_ID = '/dev/serial/by-id';
const DEVICES = '/dev';
/** USB adapters, USB modems and the UART of a Raspberry Pi. */
const LIKELY = /^tty(USB|ACM|AMA)\d+$/;

/** Paths, sorted: those of `by-id`, or where there are none, what looks like a serial adapter. */
export async function serialPorts(): Promise<readonly string[]> {
  const named = await namesIn(BY_ID);
  if (named.length > 0) return named.map(name => `${BY_ID}/${name}`);
  return (await namesIn(DEVICES)).filter(name => LIKELY.test(name)).map(name => `${DEVICES}/${name}`);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch {
    // A machine without serial ports has no such folder.
    return [];
  }
}
