/** `underglass trust init`: the first root of a utility. */
import type { Command } from 'commander';
import { isId } from '../../../model/mod.ts';
import type { MakingOptions } from '../../trust/options.ts';
import { making, rolesOf, time } from '../../trust/options.ts';
import { sayOf } from '../../local/say.ts';
import { usage, whole } from '../utility/options.ts';

interface InitOptions extends MakingOptions {
  readonly utility: string;
  readonly key: readonly string[];
  readonly threshold: string;
  readonly needs?: readonly string[];
  readonly expires: string;
}

export function addInit(trust: Command): void {
  const command = trust
    .command('init <file>')
    .description('the first root: who holds its keys, and how many of them sign')
    .requiredOption('--utility <id>', 'the utility, as in topics')
    .requiredOption('--key <key...>', "the holders' keys: key files, or 64 hexadecimal digits each")
    .option('--threshold <m>', 'how many sign the next root and revocations', '2')
    .option(
      '--needs <role=m...>',
      'how many sign a delegation of a role; emergency needs one more unless given',
    )
    .option('--expires <time>', 'no delegation counts from then on; a time with its zone, or +730d', '+730d');
  making(command).action((file: string, options: InitOptions, it: Command) => init(file, options, it));
}

async function init(file: string, options: InitOptions, command: Command): Promise<void> {
  const { make, now } = await import('../../trust/documents.ts');
  const { publicKeyOf } = await import('../../key-files.ts');
  const { utility, key, needs = [] } = options;
  if (!isId(utility)) throw usage(`--utility: ${utility} is no id: 1 to 64 of a-z, 0-9 and the hyphen`);
  const keys = await Promise.all(key.map(publicKeyOf));
  const threshold = whole('--threshold', options.threshold, 1, keys.length);
  const roles = { emergency: Math.min(threshold + 1, keys.length), ...rolesOf(needs, keys.length) };
  await make(
    file,
    {
      kind: 'root',
      utility,
      version: 1,
      issued: now(),
      expires: time('--expires', options.expires),
      keys: keys.map(({ publicKey }) => publicKey),
      threshold,
      roles,
    },
    { options, say: sayOf(command) },
  );
}
