/**
 * Bodies of records as they stand in the outbox: JSON, so that a person can read them; but telemetry, of which there is
 * one a second while the head end is away, packed, so that the card is spared. What is packed begins with `z1`.
 *
 * The words that every reading has are known to both sides beforehand. They are part of the format: other words need
 * another mark at the beginning, and these have to stay for what was packed with them.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { RecordBody, StreamName } from '../../model/mod.ts';

const MARK = 'z1';
/** Shorter ones gain nothing. */
const MIN_LENGTH = 160;
const PACKED: readonly StreamName[] = ['reading', 'status'];

/** What stands at the end is found cheapest, so the most frequent words do. */
const WORDS = Buffer.from(
  [
    '"partial","refused","unknown","why":"","trusted","holdover","untrusted","storage","battery","meter",',
    '"InvSt":"ConnSt":"WHRtg":"WHAvail":"TotWhInj":"TotWhImp":"TotWhExp":"PhVUnb":"AphUnb":',
    '"ThdPhVphA":"ThdPhVphB":"ThdPhVphC":"ThdAphA":"ThdAphB":"ThdAphC":"SoC":"WMax":"WMaxLimPct":100,"WMaxLimPctEna":',
    '"kind":"readings","cti":"","issuer":"","setpoints":[{"axis":"opModMaxLimW","order":{"kind":"value","value":},',
    '"reasons":[{"text":"","rule":""}]}],"membershipDigest":"","clock":"trusted"}',
    '{"kind":"status","readings":[{"device":"inverter","role":"inverter","at":17900000,"points":{"W":,"VA":,"Var":,"PF":,',
    '"A":,"AphA":,"AphB":,"AphC":,"Hz":60.,"PhV":,"PhVphA":,"PhVphB":,"PhVphC":,"Conn":1}}],"setpoints":[],',
  ].join(''),
);

export function pack(stream: StreamName, body: RecordBody): string {
  const text = JSON.stringify(body);
  if (!PACKED.includes(stream) || text.length < MIN_LENGTH) return text;
  return MARK + deflateRawSync(text, { dictionary: WORDS, level: 9 }).toString('base64');
}

/** What {@link pack} gave. */
export function unpack(text: string): RecordBody {
  if (!text.startsWith(MARK)) return JSON.parse(text) as RecordBody;
  const packed = Buffer.from(text.slice(MARK.length), 'base64');
  return JSON.parse(inflateRawSync(packed, { dictionary: WORDS }).toString()) as RecordBody;
}
