/**
 * `underglass sign`: an envelope of a command that a file or options describe, signed with an offline key. Nothing is
 * sent. Its key may lie under a passphrase.
 */
import type { Command } from 'commander';
import { Trouble } from '../exit.ts';
import { sayOf } from '../local/say.ts';
import { duration, moment, usage, whole } from './utility/options.ts';
import { axesFrom } from './utility/send.ts';

interface SignOptions {
  readonly key: string;
  readonly passphraseFile?: string;
  readonly out?: string;
  readonly force?: true;
  readonly hex?: true;
  readonly json?: true;
  readonly issuer?: string;
  readonly to?: string;
  readonly class?: string;
  readonly primacy?: string;
  readonly keyEpoch?: string;
  readonly groupEpoch?: string;
  readonly stream?: string;
  readonly sequence?: string;
  readonly expires?: string;
  readonly set?: readonly string[];
  readonly start?: string;
  readonly duration?: string;
  readonly service?: string;
  readonly note?: string;
  readonly mrid?: string;
  readonly cancel?: string;
  readonly document?: readonly string[];
}

export function addSign(program: Command): void {
  program
    .command('sign [file]')
    .description(
      'make the envelope of a command, offline; from YAML or JSON (- reads standard input) or options. Every kind but sealed (utility seal has the box keys of gateways) and welcome (only the head end that was asked knows what it holds)',
    )
    .requiredOption('--key <file>', 'the key that signs')
    .option('--passphrase-file <file>', 'its passphrase; else it is typed or piped in')
    .option('-o, --out <file>', 'write the envelope here; to standard output unless given')
    .option('--force', 'replace the file')
    .option('--hex', 'in hexadecimal')
    .option('--json', 'print { hex, cti, kid, topic } as JSON')
    .option('--issuer <id>', 'who speaks')
    .option('--to <audience>', 'g/<group> or d/<gateway>')
    .option('--class <class>', 'emergency, transmission, reliability, dispatch or market')
    .option('--primacy <n>', '1 to 255; inside a class the lower wins')
    .option('--key-epoch <n>', "which of the issuer's keys it is")
    .option('--group-epoch <n>', "the group's epoch, with g/<group> alone")
    .option('--stream <id>', 'the stream of sequences')
    .option('--sequence <n>', 'one more than the last of this stream')
    .option('--expires <time>', 'no gateway takes it later; +15m unless given')
    .option('--set <axis=value...>', 'an event: what devices shall do')
    .option('--start <time>', 'when it starts; now unless given')
    .option('--duration <time>', '900, 90s, 15m, 2h; only an emergency may be without')
    .option('--service <name>', 'direct or demand-response')
    .option('--note <text>', 'a sentence for the customer')
    .option('--mrid <id>', 'the name of the event')
    .option('--cancel <mrid>', 'the end of this event')
    .option('--document <file...>', 'trust documents to bring')
    .action((file: string | undefined, options: SignOptions, command: Command) =>
      sign(file, options, command),
    );
}

async function sign(file: string | undefined, options: SignOptions, command: Command): Promise<void> {
  const { claimsOf, commandFile } = await import('../trust/command-file.ts');
  const { now, refusal, save } = await import('../trust/documents.ts');
  const { openKeys } = await import('../key-files.ts');
  const { Passphrases } = await import('../secret.ts');
  const { offlineSignerOf } = await import('../../io/keys.ts');
  const { parseConfig } = await import('../../io/config.ts');
  const { signCommand, vetClaims } = await import('../../wan/envelope/mod.ts');
  const { toHex } = await import('../../base/bytes.ts');
  const say = sayOf(command);
  const text = await described(file, options);
  const parsed = parseConfig(file === undefined || file === '-' ? 'the command' : file, text, commandFile);
  if (!parsed.ok) throw new Trouble(parsed.detail ?? parsed.refusal);
  const claims = claimsOf(parsed.value, now());
  const vetted = vetClaims(claims);
  if (!vetted.ok) throw refusal('no gateway would understand this command', vetted);
  const [key] = await openKeys([options.key], new Passphrases(options.passphraseFile));
  if (key === undefined) throw usage('--key names no key');
  const bytes = signCommand(claims, offlineSignerOf(key));
  const hex = toHex(bytes);
  if (options.out !== undefined)
    await save(options.out, options.hex === true ? new TextEncoder().encode(`${hex}\n`) : bytes, {
      replace: options.force === true,
    });
  if (options.json === true)
    say.json({ hex, cti: claims.cti, kid: key.kid, audience: parsed.value.audience });
  else if (options.out !== undefined) say.talk(`${options.out}: command ${claims.cti}, signed by ${key.kid}`);
  else if (options.hex === true) say.out(hex);
  else if (process.stdout.isTTY) throw usage('an envelope is bytes: name --out FILE, --hex or --json');
  else process.stdout.write(bytes);
}

