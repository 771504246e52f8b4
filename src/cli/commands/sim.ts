/**
 * `underglass sim SITE.yaml` and `underglass sim --from FILE`: simulated devices on real sockets and serial
 * lines, until it is interrupted.
 */
import type { Command } from 'commander';
import { sayOf } from '../local/say.ts';
import { interrupted } from '../local/interrupted.ts';
import { EXIT, Trouble } from '../exit.ts';

interface SimOptions {
  readonly from?: string;
  readonly port?: string;
  readonly host: string;
  readonly serial?: string;
  readonly json?: true;
}

export function addSim(program: Command): void {
  program
    .command('sim [site]')
    .description('simulated devices: a site as a file describes it, or a device from a saved scan')
    .option('--from <file>', 'serve what underglass scan --save kept')
    .option('--port <n>', 'with --from: the TCP port; any free one unless told')
    .option('--host <address>', 'with --from: the address to listen on', '127.0.0.1')
    .option('--serial <line>', 'with --from: the serial line to serve, like serial:/dev/ttyUSB0?baud=9600')
    .option('--json', 'print where the devices listen as JSON, on one line')
    .action((site: string | undefined, options: SimOptions, command: Command) => run(site, options, command));
}

async function run(site: string | undefined, options: SimOptions, command: Command): Promise<void> {
  const { placeOfLine, runRecorded, runSite } = await import('../local/site.ts');
  const { from, host, serial } = options;
  if ((site === undefined) === (from === undefined))
    throw new Trouble('either a site file, or --from with a saved scan', EXIT.usage);
  if (serial !== undefined && (from === undefined || options.port !== undefined))
    throw new Trouble('--serial goes with --from, and without --port; a site file says listen', EXIT.usage);
  const say = sayOf(command);
  const tell = (sentence: string) => say.talk(sentence);
  const running =
    from === undefined
      ? await runSite(site ?? '', tell)
      : await runRecorded(
          from,
          serial === undefined ? { kind: 'tcp', host, port: portOf(options.port) } : placeOfLine(serial),
          tell,
        );
  const ended = interrupted();
  if (options.json === true) say.json({ devices: running.devices }, 'lines');
  else for (const { device, link } of running.devices) say.out(`${device}  ${link}`);
  say.talk('serving until interrupted (Ctrl-C)');
  await ended;
  await running.close();
}

function portOf(text = '0'): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new Trouble(`--port ${text}: 0 to 65535`, EXIT.usage);
  return port;
}
