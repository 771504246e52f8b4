/**
 * `underglass service print`: a systemd unit for a gateway, to be looked at and put in its place by a person. The
 * service has a user of its own for as long as it runs, its folder and the serial ports, and nothing else of the
 * machine; systemd starts it anew when its loops stand still.
 */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { sayOf } from '../local/say.ts';

/** Where the unit goes. */
const PLACE = '/etc/systemd/system/underglass.service';
const CONFIG = '/var/lib/underglass/gateway.yaml';

interface PrintOptions {
  readonly config: string;
  readonly commissioned?: true;
  readonly json?: true;
}

export function addService(program: Command): void {
  const service = program.command('service').description('the gateway as a service of systemd');
  service
    .command('print')
    .description(`print a unit: underglass service print > ${PLACE}`)
    .option('--config <file>', "the gateway's configuration", CONFIG)
    .option('--commissioned', 'without --observe: it writes to devices from its first start on')
    .option('--json', 'print the answer as JSON')
    .action((options: PrintOptions, command: Command) => print(options, command));
}

function print({ config, commissioned, json }: PrintOptions, command: Command): void {
  const say = sayOf(command);
  const script = realpathSync(fileURLToPath(new URL('../underglass.js', import.meta.url)));
  const observe = commissioned === true ? [] : ['--observe'];
  const start = [process.execPath, script, 'gateway', '--config', resolve(config), ...observe];
  const unit = unitOf(start);
  for (const path of [process.execPath, script])
    if (HIDDEN.test(path))
      say.talk(
        `${path}: a service with ProtectHome does not see this; install it elsewhere (npm install -g)`,
      );
  if (json === true) return say.json({ place: PLACE, unit });
  say.out(unit.trimEnd());
  say.talk(`then: systemctl daemon-reload && systemctl enable --now underglass; journalctl -u underglass`);
}

/** What ProtectHome hides. */
const HIDDEN = new RegExp(`^/(${['home', 'root', 'run/user'].join('|')})/`);

/** A word of ExecStart (systemd.service(5), "Command lines"). */
function quoted(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%:.,+=/$-]+$/.test(plain)
    ? plain
    : `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/**
 * The watchdog is fed by `systemd-notify`, a process of ours, hence NotifyAccess=all. Three minutes: a line is asked
 * again at the latest after one where nobody answers.
 */
function unitOf(start: readonly string[]): string {
  return `[Unit]
Description=Underglass gateway
Wants=network-online.target time-sync.target
After=network-online.target time-sync.target

[Service]
Type=notify
NotifyAccess=all
# Node keeps a large nursery unless told; a gateway needs little, and a third of its memory was that.
Environment=NODE_OPTIONS=--max-semi-space-size=1
ExecStart=${start.map(quoted).join(' ')}
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec=180
TimeoutStartSec=90
TimeoutStopSec=20
Restart=always
RestartSec=5

DynamicUser=yes
StateDirectory=underglass
StateDirectoryMode=0700
WorkingDirectory=/var/lib/underglass
SupplementaryGroups=dialout
UMask=0077

DevicePolicy=closed
DeviceAllow=char-ttyUSB rw
DeviceAllow=char-ttyACM rw
DeviceAllow=char-ttyAMA rw
DeviceAllow=char-ttyS rw

# MemoryDenyWriteExecute is left out: Node compiles while it runs.
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
PrivateTmp=yes
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}
