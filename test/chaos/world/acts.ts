/** What may happen in a simulated world: one thing is drawn at a time, of what people do and of what breaks. */
import { milliseconds, seconds, unixTime } from '../../../src/base/time.ts';
import type { Audience, AxisValues, CommandClass, DeviceId, GroupId, MRID } from '../../../src/model/mod.ts';
import { CODE } from './premise.ts';
import type { Premise } from './premise.ts';
import type { World } from './world.ts';

export const GROUPS = ['feeder-1', 'feeder-2'] as const as unknown as readonly [GroupId, GroupId];

/** Each with its share of all that happens. */
const ACTS: readonly { readonly weight: number; readonly act: (world: World) => void }[] = [
  { weight: 5, act: event },
  { weight: 1.5, act: isolation },
  { weight: 2.5, act: cancel },
  { weight: 2, act: press },
  { weight: 1, act: regroup },
  { weight: 3, act: fallBetween },
  { weight: 1.5, act: fall },
  { weight: 1.5, act: cut },
  { weight: 0.7, act: outage },
  { weight: 1.2, act: clockJump },
  { weight: 1.5, act: diskTrouble },
  { weight: 1.2, act: devicePower },
  { weight: 1, act: headEndFalls },
];
const WEIGHT = ACTS.reduce((sum, { weight }) => sum + weight, 0);
/** Of the machine's date, ms: from a second to ten years, either way. */
const JUMPS = [1000, 4000, 6000, 60_000, 3_600_000, 86_400_000, 315_360_000_000] as const;
const CLASSES: readonly [CommandClass, ...CommandClass[]] = [
  'emergency',
  'transmission',
  'reliability',
  'dispatch',
  'market',
];

/** One thing happens. */
export function faults(world: World): void {
  let draw = world.luck.unit() * WEIGHT;
  for (const { weight, act } of ACTS) {
    draw -= weight;
    if (draw < 0) return act(world);
  }
}

function audience({ luck, premises, headEnd }: World): Audience {
  const group = luck.pick(GROUPS);
  const members = headEnd.registry?.get(group)?.members ?? [];
  if (members.length > 0 && luck.chance(0.4)) return { kind: 'group', id: group };
  return { kind: 'device', id: luck.any(premises)?.id ?? ('gw-1' as never) };
}

function event(world: World): void {
  const { luck, time, headEnd } = world;
  const axes = luck.pick<AxisValues>([
    { opModMaxLimW: luck.between(0, 10_000) },
    { opModMaxLimW: luck.between(0, 10_000) },
    { opModConnect: 0 },
    { opModMaxLimW: 0, opModConnect: luck.between(0, 1) },
  ]);
  const how = { class: luck.pick(CLASSES), primacy: luck.between(1, 4) };
  // An emergency that connects would be no isolation, and what it may do to one is another rule.
  const asks = how.class === 'emergency' && axes.opModConnect === 1 ? { ...axes, opModConnect: 0 } : axes;
  const startS = Math.floor(time.now().unix / 1000) + luck.between(-5, 40);
  const to = audience(world);
  world.tell(`event ${JSON.stringify(asks)} ${how.class} to ${to.id}`);
  void headEnd.send(
    to,
    {
      service: luck.chance(0.7) ? 'demand-response' : 'direct',
      axes: asks,
      start: unixTime(startS * 1000),
      duration: seconds(luck.between(15, 240)),
    },
    how,
  );
}

function isolation(world: World): void {
  const { time, headEnd } = world;
  const to = audience(world);
  const start = unixTime(Math.floor(time.now().unix / 1000) * 1000);
  world.tell(`isolation of ${to.id}`);
  const body = { service: 'direct', axes: { opModConnect: 0 }, start } as const;
  void headEnd.send(to, body, { class: 'emergency', primacy: 1 });
}

/** Of an event that goes on, or has not come yet. */
function cancel(world: World): void {
  const { luck, headEnd } = world;
  const known = luck.any([...headEnd.events.values()].filter(({ cancelSent }) => !cancelSent));
  if (known === undefined || headEnd.nms === undefined) return;
  const sent = world.ledger.allCommands().find(({ command }) => command.cti === known.cti);
  const [side, id] = (sent?.command.audience ?? '').split('/');
  if (id === undefined) return;
  const to = side === 'g' ? ({ kind: 'group', id } as Audience) : ({ kind: 'device', id } as Audience);
  world.tell(`cancel of ${known.mRID}`);
  void headEnd.cancel(known, to);
}

function anyPremise({ luck, premises }: World): Premise {
  return luck.any(premises) as Premise;
}

function press(world: World): void {
  const { luck, headEnd } = world;
  const mRID: MRID | undefined = luck.any([...headEnd.events.keys()]);
  if (mRID === undefined) return;
  const premise = anyPremise(world);
  if (luck.chance(0.2)) {
    world.tell(`the customer of ${premise.id} ends the override of ${mRID}`);
    void premise.endOverride(mRID);
    return;
  }
  const code = luck.chance(0.7) ? CODE : '0000';
  world.tell(`the customer of ${premise.id} overrides ${mRID} with ${code}`);
  premise.press(mRID, code);
}

function regroup(world: World): void {
  const { luck, headEnd } = world;
  const { id: gateway } = anyPremise(world);
  const group = luck.pick(GROUPS);
  const member = headEnd.registry?.membershipsOf(gateway).has(group) !== true;
  world.tell(`${gateway} ${member ? 'joins' : 'leaves'} ${group}`);
  void headEnd.change([{ group, gateway, member }]);
}

function fallBetween(world: World): void {
  const premise = anyPremise(world);
  premise.crashAfter(world.luck.between(1, 60));
}

function fall(world: World): void {
  const premise = anyPremise(world);
  world.tell(`${premise.id} loses its power`);
  premise.crash(world.luck.between(200, 30_000));
}

function cut(world: World): void {
  const premise = anyPremise(world);
  world.tell(`the link of ${premise.id} breaks`);
  premise.cut(world.luck.between(10, 40_000));
}

function outage(world: World): void {
  world.tell('the broker goes away');
  world.network.outage(world.luck.between(100, 60_000));
}

function clockJump(world: World): void {
  const { luck } = world;
  const premise = anyPremise(world);
  const jump = luck.pick(JUMPS) * (luck.chance(0.5) ? 1 : -1);
  world.tell(`the clock of ${premise.id} jumps by ${jump} ms`);
  premise.offMs += jump;
}

function diskTrouble(world: World): void {
  const { luck, time } = world;
  const { disk, id } = anyPremise(world);
  if (luck.chance(0.5)) {
    disk.failNext = luck.between(1, 3);
    return world.tell(`writes to the disk of ${id} fail`);
  }
  if (luck.chance(0.5)) disk.fill();
  else disk.mood = 'io';
  world.tell(`the disk of ${id} is ${disk.mood === 'io' ? 'silent' : 'full'}`);
  time.after(luck.between(500, 30_000), () => {
    disk.mood = 'well';
    world.tell(`the disk of ${id} is well again`);
  });
}

function devicePower(world: World): void {
  const { luck } = world;
  const premise = anyPremise(world);
  const device = luck.pick(['pv', 'battery'] as unknown as readonly [DeviceId, DeviceId]);
  const ms = milliseconds(luck.between(500, 30_000));
  world.tell(`${device} of ${premise.id} loses its power for ${ms} ms`);
  premise.devices.powerCut(device, ms);
}

function headEndFalls(world: World): void {
  world.tell('the head end dies');
  world.headEnd.crash(world.luck.between(100, 40_000));
}
