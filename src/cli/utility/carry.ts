/** The documents of trust that a head end which runs brings to its gateways. */
import { TrustCarrier } from '../../utility/mod.ts';
import type { UtilityConfig } from '../../utility/mod.ts';
import { readSigned } from '../trust/documents.ts';
import type { HeadEnd } from './head-end.ts';

/** The documents the configuration names. Throws {@link Trouble} where one is none. */
export async function trustDocuments({ trust = [] }: UtilityConfig): Promise<readonly Uint8Array[]> {
  const signed = await Promise.all(trust.map(readSigned));
  return signed.map(({ bytes }) => bytes);
}

/** Begins to bring `documents` to the gateways of `headEnd`; what is returned ends that. */
export async function carryTrust(
  { config, nms, ledger, events }: HeadEnd,
  documents: readonly Uint8Array[],
): Promise<() => void> {
  if (documents.length === 0) return () => {};
  const gateways = [...new Set(config.gateways.map(({ id }) => id))];
  const carrier = await TrustCarrier.start(documents, gateways, {
    ledger,
    send: (id, body) => nms.send({ kind: 'device', id }, body, { class: 'market', primacy: 255 }),
    trouble: why => events.tell('onTrouble', why),
  });
  const leave = events.join({
    onBirth: (gateway, body) => carrier.born(gateway, body),
    onRecord: (gateway, { body }) => {
      if (body.kind === 'alarm' && body.alarm === 'memory-lost') carrier.forgot(gateway);
    },
  });
  return () => {
    leave();
    carrier.close();
  };
}
