/**
 * How a command reaches each of its members, and how far it has come with each (GRP-3): read from the ledger, and
 * from what is under way. What ensures it is the same for every command of a group, and said with each.
 */
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';
import type { UnixTime } from '../base/time.ts';
import { parseAudience } from '../model/mod.ts';
import type { Cti, GatewayId, GroupId, ReceiptBody } from '../model/mod.ts';
import { readCommand } from '../wan/envelope/mod.ts';
import type { CommandClaims } from '../wan/envelope/mod.ts';
import { isAnswer } from './outstanding.ts';
import type { Outstanding } from './outstanding.ts';
import type { LedgerPort, SentCommand, Settlement } from './ports.ts';

/** How delivery to each member is ensured, for people. */
export const MEANS =
  'the same signed bytes are repeated, at pauses that grow to a minute, until the receipt of each member is here or the command expires; a member without its grant is given it and takes the bytes then; one that holds a newer epoch of the group, or has taken its number before, is sent the command alone';

/**
 * `waiting`: the broker has not taken it yet. `sent`: it has. `later`: the member said that it will take it when it
 * has its grant, or room. `answered`, `refused`: by its receipt. `unanswered`: its time is over, or a newer command
 * took its place.
 */
export type DeliveryState = 'waiting' | 'sent' | 'later' | 'answered' | 'refused' | 'unanswered';

export interface MemberDelivery {
  readonly gateway: GatewayId;
  readonly state: DeliveryState;
  /** Of its newest receipt. */
  readonly at?: UnixTime;
  readonly why: string;
}

export interface Delivery {
  readonly command: Omit<SentCommand, 'bytes' | 'awaits'>;
  readonly means: string;
  /** How often it was handed to the broker by this head end, while it is open. */
  readonly attempts?: number;
  readonly settled?: Settlement;
  readonly members: readonly MemberDelivery[];
}

/** How one command stands with each of its members; `undefined`: the ledger does not hold it. */
export async function deliveryOf(
  ledger: LedgerPort,
  cti: Cti,
  open: Readonly<Outstanding> | undefined,
): Promise<Delivery | undefined> {
  const known = await ledger.command(cti);
  if (known === undefined) return undefined;
  const { bytes: _, awaits, ...command } = known.command;
  const answers = new Map((await ledger.answers(cti)).map(answer => [answer.gateway, answer]));
  const how = known.settled?.how;
  return {
    command,
    means: MEANS,
    ...(open === undefined ? {} : { attempts: open.attempts }),
    ...(how === undefined ? {} : { settled: how }),
    members: awaits.map((gateway): MemberDelivery => {
      const answer = answers.get(gateway);
      if (answer === undefined) return { gateway, ...withoutAnswer(open, how) };
      const { receipt, at } = answer;
      return { gateway, state: stateOf(receipt), at, why: receipt.why };
    }),
  };
}

function stateOf(receipt: ReceiptBody): DeliveryState {
  if (!isAnswer(receipt)) return 'later';
  return receipt.refusal === undefined ? 'answered' : 'refused';
}

function withoutAnswer(
  open: Readonly<Outstanding> | undefined,
  how: Settlement | undefined,
): Pick<MemberDelivery, 'state' | 'why'> {
  if (how !== undefined) return { state: 'unanswered', why: how };
  if (open?.delivered !== true) return { state: 'waiting', why: 'the broker has not taken it yet' };
  return { state: 'sent', why: 'the broker has it; no receipt yet' };
}

/** A command that its gateway could not take as it was, and is sent alone: said to it again. */
export interface Again {
  readonly gateway: GatewayId;
  /** Where it was for a group. */
  readonly group?: GroupId;
  readonly claims: CommandClaims;
}

/** Grants and probes are made anew by who sends them. */
const MADE_ANEW: ReadonlySet<SentCommand['kind']> = new Set(['grant', 'probe']);

/**
 * Whether `receipt` says that its gateway could not take a command as it was: it holds a newer epoch of the group, or
 * has taken the command's number before, from an earlier life of the head end.
 */
export function againTo(
  gateway: GatewayId,
  { refusal, taken }: ReceiptBody,
  open: Readonly<Outstanding> | undefined,
): Result<Again, 'taken-as-it-is'> {
  const audience = open === undefined ? undefined : parseAudience(open.command.audience);
  const isLost = refusal === 'group-epoch-stale' || (refusal !== undefined && taken !== undefined);
  if (open?.missing.has(gateway) !== true || audience === undefined || !isLost)
    return refused('taken-as-it-is');
  if (MADE_ANEW.has(open.command.kind)) return refused('taken-as-it-is');
  const claims = readCommand(open.command.bytes);
  if (!claims.ok) return refused('taken-as-it-is');
  const group = audience.kind === 'group' ? { group: audience.id } : {};
  return ok({ gateway, ...group, claims: claims.value });
}