/** The file's claims, with what options say in their place, as JSON (which is YAML). */
async function described(file: string | undefined, options: SignOptions): Promise<string> {
  const given = await givenBy(options);
  if (file === undefined) return JSON.stringify(given);
  const { readFile } = await import('node:fs/promises');
  const { text: streamText } = await import('node:stream/consumers');
  const text =
    file === '-'
      ? await streamText(process.stdin)
      : await readFile(file, 'utf8').catch(() => {
          throw new Trouble(`${file}: cannot be read`);
        });
  // Without options the text is judged as it stands, with its own line numbers.
  if (Object.keys(given).length === 0) return text;
  const { parse } = await import('yaml');
  let content: unknown;
  try {
    content = parse(text);
  } catch {
    return text;
  }
  return typeof content === 'object' ? JSON.stringify({ ...content, ...given }) : text;
}

async function givenBy(options: SignOptions): Promise<Readonly<Record<string, unknown>>> {
  const { issuer, to, class: rank, stream, expires } = options;
  const numbers = { primacy: 255, keyEpoch: 2 ** 31, groupEpoch: 2 ** 31, sequence: Number.MAX_SAFE_INTEGER };
  const counted = Object.entries(numbers).flatMap(([name, max]) => {
    const text = options[name as keyof typeof numbers];
    return text === undefined ? [] : [[name, whole(`--${name}`, text, 1, max)] as const];
  });
  const body = await bodyBy(options);
  return {
    ...(issuer === undefined ? {} : { issuer }),
    ...(to === undefined ? {} : { audience: to }),
    ...(rank === undefined ? {} : { class: rank }),
    ...(stream === undefined ? {} : { stream }),
    ...(expires === undefined ? {} : { expires: moment('--expires', expires) }),
    ...Object.fromEntries(counted),
    ...(body === undefined ? {} : { body }),
  };
}

async function bodyBy(options: SignOptions): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { set, start, duration: lasts, service, note, mrid, cancel, document } = options;
  if ([set, cancel, document].filter(one => one !== undefined).length > 1)
    throw usage('--set, --cancel and --document are three commands: name one');
  if (cancel !== undefined) return { kind: 'cancel', mRID: cancel };
  if (document !== undefined) return { kind: 'trust', documents: await Promise.all(document.map(hexOf)) };
  if (set === undefined) return undefined;
  const { randomBytes } = await import('node:crypto');
  return {
    kind: 'event',
    mRID: mrid ?? randomBytes(16).toString('hex'),
    axes: axesFrom(set),
    ...(start === undefined ? {} : { start: moment('--start', start) }),
    ...(lasts === undefined ? {} : { durationS: duration('--duration', lasts) }),
    ...(service === undefined ? {} : { service }),
    ...(note === undefined ? {} : { note }),
  };
}

async function hexOf(file: string): Promise<string> {
  const { readSigned } = await import('../trust/documents.ts');
  const { toHex } = await import('../../base/bytes.ts');
  return toHex((await readSigned(file)).bytes);
}
