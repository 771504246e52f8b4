/**
 * A utility and its gateways on real sockets, for the commands of `underglass utility`: a broker, simulated homes,
 * gateways in this process, and the folder in which the head end's own files lie.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { toHex } from '../../../src/base/bytes.ts';
import { runGateway } from '../../../src/cli/wiring/gateway.ts';
import type { RunningGateway } from '../../../src/cli/wiring/gateway.ts';
import type { LogEntry } from '../../../src/gateway/mod.ts';
import { startEmbeddedBroker } from '../../../src/io/broker/mod.ts';
import type { EmbeddedBroker } from '../../../src/io/broker/mod.ts';
import { readGatewayConfig } from '../../../src/io/config.ts';
import { generateKey, writeKeyFile } from '../../../src/io/keys.ts';
import type { SigningKey } from '../../../src/io/keys.ts';
import { runHome } from '../../../src/sim/mod.ts';
import type { RunningHome } from '../../../src/sim/mod.ts';
import { tempDir } from '../../support/temp.ts';
import { underglass } from '../local/support.ts';
import type { Said } from '../local/support.ts';

export interface Premise {
  readonly id: string;
  readonly home: RunningHome;
  readonly running: RunningGateway;
  readonly logs: LogEntry[];
  /** Ends the gateway; once is enough. */
  stop(): Promise<void>;
}

/** Who may command, as `trustedKeys` of a gateway takes it, but for the key. */
export const OPERATIONS = ['event', 'cancel', 'grant', 'ack', 'interrogate', 'settings', 'read', 'sealed'];

/** What the configuration of a gateway says of whom it obeys; `trustedKeys` with the head end's unless given. */
export type Obeys = (world: UtilityWorld, id: string) => Promise<object>;

export class UtilityWorld {
  readonly folder: string;
  readonly broker: EmbeddedBroker;
  readonly premises: Premise[] = [];
  readonly key: SigningKey = generateKey();
  readonly #gatewayKeys = new Map<string, SigningKey>();
  readonly #undo: (() => PromiseLike<unknown>)[] = [];

  private constructor(folder: string, broker: EmbeddedBroker) {
    this.folder = folder;
    this.broker = broker;
  }

  /** `links`: where the inverter of a gateway is, if not in its own simulated home; `obeys`: see {@link Obeys}. */
  static async open(
    ids: readonly string[] = ['gw-1'],
    links: Readonly<Record<string, string>> = {},
    obeys?: Obeys,
  ): Promise<UtilityWorld> {
    const dir = await tempDir();
    const broker = await startEmbeddedBroker({ port: 0 });
    if (!broker.ok) throw new Error(broker.detail);
    const world = new UtilityWorld(dir.path, broker.value);
    world.#undo.push(
      () => dir[Symbol.asyncDispose](),
      () => broker.value.close(),
    );
    for (const id of ids) world.#gatewayKeys.set(id, generateKey());
    await world.#writeHeadEnd();
    for (const id of ids)
      await world.#addPremise(id, links[id], (await obeys?.(world, id)) ?? world.#trusted());
    return world;
  }

  /** The path of a file in the world's folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** `underglass utility …` on this world's head end; words are parted by blanks. */
  utility(line: string, ...more: readonly string[]): Promise<Said> {
    return underglass('utility', ...line.split(' '), ...more, '--config', this.path('utility.yaml'));
  }

  /** The same gateway anew, as its files are now. */
  async restart(premise: Premise): Promise<void> {
    await premise.stop();
    await this.#run(premise.id, premise.home);
  }

  later(undo: () => Promise<unknown>): void {
    this.#undo.push(undo);
  }

  async close(): Promise<void> {
    for (const undo of this.#undo.toReversed()) await undo();
  }

  async #writeHeadEnd(): Promise<void> {
    await writeKeyFile(this.path('head-end.key'), this.key);
    const gateways = [...this.#gatewayKeys].map(([id, key]) => ({ id, publicKey: toHex(key.publicKey) }));
    const config = {
      utility: 'north',
      issuer: 'grid-ops',
      keyFile: 'head-end.key',
      ledgerFile: 'head-end.sqlite',
      broker: { url: this.broker.url },
      gateways,
    };
    await writeFile(this.path('utility.yaml'), stringify(config));
  }

  #trusted(): object {
    const publicKey = toHex(this.key.publicKey);
    const validity = { validFrom: '2020-01-01T00:00:00Z', validUntil: '2100-01-01T00:00:00Z' };
    const scope = { operations: OPERATIONS, highestClass: 'emergency', ...validity };
    return { trustedKeys: [{ issuer: 'grid-ops', publicKey, epoch: 1, ...scope }] };
  }

  async #addPremise(id: string, inverter: string | undefined, obeys: object): Promise<void> {
    const quick = { rampS: 1, serviceDelayS: 0, serviceRampS: 1 };
    const home = await runHome({
      ports: { inverter: 0, battery: 0, meter: 0 },
      inverter: quick,
      battery: quick,
    });
    this.#undo.push(() => home.close());
    const key = this.#gatewayKeys.get(id);
    if (key === undefined) throw new Error(`${id} has a key`);
    await writeKeyFile(this.path(`${id}.key`), key);
    const config = {
      utility: 'north',
      gateway: id,
      stateFile: `${id}.sqlite`,
      keyFile: `${id}.key`,
      broker: { url: this.broker.url },
      ...obeys,
      devices: [{ id: 'inverter', link: inverter ?? home.links.inverter, role: 'inverter' }],
      defaults: { opModMaxLimW: 10_000 },
    };
    await writeFile(this.path(`${id}.yaml`), stringify(config));
    await this.#run(id, home);
  }

  async #run(id: string, home: RunningHome): Promise<void> {
    const read = await readGatewayConfig(this.path(`${id}.yaml`));
    if (!read.ok) throw new Error(read.detail);
    const logs: LogEntry[] = [];
    const found = Promise.withResolvers<void>();
    const running = await runGateway(read.value, {
      log: entry => {
        logs.push(entry);
        if (entry.event === 'device.found') found.resolve();
      },
    });
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => (stopped ??= running.stop());
    this.#undo.push(stop);
    this.premises.push({ id, home, running, logs, stop });
    await found.promise;
  }
}
