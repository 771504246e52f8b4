/**
 * Settings for one device: a packet or special ones, first looked at as a whole, then set one after the other, each
 * verified before the next. Where one fails the rest is not begun, and what was set before it stands and is told.
 */
import { milliseconds } from '../../base/time.ts';
import type { ApplyOptions, ApplyResult } from '../../local/device/mod.ts';
import { applyIntent, intentsOf, preview } from '../../local/device/mod.ts';
import type { SunSpecDevice } from '../../local/sunspec/mod.ts';
import type { Intent, PartSet, SettingsOrder, SettingsSet } from '../../model/mod.ts';
import { modeOf } from '../../model/mod.ts';
import type { OrdersDoor } from './orders.ts';

/** SunSpec gives a device this long until a register shows what was written to it. */
const READ_AFTER_WRITE = milliseconds(1000);
/** A device that is late at every step of a long setting is given up: one has at most 16 steps. */
const RECHECKS_MAX = 16;
/** Orders of settings that wait for one device. They are rare and a person's; more means that something is wrong. */
const WAITING_MAX = 8;

type Outcome = Omit<SettingsSet, 'device'>;

/** What settings need of the device's owner. */
export type SettingsDoor = Pick<OrdersDoor, 'models' | 'treatment' | 'reach' | 'run' | 'wait'>;

export class DeviceSettings {
  readonly #door: SettingsDoor;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(door: SettingsDoor) {
    this.#door = door;
  }

  /** One order at a time: two that fill the slots of one model at once would spoil each other's. */
  async set(order: SettingsOrder): Promise<Outcome> {
    if (this.#waiting >= WAITING_MAX) {
      const why = `${WAITING_MAX} orders of settings wait for this device already`;
      return { outcome: 'refused', why, parts: [] };
    }
    this.#waiting += 1;
    const mine = this.#inTurn(order, this.#last);
    this.#last = mine;
    return mine;
  }

  async #inTurn(order: SettingsOrder, before: Promise<unknown>): Promise<Outcome> {
    await before;
    const result = await this.#carryOut(order);
    this.#waiting -= 1;
    return result;
  }

  async #carryOut(order: SettingsOrder): Promise<Outcome> {
    const intents = intentsOf(order);
    if (!intents.ok)
      return { outcome: 'refused', why: `${intents.refusal}: ${intents.detail ?? ''}`, parts: [] };
    const found = await this.#door.reach();
    if (!found.ok)
      return {
        outcome: 'unknown',
        why: `${found.detail ?? found.refusal}; nothing was written`,
        parts: [],
      };
    const { device } = found.value;
    const { deviations, maxWrite } = this.#door.treatment();
    const options = { deviations, ...(maxWrite === undefined ? {} : { maxWrite }) };
    const asked = preview(device, intents.value, this.#door.models, options);
    const cannot = await this.#door.run(asked, 'write');
    return cannot === undefined ? this.#setAll(device, intents.value, options) : { ...cannot, parts: [] };
  }

  async #setAll(device: SunSpecDevice, intents: readonly Intent[], options: ApplyOptions): Promise<Outcome> {
    const parts: PartSet[] = [];
    for (const intent of intents) {
      const { outcome, why, evidence } = await this.#setOne(device, intent, options);
      const mode = modeOf(intent);
      parts.push({ mode, outcome, evidence, ...(why === undefined ? {} : { why }) });
      if (outcome === 'implemented') continue;
      const left = intents.length - parts.length;
      const rest = left === 0 ? '' : `; ${left} further parts were not begun`;
      return { outcome, why: `${mode}: ${why ?? outcome}${rest}`, parts };
    }
    return { outcome: 'implemented', parts };
  }

  async #setOne(device: SunSpecDevice, intent: Intent, options: ApplyOptions): Promise<ApplyResult> {
    const door = this.#door;
    let result = await door.run(applyIntent(device, intent, door.models, options), 'write');
    for (let tried = 0; result.recheck !== undefined && tried < RECHECKS_MAX; tried++) {
      await door.wait(READ_AFTER_WRITE);
      result = await door.run(result.recheck(), 'write');
    }
    return result;
  }
}
