/** `underglass utility delivery`: how a command reaches each member, and how far it has come with each. */
import type { Command } from 'commander';
import { sayOf } from '../../local/say.ts';
import { asking } from './options.ts';
import type { UtilityOptions } from './options.ts';

interface Told {
  readonly deliveries: readonly {
    readonly command: {
      readonly cti: string;
      readonly kind: string;
      readonly audience: string;
      readonly about: string;
      readonly sentAt: string;
      readonly expires: string;
    };
    readonly means: string;
    readonly attempts?: number;
    readonly settled?: string;
    readonly states: Readonly<Record<string, number>>;
    readonly members: readonly {
      readonly gateway: string;
      readonly state: string;
      readonly at?: string;
      readonly why: string;
    }[];
  }[];
}

export function addDelivery(utility: Command): void {
  asking(
    utility
      .command('delivery <id>')
      .description('how a command or event reaches each member, and how far it has come'),
  ).action((id: string, options: UtilityOptions, it: Command) => delivery(id, options, it));
}

async function delivery(id: string, options: UtilityOptions, it: Command): Promise<void> {
  const { ask } = await import('../../utility/reach.ts');
  const say = sayOf(it);
  const answer = await ask(options, { call: 'delivery', args: { of: id }, needsLink: false }, say);
  if (options.json === true) return say.json(answer);
  for (const { command, means, attempts, settled, states, members } of (answer as unknown as Told)
    .deliveries) {
    const { cti, kind, audience, about, sentAt, expires } = command;
    say.out(`${kind} ${about}, command ${cti} to ${audience}, sent ${sentAt}, until ${expires}`);
    say.out(`    ${means}`);
    say.out(settled === undefined ? `    open, handed over ${attempts ?? 0} times` : `    ${settled}`);
    const counts = Object.entries(states).map(([state, count]) => `${count} ${state}`);
    say.out(`    ${counts.join(', ')}`);
    for (const { gateway, state, at = '', why } of members) say.out(`${gateway}  ${state}  ${at}  ${why}`);
  }
}
