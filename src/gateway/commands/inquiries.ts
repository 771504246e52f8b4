/**
 * Questions and settings for devices that come over the WAN (SIWG-4, SIWG-5): which modes a device holds, which it
 * shall hold, and what it measures. A command becomes an inquiry that is in the store until every device has answered,
 * so that a restart asks again; asking and setting twice does no harm. What is to hold from when to when is an event
 * and not here.
 *
 * Who may ask is the scope's word, given before; what the tariff agreement leaves to the utility is judged here (TAR-1).
 */
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { after, milliseconds, seconds } from '../../base/time.ts';
import type { Instant, Now } from '../../base/time.ts';
import { intentsOf } from '../../local/mod.ts';
import type { SettingsRefusal } from '../../local/mod.ts';
import { modeOf } from '../../model/mod.ts';
import type {
  Command,
  DeviceId,
  InterrogateBody,
  Interrogated,
  Mode,
  ModeSetBy,
  ReceiptBody,
  SettingsBody,
  SettingsOrder,
  SettingsSet,
} from '../../model/mod.ts';
import type { Answered, Ask, Inquiry } from './asking.ts';
import type { Work } from '../effects.ts';
import { receipt, report } from '../uplink/reports.ts';
import { commandKey, put } from '../state.ts';
import type { GatewayState } from '../state.ts';
import { partsOf } from '../uplink/vetting.ts';

/** Inquiries under way. Each is a person's or a schedule's; more of them means that something asks in a circle. */
export const MAX_INQUIRIES = 64;
/** A device that did not answer is asked again this much later, and at once when it is found again. */
export const ASK_AGAIN = seconds(5);
/** Times one device is asked before its silence is the answer. */
export const MAX_ASKED = 3;

/** `device-unknown`: there is none of that name. `no-device`: none was found yet. `tariff`: not the utility's to change. */
export type InquiryRefusal = SettingsRefusal | 'device-unknown' | 'no-device' | 'tariff' | 'busy';

/** Takes a command of kind interrogate or settings. It is answered as received at once, and when all devices have. */
export function inquire(
  state: GatewayState,
  work: Work,
  command: Command & { readonly body: InterrogateBody | SettingsBody },
  now: Now,
): Result<readonly [], InquiryRefusal> {
  const { cti, issuer, body, expires } = command;
  if (state.asking.inquiries.size >= MAX_INQUIRIES)
    return refused('busy', `${MAX_INQUIRIES} inquiries are under way`, 'later');
  const fault = body.kind === 'settings' ? settingsFault(state, body.order) : ok(undefined);
  if (!fault.ok) return fault;
  const devices = devicesFor(state, body);
  if (!devices.ok) return devices;
  const ask: Ask = body.kind === 'settings' ? { do: 'set', order: body.order } : { do: 'interrogate' };
  const left = devices.value.map(device => ({ device, asked: 0 }));
  keep(state, work, { cti, issuer, ask, expires, left, set: [], told: [], silent: [] });
  const why = `${body.kind === 'settings' ? 'setting' : 'asking'} ${devices.value.join(', ')}`;
  receipt(state, work, { kind: 'receipt', cti, issuer, response: 'received', why }, now);
  return ok([]);
}

/** Answers a command of kind read from what is known: the newest reading of each device, a second old at most. */
export function tellReadings(state: GatewayState, work: Work, command: Command, now: Now): void {
  const { cti, issuer } = command;
  const readings = [...state.readings.values()];
  report(state, work, 'reading', { kind: 'readings', cti, issuer, readings }, now);
  const of = readings.map(({ device }) => device).join(', ');
  const why = readings.length === 0 ? 'no device has been read yet' : `readings of ${of}`;
  receipt(state, work, { kind: 'receipt', cti, issuer, response: 'completed', why }, now);
}

