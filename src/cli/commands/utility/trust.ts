/** `underglass utility trust`: brings roots, delegations and revocations to gateways, and waits for their receipts. */
import type { Command } from 'commander';
import { toHex } from '../../../base/bytes.ts';
import { sayOf } from '../../local/say.ts';
import { sending, sendingArgs } from './options.ts';
import type { SendingOptions } from './options.ts';
import { askAndTell } from './tell.ts';

export function addTrustSending(utility: Command): void {
  const command = utility
    .command('trust <document...>')
    .description('bring trust documents to gateways; one far behind needs every root in between');
  sending(command, { class: 'market' }).action(
    (files: readonly string[], options: SendingOptions, it: Command) => bring(files, options, it),
  );
}

async function bring(files: readonly string[], options: SendingOptions, command: Command): Promise<void> {
  const { readSigned } = await import('../../trust/documents.ts');
  const args = sendingArgs(options);
  const documents = await Promise.all(files.map(async file => toHex((await readSigned(file)).bytes)));
  await askAndTell(options, { call: 'trust', args: { ...args, documents } }, sayOf(command));
}
