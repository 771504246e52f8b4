/**
 * The other side of the WAN, as far as a gateway under test needs it: a key of its own, and commands signed
 * with it. Signs with tweetnacl, the second implementation.
 */
import nacl from 'tweetnacl';
import { hours, unixTime } from '../../src/base/time.ts';
import type { UnixTime } from '../../src/base/time.ts';
import { ackTopic, commandTopic } from '../../src/model/mod.ts';
import type { Audience, CommandBody, Cti, GatewayId } from '../../src/model/mod.ts';
import { signCommand, trustKey } from '../../src/wan/envelope/mod.ts';
import type { CommandClaims, Scope, TrustedKey } from '../../src/wan/envelope/mod.ts';

export const UTILITY = 'demo-utility';
export const GATEWAY = 'gw-17' as GatewayId;

export interface Signed {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly cti: Cti;
}

const EVERYTHING: Scope = {
  operations: ['event', 'cancel', 'grant', 'ack', 'sealed', 'manifest', 'interrogate', 'settings', 'read'],
  highestClass: 'emergency',
  primacy: { min: 1, max: 255 },
  validFrom: unixTime(0),
  validUntil: unixTime(Date.UTC(2099, 0)),
};

export class HeadEnd {
  readonly key: TrustedKey;
  readonly issuer: string;
  #sequence = 0;
  readonly #secretKey: Uint8Array;

  constructor(
    issuer = 'utility-a',
    scope: Partial<Scope> = {},
    { fill = issuer.charCodeAt(issuer.length - 1), epoch = 1 } = {},
  ) {
    this.issuer = issuer;
    const seed = new Uint8Array(32).fill(fill);
    const { publicKey, secretKey } = nacl.sign.keyPair.fromSeed(seed);
    this.#secretKey = secretKey;
    const trusted = trustKey({ publicKey, issuer, alg: -19, epoch, scope: { ...EVERYTHING, ...scope } });
    if (!trusted.ok) throw new Error(`the test key is sound: ${trusted.refusal}`);
    this.key = trusted.value;
  }

  /** Signs `body`, for the gateway unless `changes` say otherwise, in the next sequence of its stream. */
  sign(body: CommandBody, now: UnixTime, changes: Partial<CommandClaims> = {}): Signed {
    const sequence = changes.sequence ?? ++this.#sequence;
    const claims: CommandClaims = {
      issuer: this.issuer,
      audience: { kind: 'device', id: GATEWAY },
      issuedAt: now,
      notBefore: now,
      expires: unixTime(now + hours(24)),
      cti: ctiOf(this.issuer, sequence),
      stream: 'commands',
      keyEpoch: 1,
      class: 'dispatch',
      primacy: 10,
      body,
      ...changes,
      sequence,
    };
    const sign = (bytes: Uint8Array): Uint8Array => nacl.sign.detached(bytes, this.#secretKey);
    const payload = signCommand(claims, { kid: this.key.kid, alg: -19, sign });
    return { topic: topicOf(body, claims.audience), payload, cti: claims.cti };
  }
}

function topicOf(body: CommandBody, audience: Audience): string {
  return body.kind === 'ack' ? ackTopic(UTILITY, GATEWAY) : commandTopic(UTILITY, audience);
}

/** 16 bytes in hexadecimal, another for every issuer and sequence. */
function ctiOf(issuer: string, sequence: number): Cti {
  const who = issuer.charCodeAt(issuer.length - 1).toString(16);
  return `${who}${sequence.toString(16).padStart(32 - who.length, '0')}` as Cti;
}
