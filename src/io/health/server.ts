/**
 * `/metrics`, `/healthz` and `/readyz`, for programs on this machine: it listens at the loopback alone, because what it
 * tells (when nobody draws power) is not for the home network. It answers GET and does nothing.
 */
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { assert, ok, refused, troubleOf } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { CONTENT_TYPE, exposition } from './exposition.ts';
import type { Metric } from './exposition.ts';

export interface HealthSource {
  metrics(): readonly Metric[];
  /** Why the process should be started anew; nothing while all is well. */
  unhealthy(): readonly string[];
  /** Why no command could be carried out now; nothing while one could. */
  unready(): readonly string[];
}

export interface HealthServer {
  readonly url: string;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 16;
const HEADERS_WITHIN_MS = 5000;

/** `unavailable`: the port is taken, or not ours to take; the detail says which and what to change. */
export function startHealthServer(
  port: number,
  source: HealthSource,
): Promise<Result<HealthServer, 'unavailable'>> {
  const server = createServer(
    { headersTimeout: HEADERS_WITHIN_MS, requestTimeout: 10_000 },
    (request, response) => {
      if (request.method !== 'GET') return send(response, 405, 'text/plain', 'GET alone is answered here\n');
      answer(request.url?.split('?', 1)[0] ?? '', response, source);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise(resolve => {
    server.once('error', error =>
      resolve(
        refused(
          'unavailable',
          `monitor: 127.0.0.1:${port}: ${troubleOf(error)}; choose another port (monitor.port)`,
        ),
      ),
    );
    server.listen(port, '127.0.0.1', () => resolve(ok(listening(server))));
  });
}

function listening(server: Server): HealthServer {
  const address = server.address();
  assert(typeof address === 'object' && address !== null, 'a listening TCP server has a port');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(path: string, response: ServerResponse, source: HealthSource): void {
  switch (path) {
    case '/metrics':
      return send(response, 200, CONTENT_TYPE, exposition(source.metrics()));
    case '/healthz':
      return sendState(response, source.unhealthy());
    case '/readyz':
      return sendState(response, source.unready());
    default:
      return send(response, 404, 'text/plain', 'there are /metrics, /healthz and /readyz\n');
  }
}

function sendState(response: ServerResponse, why: readonly string[]): void {
  const is = why.length === 0;
  send(response, is ? 200 : 503, 'application/json', `${JSON.stringify({ ok: is, why })}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}
