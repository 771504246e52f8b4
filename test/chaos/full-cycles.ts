/**
 * The process that lives on the small file system: a gateway with everything around it, and somebody who fills the disk.
 * Prints its figures as JSON.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '../../src/base/assert.ts';
import { seconds } from '../../src/base/time.ts';
import { runGateway } from '../../src/cli/wiring/gateway.ts';
import type { RunningGateway } from '../../src/cli/wiring/gateway.ts';
import { now } from '../../src/io/clock.ts';
import { readGatewayConfig } from '../../src/io/config.ts';
import type { Cti, MRID, ReceiptBody, StreamName } from '../../src/model/mod.ts';
import type { Signed } from '../support/head-end.ts';
import { Books } from './books.ts';
import { DEFAULT_LIMIT, openSite } from './site.ts';
import type { Site } from './site.ts';

export interface FullFigures {
  readonly cycles: number;
  /** Commands that fitted while the disk had not a byte left for anybody else. */
  readonly fitted: number;
  readonly refused: number;
  readonly recovered: number;
  readonly defaults: number;
  readonly wrong: readonly string[];
}

/** Commands that have to fit into what is kept. */
const FIT = 3;
/** Until what is kept is used up. */
const MOST = 400;
const EVENT_S = 3;
const WAIT_MS = 15_000;

function isTaken({ refusal }: ReceiptBody): boolean {
  return refusal === undefined;
}

/** Taken, or too late by now. */
function isFinal({ retry }: ReceiptBody): boolean {
  return retry === undefined;
}

class Cycles {
  readonly #site: Site;
  readonly #disk: string;
  readonly #books = new Books();
  readonly #answers = new Map<Cti, ReceiptBody[]>();
  readonly figures = {
    cycles: 0,
    fitted: 0,
    refused: 0,
    recovered: 0,
    defaults: 0,
    wrong: new Array<string>(),
  };
  #n = 0;

  constructor(site: Site, disk: string) {
    this.#site = site;
    this.#disk = disk;
    site.onRecord(record => {
      if (typeof record === 'string') return void this.figures.wrong.push(record);
      this.#books.take(record);
      this.#acknowledge(record.stream);
      const { body } = record;
      if (body.kind !== 'receipt') return;
      this.#answers.set(body.cti, [...(this.#answers.get(body.cti) ?? []), body]);
    });
  }

