/**
 * Under which key epochs this head end has numbered commands. A gateway that lost its store is told of all of them
 * where their streams stand, so that nothing a former key signed is taken a second time. Numbers go on from one key
 * to the next, so the mark of a stream holds for each. Other key epochs of the same issuer may be another's: of those
 * nothing is said.
 */
import { toUnixSeconds } from '../base/time.ts';
import type { UnixTime } from '../base/time.ts';
import type { LedgerPort } from './ports.ts';

const ACTOR = 'key-epochs';

/** Former epochs that gateways are told of, the newest: commands of older keys have long expired. */
export const MAX_EARLIER = 4;

/** Notes `epoch` as one of ours; the former ones below it, newest first. Rejects when the ledger does. */
export async function noteEpoch(
  ledger: LedgerPort,
  epoch: number,
  now: UnixTime,
): Promise<readonly number[]> {
  const known = (await ledger.rows(ACTOR)).map(({ key }) => Number(key));
  if (!known.includes(epoch))
    await ledger.commit([
      { op: 'put', actor: ACTOR, key: String(epoch), value: { since: toUnixSeconds(now) } },
    ]);
  const former = known.filter(one => one < epoch).sort((a, b) => b - a);
  return former.slice(0, MAX_EARLIER);
}
