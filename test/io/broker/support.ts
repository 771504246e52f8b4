/**
 * Brokers a test can kill and start again on the same port, and a link that writes down what it is told.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerPort } from '../../../src/gateway/mod.ts';
import { connectBroker } from '../../../src/io/broker/mod.ts';
import type { BrokerOptions } from '../../../src/io/broker/mod.ts';
import { freePort } from '../../support/port.ts';

export interface Received {
  readonly topic: string;
  readonly text: string;
  readonly retained: boolean;
  readonly acknowledge: () => void;
}

/** A link whose owner is a test: it acknowledges when the test says so. */
export class TestLink {
  readonly port: BrokerPort;
  readonly messages: Received[] = [];
  readonly states: { up: boolean; why: string }[] = [];
  readonly #waiting = new Set<{ is: () => boolean; resolve: () => void }>();

  constructor(options: BrokerOptions, acknowledges: 'at once' | 'later' = 'at once') {
    const quick = { backoff: { baseMs: 20, capMs: 200 } };
    this.port = connectBroker(
      { ...quick, ...options },
      {
        message: ({ topic, payload, retained, acknowledge }) => {
          this.messages.push({ topic, text: Buffer.from(payload).toString(), retained, acknowledge });
          if (acknowledges === 'at once') acknowledge();
          this.#wake();
        },
        link: state => {
          this.states.push(state);
          this.#wake();
        },
      },
    );
  }

  get texts(): readonly string[] {
    return this.messages.map(({ text }) => text);
  }

  /** Resolves as soon as it is so; mocha's limit ends a wait for what never comes. */
  until(is: () => boolean): Promise<void> {
    if (is()) return Promise.resolve();
    return new Promise(resolve => this.#waiting.add({ is, resolve }));
  }

  up(times = 1): Promise<void> {
    return this.until(() => this.states.filter(({ up }) => up).length >= times);
  }

  down(): Promise<void> {
    return this.until(() => this.states.at(-1)?.up === false);
  }

  #wake(): void {
    for (const waiting of this.#waiting) {
      if (!waiting.is()) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }
}

/** mosquitto with its sessions on disk, so that they outlive a kill. */
export class Mosquitto {
  readonly port: number;
  readonly #program: string;
  readonly #config: string;
  #process: ChildProcess | undefined;

  private constructor(program: string, port: number, config: string) {
    this.#program = program;
    this.port = port;
    this.#config = config;
  }

  /** `more`: lines of its configuration besides. */
  static async start(program: string, folder: string, more: readonly string[] = []): Promise<Mosquitto> {
    const port = await freePort();
    const data = join(folder, 'data');
    await mkdir(data);
    const config = join(folder, 'mosquitto.conf');
    const lines = [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'persistence true',
      `persistence_location ${data}/`,
      // Written at every change: what is tested is our end, not how much mosquitto loses.
      'autosave_on_changes true',
      'autosave_interval 1',
      ...(process.getuid?.() === 0 ? ['user root'] : []),
      ...more,
    ];
    await writeFile(config, `${lines.join('\n')}\n`);
    const broker = new Mosquitto(program, port, config);
    await broker.restart();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  async restart(): Promise<void> {
    this.#process = spawn(this.#program, ['-c', this.#config], { stdio: 'ignore' });
    await listening(this.port);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    this.#process = undefined;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill('SIGKILL');
  }
}

/** Another program's port opens when it likes, and tells nobody: asked every 10 ms. */
async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    await sleep(10);
  }
}

/** A TCP relay that can swallow everything, as a dead radio link does: no reset, no end, no bytes. */
export class Relay {
  readonly url: string;
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets = new Set<Socket>();

  private constructor(server: ReturnType<typeof createServer>, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async to(port: number): Promise<Relay> {
    const sockets = new Set<Socket>();
    const server = createServer(near => {
      const far = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from);
        from.on('error', () => {});
        from.on('close', () => to.destroy());
        from.pipe(to);
      }
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Relay(server, sockets);
  }

  swallow(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
      // What one end does to its socket, an end or a reset, stays hidden from the other as well.
      socket.removeAllListeners('close');
    }
  }

  /** Takes connections from now on, and passes nothing of what comes on them. */
  swallowNew(): void {
    this.#server.removeAllListeners('connection');
    this.#server.on('connection', socket => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.resume();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }
}
