/**
 * What a service manager is told (sd_notify, systemd): that the gateway is ready, that it stops, and that its loops go
 * on. Node has no datagram sockets of the file system, so `systemd-notify` says it, which comes with systemd; the unit
 * has `NotifyAccess=all` for that. Without NOTIFY_SOCKET there is nobody to tell.
 */
import { execFile } from 'node:child_process';

export interface Service {
  /** Never rejects: what cannot be told is told to `onTrouble`, once. */
  tell(...assignments: readonly string[]): Promise<void>;
  /** How often the manager wants to hear that the loops go on, in ms; `undefined` where it does not. */
  readonly watchdogMs: number | undefined;
}

/** As `env` says. */
export function serviceOf(env: NodeJS.ProcessEnv, onTrouble: (why: string) => void): Service | undefined {
  if (env['NOTIFY_SOCKET'] === undefined) return undefined;
  const watchdogUs = Number(env['WATCHDOG_USEC']);
  let failed = false;
  return {
    watchdogMs: watchdogUs > 0 ? watchdogUs / 1000 : undefined,
    tell: (...assignments) =>
      new Promise(resolve => {
        execFile('systemd-notify', assignments, { env, timeout: 10_000 }, error => {
          if (error !== null && !failed) onTrouble(error.message);
          failed = error !== null;
          resolve();
        });
      }),
  };
}