/** Asks what can be asked now, and gives up what has no time left. */
export function askDevices(state: GatewayState, work: Work, now: Now): void {
  for (const [key, inquiry] of state.asking.inquiries) {
    if (inquiry.expires <= now.unix) {
      giveUp(state, work, inquiry, now);
      continue;
    }
    for (const { device } of inquiry.left) {
      if (!mayAsk(state, device, now)) continue;
      state.asking.running.set(device, key);
      state.asking.again.delete(device);
      work.wish({ do: 'ask', inquiry: key, device, ask: inquiry.ask });
    }
  }
}

/** A device answered, or did not. */
export function answered(
  state: GatewayState,
  work: Work,
  { inquiry: key, device, answer }: { inquiry: string; device: DeviceId; answer: Answered },
  now: Now,
): void {
  if (state.asking.running.get(device) === key) state.asking.running.delete(device);
  const inquiry = state.asking.inquiries.get(key);
  const turn = inquiry?.left.find(one => one.device === device);
  if (inquiry === undefined || turn === undefined) return;
  const asked = turn.asked + 1;
  if (isSilent(answer) && asked < MAX_ASKED) {
    state.asking.again.set(device, after(now.instant, ASK_AGAIN));
    const left = inquiry.left.map(one => (one.device === device ? { device, asked } : one));
    return keep(state, work, { ...inquiry, left });
  }
  const left = inquiry.left.filter(one => one.device !== device);
  const taken =
    answer.did === 'set'
      ? noteSet(state, work, inquiry, answer.set, now)
      : noteTold(state, work, inquiry, answer.told, now);
  progress(state, work, { ...taken, left }, now);
}

/** When {@link askDevices} has something to do by the clock alone. */
export function nextInquiry(state: GatewayState, now: Now): Instant | undefined {
  const { inquiries, running, again } = state.asking;
  const due = [...inquiries.values()].flatMap(({ expires, left }) => [
    after(now.instant, milliseconds(Math.max(0, expires - now.unix))),
    ...left.flatMap(({ device }) => (running.has(device) ? [] : (again.get(device) ?? []))),
  ]);
  return due.length === 0 ? undefined : (Math.min(...due) as Instant);
}

/** A device that came back is asked at once. */
export function deviceFound(state: GatewayState, device: DeviceId): void {
  state.asking.again.delete(device);
}

function mayAsk(state: GatewayState, device: DeviceId, now: Now): boolean {
  const { running, again } = state.asking;
  const isPresent = state.devices.get(device)?.present === true;
  return isPresent && !running.has(device) && (again.get(device) ?? now.instant) <= now.instant;
}

/** TAR-1: what the agreement keeps for itself is not changed over the WAN, whoever asks. */
function settingsFault({ settings }: GatewayState, order: SettingsOrder): Result<undefined, InquiryRefusal> {
  const intents = intentsOf(order);
  if (!intents.ok) return intents;
  const { settable } = settings;
  const closed = intents.value.map(modeOf).find(mode => settable !== undefined && !settable.has(mode));
  return closed === undefined
    ? ok(undefined)
    : refused('tariff', `the tariff agreement does not let ${closed} be set over the WAN`);
}

/** A meter holds no mode: it is left out where no device is named. */
function devicesFor(
  state: GatewayState,
  { kind, device }: InterrogateBody | SettingsBody,
): Result<readonly DeviceId[], InquiryRefusal> {
  const known = [...state.devices.keys()];
  if (device === undefined) {
    const meters = kind === 'settings' ? [...state.readings.values()].filter(r => r.role === 'meter') : [];
    const able = known.filter(id => !meters.some(meter => meter.device === id));
    return able.length === 0 ? refused('no-device', 'no device was found yet', 'later') : ok(able);
  }
  if (known.includes(device)) return ok([device]);
  return known.length === 0
    ? refused('no-device', 'no device was found yet', 'later')
    : refused('device-unknown', `there is no device ${device}; there are ${known.join(', ')}`);
}

function isSilent(answer: Answered): boolean {
  return answer.did === 'set' ? answer.set.outcome === 'unknown' : answer.told.outcome === 'unknown';
}

