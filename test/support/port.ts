/**
 * Ports for programs that cannot be told "any free one". Our own servers take port 0 and need nothing of this.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A TCP port of the loopback that was free a moment ago; another program may still be faster. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}
