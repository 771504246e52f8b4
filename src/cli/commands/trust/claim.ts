/** `underglass trust claim`: the code by which a new gateway knows the root it is sent, printed for who installs it. */
import type { Command } from 'commander';
import { isId } from '../../../model/mod.ts';
import type { GatewayId } from '../../../model/mod.ts';
import { sayOf } from '../../local/say.ts';
import { usage } from '../utility/options.ts';

interface ClaimOptions {
  readonly gateway: readonly string[];
  readonly json?: true;
}

export function addClaim(trust: Command): void {
  trust
    .command('claim <root>')
    .description('the claim code of this root for a gateway (trust: { claim: … } in its configuration)')
    .requiredOption('--gateway <id...>', 'the gateways, as enrolled; each has a code of its own')
    .option('--json', 'print the answer as JSON')
    .action((file: string, options: ClaimOptions, it: Command) => claim(file, options, it));
}

async function claim(file: string, { gateway, json }: ClaimOptions, command: Command): Promise<void> {
  const { readRoot } = await import('../../trust/documents.ts');
  const { claimCode } = await import('../../../wan/trust/mod.ts');
  for (const id of gateway)
    if (!isId(id)) throw usage(`--gateway: ${id} is no id: 1 to 64 of a-z, 0-9 and the hyphen`);
  const { payload, document } = await readRoot(file);
  const codes = gateway.map(id => ({ gateway: id, claim: claimCode(payload, id as GatewayId) }));
  const say = sayOf(command);
  if (json === true) return say.json({ utility: document.utility, version: document.version, codes });
  for (const { gateway: id, claim: code } of codes) say.out(`${id}  ${code}`);
}
