/** A mosquitto of its own for a bench, as it comes but for its queue. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '../../src/base/assert.ts';
import { findProgram } from '../support/needs.ts';
import { freePort } from '../support/port.ts';

/** `queued`: messages it keeps for a client; 0 is no limit. Resolves when it listens. */
export async function startMosquitto(
  folder: string,
  queued: number,
): Promise<{ port: number; process: ChildProcess }> {
  const port = await freePort();
  const config = join(folder, 'mosquitto.conf');
  await writeFile(
    config,
    `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages ${queued}\n`,
  );
  const program = findProgram('mosquitto');
  assert(program !== undefined, 'mosquitto is installed');
  const child = spawn(program, ['-c', config], { stdio: 'ignore' });
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return { port, process: child };
    await sleep(10);
  }
}
