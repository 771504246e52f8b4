/**
 * Commands that are not answered yet, as a machine: who still owes a receipt, when the same bytes go out again,
 * and which time has run out. Repeating is what makes delivery certain: a broker's PUBACK is not a gateway's.
 */
import { after, milliseconds } from '../base/time.ts';
import type { Instant, Now } from '../base/time.ts';
import type { Cti, GatewayId, ReceiptBody } from '../model/mod.ts';
import { readCommand } from '../wan/envelope/mod.ts';
import type { SentCommand } from './ports.ts';

/** No sooner: an answer takes as long, and a repetition that crosses it on the way costs a message each way. */
export const EARLIEST_REPEAT_MS = 500;
/** The pause before a repetition is drawn below a bound that doubles from the first to the last. */
export const FIRST_REPEAT_MS = 2000;
export const LAST_REPEAT_MS = 60_000;
/**
 * Repetitions of what cannot wait before the bound begins to double: in the first 10 s it goes out some seven times,
 * and gets past a broker's full queue that drops two of three messages with 95 % in that time.
 */
export const PRESSING_REPEATS = 5;
/** Not where more than these are to answer: each repetition costs every one of them a receipt. */
export const MOST_PRESSED = 64;

/** A storm's worth of commands to one gateway each, some 20 MB. Beyond it a command is refused as `busy`. */
export const MAX_OUTSTANDING = 10_000;

export interface Outstanding {
  readonly command: SentCommand;
  readonly missing: Set<GatewayId>;
  /** Times it was handed to the broker since this head end started. */
  attempts: number;
  /** Whether the broker took it at least once. */
  delivered: boolean;
  repeatAt: Instant;
  /** When it was last handed to the broker. */
  handedAt: Instant;
}

export type OutstandingCommands = Map<Cti, Outstanding>;

/** A command to repeat, first at `at`. */
export function outstanding(command: SentCommand, answered: readonly GatewayId[], at: Instant): Outstanding {
  const missing = new Set(command.awaits);
  for (const gateway of answered) missing.delete(gateway);
  return { command, missing, attempts: 0, delivered: false, repeatAt: at, handedAt: at };
}

/** Takes a receipt in. Whether it was the last one the command waited for. */
export function answered(commands: OutstandingCommands, gateway: GatewayId, receipt: ReceiptBody): boolean {
  const entry = commands.get(receipt.cti);
  if (entry === undefined || !isAnswer(receipt)) return false;
  return entry.missing.delete(gateway) && entry.missing.size === 0;
}

/** Whether `receipt` is about a command of `issuer`: another's may carry the same cti, by chance or on purpose. */
export function isAbout(receipt: ReceiptBody, issuer: string): boolean {
  return receipt.issuer === undefined || receipt.issuer === issuer;
}

/**
 * Whether `receipt` settles the command for its gateway. One that says `later` does not: the gateway waits for its
 * grant, or has no room, and used nothing up. All others, refusals too, are answers.
 */
export function isAnswer(receipt: ReceiptBody): boolean {
  return receipt.retry !== 'later';
}

/** Notes that the command is handed to the broker now, and draws the next time. `random` is uniform over [0, 1). */
export function handed(entry: Outstanding, now: Now, random: () => number): void {
  entry.handedAt = now.instant;
  const doublings = Math.max(0, entry.attempts++ - (isPressing(entry.command) ? PRESSING_REPEATS : 0));
  entry.repeatAt = after(now.instant, pause(doublings, random()));
}

/** Its time has run out: no gateway would take it any more. */
export function isExpired({ command }: Outstanding, now: Now): boolean {
  return command.expires <= now.unix;
}

/**
 * Whether it waits for no other. An emergency that runs far ahead leaves older commands behind that the gateway then
 * refuses as `sequence-too-old`: it is worth that.
 */
export function isUrgent({ command }: Outstanding): boolean {
  const claims = readCommand(command.bytes);
  return claims.ok && claims.value.class === 'emergency';
}

/** When it is to be handed over or given up, whichever comes first. */
export function dueAt({ repeatAt, command }: Outstanding, now: Now): Instant {
  const expiresAt = after(now.instant, milliseconds(Math.max(0, command.expires - now.unix)));
  return repeatAt < expiresAt ? repeatAt : expiresAt;
}

/** An event, or its end, for a few. Grants, settings and files have time, and come by the thousand. */
function isPressing({ kind, awaits }: SentCommand): boolean {
  return (kind === 'event' || kind === 'cancel') && awaits.length <= MOST_PRESSED;
}

function pause(doublings: number, unit: number): ReturnType<typeof milliseconds> {
  const bound = Math.min(LAST_REPEAT_MS, FIRST_REPEAT_MS * 2 ** doublings);
  return milliseconds(Math.ceil(EARLIEST_REPEAT_MS + unit * (bound - EARLIEST_REPEAT_MS)));
}
