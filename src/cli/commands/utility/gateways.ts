/** `underglass utility gateways`: whom this head end knows, and how each stands. */
import type { Command } from 'commander';
import { sayOf } from '../../local/say.ts';
import { asking } from './options.ts';
import type { UtilityOptions } from './options.ts';

interface Row {
  readonly gateway: string;
  readonly presence: string;
  readonly groups: readonly string[];
  readonly unanswered: number;
}

export function addGateways(utility: Command): void {
  asking(
    utility.command('gateways').description('the gateways: presence, groups, unanswered commands'),
  ).action((options: UtilityOptions, command: Command) => show(options, command));
}

async function show(options: UtilityOptions, command: Command): Promise<void> {
  const { ask } = await import('../../utility/reach.ts');
  const say = sayOf(command);
  const answer = await ask(options, { call: 'gateways', args: {} }, say);
  if (options.json === true) return say.json(answer);
  const { gateways } = answer as unknown as { readonly gateways: readonly Row[] };
  for (const { gateway, presence, groups, unanswered } of gateways)
    say.out(`${gateway}  ${presence}  ${groups.join(',') || '-'}  ${unanswered} unanswered`);
}
