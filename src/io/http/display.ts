/**
 * The customer display's server: one page, what it shows, and what a person may ask. It hands every request
 * to the gateway and decides nothing; it knows no code and no event. Loopback unless told otherwise.
 */
import { hrtime } from 'node:process';
import Fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { assert } from '../../base/assert.ts';
import { instant } from '../../base/time.ts';
import type { DisplayPort } from '../../gateway/mod.ts';
import { isId } from '../../model/mod.ts';
import type { MRID, PremiseReply, PremiseRequest } from '../../model/mod.ts';
import { dataFile } from '../files.ts';
import { isOurHost, isSameOrigin, takeTurn } from './guard.ts';
import type { RateLimit } from './guard.ts';
import { LiveViews } from './live.ts';
import { readPages } from './pages.ts';
import type { Page } from './pages.ts';

export interface DisplayOptions {
  /** Address to listen at; `127.0.0.1` unless given. `0.0.0.0` opens the display to the home network. */
  readonly host?: string;
  /** 0 … 65535; 0 takes any free one. */
  readonly port: number;
  /** Names besides `localhost` under which screens reach this server, as in `underglass.local`. */
  readonly names?: readonly string[];
  /** Answers what a person asked. A rejection is answered as `internal`. */
  readonly onRequest: (request: PremiseRequest) => Promise<PremiseReply>;
  /** The folder of the built pages, ending in `/`; the package's own unless given. */
  readonly pages?: URL;
}

export interface Display extends DisplayPort {
  /** Where a browser finds the page, as in `http://127.0.0.1:8080/`. */
  readonly url: string;
  close(): Promise<void>;
}

/** The address cannot be listened at. The message says which, why, and what to change. */
export class DisplayUnavailable extends Error {
  override readonly name = 'DisplayUnavailable';
}

/** Starts the server. Rejects with {@link DisplayUnavailable} when the port is taken or not allowed. */
export async function startDisplay(options: DisplayOptions): Promise<Display> {
  const host = options.host ?? '127.0.0.1';
  const views = new LiveViews();
  const app = newServer(options, views, await readPages(options.pages ?? dataFile('dist/web/display/')));
  try {
    await app.listen({ host, port: options.port });
  } catch (error) {
    views.close();
    throw unavailable(error, host, options.port);
  }
  return {
    url: `http://${bracketed(host)}:${portOf(app)}/`,
    show: view => views.show(JSON.stringify(view)),
    close: async () => {
      views.close();
      await app.close();
    },
  };
}

/** A request is an order of some hundred bytes; more is refused unread. */
const BODY_LIMIT_BYTES = 4096;

/**
 * Connections at once: {@link LiveViews} takes 16 screens, and each asks on a few more. Further ones are closed
 * unheard: the display shares the process's sockets with devices, broker and store, and must not use them up.
 */
const MAX_CONNECTIONS = 96;
/** Headers that take longer are not waited for, so that half a request holds no place. */
const HEADERS_WITHIN_MS = 5000;

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

function newServer(
  { names = [], onRequest }: DisplayOptions,
  views: LiveViews,
  pages: ReadonlyMap<string, Page>,
): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    requestTimeout: 10_000,
    // Node looks for connections that are too slow only this often; every 30 s unless told.
    http: { headersTimeout: HEADERS_WITHIN_MS, connectionsCheckingInterval: HEADERS_WITHIN_MS / 2 },
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  // A form of another site can send plain text without asking; JSON it cannot.
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS);
    if (isOurHost(request.headers.host, names)) return undefined;
    return refuse(reply, 421, 'wrong-host', `this display does not answer to ${request.headers.host}`);
  });
  app.setErrorHandler((error: { statusCode?: number; message: string }, _request, reply) =>
    refuse(reply, error.statusCode ?? 500, 'bad-request', error.message),
  );
  app.setNotFoundHandler((request, reply) => sendPage(request, reply, pages));
  app.get('/api/view', (_request, reply) => sendView(reply, views));
  app.get('/api/events', (_request, reply) => followViews(reply, views));
  const limit: RateLimit = new Map();
  app.post('/api/request', (request, reply) => answer(request, reply, { limit, onRequest }));
  return app;
}

function sendView(reply: FastifyReply, views: LiveViews): FastifyReply {
  if (views.newest === undefined) return refuse(reply, 503, 'no-view', 'the gateway has said nothing yet');
  return reply.header('cache-control', 'no-store').type('application/json').send(views.newest);
}

function followViews(reply: FastifyReply, views: LiveViews): FastifyReply {
  if (views.full) return refuse(reply, 503, 'too-many', 'too many screens are open');
  reply.hijack();
  reply.raw.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  views.add(reply.raw);
  return reply;
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  { limit, onRequest }: { limit: RateLimit; onRequest: DisplayOptions['onRequest'] },
): Promise<FastifyReply> {
  const { host, origin, 'sec-fetch-site': site } = request.headers;
  if (!isSameOrigin({ host, origin, site: Array.isArray(site) ? site[0] : site }))
    return refuse(reply, 403, 'other-origin', 'only the display itself may ask');
  if (!takeTurn(limit, request.ip, instant(Number(hrtime.bigint() / 1_000_000n))))
    return refuse(reply, 429, 'too-many', 'too many requests; wait some seconds');
  const asked = REQUEST.safeParse(request.body);
  if (!asked.success) return refuse(reply, 400, 'bad-request', z.prettifyError(asked.error));
  try {
    const answered = await onRequest(asked.data);
    return await reply.code(answered.ok ? 200 : 409).send(answered);
  } catch {
    return refuse(reply, 500, 'internal', 'the gateway could not answer; nothing was changed');
  }
}

function sendPage(
  request: FastifyRequest,
  reply: FastifyReply,
  pages: ReadonlyMap<string, Page>,
): FastifyReply {
  const path = request.url.split('?', 1)[0] ?? '/';
  const page = request.method === 'GET' ? pages.get(path) : undefined;
  if (page !== undefined) return reply.type(page.type).header('cache-control', page.cache).send(page.body);
  if (pages.size === 0) return refuse(reply, 503, 'no-pages', 'the pages are not built: run npm run build');
  return refuse(reply, 404, 'not-found', `there is no ${path}`);
}

function refuse(reply: FastifyReply, status: number, refusal: string, why: string): FastifyReply {
  return reply.code(status).send({ ok: false, refusal, why } satisfies PremiseReply);
}

const MRID_TEXT = z.custom<MRID>(value => typeof value === 'string' && isId(value), 'not an mRID');
/** Codes are typed by people; a longer text is no code and not worth a hash. */
const CODE = z.string().min(1).max(64);

const REQUEST: z.ZodType<PremiseRequest> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('acknowledge'), mRID: MRID_TEXT }),
  z.strictObject({ kind: z.literal('override'), mRID: MRID_TEXT, code: CODE }),
  z.strictObject({ kind: z.literal('end-override'), mRID: MRID_TEXT }),
]);

const TROUBLE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program: choose another port (display.port)',
  EACCES: 'is not allowed for this user: choose a port above 1023 (display.port)',
  EADDRNOTAVAIL: 'is no address of this machine: correct display.host',
  ENOTFOUND: 'is no address of this machine: correct display.host',
};

function unavailable(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const why = TROUBLE[code];
  if (why === undefined) return error;
  return new DisplayUnavailable(`the display cannot start: ${bracketed(host)}:${port} ${why}`, {
    cause: error,
  });
}

function portOf(app: FastifyInstance): number {
  const address = app.server.address();
  assert(typeof address === 'object' && address !== null, 'a listening TCP server has a port');
  return address.port;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
