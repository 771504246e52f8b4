/** `underglass trust sign`: one signature more under a document, by whoever holds the key. */
import type { Command } from 'commander';
import { sayOf } from '../../local/say.ts';
import type { MakingOptions } from '../../trust/options.ts';
import { signing } from '../../trust/options.ts';
import { usage } from '../utility/options.ts';

interface CosignOptions extends MakingOptions {
  readonly root?: string;
}

export function addCosign(trust: Command): void {
  const command = trust
    .command('sign <file>')
    .description('add a signature to a document; look at it with trust show before')
    .option('--root <file>', 'the root that judges it; a first root needs none');
  signing(command)
    .option('--json', 'print the answer as JSON')
    .action((file: string, options: CosignOptions, it: Command) => cosign(file, options, it));
}

async function cosign(file: string, options: CosignOptions, command: Command): Promise<void> {
  const { judge, readRoot, readSigned, save, signBy, tell } = await import('../../trust/documents.ts');
  if (options.by === undefined) throw usage('--by names no key to sign with');
  const root = options.root === undefined ? undefined : await readRoot(options.root);
  const draft = await readSigned(file);
  judge(draft, root, file);
  const judged = judge(await signBy(draft, options), root, file);
  await save(file, judged.signed.bytes, { replace: true });
  tell({ file, ...judged }, { json: options.json === true, say: sayOf(command) });
}
