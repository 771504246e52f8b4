/**
 * One device behind a gateway: found at the start, read every second, missed when it falls silent, found again, and
 * ordered. It is treated as its profile asks, which is named in the configuration or found by its own name.
 *
 * A device that is not there costs its neighbours on the line as little as can be: it is asked one question, ever
 * more rarely, and everything else only once it has answered that.
 */
import type { Result } from '../../base/assert.ts';
import { ok, refused } from '../../base/assert.ts';
import type { Duration, Instant } from '../../base/time.ts';
import { after, between, milliseconds } from '../../base/time.ts';
import type { DeviceOrder, DeviceState } from '../../gateway/mod.ts';
import type { Conversation, Turn } from '../../local/bus/mod.ts';
import { BACK_OFF_MAX, backOff } from '../../local/bus/mod.ts';
import type { Abilities, PollPlan, Polled } from '../../local/device/mod.ts';
import {
  abilitiesIn,
  interrogate,
  poll,
  pollPlanOf,
  polledPoints,
  readHeld,
  roleOf,
} from '../../local/device/mod.ts';
import type { OwnPoint, Profile } from '../../local/profiles/mod.ts';
import { matchProfile, ownPointsOf, readOwn, strangerTo } from '../../local/profiles/mod.ts';
import type { DiscoveryRefusal, PollRefusal, SunSpecDevice } from '../../local/sunspec/mod.ts';
import { BASES, describeFailure, discover } from '../../local/sunspec/mod.ts';
import type {
  Applied,
  DeviceRole,
  Interrogated,
  Points,
  SettingsOrder,
  SettingsSet,
} from '../../model/mod.ts';
import { sharedSetpoints } from '../../model/mod.ts';
import type { OrdersDoor } from './orders.ts';
import { DeviceOrders } from './orders.ts';
import type { DeviceParts } from './parts.ts';
import { atPlace, counting, isAnswer, marker } from './questions.ts';
import type { Sign } from './rescan.ts';
import { RESCAN_EVERY, rescanBy } from './rescan.ts';
import { DeviceSettings } from './settings.ts';
import type { Treatment } from './treatment.ts';
import { plainly, treatmentOf } from './treatment.ts';

/** Readings in a row without an answer after which a device counts as lost: one may be noise, two bad luck. */
const FAILURES_MAX = 3;
/** A device that is not there may take this part of the time of a line that it shares: one in so many. */
const SHARE_OF_LINE = 16;
const POLL_EVERY = milliseconds(1000);

/** What discovery made of a device. */
interface Found {
  /** `undefined`: it has no map. */
  readonly base: number | undefined;
  readonly device: SunSpecDevice;
  readonly role: DeviceRole;
  readonly plan: PollPlan;
  /** The axes it can be ordered on, and what carries each out. */
  readonly abilities: Abilities;
}

type FindRefusal = DiscoveryRefusal | PollRefusal | 'incomplete' | 'absent' | 'no-role';

export class Device {
  readonly #parts: DeviceParts;
  readonly #living: Promise<void>;
  #treatment: Treatment = plainly;
  /** The last known map. It outlives a loss: an order may try it, and is refused by a device that changed. */
  #found: Found | undefined;
  #present: boolean | undefined;
  #closed = false;
  /** Until then the line is the others': an unanswered probe took it from them. Never past {@link BACK_OFF_MAX}. */
  #restUntil: Instant;
  /** Probes so far without an answer. */
  #misses = 0;
  readonly #orders: DeviceOrders;
  readonly #settings: DeviceSettings;
  /** Of the last reading: its points, and how many answers were exceptions. */
  #points: Points = {};
  #exceptions = 0;
  /** Ends the waits under way. */
  readonly #wakes = new Set<() => void>();

  constructor(parts: DeviceParts) {
    this.#parts = parts;
    this.#restUntil = parts.clock.now().instant;
    const door: OrdersDoor = {
      device: parts.config.id,
      models: parts.models,
      wear: parts.wear,
      clock: parts.clock,
      treatment: () => this.#treatment,
      setpoints: () => this.#found && sharedSetpoints(this.#found.abilities),
      rating: () => this.#rating(),
      reach: () => this.#reach(),
      run: (conversation, turn) => this.#run(conversation, turn),
      wait: duration => this.#wait(duration),
      lapsed: (order, applied) => parts.events.lapsed(order, applied),
    };
    this.#orders = new DeviceOrders(door);
    this.#settings = new DeviceSettings(door);
    if (parts.config.profile !== undefined) this.#treatAs(parts.config.profile);
    this.#living = this.#live();
  }

