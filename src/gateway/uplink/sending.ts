/**
 * Which records go into one message. A backlog comes from the store many at a time: what follows in one stream shares a
 * signature and a message, which cost more than a small record itself. Receipts, alarms and whatever else somebody waits
 * for go alone, and so does what stands for lost records.
 */
import { MAX_SEVERAL } from '../../wan/envelope/mod.ts';
import type { StreamName, UplinkRecord } from '../../model/mod.ts';
import type { Effect } from '../effects.ts';
import type { SignerPort } from '../ports.ts';
import type { UnixTime } from '../../base/time.ts';

type Publish = Extract<Effect, { do: 'publish' }>;

const TOGETHER: readonly StreamName[] = ['status', 'billing', 'reading', 'audit'];

/** Each effect in its turn; with a publish the records of its message, none where they went with one before it. */
export function* inMessages(
  effects: readonly Effect[],
): Generator<{ readonly effect: Effect; readonly records: readonly UplinkRecord[] }, void> {
  let sent = 0;
  for (const [at, effect] of effects.entries()) {
    const group = at < sent ? [] : together(effects, at);
    sent = Math.max(sent, at + group.length);
    yield { effect, records: group.map(({ record }) => record) };
  }
}

/** The publishes from `at` on that go into one message: that one, and those that follow it in its stream. */
function together(effects: readonly Effect[], at: number): readonly Publish[] {
  const group: Publish[] = [];
  for (let next = effects[at]; next?.do === 'publish'; next = effects[at + group.length]) {
    const last = group.at(-1);
    if (last !== undefined && (group.length >= MAX_SEVERAL || !follows(last, next))) break;
    group.push(next);
  }
  return group;
}

function follows({ record, session }: Publish, next: Publish): boolean {
  const { stream, sequence, body } = next.record;
  return (
    TOGETHER.includes(stream) &&
    stream === record.stream &&
    sequence === record.sequence + 1 &&
    session === next.session &&
    body.kind !== 'lost' &&
    record.body.kind !== 'lost'
  );
}

/** What is published for `records`: one message where they fit into one, else halves of them. */
export function messagesOf(
  signer: SignerPort,
  records: readonly UplinkRecord[],
  at: UnixTime,
): readonly { readonly records: number; readonly payload: Uint8Array }[] {
  const [only] = records;
  if (only === undefined) return [];
  if (records.length === 1) return [{ records: 1, payload: signer.signRecord(only, at) }];
  const payload = signer.signRecords?.(records, at);
  if (payload !== undefined) return [{ records: records.length, payload }];
  const middle = signer.signRecords === undefined ? 1 : Math.ceil(records.length / 2);
  return [
    ...messagesOf(signer, records.slice(0, middle), at),
    ...messagesOf(signer, records.slice(middle), at),
  ];
}
