/**
 * `underglass demo`: everything on one machine. With `--once` it does the main job and exits; without, it goes
 * on, and a person can play the customer on the display and the operator at the keyboard.
 */
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import type { LogEntry } from '../../gateway/mod.ts';
import type { MRID } from '../../model/mod.ts';
import type { Stage } from '../demo/stage.ts';
import type { Story } from '../demo/story.ts';
import type { Talk } from '../demo/talk.ts';
import { EXIT, Trouble } from '../exit.ts';

/** How long the demo waits before it tries an address in use again. */
const RETRY_MS = 3000;
const REMEDY = '--any-ports takes free ones';

interface DemoOptions {
  readonly once?: true;
  readonly anyPorts?: true;
  readonly json?: true;
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('a broker, a simulated home, a gateway and a head end on this machine')
    .option('--once', 'do the main job once and exit: 0 when every step came true')
    .option('--any-ports', 'listen on any free ports instead of the usual ones')
    .option('--json', 'print what happened as JSON (with --once)')
    .action((options: DemoOptions) => run(options));
}

async function run(options: DemoOptions): Promise<void> {
  const { HeadEndDesk } = await import('../demo/desk.ts');
  const { newTalk } = await import('../demo/talk.ts');
  const { Story } = await import('../demo/story.ts');
  const talk = newTalk({ quiet: options.json === true });
  const desk = new HeadEndDesk();
  const ended = interrupted();
  const stage = await openStage(options, { talk, events: desk.events(talk), ended });
  if (stage === undefined) return;
  try {
    introduce(stage, talk);
    const story = new Story(stage, desk, talk);
    void ended.then(() => story.interrupt());
    await (options.once === true ? tellOnce(story, talk, options) : goOn(stage, story, talk, ended));
  } finally {
    await stage.stop();
  }
}

/** Builds the stage; an address in use is waited for, and with `--once` told. `undefined` when interrupted meanwhile. */
async function openStage(
  options: DemoOptions,
  {
    talk,
    events,
    ended,
  }: {
    talk: Talk;
    events: Parameters<typeof import('../demo/stage.ts').buildStage>[0]['headEnd'];
    ended: Promise<void>;
  },
): Promise<Stage | undefined> {
  const { ANY_PORTS, DEMO_PORTS, buildStage } = await import('../demo/stage.ts');
  const log = (entry: LogEntry): void => tellLog(talk, entry);
  const ports = options.anyPorts === true ? ANY_PORTS : DEMO_PORTS;
  for (;;) {
    try {
      return await buildStage({ ports, log, headEnd: events });
    } catch (error) {
      if (!(error instanceof Trouble) || error.code !== EXIT.unreachable) throw error;
      if (options.once === true) throw new Trouble(`${error.message} (${REMEDY})`, error.code);
      talk.warn('demo', `${error.message}; trying again in ${RETRY_MS / 1000} s (${REMEDY})`);
      const stopped = await Promise.race([ended.then(() => true), wait(RETRY_MS, false)]);
      if (stopped) return undefined;
    }
  }
}

function introduce(stage: Stage, talk: Talk): void {
  talk.heading('Underglass demo: one home, one gateway, one head end, on this machine');
  talk.line('broker', stage.broker.url);
  for (const [device, link] of Object.entries(stage.home.links)) talk.line(device, `Modbus ${link}`);
  talk.line('gateway', `configuration ${stage.configPath}`);
  talk.line('display', `${stage.gateway.displayUrl}   the customer's override code is ${stage.code}`);
  talk.line('demo', 'these devices ramp in 1 s and enter service without delay; real ones take minutes');
}

async function tellOnce(story: Story, talk: Talk, options: DemoOptions): Promise<void> {
  const { StoryFailed } = await import('../demo/story.ts');
  const failure = await story.tell().then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof StoryFailed) return error.message;
      throw error;
    },
  );
  if (options.json === true)
    process.stdout.write(
      `${JSON.stringify({ ok: failure === undefined, failure, steps: story.chapters }, null, 2)}\n`,
    );
  if (failure !== undefined) throw new Trouble(`this step did not come true: ${failure}`);
  talk.done('the main job is done: every step came true');
}

const KEYS = 'keys, each with Enter:  d demand-response event   e emergency isolation   r release   q quit';

/** Enrols, sends a first event, and then does what the keyboard says until it is interrupted. */
async function goOn(stage: Stage, story: Story, talk: Talk, ended: Promise<void>): Promise<void> {
  const { StoryFailed } = await import('../demo/story.ts');
  let isolation: MRID | undefined;
  const play = async (act: () => Promise<unknown>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof StoryFailed)) throw error;
      talk.failed(`this step did not come true: ${error.message}`);
    }
  };
  await play(async () => {
    await story.ready();
    await story.enrol();
    await story.demandResponse();
  });
  talk.line(
    'demo',
    `open ${stage.gateway.displayUrl}, acknowledge, and override with the code ${stage.code}`,
  );
  talk.line('demo', KEYS);
  const keyboard = createInterface({ input: process.stdin });
  const quit = (async () => {
    for await (const line of keyboard) {
      const key = line.trim();
      if (key === 'q') return;
      if (key === 'd') await play(() => story.demandResponse());
      else if (key === 'e' && isolation === undefined)
        await play(async () => void (isolation = await story.isolate()));
      else if (key === 'r' && isolation !== undefined) {
        const mRID = isolation;
        isolation = undefined;
        await play(() => story.release(mRID));
      } else talk.line('demo', KEYS);
    }
    // Without a keyboard (a service, a pipe that ended) only a signal ends the demo.
    await ended;
  })();
  await Promise.race([quit, ended]);
  keyboard.close();
  // A pipe that nobody closes would keep the process alive.
  process.stdin.destroy();
  talk.line('demo', 'stopping');
}

/** What the gateway logs, told to a person; what only a machine cares for is left out. */
function tellLog(talk: Talk, { level, event, text }: LogEntry): void {
  if (level !== 'info') talk.warn('gateway', text);
  else if (!event.startsWith('receipt.')) talk.line('gateway', text);
}

function interrupted(): Promise<void> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
