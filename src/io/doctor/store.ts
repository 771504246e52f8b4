/** Whether the store can be opened, and what it holds. Changes nothing of it. */
import { inspectStore } from '../store/mod.ts';
import { watch, well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

const REMEDY = {
  foreign: 'name another file (stateFile), or set this one aside',
  newer: 'update the program; the file is untouched',
  damaged:
    'set the file aside and start anew: the utility sends again what holds; keep the file for who looks into it',
  io: 'run this as the user of the gateway; look at dmesg for the disk',
  full: 'make room on the disk',
} as const;

export function checkStore(path: string): Finding {
  const inspected = inspectStore(path);
  if (inspected.ok) {
    const { bytes, damaged } = inspected.value;
    const says = `${path}: ${(bytes / 1e6).toFixed(1)} MB, its pages hold together`;
    if (damaged === 0) return well('store', says);
    return watch(
      'store',
      `${says}; ${damaged} rows were set aside as damaged`,
      'the head end was told; more of them from day to day means a card that fails: replace it',
    );
  }
  if (inspected.refusal === 'absent')
    return well('store', `${path}: not there yet; the first start makes it`);
  return wrong('store', inspected.detail ?? path, REMEDY[inspected.refusal]);
}
