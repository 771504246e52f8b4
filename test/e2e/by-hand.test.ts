/**
 * A gateway as an installer sets it up: keys and the hash of a code by `underglass keys`, a configuration written
 * by hand around what that answers, and `underglass gateway` on it, in processes of their own, before a simulated
 * home and a broker.
 */
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { codeChecker } from '../../src/io/codes.ts';
import { startEmbeddedBroker } from '../../src/io/broker/mod.ts';
import { readGatewayConfig } from '../../src/io/config.ts';
import { runHome } from '../../src/sim/mod.ts';
import { tempDir } from '../support/temp.ts';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

function underglass(...args: readonly string[]): Child {
  return spawn(process.execPath, ['src/cli/underglass.js', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** What a command answers to `input`; rejects unless it is done. */
async function answer(args: readonly string[], input = ''): Promise<string> {
  const child = underglass(...args);
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const closed = once(child, 'close');
  child.stdin.end(input);
  const [exit] = (await closed) as [number];
  if (exit !== 0) throw new Error(`${args.join(' ')} ended with ${exit}: ${await err}`);
  return out;
}

interface Facts {
  readonly broker: string;
  readonly inverter: string;
  /** What `keys show` answers of the head end's key. */
  readonly trusted: string;
  /** What `keys code` answers. */
  readonly overrideCode: string;
}

const byHand = ({ broker, inverter, trusted, overrideCode }: Facts): string => `
utility: demo
gateway: premise-1
stateFile: gateway.sqlite
keyFile: gateway.key
broker: { url: ${broker} }
trustedKeys:
  - issuer: grid-ops
    epoch: 1
    operations: [event, cancel, grant, ack]
    highestClass: emergency
    validFrom: 2026-01-01T00:00:00Z
    validUntil: 2100-01-01T00:00:00Z
${trusted.trimEnd().replaceAll(/^/gm, '    ')}
devices:
  - { id: inverter, link: "${inverter}" }
display: { port: 0 }
defaults: { opModMaxLimW: 6000 }
overrideCode: ${overrideCode}`;

async function setUp(folder: string, { broker, inverter }: Pick<Facts, 'broker' | 'inverter'>) {
  const [path, headEnd] = [join(folder, 'gateway.yaml'), join(folder, 'head-end.key')];
  await answer(['keys', 'new', join(folder, 'gateway.key')]);
  await answer(['keys', 'new', headEnd]);
  const trusted = await answer(['keys', 'show', headEnd]);
  const overrideCode = await answer(['keys', 'code'], '482913\n');
  await writeFile(path, byHand({ broker, inverter, trusted, overrideCode }));
  return { path, headEnd };
}

describe('a gateway set up by hand', function () {
  this.timeout(30_000);

  it('is told its keys and its code in the very words of underglass keys', async () => {
    await using dir = await tempDir();
    const links = { broker: 'mqtts://broker.example:8883', inverter: 'tcp://192.0.2.7:502?unit=1' };
    const { path, headEnd } = await setUp(dir.path, links);
    const config = await readGatewayConfig(path);
    if (!config.ok) throw new Error(config.detail ?? config.refusal);
    const { kid } = JSON.parse(await readFile(headEnd, 'utf8')) as { readonly kid: string };
    expect(config.value.trustedKeys.map(key => key.kid)).to.deep.equal([kid]);
    expect(await codeChecker(config.value.overrideCode ?? '').check('482913')).to.equal(true);
  });

  it('reaches its broker, limits its inverter to the default, and ends with 0 on SIGTERM', async () => {
    await using dir = await tempDir();
    const broker = await startEmbeddedBroker({ port: 0 });
    if (!broker.ok) throw new Error(broker.detail ?? broker.refusal);
    const home = await runHome({ ports: { inverter: 0, battery: 0, meter: 0 } });
    let gateway: Child | undefined;
    try {
      const { inverter } = home.links;
      const { path } = await setUp(dir.path, { broker: broker.value.url, inverter });
      gateway = underglass('gateway', '--config', path);
      const closed = once(gateway, 'close');
      const seen = eventsOf(gateway);
      await seen('link.up', 'order.implemented');
      const read = JSON.parse(
        await answer(['read', inverter, '704.WMaxLimPct', '704.WMaxLimPctEna', '--json']),
      ) as { readonly points: Readonly<Record<string, unknown>> };
      expect(read.points).to.deep.equal({ '704.WMaxLimPct': 60, '704.WMaxLimPctEna': 1 });
      gateway.kill('SIGTERM');
      await seen('gateway.stopped');
      expect(await closed).to.deep.equal([0, null]);
    } finally {
      gateway?.kill('SIGKILL');
      await home.close();
      await broker.value.close();
    }
  });
});

/** Resolves when the log has told of each of `events`, from the start on; rejects when it ends before. */
function eventsOf(gateway: Child): (...events: readonly string[]) => Promise<void> {
  const told = new Set<string>();
  const lines = createInterface({ input: gateway.stdout });
  const ended = once(lines, 'close').then(() => true);
  const errors = text(gateway.stderr);
  lines.on('line', line => told.add((JSON.parse(line) as { readonly event: string }).event));
  return async (...events) => {
    const missing = (): string | undefined => events.find(event => !told.has(event));
    while (missing() !== undefined) {
      const over = await Promise.race([once(lines, 'line').then(() => false), ended]);
      if (over && missing() !== undefined)
        throw new Error(`ended before ${missing()}: ${[...told].join(', ')} ${await errors}`);
    }
  };
}
