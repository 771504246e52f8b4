/**
 * What a head end needs to be told, as one strict schema: whose it is, with which key it signs, where broker and
 * ledger are, and which gateways' keys it believes. The description of a field is the remedy in an error line.
 *
 * Reads no file: whoever does also knows line numbers. Holds no secret: keys and password are names of files.
 */
import { z } from 'zod';
import { fromHex } from '../base/bytes.ts';
import { brokerConfig, isId } from '../model/mod.ts';
import type { GatewayId } from '../model/mod.ts';

/** Gateways of one head end; beyond it there are several head ends. */
export const MAX_GATEWAYS = 20_000;
/** A list of {@link MAX_GATEWAYS} keys takes some 3 MiB. */
export const MAX_CONFIG_BYTES = 8 * 1_048_576;

const ID_WORDS = '1 to 64 of a-z, 0-9 and the hyphen';

function id<T extends string>(what: string) {
  return z
    .string()
    .refine(isId, { error: 'is no id' })
    .transform(text => text as T)
    .describe(`${what}: ${ID_WORDS}`);
}

const file = (what: string) =>
  z.string().min(1).describe(`${what}: a file name, relative to this file's folder`);

const epoch = (what: string) =>
  z
    .int()
    .min(1)
    .max(2 ** 31)
    .describe(`${what}: a whole number from 1`);

const gateway = z.strictObject({
  id: id<GatewayId>('the gateway, as in its own configuration'),
  publicKey: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, { error: 'is no public key' })
    .transform(text => fromHex(text) ?? new Uint8Array())
    .describe('what underglass keys show answers of its key: 64 hexadecimal digits in quotes'),
  alg: z.literal([-19, -8]).default(-19).describe('the algorithm pinned: -19 (Ed25519) or -8 (EdDSA, older)'),
  epoch: epoch('which of its keys this is').default(1),
});

export const utilityConfig = z.strictObject({
  utility: id<string>('the utility, as in topics'),
  issuer: id<string>('the name we sign under, as gateways know it'),
  keyFile: file('the key we sign with, made by underglass keys new'),
  keyEpoch: epoch('which of our keys this is').default(1),
  ledgerFile: file('the ledger; made at the first start'),
  trust: z
    .array(file('a root, a delegation or a list of revocations'))
    .min(1)
    .max(32)
    .exactOptional()
    .describe('documents that every gateway is brought: a list as [root-1.cbor, ops.cbor, rev-1.cbor]'),
  broker: brokerConfig.describe('the way to the gateways, as in broker: { url: mqtts://host:8883 }'),
  guest: z
    .literal(true)
    .exactOptional()
    .describe(
      "true where another's head end has these topics, as for an aggregator: acknowledges nothing, has no groups",
    ),
  reads: z
    .strictObject({
      everyMinutes: z.int().min(1).max(1440).describe('how often each gateway is asked, in whole minutes'),
    })
    .exactOptional()
    .describe(
      'asks every gateway for its readings, spread over the period, as in reads: { everyMinutes: 15 }',
    ),
  gateways: z
    .array(gateway)
    .max(MAX_GATEWAYS)
    .superRefine((entries, context) => {
      const seen = new Map<string, number>();
      for (const [at, { id: name, epoch: which }] of entries.entries()) {
        const first = seen.get(`${name} ${which}`);
        if (first === undefined) seen.set(`${name} ${which}`, at);
        else
          context.addIssue({
            code: 'custom',
            path: [at, 'id'],
            message: `is the same as in entry ${first + 1} of the list`,
          });
      }
    })
    .describe(`the gateways we believe: a list of at most ${MAX_GATEWAYS} with id and publicKey`),
});

export type UtilityConfig = z.output<typeof utilityConfig>;