  apply(order: DeviceOrder): Promise<Applied> {
    return this.#orders.apply(order);
  }

  /** What modes it holds now. */
  async interrogate(): Promise<Interrogated> {
    const { config, models } = this.#parts;
    const found = await this.#reach();
    if (!found.ok) return { device: config.id, outcome: 'unknown', why: whyOf(found) };
    const held = await this.#run(interrogate(found.value.device, models), 'read');
    if (held.modes.length === 0 && held.unread.length > 0)
      return { device: config.id, outcome: 'unknown', why: held.unread[0]?.why ?? '' };
    return { device: config.id, outcome: 'told', held };
  }

  async set(order: SettingsOrder): Promise<SettingsSet> {
    return { device: this.#parts.config.id, ...(await this.#settings.set(order)) };
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#wakes) wake();
    this.#orders.close();
    return this.#living;
  }

  /** What is 100 % of an order, in W; read now where no reading has told it yet. */
  async #rating(): Promise<number | undefined> {
    const found = this.#found;
    if (this.#points['WMax'] !== undefined || found === undefined) return this.#points['WMax'];
    const polled = await this.#poll(found.plan, { last: undefined, failures: 0 });
    return polled.ok ? polledPoints(found.plan, polled.value)['WMax'] : undefined;
  }

  /** The map that an order is written by. A device known to be lost is asked first whether it is there. */
  async #reach(): Promise<Result<Found, FindRefusal>> {
    if (this.#found === undefined) {
      const found = await this.#seek('write');
      return found.ok ? found : refused(found.refusal, `not found: ${whyOf(found)}`, 'later');
    }
    if (this.#present !== false) return ok(this.#found);
    const there = await this.#probe('write');
    return there.ok ? ok(this.#found) : refused(there.refusal, `lost: ${whyOf(there)}`, 'later');
  }

  /** Found, then read until lost, and again. A device that is not there is looked for ever more rarely. */
  async #live(): Promise<void> {
    // In a turn of its own, so that the owner holds the port before it hears of anything.
    await this.#wait(milliseconds(0));
    for (let failures = 0; !this.#closed; ) {
      const found = await this.#seek('read');
      if (this.#closed) break;
      if (found.ok) {
        failures = 0;
        this.#tell(true, `found at ${this.#where}${this.#treatment.words}`);
        await this.#watch(found.value);
      } else {
        failures += 1;
        this.#tell(false, `not found at ${this.#where}: ${whyOf(found)}; ${NEXT}`);
        await this.#rest(failures);
      }
    }
  }

  #rest(failures: number): Promise<void> {
    const { clock, random } = this.#parts;
    const backedOff = after(clock.now().instant, backOff(failures, random()));
    return this.#waitUntil(backedOff > this.#restUntil ? backedOff : this.#restUntil);
  }

  /** One question first: where nobody is, a whole search would take the line from the others for seconds. */
  async #seek(turn: Turn): Promise<Result<Found, FindRefusal>> {
    const there = await this.#probe(turn);
    return there.ok ? this.#find(turn) : there;
  }

