/**
 * The demo as a person starts it: a process of its own, judged by its exit code, by an independent Modbus
 * client (mbpoll) and an independent MQTT client (mosquitto_sub).
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { needs } from '../support/needs.ts';

const ENTRY = 'src/cli/underglass.js';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [ENTRY, 'demo', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}

async function run(...args: readonly string[]): Promise<Ended> {
  return ended(start(...args));
}

async function ended(child: ChildProcess): Promise<Ended> {
  const [out, err] = [child.stdout, child.stderr].map(collect);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out: (await out) ?? '', err: (await err) ?? '' };
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  if (stream !== null) for await (const chunk of stream) text += String(chunk);
  return text;
}

/** Resolves with the first match of `pattern` in the lines of `stream`; the lines after it are read and dropped. */
function line(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: stream });
    lines.on('line', text => {
      const match = pattern.exec(text);
      if (match !== null) resolve(match);
    });
    lines.once('close', () => reject(new Error(`the stream ended before ${pattern}`)));
  });
}

describe('underglass demo', function () {
  this.timeout(40_000);

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`--once ends on ${signal} in the middle of a step, within 4 s, and does not claim to be done`, async () => {
      const child = start('--once', '--any-ports');
      const { stdout } = child;
      if (stdout === null) throw new Error('standard output is a pipe');
      const stopped = ended(child);
      await line(stdout, /enrol/i);
      const at = performance.now();
      child.kill(signal);
      const { code, err } = await stopped;
      expect(performance.now() - at).to.be.below(4000);
      expect(code).to.equal(1);
      expect(err).to.match(/interrupted/);
    });

  it('--once does the main job: enrolment, event, override, emergency, release, and exits 0', async () => {
    const { code, out, err } = await run('--once', '--any-ports', '--json');
    expect(code, err).to.equal(0);
    const answer = JSON.parse(out) as {
      ok: boolean;
      steps: { step: string; rows?: { stage: string; what: string }[] }[];
    };
    expect(answer.ok).to.equal(true);
    expect(answer.steps.map(s => s.step)).to.deep.equal([
      'enrolled',
      'event',
      'override',
      'emergency',
      'release',
    ]);
    const stages = answer.steps[1]?.rows?.map(r => r.stage) ?? [];
    const inOrder = ['sent', 'received', 'verified', 'persisted', 'written', 'read back', 'effect', 'status'];
    expect(inOrder.map(stage => stages.indexOf(stage))).to.deep.equal(
      inOrder.map(s => stages.indexOf(s)).toSorted((a, b) => a - b),
    );
    expect(stages).to.include.members([...inOrder, 'receipt']);
  });

  it('lets an independent Modbus client see the limit register change while it runs', async function () {
    needs(this, 'mbpoll');
    const demo = start('--any-ports');
    try {
      const [, port = ''] = await line(required(demo.stderr), /inverter\s+Modbus tcp:\/\/127\.0\.0\.1:(\d+)/);
      const [, register = ''] = await line(
        required(demo.stdout),
        /inverter: 704\.WMaxLimPct \((\d+)\) ← 5000/,
      );
      expect(await poll(port, register)).to.equal(5000);
      demo.stdin?.write('e\n');
      await line(required(demo.stdout), /emergency: isolated/);
      demo.stdin?.write('r\n');
      await line(required(demo.stdout), /release: connected again/);
    } finally {
      demo.kill('SIGTERM');
      expect((await once(demo, 'close'))[0]).to.equal(0);
    }
  });

  it('lets an independent MQTT client see the receipt', async function () {
    needs(this, 'mosquitto_sub');
    const demo = start('--any-ports');
    let subscriber: ChildProcess | undefined;
    try {
      const [, port = ''] = await line(required(demo.stderr), /broker\s+mqtt:\/\/127\.0\.0\.1:(\d+)/);
      subscriber = spawn('mosquitto_sub', [
        '-h',
        '127.0.0.1',
        '-p',
        port,
        '-t',
        'ug/1/demo/d/premise-1/up/receipt',
        '-C',
        '1',
        '-F',
        '%t %x',
      ]);
      const { out } = await ended(subscriber);
      // A COSE_Sign1 (tag 18, array of four) begins d2 84.
      expect(out).to.match(/^ug\/1\/demo\/d\/premise-1\/up\/receipt d284/);
    } finally {
      subscriber?.kill();
      demo.kill('SIGTERM');
      await once(demo, 'close');
    }
  });

  it('says which port is in use and what to do about it; --once exits 3', async () => {
    const blocker = createServer().listen(18_830, '127.0.0.1');
    // Somebody else's program on this port serves as well.
    const mine = await Promise.race([
      once(blocker, 'listening').then(() => true),
      once(blocker, 'error').then(() => false),
    ]);
    try {
      if (mine) expect((blocker.address() as AddressInfo).port).to.equal(18_830);
      const { code, err } = await run('--once');
      expect(code).to.equal(3);
      expect(err.trimEnd().split('\n')).to.have.length(1);
      expect(err).to.match(/broker.*127\.0\.0\.1:18830.*--any-ports/);
    } finally {
      blocker.close();
    }
  });
});

async function poll(port: string, register: string): Promise<number> {
  const { out } = await ended(
    spawn('mbpoll', ['-m', 'tcp', '-p', port, '-a', '1', '-0', '-r', register, '-c', '1', '-1', '127.0.0.1']),
  );
  return Number(/\[\d+\]:\s+(\d+)/.exec(out)?.[1]);
}

function required<T>(value: T | null): T {
  if (value === null) throw new Error('a pipe');
  return value;
}
