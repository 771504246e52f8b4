/**
 * Late replies through the bus: several lines at once, each to a device whose register n holds a number made of n
 * alone, so that an answer given to another question is seen. On TCP a reply may be late by several requests: its
 * transaction tells. On a serial line it is late by less than the quarantine, or by more: there the line asks for
 * something else first that tells the answers apart.
 */
import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { SerialPort } from 'serialport';
import type { RandomState } from '../../src/base/random.ts';
import { nextBetween, seeded } from '../../src/base/random.ts';
import { openBus } from '../../src/io/modbus/mod.ts';
import type { Bus } from '../../src/io/modbus/mod.ts';
import type { Conversation } from '../../src/local/bus/mod.ts';
import { serveSerial, serveStreamLine, serveTcp, serveTcpLine } from '../../src/sim/mod.ts';
import type { Fault, Unit } from '../../src/sim/mod.ts';
import { serialPair } from '../support/serial-pair.ts';
import { findProgram } from '../support/needs.ts';

export interface LateOutcome {
  /** Requests that were given up, each of which was answered later. */
  readonly late: number;
  readonly answered: number;
  /** Readings that do not hold what their registers do. */
  readonly wrong: readonly string[];
  /** Lines whose last, clean request was not answered. */
  readonly deaf: number;
  /** Where there is no socat, serial lines are left out. */
  readonly serial: boolean;
}

/** Lines of each kind at once: they wait most of the time. */
const LINES = 8;
/** Half of the replies are late: as many come in time, and must be right. */
const SHARE = 0.5;
const TCP_TIMEOUT_MS = 12;
const SERIAL_TIMEOUT_MS = 60;
const BAUD = 115_200;

/** A reply counts as late by its line's own client: that gave up, so it came after. */
export async function lateReplies(asked: {
  readonly late: number;
  readonly seed: number;
}): Promise<LateOutcome> {
  const serial = findProgram('socat') !== undefined;
  const each = Math.ceil(asked.late / (serial ? 2 * LINES : LINES));
  const lines = Array.from({ length: LINES }, (_, n) => asked.seed + n);
  const campaigns = [
    ...lines.map(seed => overTcp({ late: each, seed })),
    ...(serial ? lines.map(seed => overSerial({ late: each, seed })) : []),
  ];
  const outcomes = await Promise.all(campaigns);
  const sum = (of: (outcome: Asked) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
  return {
    late: sum(one => one.late),
    answered: sum(one => one.answered),
    wrong: outcomes.flatMap(one => one.wrong),
    deaf: outcomes.filter(one => !one.clean).length,
    serial,
  };
}

/** Registers that give their own address away, and change with every one. */
const wordAt = (address: number): number => (address * 40_503) & 0xffff;
const DEVICE: Unit = {
  unit: 1,
  read: (address, count) => Array.from({ length: count }, (_, n) => wordAt(address + n)),
  write: () => undefined,
};

interface Task {
  readonly late: number;
  readonly seed: number;
}

interface Asked {
  late: number;
  answered: number;
  readonly wrong: string[];
  clean: boolean;
}

async function overTcp(task: Task): Promise<Asked> {
  const device = await serveTcp({ units: [DEVICE], port: 0 });
  const faults: readonly Fault[] = [
    { kind: 'late', chance: SHARE, ms: 2 * TCP_TIMEOUT_MS },
    { kind: 'latency', chance: SHARE / 4, ms: 0, jitterMs: 5 * TCP_TIMEOUT_MS },
  ];
  const line = await serveTcpLine({ to: { port: device.port }, faults, seed: task.seed });
  const bus = openBus(
    { kind: 'tcp', host: '127.0.0.1', port: line.port, unit: 1 },
    { timeoutMs: TCP_TIMEOUT_MS, quarantineMs: 4, timeoutsMax: Number.MAX_SAFE_INTEGER, random: () => 0 },
  );
  try {
    return await campaign(bus, task);
  } finally {
    await bus.close();
    await line.close();
    await device.close();
  }
}

async function overSerial(task: Task): Promise<Asked> {
  const pair = await serialPair();
  const port = new SerialPort({ path: pair.paths[0], baudRate: BAUD });
  await once(port, 'open');
  const [far, bare] = duplexPair();
  const device = serveSerial({ stream: bare, units: [DEVICE], silenceMs: 20 });
  // Later than the timeout: sooner than the end of the quarantine, which is as long again, and later than that.
  const faults: readonly Fault[] = [
    { kind: 'late', chance: SHARE / 2, ms: 1.25 * SERIAL_TIMEOUT_MS },
    { kind: 'late', chance: SHARE / 2, ms: 2.5 * SERIAL_TIMEOUT_MS },
  ];
  const line = serveStreamLine({ near: port, far, silenceMs: 20, faults, seed: task.seed });
  const bus = openBus(
    { kind: 'serial', path: pair.paths[1], baud: BAUD, parity: 'none', stopBits: 1, unit: 1 },
    { timeoutMs: SERIAL_TIMEOUT_MS, timeoutsMax: Number.MAX_SAFE_INTEGER, random: () => 0 },
  );
  try {
    return await campaign(bus, task);
  } finally {
    await bus.close();
    await line.close();
    await device.close();
    if (port.isOpen) await new Promise<void>(resolve => port.close(() => resolve()));
    for (const stream of [far, bare]) stream.destroy();
    await pair.close();
  }
}

function campaign(bus: Bus, task: Task): Promise<Asked> {
  return bus.run(asking(task), 'read');
}

/** Of one length, so that on a serial line every answer would do for every question. */
const COUNT = 3;
/** Tries of the clean request at the end: half of them are late. */
const CLEAN_TRIES = 40;

function* asking({ late, seed }: Task): Conversation<Asked> {
  const random = seeded(seed);
  const asked: Asked = { late: 0, answered: 0, wrong: [], clean: false };
  while (asked.late < late && asked.wrong.length === 0) yield* askOnce(random, asked);
  for (let n = 0; n < CLEAN_TRIES && !asked.clean; n++) asked.clean = yield* askOnce(random, asked);
  return asked;
}

function* askOnce(random: RandomState, asked: Asked): Conversation<boolean> {
  const address = nextBetween(random, 0, 60_000);
  const reply = yield { kind: 'read', unit: 1, space: 'holding', address, count: COUNT };
  if (!reply.ok) {
    if (reply.refusal === 'timeout') asked.late += 1;
    return false;
  }
  asked.answered += 1;
  const right = Array.from({ length: COUNT }, (_, n) => wordAt(address + n));
  if (reply.words.join() !== right.join())
    asked.wrong.push(`${address}: ${reply.words.join()}, not ${right.join()}`);
  return true;
}
