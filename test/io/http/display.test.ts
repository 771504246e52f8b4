import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { DisplayUnavailable, startDisplay } from '../../../src/io/http/mod.ts';
import type { Display, DisplayOptions } from '../../../src/io/http/mod.ts';
import type { PremiseReply, PremiseRequest } from '../../../src/model/mod.ts';
import { premiseView } from '../../support/premise.ts';
import { tempDir } from '../../support/temp.ts';

const DONE: PremiseReply = { ok: true, why: 'done' };
const ACKNOWLEDGE = JSON.stringify({ kind: 'acknowledge', mRID: 'ev-7' });

describe('the display server', () => {
  let display: Display;
  let asked: PremiseRequest[];
  let reply: () => Promise<PremiseReply>;
  let pages: Awaited<ReturnType<typeof tempDir>>;

  const start = (options: Partial<DisplayOptions> = {}) =>
    startDisplay({
      port: 0,
      pages: pathToFileURL(`${pages.path}/`),
      onRequest: async question => {
        asked.push(question);
        return reply();
      },
      ...options,
    });

  beforeEach(async () => {
    pages = await tempDir();
    await mkdir(join(pages.path, 'assets'));
    await writeFile(join(pages.path, 'index.html'), '<p>page</p>');
    await writeFile(join(pages.path, 'assets/app-1.js'), 'app');
    asked = [];
    reply = async () => DONE;
    display = await start();
  });

  afterEach(async () => {
    await display.close();
    await pages[Symbol.asyncDispose]();
  });

  it('closes connections beyond its maximum of 96, so that half requests use up no sockets', async () => {
    const { hostname, port } = new URL(display.url);
    const sockets: Socket[] = [];
    try {
      await new Promise<void>(resolve => {
        let closed = 0;
        for (let opened = 0; opened < 120; opened++) {
          const socket = connect(Number(port), hostname).on('error', () => {});
          socket.on('close', () => void (++closed === 120 - 96 && resolve()));
          socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX');
          sockets.push(socket);
        }
      });
      expect(sockets.filter(socket => !socket.closed)).to.have.length(96);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  /** A request with exactly these headers, which `fetch` would not send. */
  const send = async (
    path: string,
    options: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ) => {
    const { method = 'GET', headers = {}, body } = options;
    const sent = request(new URL(path, display.url), { method, headers, agent: false });
    sent.end(body);
    const [response] = await once(sent, 'response');
    let text = '';
    for await (const part of response) text += part;
    return { status: response.statusCode as number, headers: response.headers, text };
  };

  const post = (body: string, headers: Record<string, string> = {}) =>
    send('/api/request', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });

  const refusal = ({ text }: { text: string }): unknown => JSON.parse(text).refusal;

  it('listens on the loopback unless told otherwise', () => {
    expect(display.url).to.match(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  });

  it('serves the page and its assets, the hashed ones to be kept', async () => {
    const index = await send('/');
    expect(index).to.include({ status: 200, text: '<p>page</p>' });
    expect(index.headers).to.include({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
    });
    const asset = await send('/assets/app-1.js?x');
    expect(asset).to.include({ status: 200, text: 'app' });
    expect(asset.headers['cache-control']).to.contain('immutable');
  });

  it('allows the page nothing but what comes from this server', async () => {
    const policy = String((await send('/')).headers['content-security-policy']);
    expect(policy)
      .to.contain("default-src 'none'")
      .and.to.contain("script-src 'self'")
      .and.not.to.contain('unsafe');
    expect((await send('/api/view')).headers['x-content-type-options']).to.equal('nosniff');
  });

  it('serves no file that was not there at start, however it is named', async () => {
    await writeFile(join(pages.path, 'late.html'), 'late');
    for (const path of [
      '/late.html',
      '/../package.json',
      '/%2e%2e/package.json',
      '/assets/',
      '/assets/../../x',
    ])
      expect(await send(path), path).to.include({ status: 404 });
  });

  it('says how to build the pages when there are none', async () => {
    await using empty = await tempDir();
    await display.close();
    display = await start({ pages: pathToFileURL(`${empty.path}/missing/`) });
    const answer = await send('/');
    expect(answer.status).to.equal(503);
    expect(answer.text).to.contain('npm run build');
  });

  it('has no view before the gateway said something, then the newest', async () => {
    expect(await send('/api/view')).to.include({ status: 503 });
    display.show(premiseView({ online: false }));
    display.show(premiseView());
    const { status, text } = await send('/api/view');
    expect({ status, view: JSON.parse(text) }).to.deep.equal({ status: 200, view: premiseView() });
  });

  it('sends the newest view to a screen that connects, and every later one', async () => {
    display.show(premiseView());
    const sent = request(new URL('/api/events', display.url), { agent: false }).end();
    const [response] = await once(sent, 'response');
    response.setEncoding('utf8');
    expect(response.headers['content-type']).to.equal('text/event-stream');
    let text = '';
    const until = async (count: number) => {
      while (text.split('event: view').length <= count) text += String((await once(response, 'data'))[0]);
    };
    await until(1);
    display.show(premiseView({ online: false }));
    await until(2);
    const views = text.match(/^data: (.+)$/gm)?.map(line => JSON.parse(line.slice(6)));
    expect(views).to.deep.equal([premiseView(), premiseView({ online: false })]);
    sent.destroy();
  });

  it('takes sixteen screens and refuses the next, until one leaves', async () => {
    const open = async () => {
      const sent = request(new URL('/api/events', display.url), { agent: false }).end();
      sent.on('error', () => {});
      const [response] = await once(sent, 'response');
      return { sent, response };
    };
    const screens = await Promise.all(Array.from({ length: 16 }, open));
    expect(screens.map(({ response }) => response.statusCode)).to.deep.equal(Array(16).fill(200));
    const further = await open();
    expect(further.response.statusCode).to.equal(503);
    screens[0]?.sent.destroy();
    // The server hears of the leaving a moment later; the test's own time limit bounds this.
    let next = await open();
    while (next.response.statusCode === 503) next = await open();
    expect(next.response.statusCode).to.equal(200);
    next.sent.destroy();
    for (const { sent } of [...screens, further]) sent.destroy();
  });

  it('ends every stream when it closes, so that a stop is not held up by a screen', async () => {
    const sent = request(new URL('/api/events', display.url), { agent: false }).end();
    const [response] = await once(sent, 'response');
    response.resume();
    const ended = once(response, 'close');
    await display.close();
    await ended;
  });

  it('hands each kind of request to the gateway as it is and answers what the gateway answers', async () => {
    const requests = [
      { kind: 'acknowledge', mRID: 'ev-7' },
      { kind: 'override', mRID: 'ev-7', code: '12 34' },
      { kind: 'end-override', mRID: 'ev-7' },
    ];
    for (const body of requests)
      expect(await post(JSON.stringify(body))).to.include({ status: 200, text: JSON.stringify(DONE) });
    expect(asked).to.deep.equal(requests);
  });

  it('answers a refusal of the gateway with 409 and its words', async () => {
    const wrong = { ok: false, refusal: 'code-wrong', why: 'The code is not correct.' };
    reply = async () => wrong;
    expect(await post(ACKNOWLEDGE)).to.include({ status: 409, text: JSON.stringify(wrong) });
  });

  it('answers `internal`, without details, when the gateway breaks', async () => {
    reply = () => Promise.reject(new Error('/var/lib/secret'));
    const answer = await post(ACKNOWLEDGE);
    expect(answer.status).to.equal(500);
    expect(refusal(answer)).to.equal('internal');
    expect(answer.text).not.to.contain('secret');
  });

  for (const [what, body] of [
    ['no JSON', '{'],
    ['an unknown kind', '{"kind":"isolate","mRID":"ev-7"}'],
    ['an unknown key', '{"kind":"acknowledge","mRID":"ev-7","code":"1"}'],
    ['no mRID', '{"kind":"acknowledge"}'],
    ['an mRID that is none', '{"kind":"acknowledge","mRID":"../x"}'],
    ['an override without a code', '{"kind":"override","mRID":"ev-7"}'],
    ['a code of 65 characters', JSON.stringify({ kind: 'override', mRID: 'ev-7', code: '1'.repeat(65) })],
    ['a poisoned prototype', '{"kind":"acknowledge","mRID":"ev-7","__proto__":{"x":1}}'],
  ] as const)
    it(`refuses ${what} with 400 and never asks the gateway`, async () => {
      expect(await post(body)).to.include({ status: 400 });
      expect(asked).to.deep.equal([]);
    });

  it('refuses a body over 4 kB with 413', async () => {
    const padded = (length: number) => ACKNOWLEDGE.padEnd(length, ' ');
    expect(await post(padded(4096))).to.include({ status: 200 });
    expect(await post(padded(4097))).to.include({ status: 413 });
  });

  it('refuses what a form of another site can send: any body that is not JSON', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
      expect(await post(ACKNOWLEDGE, { 'content-type': type }), type).to.include({ status: 415 });
    expect(asked).to.deep.equal([]);
  });

  it('refuses a request of another origin with 403', async () => {
    for (const headers of [{ origin: 'http://attacker.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      const answer = await post(ACKNOWLEDGE, headers);
      expect(answer.status).to.equal(403);
      expect(refusal(answer)).to.equal('other-origin');
    }
    expect(asked).to.deep.equal([]);
  });

  it('shows nothing, and takes nothing, under a name that is not its own (DNS rebinding)', async () => {
    display.show(premiseView());
    const headers = { host: 'attacker.example' };
    for (const path of ['/', '/api/view', '/api/events'])
      expect(await send(path, { headers }), path).to.include({ status: 421 });
    expect(await post(ACKNOWLEDGE, headers)).to.include({ status: 421 });
    expect(asked).to.deep.equal([]);
  });

  it('OVR-2 slows a guesser down: after ten requests at once the next is refused with 429', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => post(ACKNOWLEDGE)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).to.be.within(1, 2);
    expect(asked.length).to.equal(12 - refused.length);
  });

  it('names the port and the remedy when the port is taken', async () => {
    const port = Number(new URL(display.url).port);
    const error: unknown = await start({ port }).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(DisplayUnavailable);
    expect(String(error)).to.contain(`127.0.0.1:${port} is in use`).and.to.contain('display.port');
  });

  it('names the host and the remedy when the host is no address of this machine', async () => {
    // 192.0.2.0/24 is set aside for documentation (RFC 5737): no machine has it.
    const error: unknown = await start({ host: '192.0.2.1' }).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(DisplayUnavailable);
    expect(String(error)).to.contain('192.0.2.1').and.to.contain('display.host');
  });
});
