/**
 * Commands that must not move a register, sent over a real broker to a real gateway before a real Modbus
 * inverter: each is refused by name, counted, and leaves the device as it was.
 */
import { EventEmitter, once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { connectAsync } from 'mqtt';
import type { MqttClient } from 'mqtt';
import { stringify } from 'yaml';
import { toHex } from '../../src/base/bytes.ts';
import { after, hours, minutes, unixTime } from '../../src/base/time.ts';
import { runGateway } from '../../src/cli/wiring/gateway.ts';
import type { RunningGateway } from '../../src/cli/wiring/gateway.ts';
import type { LogEntry } from '../../src/gateway/mod.ts';
import { startEmbeddedBroker } from '../../src/io/broker/mod.ts';
import type { EmbeddedBroker } from '../../src/io/broker/mod.ts';
import { now } from '../../src/io/clock.ts';
import { readGatewayConfig } from '../../src/io/config.ts';
import { generateKey, writeKeyFile } from '../../src/io/keys.ts';
import type { EventBody, GroupId, MRID, ReceiptBody } from '../../src/model/mod.ts';
import { runHome } from '../../src/sim/mod.ts';
import type { RunningHome } from '../../src/sim/mod.ts';
import { openRecord, trustKey } from '../../src/wan/envelope/mod.ts';
import type { TrustedKey } from '../../src/wan/envelope/mod.ts';
import { GATEWAY, HeadEnd, UTILITY } from '../support/head-end.ts';
import type { Signed } from '../support/head-end.ts';
import { tempDir } from '../support/temp.ts';

const GROUP = 'feeder-7' as GroupId;

describe('a command that must not be obeyed, over a real broker', function () {
  this.timeout(20_000);
  let world: World;

  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world.close());

  it('is refused by name, counted, and leaves the device untouched', async () => {
    const { headEnd } = world;
    const flipped = headEnd.sign(limit('ev-1'), now().unix, toGroup());
    flipped.payload[flipped.payload.length - 1] = (flipped.payload.at(-1) ?? 0) ^ 1;
    await world.refuses(flipped, 'signature-invalid');
    const past = after(now().unix, minutes(-60));
    const expired = headEnd.sign(limit('ev-2'), past, { ...toGroup(), expires: unixTime(past + minutes(1)) });
    await world.refuses(expired, 'expired');
    const otherGroup = headEnd.sign(limit('ev-3'), now().unix, {
      ...toGroup(),
      audience: { kind: 'group', id: 'feeder-8' as GroupId },
    });
    await world.refuses(
      { ...otherGroup, topic: headEnd.sign(limit('ev-4'), now().unix, toGroup()).topic },
      'topic-mismatch',
    );
    const stale = headEnd.sign(limit('ev-5'), now().unix, { ...toGroup(), groupEpoch: 1 });
    await world.refuses(stale, 'group-epoch-stale');
    expect(world.writes()).to.equal(0);
  });

  it('under a used sequence is a replay, answered by a signed receipt that says so', async () => {
    const { headEnd } = world;
    const first = headEnd.sign(limit('ev-1'), now().unix, { ...toGroup(), sequence: 40 });
    await world.startedBy(first);
    const held = world.register();
    const other = headEnd.sign(limit('ev-2', 1000), now().unix, {
      ...toGroup(),
      sequence: 40,
      cti: first.cti.replace(/^../, 'ff') as typeof first.cti,
    });
    await world.refuses(other, 'replay');
    const receipt = await world.receipt(r => r.cti === other.cti);
    expect(receipt).to.include({ response: 'invalid', refusal: 'replay' });
    expect(world.register()).to.equal(held);
  });

  it('twice in the same bytes is acted on once, and its receipt is repeated', async () => {
    const signed = world.headEnd.sign(limit('ev-1'), now().unix, toGroup());
    await world.startedBy(signed);
    const before = world.writes();
    const repeated = world.receipt(r => r.cti === signed.cti && r.response === 'started');
    await world.send(signed);
    expect((await repeated).applied?.[0]?.outcome).to.equal('implemented');
    expect(world.running.gateway.counts().get('duplicate')).to.equal(1);
    expect(world.writes()).to.equal(before);
  });

  it('in a flood of forgeries waits its turn: each is judged, none is dropped, the log stays short', async () => {
    const { headEnd } = world;
    const forged = headEnd.sign(limit('ev-0'), now().unix, { ...toGroup(), sequence: 99 });
    forged.payload[forged.payload.length - 1] = (forged.payload.at(-1) ?? 0) ^ 1;
    const began = performance.now();
    const flood = Array.from({ length: 3000 }, () => world.send(forged));
    await Promise.all([...flood, world.startedBy(headEnd.sign(limit('ev-1'), now().unix, toGroup()))]);
    expect(world.running.gateway.counts().get('refused.signature-invalid')).to.equal(3000);
    const lines = world.logs.filter(({ event }) => event === 'command.refused');
    expect(lines.length).to.be.within(1, 2 + (performance.now() - began) / 1000);
  });

  it('retained is never taken, however well it is signed', async () => {
    const signed = world.headEnd.sign(limit('ev-1'), now().unix, toGroup());
    await world.client.publishAsync(signed.topic, Buffer.from(signed.payload), { qos: 1, retain: true });
    // A retained message is marked as one only to who subscribes later: to the gateway after a restart.
    await world.startedBy(signed, 'published already');
    await world.restart();
    await world.logged(entry => entry.event === 'command.refused' && entry.text.startsWith('retained'));
  });
});

