/**
 * `underglass utility`: the other side of the WAN on the command line. `serve` runs a head end; every other command
 * asks the one that runs, or opens one for itself. A file of this folder is one subcommand or a few that belong
 * together.
 */
import type { Command } from 'commander';
import { addCa } from './ca.ts';
import { addCurve } from './curve.ts';
import { addHealth } from './health.ts';
import { addInterrogate } from './interrogate.ts';
import { addCancel, addSend } from './send.ts';
import { addDelivery } from './delivery.ts';
import { addDeliver } from './deliver.ts';
import { addGateways } from './gateways.ts';
import { addGroup } from './group.ts';
import { addReadings } from './readings.ts';
import { addSeal } from './seal.ts';
import { addServe } from './serve.ts';
import { addTarget } from './target.ts';
import { addTrustSending } from './trust.ts';

export function addUtility(program: Command): void {
  const utility = program
    .command('utility')
    .description('the head end: commands, groups and health of gateways');
  for (const add of [
    addServe,
    addSend,
    addCancel,
    addInterrogate,
    addCurve,
    addReadings,
    addGateways,
    addHealth,
    addTrustSending,
    addCa,
    addDelivery,
    addGroup,
    addTarget,
    addDeliver,
    addSeal,
  ])
    add(utility);
}