  /** Whether anybody answers at the unit, whatever the answer is. On a shared line not before its rest is over. */
  async #probe(turn: Turn): Promise<Result<void, 'unreachable'>> {
    const { clock, config, isShared } = this.#parts;
    const asked = clock.now().instant;
    if (this.#present !== true && asked < this.#restUntil)
      return refused('unreachable', 'it did not answer just now', 'later');
    const bases = [...(this.#treatment.reading.bases ?? []), ...BASES];
    const address = this.#found?.base ?? bases[this.#misses % bases.length] ?? 0;
    // Where there is no map, its own register: some devices are disturbed by being asked for others.
    const own = this.#treatment.profile?.sunspec?.none === true ? this.#ownPoints()[0]?.places[0] : undefined;
    const reply = await this.#run(own === undefined ? marker(config.link.unit, address) : atPlace(own), turn);
    if (isAnswer(reply)) {
      this.#misses = 0;
      return ok(undefined);
    }
    this.#misses += 1;
    const answered = clock.now().instant;
    const due = Math.min(BACK_OFF_MAX, (SHARE_OF_LINE - 1) * between(asked, answered));
    if (isShared) this.#restUntil = after(answered, milliseconds(due));
    return refused('unreachable', reply.ok ? undefined : describeFailure(reply), 'later');
  }

  /** What stands there; looked at anew where it turns out to be a product that wants to be asked otherwise. */
  async #find(turn: Turn): Promise<Result<Found, FindRefusal>> {
    const { config, profiles = [] } = this.#parts;
    const found = await this.#discover(turn);
    if (!found.ok) return found;
    const profile = config.profile ?? matchProfile(profiles, found.value.device);
    if (profile === this.#treatment.profile) return found;
    this.#treatAs(profile);
    return this.#discover(turn);
  }

  #ownPoints(models: SunSpecDevice['models'] = []): readonly OwnPoint[] {
    const { unit } = this.#parts.config.link;
    return ownPointsOf(this.#treatment.points, { unit, models }, this.#parts.models);
  }

  /** With those that the profile carries out itself: what it writes for two of them may be one register. */
  #withOwn(abilities: Abilities): Abilities {
    const own = [...this.#treatment.byAxis.keys()].map(axis => [axis, 'its profile'] as const);
    return new Map([...abilities, ...own]);
  }

  /** A device without a map is known by the points of the profile that a person named for it. */
  async #discoverOwn(profile: Profile, turn: Turn): Promise<Result<Found, FindRefusal>> {
    const { config } = this.#parts;
    const points = this.#ownPoints();
    const read = await this.#run(readOwn(points, this.#treatment.reading), turn);
    if (!read.ok) return read;
    const stranger = strangerTo(profile, read.value.values);
    if (stranger !== undefined) return refused('no-marker', stranger);
    const role = config.role ?? profile.role;
    if (role === undefined)
      return refused('no-role', 'neither its profile nor the configuration names its role');
    const device: SunSpecDevice = { unit: config.link.unit, model: profile.title, models: [] };
    this.#found = {
      base: undefined,
      device,
      role,
      plan: pollPlanOf(device, role, points),
      abilities: this.#withOwn(new Map()),
    };
    return ok(this.#found);
  }

  async #discover(turn: Turn): Promise<Result<Found, FindRefusal>> {
    const { config, models } = this.#parts;
    const { profile } = this.#treatment;
    if (profile?.sunspec?.none === true) return this.#discoverOwn(profile, turn);
    const { unit } = config.link;
    const result = await this.#run(discover({ unit, models, ...this.#treatment.reading }), turn);
    if (!result.ok) return result;
    const { base, devices, end } = result.value;
    if (end.how === 'silent')
      return refused('incomplete', `it fell silent at register ${end.address}`, 'later');
    const device = devices[config.place ?? 0];
    if (device === undefined) return refused('absent', `${devices.length} devices stand there`, 'later');
    const role = config.role ?? profile?.role ?? roleOf(device);
    if (role === undefined) return refused('no-role', 'it has no model of an inverter, storage or meter');
    const able =
      role === 'meter' ? ok<Abilities>(new Map()) : await this.#run(abilitiesIn(device, models), turn);
    if (!able.ok) return refused('incomplete', able.detail, 'later');
    const plan = pollPlanOf(device, role, this.#ownPoints(device.models));
    this.#found = { base, device, role, plan, abilities: this.#withOwn(able.value) };
    return ok(this.#found);
  }

  #treatAs(profile: Profile | undefined): void {
    this.#treatment = treatmentOf(profile);
    this.#parts.bus.mind(this.#treatment.line);
  }

  /** Reads until the device is lost or its map has changed. */
  async #watch({ plan, abilities }: Found): Promise<void> {
    const { clock, events, config, models, pollEvery = POLL_EVERY } = this.#parts;
    const { rescanOn } = this.#treatment;
    let last: Polled | undefined;
    const since = clock.now().instant;
    let isDue = false;
    let signs: { readonly first: Sign; readonly last: Sign } | undefined;
    for (let failures = 0; !this.#closed; ) {
      const due = after(clock.now().instant, pollEvery);
      const polled = await this.#poll(plan, { last, failures });
      if (this.#closed) return;
      if (polled.ok) {
        const isSeldom = last !== undefined && last.slowDue !== polled.value.slowDue;
        last = polled.value;
        const points = polledPoints(plan, last);
        const now: Sign = { points, exceptions: this.#exceptions, wasSilent: failures > 0 };
        failures = 0;
        this.#points = points;
        isDue ||= signs !== undefined && rescanBy(rescanOn, { ...signs, now }) !== undefined;
        if (isDue && between(since, clock.now().instant) >= RESCAN_EVERY) {
          this.#found = undefined;
          return;
        }
        signs = { first: signs?.first ?? now, last: now };
        const sight = { models, abilities, wMaxW: points['WMax'] };
        // What only orders change is looked at as seldom as what hardly moves.
        const held = isSeldom ? { held: await this.#run(readHeld(plan.device, sight), 'read') } : {};
        events.reading({ device: config.id, role: plan.role, at: clock.now().unix, points, ...held });
      } else if (polled.refusal === 'map-changed') {
        this.#found = undefined;
        return;
      } else {
        failures += 1;
        if (failures >= FAILURES_MAX)
          return this.#tell(false, `lost at ${this.#where}: ${whyOf(polled)}; ${NEXT}`);
      }
      await this.#waitUntil(due);
    }
  }

  /** What is due. A device that has just been silent is asked first whether it is there. */
  async #poll(
    plan: PollPlan,
    { last, failures }: { readonly last: Polled | undefined; readonly failures: number },
  ): Promise<Result<Polled, PollRefusal | 'unreachable'>> {
    const { models, clock } = this.#parts;
    const there = failures > 0 ? await this.#probe('read') : ok(undefined);
    if (!there.ok) return there;
    const options = { models, ...this.#treatment.reading, now: clock.now().instant };
    this.#exceptions = 0;
    const counted = counting(poll(plan, last, options), () => (this.#exceptions += 1));
    return this.#run(counted, 'read');
  }

  /** Each change once: a device that stays lost is not reported again. */
  #tell(present: boolean, why: string): void {
    if (this.#present === present && !present) return;
    this.#present = present;
    const device = this.#found?.device;
    const product = productOf(device);
    const names = Object.values(product);
    this.#parts.events.device({
      device: this.#parts.config.id,
      present,
      model: names.join(' '),
      product,
      axes: [...(this.#found?.abilities.keys() ?? [])],
      ...(this.#found === undefined ? {} : { setpoints: sharedSetpoints(this.#found.abilities) }),
      why,
    });
  }

  /** Address and unit, without what else a link may name. */
  get #where(): string {
    const { bus, config } = this.#parts;
    return `${bus.address}?unit=${config.link.unit}`;
  }

  #run<T>(conversation: Conversation<T>, turn: Turn): Promise<T> {
    return this.#parts.bus.run(this.#treatment.mannered(conversation), turn);
  }

  #wait(duration: Duration): Promise<void> {
    return this.#waitUntil(after(this.#parts.clock.now().instant, duration));
  }

  #waitUntil(when: Instant): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise(resolve => {
      const wake = (): void => {
        cancel();
        this.#wakes.delete(wake);
        resolve();
      };
      const cancel = this.#parts.clock.at(when, wake);
      this.#wakes.add(wake);
    });
  }
}

const NEXT = `looked for again, at most ${BACK_OFF_MAX / 1000} s apart`;

/** What a device says of itself, in the order of its name; what it leaves out is absent. */
function productOf(device: Found['device'] | undefined): NonNullable<DeviceState['product']> {
  const said: { manufacturer?: string; model?: string; version?: string } = {};
  if (device?.manufacturer !== undefined) said.manufacturer = device.manufacturer;
  if (device?.model !== undefined) said.model = device.model;
  if (device?.version !== undefined) said.version = device.version;
  return said;
}

function whyOf({ refusal, detail }: { readonly refusal: string; readonly detail?: string }): string {
  return detail ?? refusal;
}
