/**
 * `bench -- command`: MQTT publish at the head end → verified write in the inverter → receipt back at the head
 * end, one command after another, through everything a real command passes at the gateway: signature, scan,
 * replay memory, two commits with `synchronous=FULL`, decision, write, read-back, signed receipt.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { assert } from '../../src/base/assert.ts';
import { hours } from '../../src/base/time.ts';
import { runGateway } from '../../src/cli/wiring/gateway.ts';
import { startEmbeddedBroker } from '../../src/io/broker/mod.ts';
import { now } from '../../src/io/clock.ts';
import { generateKey } from '../../src/io/keys.ts';
import type { GroupId, MRID } from '../../src/model/mod.ts';
import { runHome } from '../../src/sim/mod.ts';
import { measureFloor } from './floor.ts';
import { GATEWAY, configOf, openHeadEnd } from './gateway.ts';
import type { World } from './gateway.ts';
import { quantiles, ratio } from './quantiles.ts';

const COMMANDS = Number(process.env.COMMANDS ?? 2000);
/** Rounds that are not counted: the compiler learns, and the gateway finds its inverter. */
const WARM_UP = 100;

const GROUP = 'bench' as GroupId;

export async function run(): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'underglass-bench-'));
  const keys = { headEnd: generateKey(), gateway: generateKey() };
  const broker = await startEmbeddedBroker({ port: 0 });
  assert(broker.ok, 'a broker on any free port');
  const home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 }, inverter: { rampS: 1 } });
  const inverter = new URL(home.links.inverter);
  try {
    const address = home.home.inverter.image.address('704.WMaxLimPct');
    const bare = { host: inverter.hostname, port: Number(inverter.port), unit: 1, address };
    const floorMs = await measureFloor({
      broker: broker.value.url,
      inverter: bare,
      commands: WARM_UP + COMMANDS,
    });
    const oursMs = await measureOurs({ folder, keys, broker: broker.value.url, link: home.links.inverter });
    const [ours, floor] = [quantiles(oursMs.slice(WARM_UP)), quantiles(floorMs.slice(WARM_UP))];
    const commit = quantiles(measureCommits(folder));
    return {
      name: 'command',
      commands: COMMANDS,
      ours,
      floor,
      ratio: ratio(ours, floor),
      aim: { p50: 4, p99: 5 },
      oneCommit: commit,
    };
  } finally {
    await home.close();
    await broker.value.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureOurs({ folder, keys, broker, link }: World): Promise<number[]> {
  const gateway = await runGateway(await configOf({ folder, keys, broker, link }), { log: () => {} });
  const headEnd = await openHeadEnd({ broker, keys });
  try {
    const grant = { kind: 'grant', group: GROUP, epoch: 1, member: true } as const;
    await headEnd.send(
      { audience: { kind: 'device', id: GATEWAY }, body: grant, class: 'market' },
      () => true,
    );
    const times: number[] = [];
    for (let n = 0; n < WARM_UP + COMMANDS; n++) {
      const body = {
        kind: 'event',
        service: 'demand-response',
        mRID: `bench-${n}` as MRID,
        axes: { opModMaxLimW: 1000 + (n % 8000) },
        start: now().unix,
        duration: hours(1),
      } as const;
      const command = {
        audience: { kind: 'group', id: GROUP },
        body,
        class: 'dispatch',
        groupEpoch: 1,
      } as const;
      const { receipt, tookMs } = await headEnd.send(
        command,
        r => r.response === 'started' && r.applied?.[0]?.outcome === 'implemented',
      );
      assert(receipt.applied?.[0]?.evidence.length !== 0, 'the receipt shows the register');
      times.push(tookMs);
    }
    return times;
  } finally {
    await headEnd.close();
    await gateway.stop();
  }
}

/** What this disk takes for one transaction of four rows with `synchronous=FULL`: twice a command, under no floor. */
function measureCommits(folder: string): number[] {
  const db = new DatabaseSync(join(folder, 'commit.sqlite'));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (a INTEGER, b TEXT)');
  const insert = db.prepare('INSERT INTO t VALUES (?, ?)');
  const times = Array.from({ length: 500 }, (_, n) => {
    const startMs = performance.now();
    db.exec('BEGIN');
    for (let row = 0; row < 4; row++) insert.run(n, 'x'.repeat(300));
    db.exec('COMMIT');
    return performance.now() - startMs;
  });
  db.close();
  return times;
}
