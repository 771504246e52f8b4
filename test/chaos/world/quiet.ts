/** Whether a world has come to rest as it should: everything sent is answered, held and done. */
import { membershipsFromRows } from '../../../src/wan/groups/mod.ts';
import { STREAMS } from '../../../src/model/mod.ts';
import type { Axis, CustomerBody, GatewayId, GroupId, ReceiptBody } from '../../../src/model/mod.ts';
import { endOf } from './facts.ts';
import type { KnownEvent } from './facts.ts';
import { prevailing } from './judge.ts';
import type { Premise } from './premise.ts';
import type { World } from './world.ts';

const OVER = ['completed', 'cancelled', 'partialOptOut', 'completedNoParticipation', 'abortedByServer'];
const TELEMETRY: readonly string[] = ['status', 'reading', 'audit'];
const FULL = 10_000;

/** What is not as it should be, in sentences. */
export function unsettled(world: World): readonly string[] {
  const { headEnd, premises } = world;
  const { nms } = headEnd;
  if (nms === undefined) return ['the head end is away'];
  const open = nms.open().flatMap(({ command, missing }) => {
    // Who has left the group cannot hear it any more: the head end tries until it expires.
    const group = command.audience.startsWith('g/') ? (command.audience.slice(2) as GroupId) : undefined;
    const who = [...missing].filter(
      id => group === undefined || headEnd.registry?.membershipsOf(id).has(group),
    );
    return who.length === 0
      ? []
      : [`${command.kind} ${command.about} waits for the answer of ${who.join(', ')}`];
  });
  const each = premises.flatMap(premise => [
    ...streams(premise),
    ...groups(world, premise),
    ...lives(world, premise),
  ]);
  return [...open, ...each];
}

/** Telemetry goes on all the time; what is acknowledged of it is noted within a minute. */
const TELEMETRY_OPEN = 24;

function streams({ id, disk, isAlive }: Premise): readonly string[] {
  if (!isAlive) return [`${id} is not running`];
  return STREAMS.flatMap(name => {
    const { acknowledged, last } = disk.image.stream(name);
    const mayBeOpen = TELEMETRY.includes(name) ? TELEMETRY_OPEN : 0;
    return last - acknowledged > mayBeOpen
      ? [`${id}: ${name} is at ${last}, acknowledged to ${acknowledged}`]
      : [];
  });
}

function groups({ headEnd }: World, { id, disk }: Premise): readonly string[] {
  const { registry } = headEnd;
  if (registry === undefined) return [];
  const held = membershipsFromRows(disk.image.rowsOf('membership'));
  const wanted = registry.membershipsOf(id);
  const text = (of: Iterable<readonly [string, number]>): string =>
    [...of]
      .map(([group, epoch]) => `${group}@${epoch}`)
      .sort()
      .join(' ');
  const has = text(
    [...held].flatMap(([group, { epoch, member }]) => (member ? [[group, epoch] as const] : [])),
  );
  const unproven = registry.rowsOf(id).filter(({ member }) => !member.member || member.state !== 'active');
  return [
    ...(has === text(wanted)
      ? []
      : [`${id} holds ${has || 'no group'}, should hold ${text(wanted) || 'none'}`]),
    ...unproven.map(({ member }) => `a membership of ${id} is ${member.state}: ${member.cause}`),
  ];
}

/** Events by their receipts, and the devices by the events. */
function lives(world: World, premise: Premise): readonly string[] {
  const { ledger, headEnd, time } = world;
  const { id } = premise;
  const now = time.now().unix;
  const receipts = ledger.receipts(id).flatMap(({ body }) => (body.kind === 'receipt' ? [body] : []));
  const mine = [...headEnd.events.values()].filter(({ awaits }) => awaits.includes(id));
  const told = new Map(mine.map(event => [event, receipts.filter(({ cti }) => cti === event.cti)]));
  const isOver = (event: KnownEvent): boolean =>
    told.get(event)?.some(({ response }) => OVER.includes(response)) === true;
  const taken = mine.filter(
    event => told.get(event)?.some(({ response }) => response === 'received') === true,
  );
  const unended = taken.filter(event => !isOver(event) && endOf(event) < now);
  const still = taken.filter(event => !isOver(event) && event.start <= now && endOf(event) >= now);
  const waiting = taken.filter(event => !isOver(event) && event.start > now);
  return [
    ...unended.map(({ mRID }) => `${id} never told the end of ${mRID}`),
    ...cancelled(world, id, receipts),
    ...waiting.map(({ mRID }) => `${id}: ${mRID} has not begun`),
    ...devices(
      premise,
      still.filter(event => !isLifted(world, id, event)),
    ),
    ...still.flatMap(event => (Number.isFinite(endOf(event)) ? [`${id}: ${event.mRID} goes on`] : [])),
  ];
}

/** A cancel that was carried out ended its event. */
function cancelled(
  { ledger, headEnd }: World,
  id: GatewayId,
  receipts: readonly ReceiptBody[],
): readonly string[] {
  return ledger.allCommands().flatMap(({ command }) => {
    if (command.kind !== 'cancel' || !command.awaits.includes(id)) return [];
    const done = receipts.some(({ cti, response }) => cti === command.cti && response === 'completed');
    const event = [...headEnd.events.values()].find(({ mRID }) => mRID === command.about);
    const ended = receipts.some(({ cti, response }) => cti === event?.cti && OVER.includes(response));
    return done && !ended ? [`${id}: ${command.about} was cancelled, and goes on`] : [];
  });
}

function isLifted({ ledger }: World, id: GatewayId, { mRID }: KnownEvent): boolean {
  const said = [...ledger.held(id, 'customer').records.values()]
    .sort((a, b) => a.sequence - b.sequence)
    .flatMap(({ body }) => (body.kind === 'customer' && body.mRID === mRID ? [body.action] : []));
  const last: CustomerBody['action'] | undefined = said
    .filter(action => action === 'override' || action === 'override-ended')
    .at(-1);
  return last === 'override';
}

function devices(
  { id, devices: all, judge, defaults }: Premise,
  active: readonly KnownEvent[],
): readonly string[] {
  const wanted = (axis: Axis): number | undefined =>
    judge.bound(axis, prevailing(active, axis)?.axes[axis] ?? defaults[axis]);
  return [...all.held].flatMap(([device, { connect, limit }]) => [
    ...differs(`${id}: ${device} is connected`, connect, wanted('opModConnect') ?? 1),
    ...differs(`${id}: the limit of ${device} is`, limit, wanted('opModMaxLimW') ?? FULL),
  ]);
}

function differs(what: string, is: number, wanted: number): readonly string[] {
  return is === wanted ? [] : [`${what} ${is}, should be ${wanted}`];
}
