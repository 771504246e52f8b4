/**
 * A broker inside the process, for the demo and for tests: aedes, on the loopback unless told otherwise. It
 * keeps sessions and retained messages in memory and lets everybody do everything; a real deployment has a
 * broker of its own.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { Aedes } from 'aedes';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';

export interface EmbeddedBroker {
  /** `mqtt://127.0.0.1:1883`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Drops every client and frees the port; sessions are gone. */
  close(): Promise<void>;
}

export interface EmbeddedBrokerOptions {
  /** 0: any free one. */
  readonly port: number;
  /** `127.0.0.1` unless given. */
  readonly host?: string;
}

/** `port-in-use`: another program listens there. `cannot-listen`: no right to, or no such address. */
export type ListenRefusal = 'port-in-use' | 'cannot-listen';

/** A client that takes nothing for this long is dropped, in ms; the rest of the fleet does not wait for it. */
const DRAIN_TIMEOUT_MS = 5000;

/** Listens when it resolves. */
export async function startEmbeddedBroker({
  port,
  host = '127.0.0.1',
}: EmbeddedBrokerOptions): Promise<Result<EmbeddedBroker, ListenRefusal>> {
  const aedes = await Aedes.createBroker({ drainTimeout: DRAIN_TIMEOUT_MS });
  const server = createServer({ noDelay: true }, socket => {
    // A reset before CONNECT belongs to nobody else.
    socket.on('error', () => {});
    aedes.handle(socket);
  });
  const trouble = await listen(server, port, host);
  if (trouble !== undefined) {
    await closed(done => aedes.close(done));
    return trouble.code === 'EADDRINUSE'
      ? refused('port-in-use', `another program listens on ${host}:${port} already`, 'later')
      : refused('cannot-listen', `${host}:${port}: ${trouble.message}`);
  }
  const address = server.address() as AddressInfo;
  return ok({
    url: `mqtt://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    host,
    port: address.port,
    close: async () => {
      await Promise.all([closed(done => server.close(done)), closed(done => aedes.close(done))]);
    },
  });
}

function listen(server: Server, port: number, host: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise(resolve => {
    server.once('error', resolve);
    server.listen(port, host, () => {
      server.off('error', resolve);
      resolve(undefined);
    });
  });
}

/** `close` as a promise; closing what is closed already is fine. */
function closed(close: (done: () => void) => void): Promise<void> {
  return new Promise(resolve => close(() => resolve()));
}
