/**
 * A world from one seed: the real head end and real gateways, with everything between and below them simulated, on one
 * virtual clock. For a while everything goes wrong that can; then it is quiet, and all that was sent has to be done,
 * answered and held. The same seed lives the same life again, to the last message.
 */
import { setImmediate } from 'node:timers/promises';
import type { Bound } from '../../../src/control/mod.ts';
import type { AxisValues, GatewayId } from '../../../src/model/mod.ts';
import { GROUPS, faults } from './acts.ts';
import { STUBBORN, WILLING } from './devices.ts';
import { ISSUER, WorldHeadEnd, keyPair } from './head-end.ts';
import { WorldLedger } from './ledger.ts';
import type { Lies } from './lies.ts';
import { Luck } from './luck.ts';
import { CALM, Network, ROUGH } from './network.ts';
import { Premise } from './premise.ts';
import { unsettled } from './quiet.ts';
import { VirtualTime } from './time.ts';

const HEAD_END_KEY = keyPair(7, ISSUER);
const GATEWAYS = [1, 2].map(n => ({ id: `gw-${n}` as GatewayId, key: keyPair(100 + n, `gw-${n}`) }));
const TARIFF: readonly Bound[] = [
  { axis: 'opModMaxLimW', min: 1000, max: 9000, rule: 'TAR-1', why: 'the tariff' },
];
/** Everything repeats within a minute, and a group is proven anew within minutes. */
const QUIET_MS = 2 * 3_600_000;
const LOOK_EVERY_MS = 5000;
/** Lines of its story that are kept. */
const MAX_LINES = 4000;

export interface Fate {
  readonly seed: number;
  /** What broke a promise, in sentences; empty when nothing did. */
  readonly wrong: readonly string[];
  /** What happened, line by line, with its time. */
  readonly story: readonly string[];
  readonly commands: number;
  readonly records: number;
  readonly crashes: number;
}

export class World {
  readonly time = new VirtualTime();
  readonly luck: Luck;
  readonly network: Network;
  readonly ledger: WorldLedger;
  readonly headEnd: WorldHeadEnd;
  readonly premises: readonly Premise[];
  readonly wrong: string[] = [];
  readonly story: string[] = [];
  crashes = 0;

  constructor(seed: number, lies: Lies = {}) {
    this.luck = new Luck(seed);
    const { time, luck } = this;
    this.network = new Network(time, luck);
    this.ledger = new WorldLedger(time, luck);
    const gateways = GATEWAYS.slice(0, luck.chance(0.3) ? 2 : 1);
    const { network, ledger } = this;
    this.headEnd = new WorldHeadEnd({
      time,
      luck,
      network,
      ledger,
      signer: HEAD_END_KEY.signer,
      gateways: new Map(gateways.map(({ id, key }) => [id, key.trusted])),
    });
    const bounds = luck.chance(0.5) ? TARIFF : [];
    const defaults: AxisValues = luck.chance(0.5) ? { opModMaxLimW: 8000 } : {};
    const keys = new Map([[HEAD_END_KEY.trusted.kid, HEAD_END_KEY.trusted]]);
    const { events } = this.headEnd;
    const tell = (what: string): void => this.tell(what);
    const wrong = (what: string): void => this.fail(what);
    const crashed = (): void => void this.crashes++;
    this.premises = gateways.map(
      ({ id, key: { signer } }) =>
        new Premise({
          id,
          time,
          luck,
          network,
          ledger,
          signer,
          keys,
          bounds,
          defaults,
          events,
          wrong,
          tell,
          lies,
          crashed,
        }),
    );
  }

  tell(what: string): void {
    if (this.story.length < MAX_LINES) this.story.push(`${(this.time.ms / 1000).toFixed(3)} ${what}`);
  }

  fail(what: string): void {
    this.tell(`WRONG: ${what}`);
    this.wrong.push(what);
  }

  get isOver(): boolean {
    return this.wrong.length > 0;
  }

  /** From the first start to the quiet at the end, or to the first thing that is wrong. */
  async live(): Promise<void> {
    await this.headEnd.start();
    for (const premise of this.premises) await premise.start();
    await this.#pass(5000);
    void this.#enrol();
    await this.#pass(this.luck.between(0, 20_000));
    this.network.manners = ROUGH;
    for (const { devices } of this.premises) devices.temper = STUBBORN;
    for (let acts = this.luck.between(6, 24); acts > 0 && !this.isOver; acts--) {
      faults(this);
      await this.#pass(this.luck.between(0, 12_000));
    }
    if (this.isOver) return;
    this.#calm();
    await this.#settle();
  }

  /** Nothing of it goes on. */
  stop(): void {
    for (const premise of this.premises) premise.end();
    this.headEnd.end();
  }

  async #enrol(): Promise<void> {
    await this.headEnd.createGroups(GROUPS);
    const [group] = GROUPS;
    const changes = this.premises.map(({ id }) => ({ group, gateway: id, member: true }));
    await this.headEnd.change(changes);
  }

  #calm(): void {
    this.tell('all is quiet from here on');
    this.network.manners = CALM;
    for (const premise of this.premises) {
      premise.devices.temper = WILLING;
      premise.disk.mood = 'well';
      premise.disk.failNext = 0;
      premise.crashAfter(Number.POSITIVE_INFINITY);
      if (this.luck.chance(0.5)) premise.offMs = 0;
    }
  }

  async #settle(): Promise<void> {
    for (let left = QUIET_MS; left > 0 && !this.isOver; left -= LOOK_EVERY_MS) {
      await this.#pass(LOOK_EVERY_MS);
      if (unsettled(this).length === 0) return;
    }
    if (this.isOver) return;
    for (const what of unsettled(this)) this.fail(what);
  }

  async #pass(ms: number): Promise<void> {
    await this.time.pass(ms, () => this.isOver);
    await setImmediate();
  }
}

/** Lives one world through, and says what became of it. */
export async function live(seed: number, lies: Lies = {}): Promise<Fate> {
  const world = new World(seed, lies);
  try {
    await world.live();
  } catch (error) {
    world.fail(
      `a promise of our own was broken: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
    );
  }
  world.stop();
  const { wrong, story, crashes, ledger, premises } = world;
  const commands = ledger.allCommands().length;
  const records = premises.reduce((sum, { id }) => sum + ledger.recordsOf(id), 0);
  return { seed, wrong, story, commands, records, crashes };
}
