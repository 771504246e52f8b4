/** Devices served by a process of their own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Wanted } from './devices-process.ts';

export interface Served {
  readonly ports: readonly number[];
  close(): Promise<void>;
}

export async function serveDevices(wanted: Wanted): Promise<Served> {
  const child = fork(new URL('devices-process.ts', import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send(wanted);
  const [ports] = (await once(child, 'message')) as [number[]];
  const close = async (): Promise<void> => {
    const exit = once(child, 'exit');
    child.kill();
    await exit;
  };
  return { ports, close };
}

/** The time and processor time of this process that `work` takes, both in ms. */
export async function costOf(
  work: () => Promise<unknown>,
): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const used = process.cpuUsage(cpu);
  return { ms: performance.now() - start, cpuMs: (used.user + used.system) / 1000 };
}
