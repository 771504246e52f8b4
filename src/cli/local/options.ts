/**
 * The options that every command with a link takes; apart from what they do, so that `--help` loads nothing.
 */
import type { Command } from 'commander';

export interface LinkOptions {
  readonly json?: true;
  readonly pcap?: string;
  readonly profile?: string;
  readonly models?: string;
}

export function withLinkOptions(command: Command): Command {
  return command
    .option('--json', 'print the answer as JSON')
    .option('--profile <name|file>', 'mind the manners of a product: underglass profile list')
    .option('--models <dir>', 'know further models: a folder made by underglass profile import')
    .option('--pcap <file>', 'write all frames to a file that Wireshark opens');
}
