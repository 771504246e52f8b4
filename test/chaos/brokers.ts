/**
 * `npm run chaos -- brokers`: a head end sends commands to a gateway while the brokers between them are killed with
 * SIGKILL and started again. `--commands` each (1,000): once through mosquitto, which is killed four
 * times while the gateway is connected, and once
 * through a cluster of three NATS nodes, of which the one with the gateway's session is killed, and later the one that
 * leads the stream of messages. `--only 1`: mosquitto alone; `--only 2`: NATS alone.
 *
 * Afterwards the books of both ends are compared: every command was taken once and answered, and every number of every
 * stream is held by the head end or still in the gateway's outbox.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Mosquitto } from '../io/broker/support.ts';
import { findProgram } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';
import { BrokerWorld } from './broker-world.ts';
import type { Blows, BrokerFigures } from './broker-world.ts';
import type { Options, Outcome } from './main.ts';
import { NatsCluster } from './nats.ts';

const COMMANDS = 1000;
/** A killed broker stays away for this long. */
const AWAY_MS = 500;
/** A killed node stays away for this long: the others elect without it. */
const NODE_AWAY_MS = 3000;

export async function run({ commands = COMMANDS, only = 0 }: Options): Promise<Outcome> {
  const mosquitto =
    only === 2 ? undefined : await withMosquitto({ program: programOf('mosquitto'), commands });
  const nats = only === 1 ? undefined : await withNats({ program: programOf('nats-server'), commands });
  const ends = [mosquitto, nats];
  const isWrong = ends.some(end => end !== undefined && end.wrong.length > 0);
  return {
    mosquitto,
    nats,
    ...(isWrong ? { replay: `npm run chaos -- brokers --commands ${commands} --only ${only}` } : {}),
  };
}

const KILLS = 4;

/** Kills it `kills` times, spread over the commands. */
export async function withMosquitto({
  program,
  commands,
  kills = KILLS,
}: {
  program: string;
  commands: number;
  kills?: number;
}): Promise<BrokerFigures> {
  await using dir = await tempDir();
  await using broker = await Mosquitto.start(program, dir.path);
  const blow = async (world: BrokerWorld): Promise<void> => {
    await world.gatewayIsAt();
    await broker.kill('SIGKILL');
    await sleep(AWAY_MS);
    await broker.restart();
  };
  const blows: Blows = new Map(
    Array.from({ length: kills }, (_, n) => [Math.floor(((n + 1) * commands) / (kills + 1)), blow] as const),
  );
  return await campaign([broker.url], commands, blows);
}

/** Kills the node of the gateway's session after a third of the commands, and the messages' leader after another. */
export async function withNats({
  program,
  commands,
}: {
  program: string;
  commands: number;
}): Promise<BrokerFigures & { readonly killed: readonly string[] }> {
  await using dir = await tempDir();
  await using cluster = await NatsCluster.start(program, dir.path);
  const killed: string[] = [];
  const blow = async (node: string, what: string): Promise<void> => {
    killed.push(`${node}: ${what}`);
    await cluster.kill(node);
    await sleep(NODE_AWAY_MS);
    cluster.restart(node);
  };
  const blows: Blows = new Map<number, (world: BrokerWorld) => Promise<void>>([
    [
      Math.floor(commands / 3),
      async world => blow(cluster.nodeAt(await world.gatewayIsAt()), "held the gateway's session"),
    ],
    [
      Math.floor((2 * commands) / 3),
      async world => {
        await world.gatewayIsAt();
        await blow(await cluster.messageLeader(), 'led the stream of messages');
      },
    ],
  ]);
  return { ...(await campaign(cluster.urls, commands, blows)), killed };
}

async function campaign(urls: readonly string[], commands: number, blows: Blows): Promise<BrokerFigures> {
  const world = await BrokerWorld.open(urls);
  try {
    await world.send(commands, blows);
  } catch (error) {
    await world.close();
    throw error;
  }
  return world.close();
}

function programOf(name: string): string {
  const program = findProgram(name);
  if (program === undefined) throw new Error(`${name} is not installed`);
  return program;
}
