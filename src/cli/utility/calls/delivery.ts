/** How one command stands with each of its members, and what ensures that it reaches them (GRP-3). */
import { z } from 'zod';
import { parseAudience } from '../../../model/mod.ts';
import type { Cti } from '../../../model/mod.ts';
import type { GroupRegistry, MemberDelivery } from '../../../utility/mod.ts';
import { call, plain } from '../desk.ts';
import type { Call } from '../desk.ts';

/** Commands looked through for an mRID; one that is older is asked for by its own id. */
const LOOK_BACK = 2000;

const asked = z.strictObject({ of: z.string().min(1).max(64) });

export const delivery: Call = call(asked, async ({ of }, { headEnd: { nms, ledger, registry } }) => {
  const isCti = /^[0-9a-f]{32}$/.test(of) && (await ledger.command(of as Cti)) !== undefined;
  const events = isCti ? [] : await ledger.commands('event', LOOK_BACK);
  const cancels = isCti ? [] : await ledger.commands('cancel', LOOK_BACK);
  const about = [...events, ...cancels].filter(({ command }) => command.about === of);
  const ctis = isCti ? [of as Cti] : about.map(({ command }) => command.cti);
  const found = await Promise.all(ctis.map(cti => nms.delivery(cti)));
  const deliveries = found.flatMap(one => {
    if (one === undefined) return [];
    const { command, members, ...more } = one;
    const { sentAt, expires, ...rest } = command;
    return [
      {
        command: { ...rest, sentAt: iso(sentAt), expires: iso(expires) },
        ...more,
        members: shownOf(command.audience, registry) === 'all' ? members.map(shown) : [],
        states: Object.fromEntries(
          Object.entries(Object.groupBy(members, ({ state }) => state)).map(([state, all]) => [
            state,
            all.length,
          ]),
        ),
      },
    ];
  });
  return deliveries.length === 0
    ? {
        ok: false,
        refusal: 'command-unknown',
        why: `the ledger holds no command or event ${of} (of events, the newest ${LOOK_BACK} are looked through)`,
      }
    : { ok: true, value: plain({ deliveries }) };
});

/** Of an opaque group only how many stand where is told (CS-3). */
function shownOf(audience: string, registry: GroupRegistry): 'all' | 'numbers' {
  const to = parseAudience(audience);
  return to?.kind === 'group' && registry.get(to.id)?.opaque === true ? 'numbers' : 'all';
}

function shown({ at, ...member }: MemberDelivery): object {
  return { ...member, ...(at === undefined ? {} : { at: iso(at) }) };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
