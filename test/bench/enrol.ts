/**
 * `bench -- enrol`: 10,000 gateways are enrolled, 1,000 of them are moved to another group as one change over a calm
 * network, and 1,000 more over one that loses one message in ten, with both sides restarted on the way.
 *
 * Head end, ledger file, step functions and signatures are the real ones; time and network are not. `seconds` are of
 * the virtual clock: what a utility would wait. `ours` is what one processor worked, in real seconds, for enrolment and
 * the first move; the floor is to make and verify as many bare signatures as messages were sent and received then.
 */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hours } from '../../src/base/time.ts';
import type { GatewayId, GroupId } from '../../src/model/mod.ts';
import { CALM, Fleet, ROUGH } from '../utility/fleet.ts';
import type { Traffic } from '../utility/fleet.ts';

const GATEWAYS = 10_000;
const GROUPS = 20;
const MOVED = 1000;
/** Gateways that begin again in the middle of the rough move. */
const RESTARTED = 100;
const SETTLED_MS = 5000;

export async function run({ gateways: size = GATEWAYS, moved = MOVED } = {}): Promise<object> {
  const folder = await mkdtemp(join(tmpdir(), 'underglass-enrol-'));
  try {
    const fleet = await Fleet.start(join(folder, 'ledger.db'), { size, seed: 1, network: CALM });
    // Every start is answered first: that is not enrolment's.
    await fleet.pass(SETTLED_MS);
    const atRest = total(fleet);
    const startMs = performance.now();
    const enrolled = await enrol(fleet);
    const calm = await move(fleet, { first: 0, moved });
    const oursS = (performance.now() - startMs) / 1000;
    const messages = total(fleet) - atRest;
    fleet.network = ROUGH;
    const rough = await move(fleet, { first: moved, moved }, () => disturb(fleet));
    await fleet.stopHeadEnd();
    const floorS = signaturesS(messages);
    return {
      name: 'enrol',
      gateways: size,
      groups: GROUPS,
      enrolment: enrolled,
      move: calm,
      moveWithLossReorderRestarts: rough,
      ours: round(oursS),
      floor: round(floorS),
      ratio: round(oursS / floorS),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const groupOf = (n: number): GroupId => `feeder-${n % GROUPS}` as GroupId;

async function enrol(fleet: Fleet): Promise<object> {
  for (let n = 0; n < GROUPS; n++) await fleet.registry.create(groupOf(n));
  const changes = fleet.gateways.map(({ id: gateway }, n) => ({ group: groupOf(n), gateway, member: true }));
  return costOf(fleet, fleet.gateways.length, async () => {
    await fleet.registry.change(changes);
  });
}

/** Every one of them to the next group. */
function move(
  fleet: Fleet,
  { first, moved }: { first: number; moved: number },
  meanwhile?: () => Promise<void>,
): Promise<object> {
  const changes = Array.from({ length: moved }, (_, n) => first + n).flatMap(n => {
    const gateway = `gw-${n}` as GatewayId;
    return [
      { group: groupOf(n), gateway, member: false },
      { group: groupOf(n + 1), gateway, member: true },
    ];
  });
  const ids = new Set<string>(changes.map(({ gateway }) => gateway));
  return costOf(
    fleet,
    moved,
    async () => {
      await fleet.registry.change(changes);
      await meanwhile?.();
    },
    ids,
  );
}

/** What `change` costs until every gateway holds what the record says. */
async function costOf(
  fleet: Fleet,
  moved: number,
  change: () => Promise<void>,
  ids?: ReadonlySet<string>,
): Promise<object> {
  const before = fleet.gateways.map(({ traffic }) => ({ ...traffic }));
  const startMs = fleet.clock.now().instant;
  await change();
  if ((await fleet.pass(hours(3), () => fleet.isConverged())) === undefined)
    throw new Error('did not converge within three hours');
  const all = fleet.gateways.map(({ id, traffic }, n) => ({ id, cost: minus(traffic, before[n]) }));
  const [own, others] = [true, false].map(is => all.filter(({ id }) => (ids?.has(id) ?? true) === is));
  return {
    moved,
    seconds: round((fleet.clock.now().instant - startMs) / 1000),
    perMoved: summary(own ?? []),
    ...(ids === undefined ? {} : { perOther: summary(others ?? []) }),
  };
}

/** Commands down and receipts and requests up, a gateway; and acknowledgements of records, which are not counted. */
function summary(of: readonly { cost: Traffic }[]): object {
  const mean = (what: keyof Traffic): number =>
    round(of.reduce((sum, { cost }) => sum + cost[what], 0) / of.length);
  const most = (what: keyof Traffic): number => Math.max(...of.map(({ cost }) => cost[what]));
  return {
    down: mean('down'),
    downMost: most('down'),
    up: mean('up'),
    upMost: most('up'),
    acks: mean('acks'),
  };
}

async function disturb(fleet: Fleet): Promise<void> {
  await fleet.pass(1000);
  await fleet.stopHeadEnd();
  for (const gateway of fleet.gateways.slice(-RESTARTED)) gateway.boot();
  await fleet.pass(5000);
  await fleet.startHeadEnd();
  for (const gateway of fleet.gateways.slice(0, RESTARTED)) gateway.boot();
}

function minus(a: Traffic, b: Traffic = { down: 0, up: 0, acks: 0 }): Traffic {
  return { down: a.down - b.down, up: a.up - b.up, acks: a.acks - b.acks };
}

function total(fleet: Fleet): number {
  return fleet.gateways.reduce((sum, { traffic }) => sum + traffic.down + traffic.up + traffic.acks, 0);
}

/** To sign and verify 200 bytes so often. */
function signaturesS(count: number): number {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const payload = new Uint8Array(200);
  const sample = Math.min(count, 5000);
  const startMs = performance.now();
  for (let n = 0; n < sample; n++) {
    payload[0] = n % 256;
    if (!verify(null, payload, publicKey, sign(null, payload, privateKey)))
      throw new Error('a signature just made verifies');
  }
  return ((performance.now() - startMs) / 1000) * (count / sample);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
