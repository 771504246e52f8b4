/**
 * A cluster of NATS servers with JetStream that speak MQTT 3.1.1, every stream of theirs kept three times: nodes a
 * campaign can kill, and who leads what.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/port.ts';

const NODES = ['n1', 'n2', 'n3'];
/** Where NATS keeps what MQTT clients publish with QoS 1. */
const MESSAGES = '$MQTT_msgs';
/** From the start of three processes to an elected leader. */
const READY_WITHIN_MS = 30_000;
const ASK_EVERY_MS = 50;

interface Ports {
  readonly client: number;
  readonly cluster: number;
  readonly monitor: number;
  readonly mqtt: number;
}

interface Node {
  readonly name: string;
  readonly ports: Ports;
  readonly config: string;
  process: ChildProcess | undefined;
}

/** As far as it is asked for here; what a node knows of JetStream (`/jsz`). */
interface Jetstream {
  readonly meta_cluster?: { readonly leader?: string; readonly cluster_size?: number };
  readonly account_details?: readonly {
    readonly stream_detail?: readonly {
      readonly name: string;
      readonly cluster?: { readonly leader?: string };
    }[];
  }[];
}

export class NatsCluster {
  readonly #program: string;
  readonly #nodes: readonly Node[];

  private constructor(program: string, nodes: readonly Node[]) {
    this.#program = program;
    this.#nodes = nodes;
  }

  /** Resolves when the nodes have a leader and can make streams. */
  static async start(program: string, folder: string): Promise<NatsCluster> {
    const nodes: Node[] = [];
    const portsOf = await Promise.all(NODES.map(portsOfOne));
    const routes = portsOf.map(({ cluster }) => `nats-route://127.0.0.1:${cluster}`).join(', ');
    for (const [at, name] of NODES.entries()) {
      const ports = portsOf[at];
      if (ports === undefined) throw new Error(`${name} has ports`);
      const home = join(folder, name);
      await mkdir(home);
      const config = join(home, 'nats.conf');
      const lines = [
        `server_name: ${name}`,
        `listen: "127.0.0.1:${ports.client}"`,
        `http: "127.0.0.1:${ports.monitor}"`,
        `log_file: "${join(home, 'nats.log')}"`,
        `jetstream { store_dir: "${join(home, 'jetstream')}" }`,
        `cluster { name: utility, listen: "127.0.0.1:${ports.cluster}", routes: [${routes}] }`,
        `mqtt { listen: "127.0.0.1:${ports.mqtt}", ack_wait: "10s", max_ack_pending: 1000, stream_replicas: 3 }`,
      ];
      await writeFile(config, `${lines.join('\n')}\n`);
      nodes.push({ name, ports, config, process: undefined });
    }
    const cluster = new NatsCluster(program, nodes);
    for (const node of nodes) cluster.#spawn(node);
    await cluster.#ready();
    return cluster;
  }

  /** Of every node, in order. */
  get urls(): readonly string[] {
    return this.#nodes.map(({ ports }) => `mqtt://127.0.0.1:${ports.mqtt}`);
  }

  /** Which node listens for MQTT there. */
  nodeAt(url: string): string {
    const at = this.urls.findIndex(known => url.startsWith(known));
    const node = this.#nodes[at];
    if (node === undefined) throw new Error(`no node listens at ${url}`);
    return node.name;
  }

  /** The node that leads the stream of messages; waits until most nodes say the same living one. */
  async messageLeader(): Promise<string> {
    return this.#agreed('the leader of the messages', ({ account_details: accounts = [] }) => {
      const streams = accounts.flatMap(({ stream_detail: some = [] }) => some);
      const leader = streams.find(({ name }) => name === MESSAGES)?.cluster?.leader;
      return leader !== undefined && this.#node(leader).process !== undefined ? leader : undefined;
    });
  }

  async kill(name: string): Promise<void> {
    const node = this.#node(name);
    const child = node.process;
    if (child === undefined) return;
    node.process = undefined;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Starts a killed node again, with what its disk holds. Does not wait until it has caught up. */
  restart(name: string): void {
    this.#spawn(this.#node(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map(({ name }) => this.kill(name)));
  }

  #node(name: string): Node {
    const node = this.#nodes.find(each => each.name === name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  #spawn(node: Node): void {
    node.process = spawn(this.#program, ['-c', node.config], { stdio: 'ignore' });
  }

  async #ready(): Promise<void> {
    await this.#agreed('a leader of the cluster', ({ meta_cluster: meta }) =>
      meta?.cluster_size === NODES.length ? meta.leader : undefined,
    );
  }

  /** Asks the living nodes again and again until most of all nodes give the same answer. */
  async #agreed(what: string, answer: (jetstream: Jetstream) => string | undefined): Promise<string> {
    const untilMs = performance.now() + READY_WITHIN_MS;
    while (performance.now() < untilMs) {
      const living = this.#nodes.filter(({ process: child }) => child !== undefined);
      const known = await Promise.all(living.map(({ ports }) => jetstream(ports.monitor)));
      const answers = known.flatMap(each => (each === undefined ? [] : [answer(each)]));
      const most = answers.find(
        one => one !== undefined && answers.filter(other => other === one).length > NODES.length / 2,
      );
      if (most !== undefined) return most;
      await sleep(ASK_EVERY_MS);
    }
    throw new Error(`NATS does not name ${what} within ${READY_WITHIN_MS / 1000} s`);
  }
}

async function portsOfOne(): Promise<Ports> {
  const [client = 0, cluster = 0, monitor = 0, mqtt = 0] = await Promise.all(
    Array.from({ length: 4 }, () => freePort()),
  );
  return { client, cluster, monitor, mqtt };
}

/** `undefined`: it does not answer now. */
async function jetstream(port: number): Promise<Jetstream | undefined> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/jsz?accounts=true&streams=true`, {
      signal: AbortSignal.timeout(2000),
    });
    return (await answer.json()) as Jetstream;
  } catch {
    return undefined;
  }
}
