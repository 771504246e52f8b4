/**
 * The way to a broker, as the configuration files of either end write it. Holds no secret: password, certificates and
 * keys are names of files. The description of a field is the remedy in an error line.
 */
import { z } from 'zod';

/** Brokers to turn to in order, besides the first. */
export const MAX_STANDBY = 7;

const url = (what: string) =>
  z.url({ protocol: /^mqtts?$/, error: 'is no address of a broker' }).describe(what);

const file = (what: string) =>
  z.string().min(1).describe(`${what}: a file name, relative to this file's folder`);

const fields = z.strictObject({
  url: url('where the broker is: mqtt://host:1883, or mqtts://host:8883 with TLS'),
  standby: z
    .array(url('where another broker of the same utility is, as in mqtts://host:8883'))
    .max(MAX_STANDBY)
    .describe('brokers to turn to, in this order, while the first cannot be reached: a list of addresses')
    .default([]),
  username: z.string().min(1).exactOptional().describe('the name to log in with, in quotes'),
  passwordFile: file('holds the broker password').exactOptional(),
  caFile: file(
    "the authority that signed the broker's certificate, in PEM; no other is believed",
  ).exactOptional(),
  certFile: file('our own certificate, in PEM').exactOptional(),
  keyFile: file('the key of our own certificate, in PEM').exactOptional(),
});

/** The names of files in it. */
export const BROKER_FILES = ['passwordFile', 'caFile', 'certFile', 'keyFile'] as const;

export type BrokerConfig = z.output<typeof fields>;

export const brokerConfig = fields.superRefine(certificateWithKey).superRefine(onlyOverTls);

/** A certificate proves nothing without its key, nor a key without its certificate. */
function certificateWithKey({ certFile, keyFile }: BrokerConfig, context: z.RefinementCtx): void {
  if ((certFile === undefined) === (keyFile === undefined)) return;
  const [there, missing] = certFile === undefined ? ['keyFile', 'certFile'] : ['certFile', 'keyFile'];
  context.addIssue({ code: 'custom', path: [there], message: `is there without ${missing}` });
}

/** What asks for TLS must not go out in the clear because of one letter in an address. */
function onlyOverTls(config: BrokerConfig, context: z.RefinementCtx): void {
  const asked = (['caFile', 'certFile'] as const).find(name => config[name] !== undefined);
  if (asked === undefined) return;
  const addresses = [config.url, ...config.standby];
  for (const [at, address] of addresses.entries())
    if (address.startsWith('mqtt:'))
      context.addIssue({
        code: 'custom',
        path: at === 0 ? ['url'] : ['standby', at - 1],
        message: `is without TLS, and there is ${asked}`,
      });
}