function noteSet(state: GatewayState, work: Work, inquiry: Inquiry, set: SettingsSet, now: Now): Inquiry {
  const { ask, cti, issuer } = inquiry;
  const packet = ask.do === 'set' && ask.order.kind === 'packet' ? { packet: ask.order.name } : {};
  for (const { mode, outcome } of set.parts) {
    if (outcome !== 'implemented') continue;
    const by: ModeSetBy = { mode, issuer, cti, at: now.unix, ...packet };
    state.setBy.set(settingKey(set.device, mode), by);
    work.store(put('setting', settingKey(set.device, mode), by));
  }
  work.log(set.outcome === 'implemented' ? 'info' : 'warn', `settings.${set.outcome}`, describeSet(set), {
    cti,
    device: set.device,
  });
  return { ...inquiry, set: [...inquiry.set, set] };
}

/** One record a part: what a device holds can be more than one carries. */
function noteTold(state: GatewayState, work: Work, inquiry: Inquiry, told: Interrogated, now: Now): Inquiry {
  const { device } = told;
  if (told.outcome === 'unknown')
    return { ...inquiry, silent: [...inquiry.silent, { device, why: told.why }] };
  const { cti, issuer } = inquiry;
  const setBy = [...state.setBy].flatMap(([key, by]) => (key === settingKey(device, by.mode) ? [by] : []));
  const whole = { kind: 'modes', cti, issuer, device, ...told.held, setBy } as const;
  for (const part of partsOf(whole)) report(state, work, 'receipt', part, now);
  return { ...inquiry, told: [...inquiry.told, device] };
}

function progress(state: GatewayState, work: Work, inquiry: Inquiry, now: Now): void {
  if (inquiry.left.length > 0) return keep(state, work, inquiry);
  state.asking.inquiries.delete(commandKey(inquiry));
  work.store({ op: 'delete', kind: 'inquiry', key: commandKey(inquiry) });
  receipt(state, work, finalReceipt(inquiry), now);
}

function giveUp(state: GatewayState, work: Work, inquiry: Inquiry, now: Now): void {
  const why = 'it did not answer before the command expired';
  const silent = inquiry.left.map(({ device }) => ({ device, why }));
  const set = silent.map(({ device }) => ({ device, outcome: 'unknown', why, parts: [] }) as const);
  const all =
    inquiry.ask.do === 'set' ? { set: [...inquiry.set, ...set] } : { silent: [...inquiry.silent, ...silent] };
  progress(state, work, { ...inquiry, ...all, left: [] }, now);
}

function finalReceipt({ cti, issuer, ask, set, told, silent }: Inquiry): ReceiptBody {
  const about = { kind: 'receipt', cti, issuer } as const;
  if (ask.do === 'set') {
    const done = set.some(({ outcome }) => outcome === 'implemented');
    const why = set.map(describeSet).join('; ');
    return done
      ? { ...about, response: 'completed', why, set }
      : { ...about, response: 'invalid', refusal: 'settings-not-implemented', why, set };
  }
  const unheard = silent.map(({ device, why }) => `${device}: ${why}`);
  const why = [told.length === 0 ? [] : `told by ${told.join(', ')}`, unheard].flat().join('; ');
  return told.length > 0
    ? { ...about, response: 'completed', why, told }
    : { ...about, response: 'invalid', refusal: 'device-silent', why };
}

function describeSet({ device, outcome, why }: SettingsSet): string {
  return `${device} ${outcome}${why === undefined ? '' : ` (${why})`}`;
}

function keep(state: GatewayState, work: Work, inquiry: Inquiry): void {
  state.asking.inquiries.set(commandKey(inquiry), inquiry);
  work.store(put('inquiry', commandKey(inquiry), inquiry));
}

/** Who set a mode last; at most one entry a mode and device. */
export function settingKey(device: DeviceId, mode: Mode): string {
  return `${device}/${mode}`;
}
