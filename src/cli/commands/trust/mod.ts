/**
 * `underglass trust`: the documents that say whom a gateway obeys, made and signed with offline keys. A file of this
 * folder is one subcommand.
 */
import type { Command } from 'commander';
import { addClaim } from './claim.ts';
import { addCosign } from './cosign.ts';
import { addDelegate } from './delegate.ts';
import { addInit } from './init.ts';
import { addRevoke } from './revoke.ts';
import { addRotate } from './rotate.ts';
import { addShow } from './show.ts';

export function addTrust(program: Command): void {
  const trust = program
    .command('trust')
    .description('whom gateways obey: roots signed by several people, delegations, revocations');
  for (const add of [addInit, addDelegate, addRevoke, addRotate, addCosign, addShow, addClaim]) add(trust);
}
