/** `underglass utility health`: who is there, for how much of the time, and what is missing or refused. */
import type { Command } from 'commander';
import { sayOf } from '../../local/say.ts';
import type { Say } from '../../local/say.ts';
import { asking, usage, whole } from './options.ts';
import type { UtilityOptions } from './options.ts';

interface HealthOptions extends UtilityOptions {
  readonly gateway?: string;
  readonly group?: string;
  readonly limit: string;
}

interface Shares {
  readonly linkAvailability?: number;
  readonly commandAvailability?: number;
}

interface Row extends Shares {
  readonly gateway: string;
  readonly heardAt?: string;
  readonly isThere?: boolean;
  readonly watchedMs: number;
  readonly answered: number;
  readonly expired: number;
  readonly roundTripMs?: number;
  readonly missing: number;
  /** What the gateway's audits came to, when there was one. */
  readonly audit?: { readonly at: string; readonly missing: number; readonly differing: number };
  readonly lost: number;
  readonly refusals: Readonly<Record<string, number>>;
}

interface Health {
  readonly days: number;
  readonly link: { readonly up: boolean; readonly why: string };
  readonly refused: Readonly<Record<string, number>>;
  readonly groups: readonly (Shares & {
    readonly group: string;
    readonly members: number;
    readonly there: number;
    readonly worst: readonly string[];
  })[];
  readonly shown: number;
  readonly of: number;
  readonly gateways: readonly Row[];
}

export function addHealth(utility: Command): void {
  asking(
    utility
      .command('health')
      .description(
        'who is there, availability of link and commands, round trips, what is missing; worst first',
      ),
  )
    .option('--gateway <id>', 'of one gateway')
    .option('--group <id>', 'of the members of a group')
    .option('--limit <n>', 'show at most so many gateways', '20')
    .action((options: HealthOptions, it: Command) => show(options, sayOf(it)));
}

async function show({ gateway, group, limit, ...options }: HealthOptions, say: Say): Promise<void> {
  const { ask } = await import('../../utility/reach.ts');
  if (gateway !== undefined && group !== undefined) throw usage('name one of --gateway and --group');
  const of =
    gateway === undefined ? (group === undefined ? {} : { of: `g/${group}` }) : { of: `d/${gateway}` };
  const args = { ...of, limit: whole('--limit', limit, 1, 20_000) };
  const answer = await ask(options, { call: 'health', args, needsLink: false }, say);
  if (options.json === true) return say.json(answer);
  tell(answer as unknown as Health, say);
}

function tell({ days, link, refused, groups, shown, of, gateways }: Health, say: Say): void {
  say.out(`the last ${days} days; our link: ${link.why}${counts(refused)}`);
  for (const { group, members, there, worst, ...shares } of groups)
    say.out(
      `group ${group}: ${there} of ${members} there, ${sharesText(shares)}; worst ${worst.join(', ') || '-'}`,
    );
  for (const row of gateways) {
    const { gateway, heardAt, isThere, watchedMs, answered, expired, roundTripMs, missing, lost, audit } =
      row;
    const state = isThere === undefined ? 'not known yet' : isThere ? 'there' : 'away';
    const trip = roundTripMs === undefined ? '' : `, answers in ${roundTripMs} ms`;
    say.out(
      `${gateway}  ${state}, heard ${heardAt ?? 'never'}, ${sharesText(row)} (watched ${hoursText(watchedMs)}, ${answered} of ${answered + expired} commands)${trip}, ${missing} records missing, ${lost} lost${auditText(audit)}${counts(row.refusals)}`,
    );
  }
  if (shown < of) say.out(`${of - shown} more are not shown: --limit ${of}`);
}

function sharesText({ linkAvailability, commandAvailability }: Shares): string {
  return `link ${percent(linkAvailability)}, commands ${percent(commandAvailability)}`;
}

/** Never rounded up: 99.9996 % is not 100 %. */
function percent(share: number | undefined): string {
  return share === undefined ? 'unknown' : `${(Math.floor(share * 1e5) / 1e3).toFixed(3)} %`;
}

function hoursText(ms: number): string {
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

function counts(refusals: Readonly<Record<string, number>>): string {
  const all = Object.entries(refusals).map(([name, count]) => `${name} ${count}`);
  return all.length === 0 ? '' : `, refused: ${all.join(', ')}`;
}

function auditText(audit: Row['audit']): string {
  if (audit === undefined) return ', never audited';
  const { at, missing, differing } = audit;
  if (missing === 0 && differing === 0) return `, all there by its audit of ${at}`;
  return `, by its audits ${missing} not there and ${differing} stretches unlike what it made`;
}
