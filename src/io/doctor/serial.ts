/** Whether the serial ports of the links are there, ours to use, and named so that they stay the same. */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { watch, well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

/** `known`: the ports of this machine by lasting names, as `serialPorts()` finds them. */
export function checkSerial(path: string, known: readonly string[]): Finding {
  const check = 'serial';
  try {
    if (!statSync(path).isCharacterDevice()) return wrong(check, `${path}: is no serial port`, listed(known));
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT') return wrong(check, `${path}: there is no such port`, listed(known));
    const user = userInfo().username;
    const remedy = `give it the port: usermod -a -G dialout ${user}, then log in anew; the service has the group already`;
    return wrong(check, `${path}: ${user} may not use it (${code})`, remedy);
  }
  const lasting = known.find(name => name !== path && sameFile(name, path));
  if (lasting !== undefined)
    return watch(
      check,
      `${path}: there, by a name that changes with the order of plugging in`,
      `write ${lasting}`,
    );
  return well(check, `${path}: there, and ours to use`);
}

function listed(known: readonly string[]): string {
  return known.length === 0
    ? 'plug the adapter in; no serial adapter is seen on this machine'
    : `plug it in, or name one of ${known.join(', ')}`;
}

function sameFile(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    return false;
  }
}
