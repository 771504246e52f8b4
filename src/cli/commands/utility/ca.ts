/**
 * `underglass utility ca`: certificates for TLS with the broker: an authority of the utility's own, and what it
 * signs for broker, gateways and head end. Needs no head end.
 */
import type { Command } from 'commander';
import { isId } from '../../../model/mod.ts';
import type { Wanted } from '../../../io/authority.ts';
import { Trouble } from '../../exit.ts';
import { sayOf } from '../../local/say.ts';
import { usage, whole } from './options.ts';

interface CaOptions {
  readonly folder: string;
  readonly days: string;
  readonly json?: true;
}

export function addCa(utility: Command): void {
  const ca = utility.command('ca').description('certificates for broker, gateways and head end, by openssl');
  const sub = (form: string, description: string, days: string): Command =>
    ca
      .command(form)
      .description(description)
      .option('--folder <path>', 'where the files lie', '.')
      .option('--days <n>', 'valid for so many days', days)
      .option('--json', 'print the answer as JSON');
  sub('authority <name>', 'ca.key and ca.crt: keep the key offline', '3650').action(
    (name: string, options: CaOptions, it: Command) =>
      make({ what: 'authority', name: fits(name, /^[A-Za-z0-9][A-Za-z0-9 .-]{0,63}$/, 'name') }, options, it),
  );
  sub('server <host...>', 'for the broker: every name or address it is reached by', '825').action(
    (hosts: readonly string[], options: CaOptions, it: Command) => {
      const [first, ...more] = hosts.map(host => fits(host, /^[A-Za-z0-9][A-Za-z0-9.:-]{0,63}$/, 'host'));
      if (first === undefined) throw usage('name the host');
      return make({ what: 'server', hosts: [first, ...more] }, options, it);
    },
  );
  sub('client <id>', 'for a gateway or the head end, by its id', '825').action(
    (id: string, options: CaOptions, it: Command) => {
      if (!isId(id)) throw usage(`${id} is no id: 1 to 64 of a-z, 0-9 and the hyphen`);
      return make({ what: 'client', id }, options, it);
    },
  );
}

async function make(wanted: Wanted, { folder, days, json }: CaOptions, command: Command): Promise<void> {
  const { makeCertificate } = await import('../../../io/authority.ts');
  const made = await makeCertificate(folder, wanted, whole('--days', days, 1, 36_500));
  if (!made.ok) throw new Trouble(`${made.detail ?? made.refusal} (${made.refusal})`);
  const say = sayOf(command);
  if (json === true) return say.json(made.value);
  say.out(`certificate ${made.value.cert}`);
  say.out(`key         ${made.value.key} (mode 0600)`);
}

function fits(text: string, form: RegExp, what: string): string {
  if (!form.test(text)) throw usage(`${what}: ${text} is none: 1 to 64 letters, digits, hyphens and dots`);
  return text;
}
