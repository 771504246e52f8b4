/** `underglass trust rotate`: the next root, signed by the threshold of the one before it and by its own. */
import type { Command } from 'commander';
import { sayOf } from '../../local/say.ts';
import { Trouble } from '../../exit.ts';
import type { MakingOptions } from '../../trust/options.ts';
import { making, rolesOf, time } from '../../trust/options.ts';
import { whole } from '../utility/options.ts';

interface RotateOptions extends MakingOptions {
  readonly root: string;
  readonly add?: readonly string[];
  readonly drop?: readonly string[];
  readonly threshold?: string;
  readonly needs?: readonly string[];
  readonly expires: string;
  readonly number?: string;
}

export function addRotate(trust: Command): void {
  const command = trust
    .command('rotate <file>')
    .description('the next root: other holders, other thresholds, or only a later expiry')
    .requiredOption('--root <file>', 'the root in force; it may have expired')
    .option('--add <key...>', 'keys that join: key files, or 64 hexadecimal digits each')
    .option('--drop <key...>', 'keys that leave: key ids, public keys or key files')
    .option('--threshold <m>', 'how many sign the next root and revocations; as before unless given')
    .option('--needs <role=m...>', 'how many sign a delegation of a role; as before unless given')
    .option('--expires <time>', 'a time with its zone, or +730d', '+730d')
    .option('--number <n>', 'its version: one more than the root in force, and nothing else');
  making(command).action((file: string, options: RotateOptions, it: Command) => rotate(file, options, it));
}

async function rotate(file: string, options: RotateOptions, command: Command): Promise<void> {
  const { make, now, readRoot } = await import('../../trust/documents.ts');
  const { publicKeyOf } = await import('../../key-files.ts');
  const { keyId } = await import('../../../wan/envelope/mod.ts');
  const root = await readRoot(options.root);
  const { document } = root;
  const { add = [], drop = [], needs = [] } = options;
  const leaving = await Promise.all(
    drop.map(async text => (/^[0-9a-f]{16}$/.test(text) ? text : (await publicKeyOf(text)).kid)),
  );
  const stranger = leaving.find(kid => !document.keys.some(key => keyId(key) === kid));
  if (stranger !== undefined)
    throw new Trouble(`--drop: ${stranger} is no key of root ${document.version} (signer-unknown)`);
  const joining = await Promise.all(add.map(publicKeyOf));
  const keys = [
    ...document.keys.filter(key => !leaving.includes(keyId(key))),
    ...joining.map(({ publicKey }) => publicKey),
  ];
  const version = options.number ?? String(document.version + 1);
  await make(
    file,
    {
      ...document,
      version: whole('--number', version, 1, Number.MAX_SAFE_INTEGER),
      issued: now(),
      expires: time('--expires', options.expires),
      keys,
      threshold:
        options.threshold === undefined
          ? document.threshold
          : whole('--threshold', options.threshold, 1, keys.length),
      roles: { ...document.roles, ...rolesOf(needs, keys.length) },
    },
    { root, options, say: sayOf(command) },
  );
}
