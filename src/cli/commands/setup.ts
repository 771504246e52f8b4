/**
 * `underglass setup`: the first hour of a gateway. It shows the serial adapters, finds Modbus devices in the networks
 * that are named, makes the gateway's key, and writes a configuration that a person then looks over. No file that
 * exists is touched, and nothing is written to a device.
 */
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import type { GatewayId } from '../../model/mod.ts';
import type { Link } from '../../io/modbus/mod.ts';
import { EXIT, Trouble } from '../exit.ts';
import { keyTrouble } from '../key-files.ts';
import { sayOf } from '../local/say.ts';
import type { FoundDevice } from '../wiring/setup.ts';

interface SetupOptions {
  readonly out: string;
  readonly utility: string;
  readonly broker: string;
  readonly gateway?: string;
  readonly claim?: string;
  readonly root?: string;
  readonly network?: readonly string[];
  readonly link?: readonly string[];
  readonly json?: true;
}

export function addSetup(program: Command): void {
  program
    .command('setup')
    .description('find devices, make the key, and write a first configuration; touches no file that exists')
    .requiredOption('--utility <id>', 'the utility, as in topics')
    .requiredOption('--broker <url>', "the utility's broker, as in mqtts://broker.example:8883")
    .option('--out <file>', 'the configuration', 'gateway.yaml')
    .option('--gateway <id>', 'the id the utility gave; a random one unless given')
    .option('--claim <code>', 'the claim code printed for this gateway')
    .option('--root <file>', "the utility's root document, instead of a claim code")
    .option('--network <subnet...>', 'look for Modbus devices there, as in 192.0.2.0/24 (ports 502 and 1502)')
    .option('--link <link...>', 'look at these links too, as in serial:/dev/ttyUSB0?baud=9600&unit=1')
    .option('--json', 'print the answer as JSON')
    .action((options: SetupOptions, command: Command) => setup(options, command));
}

const usage = (message: string): Trouble => new Trouble(message, EXIT.usage);

async function setup(options: SetupOptions, command: Command): Promise<void> {
  const { open } = await import('node:fs/promises');
  const { stringify } = await import('yaml');
  const { toHex } = await import('../../base/bytes.ts');
  const { generateKey, writeKeyFile } = await import('../../io/keys.ts');
  const { randomId } = await import('../../io/ids.ts');
  const { serialPorts } = await import('../../io/modbus/mod.ts');
  const { parseConfig } = await import('../../io/config.ts');
  const { gatewayConfig } = await import('../../gateway/mod.ts');
  const { identify } = await import('../wiring/setup.ts');
  const say = sayOf(command);
  const { claim, root, out, utility, broker, gateway = randomId() } = options;
  if ((claim === undefined) === (root === undefined))
    throw usage('name --claim CODE or --root FILE: by one of them it knows whom to obey');
  const adapters = await serialPorts();
  const devices = await identify(await linksOf(options));
  const path = resolve(out);
  const keyFile = `${gateway}.key`;
  const config = (entries: readonly object[]): string =>
    stringify({
      utility,
      gateway,
      stateFile: 'gateway.sqlite',
      keyFile,
      broker: { url: broker },
      trust: claim === undefined ? { root: resolve(root ?? '') } : { claim },
      devices: entries,
      display: { port: 8080 },
      monitor: { port: 9464 },
      defaults: {},
    });
  const text = config(named(devices));
  // What was given has to fit also where no device was found, which is the one thing left to be written by hand.
  const checked = parseConfig(path, devices.length > 0 ? text : config([EXAMPLE]), gatewayConfig);
  if (!checked.ok) throw new Trouble(checked.detail ?? checked.refusal);
  const code = root === undefined ? claim : await claimOf(root, gateway);
  const file = await open(path, 'wx').catch((error: unknown) => {
    throw new Trouble(`${path} cannot be made: ${String(error)}; name another with --out`);
  });
  const key = generateKey();
  try {
    const written = await writeKeyFile(resolve(dirname(path), keyFile), key);
    if (!written.ok) throw keyTrouble(keyFile, written);
    await file.writeFile(`${HEAD}${devices.length === 0 ? NO_DEVICES : ''}${text}`);
  } finally {
    await file.close();
  }
  const publicKey = toHex(key.publicKey);
  if (options.json === true)
    return say.json({ config: path, gateway, publicKey, claim: code, adapters, devices });
  for (const adapter of adapters) say.out(`serial adapter  ${adapter}`);
  for (const { link, model, role, profile } of devices)
    say.out(
      `device          ${link}: ${role}, ${model}${profile === undefined ? '' : `, profile ${profile}`}`,
    );
  say.out(`configuration   ${path}`);
  say.out(`gateway         ${gateway}`);
  say.out(`public key      ${publicKey}   (for the head end: utility.yaml, gateways)`);
  say.out(`claim code      ${code}`);
  say.talk('look over the file (defaults, tariff), then: underglass doctor, underglass gateway --observe');
}

const HEAD = `# Written by underglass setup. Look over it: "defaults" hold without an event, and when nobody can be asked.\n`;
const EXAMPLE = { id: 'inverter', link: 'tcp://192.0.2.7:502?unit=1' };
const NO_DEVICES = `# No device was found: name at least one under "devices", as in { id: inverter, link: "tcp://192.0.2.7:502?unit=1" }.\n`;

async function linksOf({ network = [], link = [] }: SetupOptions): Promise<readonly Link[]> {
  const { hostsIn, listening } = await import('../../io/search.ts');
  const { parseLink } = await import('../../io/modbus/mod.ts');
  const named = link.map(text => {
    const parsed = parseLink(text);
    if (!parsed.ok) throw usage(`--link ${text}: ${parsed.detail ?? parsed.refusal}`);
    return parsed.value;
  });
  const hosts = network.flatMap(subnet => {
    const within = hostsIn(subnet);
    if (!within.ok) throw usage(`--network: ${within.detail ?? within.refusal}`);
    return within.value;
  });
  const found = await listening(hosts);
  return [...named, ...found.map(place => ({ kind: 'tcp', ...place, unit: 1 }) as const)];
}

async function claimOf(root: string, gateway: string): Promise<string> {
  const { readRoot } = await import('../trust/documents.ts');
  const { claimCode } = await import('../../wan/trust/mod.ts');
  const { payload } = await readRoot(root);
  return claimCode(payload, gateway as GatewayId);
}

/** Ids by role, numbered where there are several. */
function named(devices: readonly FoundDevice[]): readonly object[] {
  return devices.map(({ link, role, profile }, at) => {
    const before = devices.slice(0, at).filter(each => each.role === role).length;
    const id = before === 0 ? role : `${role}-${before + 1}`;
    return { id, link, ...(profile === undefined ? {} : { profile }) };
  });
}
