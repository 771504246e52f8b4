/** `underglass trust revoke`: the next list of revoked keys. It holds all of the list before it. */
import type { Command } from 'commander';
import { Trouble } from '../../exit.ts';
import { sayOf } from '../../local/say.ts';
import type { KeyId } from '../../../model/mod.ts';
import type { MakingOptions } from '../../trust/options.ts';
import { making } from '../../trust/options.ts';

interface RevokeOptions extends MakingOptions {
  readonly root: string;
  readonly previous?: string;
  readonly key: readonly string[];
}

export function addRevoke(trust: Command): void {
  const command = trust
    .command('revoke <file>')
    .description('take keys back: what they queued at gateways is dropped')
    .requiredOption('--root <file>', 'the root in force')
    .requiredOption('--key <key...>', 'key ids (16 hexadecimal digits), public keys (64), or key files')
    .option('--previous <file>', 'the newest list so far; all its keys stay revoked');
  making(command).action((file: string, options: RevokeOptions, it: Command) => revoke(file, options, it));
}

async function revoke(file: string, options: RevokeOptions, command: Command): Promise<void> {
  const { make, now, readRoot, readSigned } = await import('../../trust/documents.ts');
  const { publicKeyOf } = await import('../../key-files.ts');
  const { revokedWith } = await import('../../../wan/trust/mod.ts');
  const root = await readRoot(options.root);
  const previous = options.previous === undefined ? undefined : await readSigned(options.previous);
  const before = previous?.document;
  if (before !== undefined && before.kind !== 'revocations')
    throw new Trouble(`${options.previous}: is a ${before.kind}, no list of revocations (document-unknown)`);
  const isKid = (text: string): boolean => /^[0-9a-f]{16}$/.test(text);
  const keys = await Promise.all(
    options.key.map(async text => (isKid(text) ? (text as KeyId) : (await publicKeyOf(text)).kid)),
  );
  await make(
    file,
    {
      kind: 'revocations',
      utility: before?.utility ?? root.document.utility,
      version: (before?.version ?? 0) + 1,
      issued: now(),
      keys: revokedWith(before, keys),
    },
    { root, options, say: sayOf(command) },
  );
}
