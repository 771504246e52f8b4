/**
 * A head end to ask: the one that runs (`underglass utility serve`), through its door; or, where none runs, one
 * opened here for this one call. Never two at once on one ledger.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { minutes } from '../../base/time.ts';
import { systemClock } from '../../io/clock.ts';
import { knock, openDoor } from '../../io/door.ts';
import type { Door } from '../../io/door.ts';
import { takeLock } from '../../io/lock.ts';
import { ReadSchedule } from '../../utility/mod.ts';
import type { UtilityConfig } from '../../utility/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import type { Say } from '../local/say.ts';
import { CALLS } from './calls/mod.ts';
import { carryTrust, trustDocuments } from './carry.ts';
import { plain } from './desk.ts';
import type { CallResult, DoorJson } from './desk.ts';
import { openHeadEnd, readUtilityConfig } from './head-end.ts';
import type { HeadEnd } from './head-end.ts';

/** Another one-shot command has the ledger for some seconds; one that holds it longer waits for gateways. */
const LOCK_WITHIN_MS = 10_000;
const LOCK_EVERY_MS = 100;
/** How long a head end of our own is given to reach the broker, before a call that needs it. */
const LINK_WITHIN_MS = 10_000;

/** Asks the head end of `config` and answers what it said; throws {@link Trouble} where it refused. */
export async function ask(
  { config: path }: { readonly config: string },
  { call, args, needsLink = true }: { call: string; args: unknown; needsLink?: boolean },
  say: Say,
): Promise<DoorJson> {
  const config = await readUtilityConfig(path);
  const tell = (progress: DoorJson): void =>
    say.progress(typeof progress === 'string' ? progress : JSON.stringify(progress));
  const result = await reached(config, { call, args: plain(args), needsLink, tell });
  say.quiet();
  if (result.ok) return result.value;
  if (result.value !== undefined) throw new Refusal(result);
  throw new Trouble(
    `${result.why} (${result.refusal})`,
    result.unreachable === true ? EXIT.unreachable : EXIT.failed,
  );
}

/** A refusal with something to show besides. */
export class Refusal extends Trouble {
  readonly value: DoorJson;

  constructor({ why, refusal, unreachable, value = null }: Extract<CallResult, { ok: false }>) {
    super(`${why} (${refusal})`, unreachable === true ? EXIT.unreachable : EXIT.failed);
    this.value = value;
  }
}

/** Opens the head end for as long as the process lives, and its door. Throws {@link Trouble} when one runs already. */
export async function serveHeadEnd(
  config: UtilityConfig,
): Promise<{ headEnd: HeadEnd; close(): Promise<void> }> {
  const unlock = lock(config);
  if (unlock === undefined)
    throw new Trouble(`another head end holds ${config.ledgerFile}: stop it first, or use it (in-use)`);
  let headEnd: HeadEnd | undefined;
  let door: Door;
  let endCarrying: () => void;
  try {
    const documents = await trustDocuments(config);
    headEnd = await openHeadEnd(config);
    const opened = headEnd;
    endCarrying = await carryTrust(opened, documents);
    door = await openDoor(doorFile(config), async ({ call, args, tell, signal }) =>
      plain(await answer(opened, { call, args, tell, signal })),
    );
  } catch (error) {
    await headEnd?.close();
    unlock();
    throw error;
  }
  const opened = headEnd;
  const reads = scheduleReads(opened);
  return {
    headEnd,
    close: async () => {
      reads?.close();
      endCarrying();
      await door.close();
      await opened.close();
      unlock();
    },
  };
}

/** What has no answer in half a period is not worth one: the next turn asks anew. */
function scheduleReads({ config, nms, events }: HeadEnd): ReadSchedule | undefined {
  const { reads, utility } = config;
  if (reads === undefined) return undefined;
  const gateways = [...new Set(config.gateways.map(({ id }) => id))];
  const plan = { gateways, every: minutes(reads.everyMinutes), seed: utility };
  return new ReadSchedule(plan, {
    clock: systemClock,
    ask: async (id, expires) => {
      const how = { class: 'market', primacy: 255, expires } as const;
      const sent = await nms.send({ kind: 'device', id }, { kind: 'read' }, how);
      if (!sent.ok)
        events.tell('onTrouble', `${id} is not asked for readings: ${sent.detail ?? sent.refusal}`);
    },
  });
}

interface Asked {
  readonly call: string;
  readonly args: DoorJson;
  readonly needsLink: boolean;
  readonly tell: (progress: DoorJson) => void;
}

async function reached(config: UtilityConfig, asked: Asked): Promise<CallResult> {
  for (const until = performance.now() + LOCK_WITHIN_MS; ; await wait(LOCK_EVERY_MS)) {
    const there = await knock(doorFile(config), asked);
    if (there.ok) return there.value as unknown as CallResult;
    if (there.refusal === 'broken') return { ok: false, refusal: 'broken', why: there.detail ?? 'broken' };
    const unlock = lock(config);
    if (unlock !== undefined) return inProcess(config, asked).finally(unlock);
    if (performance.now() > until)
      return {
        ok: false,
        refusal: 'in-use',
        why: `another command holds ${config.ledgerFile}; let it end, or run underglass utility serve and ask that`,
      };
  }
}

async function inProcess(config: UtilityConfig, { call, args, needsLink, tell }: Asked): Promise<CallResult> {
  const headEnd = await openHeadEnd(config);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    if (needsLink && !(await isUp(headEnd)))
      return {
        ok: false,
        refusal: 'broker-unreachable',
        why: `the broker is not reached: ${headEnd.link().why}`,
        unreachable: true,
      };
    return await answer(headEnd, { call, args, tell, signal: stop.signal });
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    await headEnd.close();
  }
}

async function answer(
  headEnd: HeadEnd,
  { call, args, tell, signal }: Omit<Asked, 'needsLink'> & { readonly signal: AbortSignal },
): Promise<CallResult> {
  const known = Object.hasOwn(CALLS, call) ? CALLS[call] : undefined;
  if (known === undefined)
    return {
      ok: false,
      refusal: 'call-unknown',
      why: `the head end that runs does not know ${call}; it is older`,
    };
  return known.run(args, { headEnd, tell, signal });
}

function isUp(headEnd: HeadEnd): Promise<boolean> {
  return new Promise(resolve => {
    const done = (up: boolean): void => {
      clearTimeout(timer);
      leave();
      resolve(up);
    };
    const timer = setTimeout(() => done(false), LINK_WITHIN_MS);
    const leave = headEnd.events.join({ onLink: ({ up }) => up && done(true) });
    if (headEnd.link().up) done(true);
  });
}

function doorFile({ ledgerFile }: UtilityConfig): string {
  return `${ledgerFile}.door`;
}

/** `undefined`: another process has it. */
function lock({ ledgerFile }: UtilityConfig): (() => void) | undefined {
  const taken = takeLock(`${ledgerFile}.lock`);
  if (taken.ok) return taken.value;
  if (taken.refusal === 'held') return undefined;
  throw new Trouble(`the ledger's lock: ${taken.detail ?? taken.refusal}`);
}
