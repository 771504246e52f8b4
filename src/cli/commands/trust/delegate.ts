/** `underglass trust delegate`: what one key may say, signed by as many holders as its roles need. */
import type { Command } from 'commander';
import { isId } from '../../../model/mod.ts';
import type { CommandClass, GatewayId, GroupId } from '../../../model/mod.ts';
import type { MakingOptions } from '../../trust/options.ts';
import { boundsOf, making, rangeOf, roleOf, time } from '../../trust/options.ts';
import { sayOf } from '../../local/say.ts';
import { oneOf, usage, whole } from '../utility/options.ts';

interface DelegateOptions extends MakingOptions {
  readonly root: string;
  readonly role: readonly string[];
  readonly issuer: string;
  readonly key: string;
  readonly epoch: string;
  readonly operation?: readonly string[];
  readonly class?: string;
  readonly primacy: string;
  readonly group?: readonly string[];
  readonly gateway?: readonly string[];
  readonly bound?: readonly string[];
  readonly from?: string;
  readonly until?: string;
  readonly number: string;
}

export function addDelegate(trust: Command): void {
  const command = trust
    .command('delegate <file>')
    .description('let a key speak: roles, operations, groups, highest class, bounds, validity')
    .requiredOption('--root <file>', 'the root in force')
    .requiredOption(
      '--role <role...>',
      'registrar, dispatcher, emergency, aggregator, time, config or firmware',
    )
    .requiredOption('--issuer <id>', 'who speaks with the key')
    .requiredOption('--key <key>', 'its key file, or 64 hexadecimal digits')
    .option('--epoch <n>', "which of this issuer's keys it is", '1')
    .option('--operation <kind...>', 'what it may send; all that its roles may unless given')
    .option('--class <class>', 'the highest class it may ask for; that of its roles unless given')
    .option('--primacy <range>', 'the primacy of its programs', '1..255')
    .option('--group <id...>', 'the groups it may command; any unless given')
    .option('--gateway <id...>', 'the gateways it may command; any unless given')
    .option('--bound <axis=range...>', 'what it may ask for on an axis, as opModMaxLimW=0..10000')
    .option('--from <time>', 'a time with its zone; now unless given')
    .option('--until <time>', "a time with its zone, or +90d; the root's expiry unless given")
    .option('--number <n>', 'its version: one more than that of an earlier delegation of this key', '1');
  making(command).action((file: string, options: DelegateOptions, it: Command) =>
    delegate(file, options, it),
  );
}

async function delegate(file: string, options: DelegateOptions, command: Command): Promise<void> {
  const { make, now, readRoot } = await import('../../trust/documents.ts');
  const { publicKeyOf } = await import('../../key-files.ts');
  const { classOf, operationsOf } = await import('../../../wan/trust/mod.ts');
  const { KIND_NUMBERS } = await import('../../../wan/envelope/mod.ts');
  const { issuer, operation, group, gateway, bound, from, until } = options;
  const roles = options.role.map(roleOf);
  for (const id of [issuer, ...(group ?? []), ...(gateway ?? [])])
    if (!isId(id)) throw usage(`${id} is no id: 1 to 64 of a-z, 0-9 and the hyphen`);
  const kinds = [...KIND_NUMBERS.keys()];
  const operations =
    operation?.map(name => oneOf('--operation', name, kinds) as (typeof kinds)[number]) ??
    operationsOf(roles);
  const ranks = ['emergency', 'transmission', 'reliability', 'dispatch', 'market'];
  const highestClass =
    options.class === undefined ? classOf(roles) : (oneOf('--class', options.class, ranks) as CommandClass);
  const root = await readRoot(options.root);
  const key = await publicKeyOf(options.key);
  await make(
    file,
    {
      kind: 'delegation',
      utility: root.document.utility,
      version: whole('--number', options.number, 1, Number.MAX_SAFE_INTEGER),
      issued: now(),
      roles,
      issuer,
      publicKey: key.publicKey,
      alg: key.alg,
      epoch: whole('--epoch', options.epoch, 1, 2 ** 31),
      operations,
      scope: {
        highestClass,
        primacy: rangeOf('--primacy', options.primacy, { min: 1, max: 255 }),
        ...(group === undefined ? {} : { groups: group as GroupId[] }),
        ...(gateway === undefined ? {} : { gateways: gateway as GatewayId[] }),
        ...(bound === undefined ? {} : { bounds: boundsOf(bound) }),
        validFrom: from === undefined ? now() : time('--from', from),
        validUntil: until === undefined ? root.document.expires : time('--until', until),
      },
    },
    { root, options, say: sayOf(command) },
  );
}
