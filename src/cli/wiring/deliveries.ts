/**
 * Deliveries of a gateway from its configuration: what is in force when it starts, and the door behind which new
 * files come. What is in force and does not hold any more is left out, and told; what is on trial and does not hold
 * ends the start, which is counted.
 */
import type { Result } from '../../base/assert.ts';
import { seconds } from '../../base/time.ts';
import { systemClock } from '../../io/clock.ts';
import { overlaidConfig } from '../../io/config-overlay.ts';
import { readGatewayConfig } from '../../io/config.ts';
import { contentCheck, openDeliveries, openDisk, readInForce } from '../../io/delivery/mod.ts';
import type { InForceFiles } from '../../io/delivery/mod.ts';
import { linkAddress } from '../../io/modbus/mod.ts';
import { profileFromText } from '../../io/profiles.ts';
import type { DeliveryEvents, DeliveryPort, GatewayConfig, LogEntry, Settings } from '../../gateway/mod.ts';
import type { Profile } from '../../local/profiles/mod.ts';
import { EXIT, Trouble } from '../exit.ts';

export interface OwnDeliveries {
  /** By name; they go before those that ship. */
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly told: NonNullable<Settings['deliveries']>;
  readonly open: (events: DeliveryEvents) => DeliveryPort;
}

/** Of a megabyte, as people count a disk. */
const MEGABYTE = 1_000_000;

/**
 * The configuration at `path` with what was delivered over it, and its door. `restart` is called once, when the
 * gateway is to be started anew.
 */
export async function withDeliveries(
  path: string,
  { log, restart }: { readonly log: (entry: LogEntry) => void; readonly restart: (why: string) => void },
): Promise<{ readonly config: GatewayConfig; readonly deliveries?: OwnDeliveries }> {
  const installed = orTrouble(await readGatewayConfig(path));
  if (installed.deliveries === undefined) return { config: installed };
  const { folder, accepts, maxMegabytes, wellForSeconds, firmwareHook } = installed.deliveries;
  const disk = await openDisk(folder).catch(error => {
    throw new Trouble(`deliveries: ${folder} cannot be made: ${String(error)}`);
  });
  const inForce = await readInForce(disk);
  const damage = (text: string): void => log({ level: 'error', event: 'delivery.damaged', text });
  for (const text of inForce.damaged) damage(text);
  const config = await configOf(path, { installed, inForce, damage });
  const profiles = await profilesOf(inForce, damage);
  const maxBytes = maxMegabytes * MEGABYTE;
  const links = new Map(config.devices.map(({ id, link }) => [id as string, linkAddress(link)]));
  const hook =
    firmwareHook === undefined
      ? {}
      : {
          hook: {
            command: firmwareHook.command,
            args: firmwareHook.args,
            timeout: firmwareHook.timeoutMinutes,
          },
        };
  const open = (events: DeliveryEvents): DeliveryPort =>
    openDeliveries(
      {
        disk,
        maxBytes,
        clock: systemClock,
        check: contentCheck({ disk, installed: path }),
        restart,
        log,
        linkOf: device => links.get(device) ?? '',
        ...hook,
        ...(inForce.trial === undefined ? {} : { runningOnTrial: inForce.trial }),
      },
      events,
    );
  return {
    config,
    deliveries: { profiles, told: { accepts, maxBytes, wellFor: seconds(wellForSeconds) }, open },
  };
}

interface Given {
  readonly installed: GatewayConfig;
  readonly inForce: InForceFiles;
  readonly damage: (text: string) => void;
}

async function configOf(path: string, { installed, inForce, damage }: Given): Promise<GatewayConfig> {
  const { configuration, trial } = inForce;
  if (configuration === undefined) return installed;
  const overlaid = await overlaidConfig(path, configuration);
  if (overlaid.ok) return overlaid.value;
  const why = `the configuration that was delivered does not hold: ${overlaid.detail ?? overlaid.refusal}`;
  if (trial !== undefined) throw new Trouble(why, EXIT.failed);
  damage(`${why}; what was installed is in force instead`);
  return installed;
}

async function profilesOf(
  { profiles, trial }: InForceFiles,
  damage: Given['damage'],
): Promise<ReadonlyMap<string, Profile>> {
  const read = new Map<string, Profile>();
  for (const [name, text] of profiles) {
    const profile = await profileFromText(`profile ${name}`, text);
    if (profile.ok) read.set(name, profile.value);
    else if (trial !== undefined) throw new Trouble(profile.detail ?? profile.refusal, EXIT.failed);
    else damage(`${profile.detail ?? profile.refusal}; what ships is in force instead`);
  }
  return read;
}

function orTrouble(read: Result<GatewayConfig, string>): GatewayConfig {
  if (read.ok) return read.value;
  throw new Trouble(read.detail ?? read.refusal, EXIT.failed);
}
