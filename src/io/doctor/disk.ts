/**
 * The disk a folder is on: room, whether it can be written, how much is written a day, and what it says of its own
 * wear. Cards by eMMC tell their wear (JEDEC JESD84-B51, DEVICE_LIFE_TIME_EST and PRE_EOL_INFO); SD cards do not.
 * Reads /sys and /proc of Linux; elsewhere it says what cannot be told.
 */
import { accessSync, constants, readFileSync, realpathSync, statSync, statfsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { watch, well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

/** Below this much room the store drops telemetry, and soon refuses commands, in bytes. */
const LITTLE_ROOM = 64 * 1024 * 1024;
/** What the store itself writes is below 0.1 GB a day; a card of 32 GB bears some 10 GB a day for years. */
const MUCH_A_DAY_GB = 10;
const SECTOR_BYTES = 512;
const DAY_S = 86_400;
/** An uptime shorter than this says nothing about a day, in s. */
const SHORT_UPTIME_S = 600;

/** Room and permission in `folder`. */
export function checkRoom(folder: string): Finding {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    const free = bavail * bsize;
    const says = `${folder}: ${(free / 1e9).toFixed(1)} GB free`;
    if (free < LITTLE_ROOM)
      return wrong(
        'disk',
        says,
        'make room: what is dropped for want of it is lost, and then commands are refused',
      );
    return well('disk', says);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return wrong('disk', `${folder}: ${WHY[code] ?? code}`, REMEDY[code] ?? 'name another place: stateFile');
  }
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder',
  EACCES: 'may not be written by this user',
  EROFS: 'the file system is read-only',
};
const REMEDY: Readonly<Record<string, string>> = {
  ENOENT: 'make it, or name another: stateFile',
  EACCES: 'run this as the user of the gateway, or give it the folder: chown',
  EROFS: 'a card at its end turns read-only: look at dmesg, then remount it or replace the card',
};

/** Wear of the card that `folder` is on, and what was written to it a day since the machine started. */
export function checkWear(folder: string, { sys = '/sys', proc = '/proc' } = {}): Finding {
  const disk = diskOf(folder, sys);
  if (disk === undefined) return well('wear', `what ${folder} is on does not tell its wear`);
  const name = basename(disk);
  const daily = dailyGb(disk, proc);
  const written = daily === undefined ? '' : `, ${daily.toFixed(2)} GB written a day since the start`;
  const used = usedOf(disk);
  const says = `${name}: ${used === undefined ? 'tells no wear' : `at most ${used} % of its life used`}${written}`;
  const replace = 'replace the card soon, with one for industry, and copy the folder of the store onto it';
  const preEnd = read(join(disk, 'device/pre_eol_info'));
  if ((used ?? 0) > 100 || preEnd === '0x03') return wrong('wear', says, replace);
  if ((used ?? 0) >= 80 || preEnd === '0x02') return watch('wear', says, replace);
  if ((daily ?? 0) > MUCH_A_DAY_GB)
    return watch(
      'wear',
      says,
      'find who writes so much (iotop -a); the gateway itself writes below 0.1 GB a day',
    );
  return well('wear', says);
}

/** The folder of sysfs of the whole disk that holds `folder`. */
function diskOf(folder: string, sys: string): string | undefined {
  try {
    const { dev } = statSync(folder, { bigint: true });
    // Major and minor number as glibc packs them (gnu_dev_major).
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
    const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
    const block = realpathSync(join(sys, 'dev/block', `${major}:${minor}`));
    return read(join(block, 'partition')) === undefined ? block : dirname(block);
  } catch {
    return undefined;
  }
}

/** `life_time` holds two estimates in steps of ten per cent, 0x01 being up to 10 and 0x0b past its end. */
function usedOf(disk: string): number | undefined {
  const steps = read(join(disk, 'device/life_time'))
    ?.split(/\s+/)
    .map(Number)
    .filter(step => step > 0);
  return steps === undefined || steps.length === 0 ? undefined : Math.max(...steps) * 10;
}

function dailyGb(disk: string, proc: string): number | undefined {
  // The seventh figure is sectors written (Documentation/block/stat.rst).
  const sectors = Number(read(join(disk, 'stat'))?.split(/\s+/)[6]);
  const uptimeS = Number(read(join(proc, 'uptime'))?.split(' ')[0]);
  if (!Number.isFinite(sectors) || !(uptimeS >= SHORT_UPTIME_S)) return undefined;
  return ((sectors * SECTOR_BYTES) / uptimeS) * (DAY_S / 1e9);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