  async cycle(): Promise<void> {
    this.#answers.clear();
    await this.#expectRoom();
    this.#fill();
    for (let n = 0; n < FIT; n++)
      if (await this.#expectTaken(await this.#limit(5000 + n * 100), 'in what is kept'))
        this.figures.fitted++;
    this.#fill();
    const refused = await this.#untilRefused();
    if (refused !== undefined) {
      this.figures.refused++;
      await this.#expectDefault();
    }
    rmSync(join(this.#disk, 'filler'));
    const isAnswered = refused !== undefined && (await this.#expectAnswer(refused, isFinal));
    if (refused !== undefined && !isAnswered) this.figures.wrong.push('what was refused was never answered');
    if (await this.#expectRoom()) this.figures.recovered++;
    this.figures.cycles++;
  }

  /** New commands until one is taken: the link comes back at a moment of its own. */
  async #expectRoom(): Promise<boolean> {
    for (let tries = 0; tries < 10; tries++) {
      const { cti } = await this.#limit(4000);
      if ((await this.#answer(cti, isTaken, EVENT_S * 1000)) !== undefined) return true;
    }
    this.figures.wrong.push('no command is taken, though there is room');
    return false;
  }

  /** Commands until one is refused for want of room; whatever is answered before was taken. */
  async #untilRefused(): Promise<Signed | undefined> {
    for (let n = 0; n < MOST; n++) {
      const signed = await this.#limit(3000 + n);
      const answer = await this.#answer(signed.cti, () => true);
      if (answer?.refusal === 'storage') return signed;
      if (answer === undefined) {
        this.figures.wrong.push(`command ${this.#n} got no answer on a full disk`);
        return undefined;
      }
    }
    this.figures.wrong.push(`the disk was never full for ${MOST} commands`);
    return undefined;
  }

  /** The events that were taken end meanwhile; the house must not stay where they left it. */
  async #expectDefault(): Promise<void> {
    const held = (): number => this.#site.home.home.inverter.image.get('704.WMaxLimPct');
    if (await until(() => Math.round(held()) === DEFAULT_LIMIT / 100)) this.figures.defaults++;
    else this.figures.wrong.push(`the inverter stays at ${held()} % on a full disk`);
  }

  async #expectTaken(signed: Signed, when: string): Promise<boolean> {
    const fitted = await this.#expectAnswer(signed, isTaken);
    if (!fitted) this.figures.wrong.push(`command ${this.#n} was not taken ${when}`);
    return fitted;
  }

  /** As a head end does: the same bytes again until they are answered for good. */
  async #expectAnswer({ cti, ...signed }: Signed, fits: (r: ReceiptBody) => boolean): Promise<boolean> {
    for (let tries = 0; tries < 5; tries++) {
      if ((await this.#answer(cti, fits, WAIT_MS / 5)) !== undefined) return true;
      await this.#site.send({ cti, ...signed });
    }
    return false;
  }

  async #answer(
    cti: Cti,
    fits: (r: ReceiptBody) => boolean,
    waitMs = WAIT_MS,
  ): Promise<ReceiptBody | undefined> {
    const find = (): ReceiptBody | undefined => this.#answers.get(cti)?.find(fits);
    await until(() => find() !== undefined, waitMs);
    return find();
  }

  async #limit(limit: number): Promise<Signed> {
    const signed = this.#site.headEnd.sign(
      {
        kind: 'event',
        service: 'demand-response',
        mRID: `full-${this.#n++}` as MRID,
        axes: { opModMaxLimW: limit },
        start: now().unix,
        duration: seconds(EVENT_S),
      },
      now().unix,
    );
    await this.#site.send(signed);
    return signed;
  }

  #acknowledge(stream: StreamName): void {
    const through = this.#books.through(stream);
    if (through === 0) return;
    const body = { kind: 'ack', through: { [stream]: through } } as const;
    void this.#site.send(this.#site.headEnd.sign(body, now().unix, { stream: 'ack' }));
  }

  /** What the head end's books say against it. */
  close(): FullFigures {
    this.#books.close();
    return { ...this.figures, wrong: [...this.figures.wrong, ...this.#books.figures().wrong] };
  }

  #fill(): void {
    const file = openSync(join(this.#disk, 'filler'), 'a');
    try {
      for (const block of [1 << 20, 1 << 12, 1]) fillWith(file, Buffer.alloc(block));
    } finally {
      closeSync(file);
    }
  }
}

function fillWith(file: number, block: Buffer): void {
  try {
    while (writeSync(file, block) === block.length);
  } catch (error) {
    assert(error instanceof Error && 'code' in error && error.code === 'ENOSPC', 'only the disk says no');
  }
}

async function until(holds: () => boolean, waitMs = WAIT_MS): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < waitMs; waitedMs += 10) {
    if (holds()) return true;
    await sleep(10);
  }
  return holds();
}

const [, , disk = '', times = '1'] = process.argv;
const site = await openSite({ stateFolder: disk });
const config = await readGatewayConfig(site.config);
assert(config.ok, 'the configuration is sound');
const logs: string[] = [];
const cycles = new Cycles(site, disk);
for (let n = 0; n < Number(times); n++) {
  // Anew each time: a log that has grown to its full size once needs no more of the disk, and nothing would be refused.
  const gateway: RunningGateway = await runGateway(config.value, {
    log: ({ level, event, text }) => void (level === 'info' || logs.push(`${event}: ${text}`)),
  });
  await cycles.cycle();
  await gateway.stop();
}
await site.close();
const figures = cycles.close();
if (figures.wrong.length > 0) process.stderr.write(`${logs.slice(-40).join('\n')}\n`);
process.stdout.write(JSON.stringify(figures));
