/** Whether this machine's clock can be believed: its date, and whether anybody keeps it right. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { UnixTime } from '../../base/time.ts';
import { FIRST_DATE } from '../../wan/clock/mod.ts';
import { watch, well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

const SET_IT = 'let it be set over the network: timedatectl set-ntp true, or install chrony';

export interface ClockSource {
  /** What `timedatectl show -p NTPSynchronized --value` answers; `undefined` where nobody does. */
  readonly synchronized: () => Promise<string | undefined>;
  readonly hasBatteryClock: () => boolean;
}

export const machineClock: ClockSource = {
  synchronized: () =>
    new Promise(resolve => {
      execFile('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'], { timeout: 5000 }, (error, out) =>
        resolve(error === null ? out.trim() : undefined),
      );
    }),
  hasBatteryClock: () => existsSync('/dev/rtc0'),
};

export async function checkClock(now: UnixTime, source: ClockSource = machineClock): Promise<Finding> {
  const date = new Date(now).toISOString();
  if (now < FIRST_DATE) return wrong('clock', `the date is ${date}, which is before this program`, SET_IT);
  const battery = source.hasBatteryClock() ? '' : '; no battery keeps it while the power is off';
  const synchronized = await source.synchronized();
  if (synchronized === 'yes') return well('clock', `${date}, kept right over the network${battery}`);
  if (synchronized === 'no') return wrong('clock', `${date}, and nobody keeps it right${battery}`, SET_IT);
  const look = 'see to it that something keeps it right: ntp, chrony, or the host of this container';
  return watch('clock', `${date}; who keeps it right cannot be told here${battery}`, look);
}
