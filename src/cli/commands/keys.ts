/**
 * `underglass keys`: a key made, a key shown, and the hash that stands for a customer's override code: what a
 * gateway's configuration asks for. What is secret is never shown and never taken from the command line, where
 * every user of the machine could read it.
 */
import type { Command } from 'commander';
import { toHex } from '../../base/bytes.ts';
import type { PublicKey } from '../../io/keys.ts';
import { Trouble } from '../exit.ts';
import { keyTrouble } from '../key-files.ts';
import { sayOf } from '../local/say.ts';
import type { Say } from '../local/say.ts';

export function addKeys(program: Command): void {
  const keys = program.command('keys').description("keys, and the hash of a customer's override code");
  keys
    .command('new <file>')
    .description('make an Ed25519 key in a file that its owner alone may read')
    .option(
      '--passphrase',
      'lock it with one, for a key that lies offline: typed unseen, or one line piped in',
    )
    .option('--passphrase-file <file>', 'lock it with the first line of this file')
    .option('--force', 'replace the key that is in the file; it cannot be had back')
    .option('--json', 'print the answer as JSON')
    .action((file: string, options: NewOptions, command: Command) => make(file, options, command));
  keys
    .command('show <file>')
    .description('the public half of a key, for who shall trust it')
    .option('--json', 'print the answer as JSON')
    .action((file: string, options: JsonOption, command: Command) => show(file, options, command));
  keys
    .command('rotate <file>')
    .description(
      "a gateway's next key, in the place of its key: it makes itself known when the gateway starts",
    )
    .option('--json', 'print the answer as JSON')
    .action((file: string, options: JsonOption, command: Command) => rotate(file, options, command));
  keys
    .command('id')
    .description('a random id for a gateway or a group: durable, and it says nothing of person or place')
    .option('--json', 'print the answer as JSON')
    .action((options: JsonOption, command: Command) => id(options, command));
  keys
    .command('code')
    .description('the hash of an override code (overrideCode), typed unseen or as one line on standard input')
    .option('--json', 'print the answer as JSON')
    .action((options: JsonOption, command: Command) => hash(options, command));
}

async function id({ json }: JsonOption, command: Command): Promise<void> {
  const { randomId } = await import('../../io/ids.ts');
  const say = sayOf(command);
  const made = randomId();
  if (json === true) say.json({ id: made });
  else say.out(made);
}

interface JsonOption {
  readonly json?: true;
}

interface NewOptions extends JsonOption {
  readonly force?: true;
  readonly passphrase?: true;
  readonly passphraseFile?: string;
}

async function make(file: string, options: NewOptions, command: Command): Promise<void> {
  const { generateKey, writeKeyFile } = await import('../../io/keys.ts');
  const say = sayOf(command);
  if (options.force === true) await tellReplaced(file, say);
  const passphrase = await newPassphrase(options, say);
  const key = generateKey();
  const how = { replace: options.force === true, ...(passphrase === undefined ? {} : { passphrase }) };
  const written = await writeKeyFile(file, key, how);
  if (!written.ok) throw keyTrouble(file, written);
  const lock = passphrase === undefined ? '' : ', and its passphrase alone opens';
  say.talk(`${file}: a new key, which its owner alone may read${lock}`);
  tell(key, options, say);
}

/** Four words of a list, or what is as hard to guess. */
const SHORT_PASSPHRASE = 16;

async function newPassphrase(options: NewOptions, say: Say): Promise<string | undefined> {
  const { Passphrases, readSecret } = await import('../secret.ts');
  const { passphraseFile: path } = options;
  if (options.passphrase === undefined && path === undefined) return undefined;
  const what = 'passphrase';
  const passphrase = path === undefined ? await readSecret(what) : await new Passphrases(path).next(what);
  if (passphrase === '') throw new Trouble('the passphrase is empty');
  if (passphrase.length < SHORT_PASSPHRASE)
    say.talk(`a passphrase of fewer than ${SHORT_PASSPHRASE} characters is guessed by whoever has the file`);
  return passphrase;
}

/** `--force` replaces a key, and nothing that is none: a slip of the finger must not cost a configuration. */
async function tellReplaced(file: string, say: Say): Promise<void> {
  const { readPublicKey } = await import('../../io/keys.ts');
  const old = await readPublicKey(file);
  if (old.ok) say.talk(`${file}: replacing key ${old.value.kid}`);
  else if (old.refusal !== 'missing') throw keyTrouble(file, old, 'is not replaced: ');
}

async function show(file: string, options: JsonOption, command: Command): Promise<void> {
  const { readPublicKey } = await import('../../io/keys.ts');
  const key = await readPublicKey(file);
  if (!key.ok) throw keyTrouble(file, key);
  tell(key.value, options, sayOf(command));
}

/** The key before it is gone with this: what it would be good for is to be stolen. */
async function rotate(file: string, options: JsonOption, command: Command): Promise<void> {
  const { nextKey, readKeyFile, writeKeyFile } = await import('../../io/keys.ts');
  const say = sayOf(command);
  const old = await readKeyFile(file);
  if (!old.ok) throw keyTrouble(file, old);
  const key = nextKey(old.value);
  const written = await writeKeyFile(file, key, { replace: true });
  if (!written.ok) throw keyTrouble(file, written);
  say.talk(`${file}: key ${key.kid}, epoch ${key.epoch}, follows ${old.value.kid}; start the gateway anew`);
  tell(key, options, say);
}

/** As YAML that goes into `trustedKeys` as it is; in quotes, because digits alone would be a number. */
function tell({ kid, alg, publicKey, epoch }: PublicKey, options: JsonOption, say: Say): void {
  const shown = { kid, alg, publicKey: toHex(publicKey), ...(epoch === undefined ? {} : { epoch }) };
  const which = epoch === undefined ? '' : `\nepoch: ${epoch}`;
  if (options.json === true) say.json(shown);
  else say.out(`# kid ${kid}\nalg: ${alg}\npublicKey: "${shown.publicKey}"${which}`);
}

/** As long as what the display takes. */
const MAX_CODE = 64;
/** The lock after wrong codes makes four digits a matter of years (control/override.ts), and three of weeks. */
const SHORT_CODE = 4;

async function hash(options: JsonOption, command: Command): Promise<void> {
  const { hashCode } = await import('../../io/codes.ts');
  const { readSecret } = await import('../secret.ts');
  const say = sayOf(command);
  const code = await readSecret('override code');
  const wrong = faultOf(code);
  if (wrong !== undefined) throw new Trouble(`the override code ${wrong}`);
  if (code.length < SHORT_CODE) say.talk(`a code of fewer than ${SHORT_CODE} characters is soon guessed`);
  const overrideCode = await hashCode(code);
  if (options.json === true) say.json({ overrideCode });
  else say.out(overrideCode);
}

/** What a customer could not type at the display, or not see on a letter. */
function faultOf(code: string): string | undefined {
  if (code === '') return 'is empty';
  if (code.length > MAX_CODE) return `has more than ${MAX_CODE} characters, which the display does not take`;
  if (code !== code.trim()) return 'begins or ends with a blank, which nobody sees';
  if (/\p{Cc}/u.test(code)) return 'has a character that cannot be typed';
  return undefined;
}
