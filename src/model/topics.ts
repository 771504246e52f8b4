/**
 * Topics. Built and taken apart here only, so that the layout stands in one place.
 */
import { formatAudience, isId, parseAudience } from './ids.ts';
import type { Audience, GatewayId, GroupId } from './ids.ts';
import type { FileId } from './delivery.ts';
import { STREAMS } from './record.ts';
import type { StreamName } from './record.ts';

/** Where commands for `audience` come: `ug/1/<utility>/g/<group>/cmd` or `…/d/<gateway>/cmd`. */
export function commandTopic(utility: string, audience: Audience): string {
  return `ug/1/${utility}/${formatAudience(audience)}/cmd`;
}

/** Where the head end acknowledges what it holds. */
export function ackTopic(utility: string, gateway: GatewayId): string {
  return `ug/1/${utility}/d/${gateway}/ack`;
}

/** Where a gateway's records of one stream go. */
export function upTopic(utility: string, gateway: GatewayId, stream: StreamName): string {
  return `ug/1/${utility}/d/${gateway}/up/${stream}`;
}

/** Retained presence, with last will. */
export function stateTopic(utility: string, gateway: GatewayId): string {
  return `ug/1/${utility}/d/${gateway}/state`;
}

/** All a gateway listens to before it is in a group. */
export function gatewaySubscriptions(
  utility: string,
  gateway: GatewayId,
  groups: readonly GroupId[],
): readonly string[] {
  return [
    commandTopic(utility, { kind: 'device', id: gateway }),
    ackTopic(utility, gateway),
    ...groups.map(id => commandTopic(utility, { kind: 'group', id })),
  ];
}

/** All a head end listens to. */
export function headEndSubscriptions(utility: string): readonly string[] {
  return [`ug/1/${utility}/d/+/up/+`, `ug/1/${utility}/d/+/state`];
}

/** Where the chunks of one file come, and of its chunk list: `ug/1/<utility>/blob/<sha256>/<n>`. */
export function blobTopic(utility: string, file: FileId, n: number | '+'): string {
  return `ug/1/${utility}/blob/${file}/${n}`;
}

/** All a guest of the utility listens to: what gateways answer to commands, its own among them. */
export function guestSubscriptions(utility: string): readonly string[] {
  return [`ug/1/${utility}/d/+/up/receipt`];
}

export type ParsedTopic =
  | { readonly kind: 'command'; readonly utility: string; readonly audience: Audience }
  | { readonly kind: 'ack'; readonly utility: string; readonly gateway: GatewayId }
  | {
      readonly kind: 'up';
      readonly utility: string;
      readonly gateway: GatewayId;
      readonly stream: StreamName;
    }
  | { readonly kind: 'blob'; readonly utility: string; readonly file: FileId; readonly n: number }
  | { readonly kind: 'state'; readonly utility: string; readonly gateway: GatewayId };

/** What a topic means, or `undefined` for one outside the layout. */
export function parseTopic(topic: string): ParsedTopic | undefined {
  const [ug, version, utility, side, id, leaf, stream, ...rest] = topic.split('/');
  if (ug !== 'ug' || version !== '1' || utility === undefined || !isId(utility) || rest.length > 0)
    return undefined;
  if (side === 'blob') return stream === undefined ? parseBlob(utility, id, leaf) : undefined;
  const audience = parseAudience(`${side}/${id}`);
  if (audience === undefined) return undefined;
  if (leaf === 'cmd' && stream === undefined) return { kind: 'command', utility, audience };
  if (audience.kind !== 'device') return undefined;
  const gateway = audience.id;
  if (leaf === 'ack' && stream === undefined) return { kind: 'ack', utility, gateway };
  if (leaf === 'state' && stream === undefined) return { kind: 'state', utility, gateway };
  if (leaf === 'up' && isStream(stream)) return { kind: 'up', utility, gateway, stream };
  return undefined;
}

function parseBlob(utility: string, file = '', n = ''): ParsedTopic | undefined {
  if (!/^[0-9a-f]{64}$/.test(file) || !/^(0|[1-9]\d{0,5})$/.test(n)) return undefined;
  return { kind: 'blob', utility, file: file as FileId, n: Number(n) };
}

function isStream(text: string | undefined): text is StreamName {
  return STREAMS.some(name => name === text);
}