function limit(name: string, value = 5000): EventBody {
  const start = now().unix;
  return {
    kind: 'event',
    service: 'demand-response',
    mRID: name as MRID,
    axes: { opModMaxLimW: value },
    start,
    duration: hours(1),
  };
}

function toGroup(): { audience: { kind: 'group'; id: GroupId }; groupEpoch: number } {
  return { audience: { kind: 'group', id: GROUP }, groupEpoch: 2 };
}

/** A broker, an inverter and a gateway in front of it, and one client that is the head end's. */
class World {
  readonly headEnd = new HeadEnd();
  readonly #events = new EventEmitter();
  readonly #logs: LogEntry[] = [];
  #writes = 0;
  #deviceKey: TrustedKey | undefined;
  #configPath = '';
  client!: MqttClient;
  running!: RunningGateway;
  #broker!: EmbeddedBroker;
  #home!: RunningHome;
  #folder!: Awaited<ReturnType<typeof tempDir>>;

  static async open(): Promise<World> {
    const world = new World();
    world.#folder = await tempDir();
    const broker = await startEmbeddedBroker({ port: 0 });
    if (!broker.ok) throw new Error(broker.detail);
    world.#broker = broker.value;
    world.#home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 } });
    world.#configPath = await world.#writeConfig();
    world.client = await connectAsync(broker.value.url, { protocolVersion: 4, reconnectPeriod: 0 });
    world.client.on('message', (topic, payload) => world.#record(topic, payload));
    await world.client.subscribeAsync(`ug/1/${UTILITY}/d/+/up/+`, { qos: 1 });
    await world.#start();
    await world.#enrol();
    return world;
  }

  async close(): Promise<void> {
    await this.running.stop();
    await this.client.endAsync();
    await this.#home.close();
    await this.#broker.close();
    await this.#folder[Symbol.asyncDispose]();
  }

  async restart(): Promise<void> {
    await this.running.stop();
    this.#logs.length = 0;
    await this.#start();
  }

  /** Modbus writes the inverter has been sent since the world began. */
  writes(): number {
    return this.#writes;
  }

  /** What the inverter's 704.WMaxLimPct holds, seen inside the simulator. */
  register(): number {
    return this.#home.home.inverter.image.get('704.WMaxLimPct');
  }

  async send({ topic, payload }: Signed): Promise<void> {
    await this.client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
  }

  async refuses(signed: Signed, refusal: string): Promise<void> {
    const before = this.running.gateway.counts().get(`refused.${refusal}`) ?? 0;
    const [writes, held] = [this.#writes, this.register()];
    const said = this.logged(entry => entry.event === 'command.refused', 'new');
    await this.send(signed);
    expect((await said).text).to.match(new RegExp(`^${refusal}`));
    expect(this.running.gateway.counts().get(`refused.${refusal}`)).to.equal(before + 1);
    expect([this.#writes, this.register()]).to.deep.equal([writes, held]);
  }

  /** Sends a command and waits for the receipt that shows the register written and read back. */
  async startedBy(signed: Signed, how: 'send' | 'published already' = 'send'): Promise<ReceiptBody> {
    const started = this.receipt(r => r.cti === signed.cti && r.response === 'started');
    if (how === 'send') await this.send(signed);
    return started;
  }

  get logs(): readonly LogEntry[] {
    return this.#logs;
  }

  /** The next receipt that fits. */
  async receipt(fits: (receipt: ReceiptBody) => boolean): Promise<ReceiptBody> {
    for (;;) {
      const [body] = (await once(this.#events, 'receipt')) as [ReceiptBody];
      if (fits(body)) return body;
    }
  }

  /** A log entry that fits: one already there, or the next. */
  async logged(fits: (entry: LogEntry) => boolean, which: 'any' | 'new' = 'any'): Promise<LogEntry> {
    const there = which === 'any' ? this.#logs.find(fits) : undefined;
    if (there !== undefined) return there;
    for (;;) {
      const [entry] = (await once(this.#events, 'log')) as [LogEntry];
      if (fits(entry)) return entry;
    }
  }

  #record(topic: string, payload: Buffer): void {
    const opened = openRecord(payload, { topic, keyOf: () => this.#deviceKey });
    if (opened.ok && opened.value.record.body.kind === 'receipt')
      this.#events.emit('receipt', opened.value.record.body);
  }

  async #start(): Promise<void> {
    const config = await readGatewayConfig(this.#configPath);
    if (!config.ok) throw new Error(config.detail);
    const found = this.logged(entry => entry.event === 'device.found', 'new');
    this.running = await runGateway(config.value, {
      log: entry => {
        this.#logs.push(entry);
        this.#events.emit('log', entry);
      },
      onExchange: (_address, { request }) => {
        if (request.kind === 'write') this.#writes++;
      },
    });
    await found;
  }

  async #enrol(): Promise<void> {
    const grant = this.headEnd.sign({ kind: 'grant', group: GROUP, epoch: 2, member: true }, now().unix);
    const done = this.receipt(r => r.cti === grant.cti);
    await this.send(grant);
    await done;
  }

  async #writeConfig(): Promise<string> {
    const key = generateKey();
    await writeKeyFile(join(this.#folder.path, 'gateway.key'), key);
    const device = trustKey({ ...this.headEnd.key, publicKey: key.publicKey, issuer: GATEWAY });
    if (!device.ok) throw new Error(device.refusal);
    this.#deviceKey = device.value;
    const file = join(this.#folder.path, 'gateway.yaml');
    const trusted = {
      issuer: this.headEnd.issuer,
      publicKey: toHex(this.headEnd.key.publicKey),
      epoch: 1,
      operations: ['event', 'cancel', 'grant', 'ack', 'sealed', 'manifest'],
      highestClass: 'emergency',
      validFrom: '2020-01-01T00:00:00Z',
      validUntil: '2090-01-01T00:00:00Z',
    };
    const config = {
      utility: UTILITY,
      gateway: GATEWAY,
      stateFile: 'state.sqlite',
      keyFile: 'gateway.key',
      broker: { url: this.#broker.url },
      trustedKeys: [trusted],
      devices: [{ id: 'inverter', link: this.#home.links.inverter }],
      defaults: {},
    };
    await writeFile(file, stringify(config));
    return file;
  }
}
