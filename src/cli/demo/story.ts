/**
 * The main job, told once: enrolment, a demand-response event, the customer's override, an emergency isolation
 * that no override beats, and its signed release. Every step is judged by what the head end holds and what
 * the devices do; one that does not come true ends the story with its name.
 */
import { randomInt } from 'node:crypto';
import { minutes } from '../../base/time.ts';
import { now } from '../../io/clock.ts';
import type {
  Applied,
  Cti,
  EventBody,
  GroupId,
  MRID,
  PremiseReply,
  PremiseRequest,
  ReceiptBody,
  Response,
  StatusBody,
} from '../../model/mod.ts';
import type { SendOptions } from '../../utility/mod.ts';
import type { HeadEndDesk } from './desk.ts';
import { GATEWAY, ISSUER } from './stage.ts';
import type { Stage } from './stage.ts';
import type { Talk } from './talk.ts';
import { powerOf, timetable } from './timetable.ts';
import type { TimetableRow } from './timetable.ts';

export const GROUP = 'feeder-7-west' as GroupId;

/** Nothing here takes longer on an idle machine than a poll and a ramp, some three seconds. */
const STEP_WITHIN_MS = 8000;

/** A step that did not come true. */
export class StoryFailed extends Error {
  override readonly name = 'StoryFailed';
}

export interface Chapter {
  readonly step: string;
  readonly what: string;
  /** Milliseconds from sending to the end of the step. */
  readonly tookMs: number;
  /** Rows of the timetable, where the step has one. */
  readonly rows?: readonly TimetableRow[];
}

export class Story {
  readonly #stage: Stage;
  readonly #desk: HeadEndDesk;
  readonly #talk: Talk;
  readonly chapters: Chapter[] = [];
  #eventNumber = 0;
  #interrupted = false;

  constructor(stage: Stage, desk: HeadEndDesk, talk: Talk) {
    this.#stage = stage;
    this.#desk = desk;
    this.#talk = talk;
  }

  /** Everything once, in order. Rejects with {@link StoryFailed} at the first step that does not come true. */
  async tell(): Promise<void> {
    await this.ready();
    await this.enrol();
    const event = await this.demandResponse();
    await this.override(event);
    const emergency = await this.isolate();
    await this.release(emergency);
  }

  /** The devices are found and read, and both sides are at the broker. */
  async ready(): Promise<void> {
    this.#talk.heading('Starting: the gateway looks for its devices');
    await this.#until(
      'devices found',
      () => this.#powerW('inverter') !== undefined && this.#powerW('meter') !== undefined,
    );
    await this.#until('gateway born', () => this.#desk.records(GATEWAY, 'birth').length > 0);
    this.#talk.line(
      'home',
      `sun ${this.#watts('inverter')}, battery ${this.#watts('battery')} (negative charges), grid ${this.#watts('meter')} (negative exports)`,
    );
  }

  async enrol(): Promise<void> {
    this.#talk.heading(`Enrolment: ${GATEWAY} joins the group ${GROUP}`);
    const startMs = performance.now();
    await this.#stage.registry.create(GROUP);
    const added = await this.#stage.registry.add(GROUP, [GATEWAY]);
    if (!added.ok) throw new StoryFailed(`enrolment: ${added.refusal}`);
    await this.#until('membership proven', () => this.#memberState() === 'active');
    this.#came(
      'enrolled',
      `signed grant of epoch ${added.value.epoch} acknowledged by a signed receipt; a probe on the group's topic answered by another`,
      startMs,
    );
  }

  /** An event of class dispatch to the group: half of rated power for ten minutes. Returns its mRID. */
  async demandResponse(): Promise<MRID> {
    const mRID = `dr-${++this.#eventNumber}` as MRID;
    this.#talk.heading(
      `Demand response ${mRID}: limit real power to 50 % for 10 minutes, class dispatch, to the group ${GROUP}`,
    );
    const before = this.#powerW('inverter') ?? 0;
    const startMs = performance.now();
    const cti = await this.#send(
      {
        kind: 'event',
        service: 'demand-response',
        mRID,
        axes: { opModMaxLimW: 5000 },
        start: now().unix,
        duration: minutes(10),
        note: 'The feeder is at its limit this hour.',
      },
      { class: 'dispatch', primacy: 10 },
    );
    const receipt = await this.#receipt(`${mRID} implemented`, cti, 'started', isImplemented);
    const receiptMs = performance.now();
    await this.#until(`${mRID} seen in W`, () => (this.#powerW('inverter') ?? Infinity) <= 4040);
    const effectMs = performance.now();
    const status = await this.#statusWith(
      `${mRID} in the head end's status`,
      s => powerOf(s, 'inverter') !== undefined && (powerOf(s, 'inverter') ?? Infinity) <= 4040,
    );
    const rows = timetable(this.#stage.timeline, receipt, {
      issuer: ISSUER,
      startMs,
      receiptMs,
      effectMs,
      statusMs: performance.now(),
      beforeW: before,
      effectW: this.#powerW('inverter'),
      statusW: powerOf(status, 'inverter'),
    });
    if (rows === undefined) throw new StoryFailed('the timetable: the command was not seen to be verified');
    this.#talk.table(
      `What happened to ${mRID} (${before.toFixed(0)} W before)`,
      rows.map(row => [row.stage, `${row.afterMs.toFixed(1)} ms`.padStart(10), row.what]),
    );
    this.#came('event', `${mRID} limits the inverter to 50 %: ${this.#watts('inverter')}`, startMs, rows);
    return mRID;
  }

  /** The customer overrides: first with a wrong code, which is refused and reported, then with the right one. */
  async override(mRID: MRID): Promise<void> {
    this.#talk.heading('The customer acknowledges and overrides');
    const startMs = performance.now();
    await this.#mustDo('acknowledge', { kind: 'acknowledge', mRID });
    const wrong = String((Number(this.#stage.code) + 1 + randomInt(999_998)) % 1_000_000).padStart(6, '0');
    await this.#mustRefuse('wrong code refused', { kind: 'override', mRID, code: wrong }, 'code-wrong');
    await this.#mustDo('right code accepted', { kind: 'override', mRID, code: this.#stage.code });
    await this.#until('the wrong code and the override reported upstream', () => {
      const said = this.#desk.customer(GATEWAY, mRID);
      return said.includes('code-refused') && said.includes('override');
    });
    await this.#until('the inverter released', () => (this.#powerW('inverter') ?? 0) > 6000);
    this.#came(
      'override',
      `a wrong code was refused, the right one lifts ${mRID}: ${this.#watts('inverter')}`,
      startMs,
    );
  }

  /** Emergency isolation, open-ended, to this gateway alone. Returns its mRID. */
  async isolate(): Promise<MRID> {
    const mRID = `em-${++this.#eventNumber}` as MRID;
    this.#talk.heading(
      `Emergency ${mRID}: isolate the inverter and the battery from the grid until released`,
    );
    const startMs = performance.now();
    const cti = await this.#send(
      {
        kind: 'event',
        service: 'direct',
        mRID,
        axes: { opModConnect: 0 },
        start: now().unix,
        note: 'The grid is unstable.',
      },
      { class: 'emergency', primacy: 1 },
    );
    await this.#receipt(`${mRID} implemented`, cti, 'started', isImplemented);
    await this.#until(
      `${mRID} seen in W`,
      () => this.#powerW('inverter') === 0 && this.#powerW('battery') === 0,
    );
    await this.#mustDo('acknowledge', { kind: 'acknowledge', mRID });
    const reply = await this.#mustRefuse(
      'an emergency is not overridden',
      { kind: 'override', mRID, code: this.#stage.code },
      'override-not-allowed',
    );
    this.#came(
      'emergency',
      `isolated, ${this.#watts('inverter')}; the customer's right code is refused: "${reply.why}"`,
      startMs,
    );
    return mRID;
  }

  /** The signed release ends the isolation; what held before it, an event or its override, holds again. */
  async release(mRID: MRID): Promise<void> {
    this.#talk.heading(`Release of ${mRID}, signed by ${ISSUER}`);
    const startMs = performance.now();
    const cti = await this.#send({ kind: 'cancel', mRID }, { class: 'emergency', primacy: 1 });
    await this.#receipt(`${mRID} released`, cti, 'completed', isImplemented);
    // An event that is not overridden still limits it to half.
    await this.#until('power is back', () => (this.#powerW('inverter') ?? 0) > 3900);
    this.#came('release', `connected again, ${this.#watts('inverter')}`, startMs);
  }

  async #send(body: EventBody | { kind: 'cancel'; mRID: MRID }, how: SendOptions): Promise<Cti> {
    const audience =
      body.kind === 'event' && how.class !== 'emergency'
        ? ({ kind: 'group', id: GROUP } as const)
        : ({ kind: 'device', id: GATEWAY } as const);
    const sent = await this.#stage.nms.send(audience, body, how);
    if (!sent.ok) throw new StoryFailed(`sending ${body.mRID}: ${sent.refusal}`);
    this.#talk.line(
      'head end',
      `${body.kind} ${body.mRID} signed by ${ISSUER}, class ${how.class}, to ${audience.kind} ${audience.id}`,
    );
    return sent.value.cti;
  }

  /** Waits for the head end to hold a receipt; one that says otherwise is the reason of the failure. */
  async #receipt(
    step: string,
    cti: Cti,
    response: Response,
    good: (receipt: ReceiptBody) => boolean,
  ): Promise<ReceiptBody> {
    const find = () => this.#desk.receipts(cti).find(r => r.response === response && good(r));
    await this.#until(
      step,
      () => find() !== undefined,
      () =>
        this.#desk
          .receipts(cti)
          .map(r => `${r.response}: ${r.why}`)
          .join(' | '),
    );
    const receipt = find();
    if (receipt === undefined) throw new StoryFailed(step);
    this.#talk.line('head end', `receipt ${receipt.response}: ${receipt.why}`);
    return receipt;
  }

  async #statusWith(step: string, fits: (status: StatusBody) => boolean): Promise<StatusBody> {
    const find = () => this.#desk.lastStatus(GATEWAY);
    await this.#until(step, () => {
      const status = find();
      return status !== undefined && fits(status);
    });
    const status = find();
    if (status === undefined) throw new StoryFailed(step);
    return status;
  }

  async #mustDo(step: string, ask: PremiseRequest): Promise<void> {
    const reply = await this.#ask(ask);
    this.#talk.line('customer', `${step}: ${reply.why}`);
    if (!reply.ok) throw new StoryFailed(`${step}: ${reply.refusal}: ${reply.why}`);
  }

  async #mustRefuse(step: string, ask: PremiseRequest, refusal: string): Promise<PremiseReply> {
    const reply = await this.#ask(ask);
    this.#talk.line('customer', `${step}: ${reply.why}`);
    if (reply.ok || reply.refusal !== refusal)
      throw new StoryFailed(`${step}: answered ${reply.refusal ?? 'done'}: ${reply.why}`);
    return reply;
  }

  /** As the display's page asks: over HTTP. */
  async #ask(ask: PremiseRequest): Promise<PremiseReply> {
    const url = new URL('api/request', this.#stage.gateway.displayUrl);
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(ask),
    });
    return (await answer.json()) as PremiseReply;
  }

  #came(step: string, what: string, startMs: number, rows?: readonly TimetableRow[]): void {
    const tookMs = performance.now() - startMs;
    this.chapters.push({ step, what, tookMs, ...(rows === undefined ? {} : { rows }) });
    this.#talk.done(`${step}: ${what} (${(tookMs / 1000).toFixed(1)} s)`);
  }

  #memberState(): string | undefined {
    return this.#stage.registry.get(GROUP)?.members.find(m => m.gateway === GATEWAY)?.state;
  }

  /** As the gateway last read it over Modbus; `undefined` before it has. */
  #powerW(device: string): number | undefined {
    return this.#stage.timeline.lastReading(device)?.points.W;
  }

  #watts(device: string): string {
    const powerW = this.#powerW(device);
    return powerW === undefined ? 'unknown' : `${powerW.toFixed(0)} W`;
  }

  /** Whoever stops the demo does not wait for the step at hand: it fails at its next look. */
  interrupt(): void {
    this.#interrupted = true;
  }

  /** Resolves when `holds`; fails by name when it does not in time. */
  async #until(step: string, holds: () => boolean, saw: () => string = () => ''): Promise<void> {
    const deadlineMs = performance.now() + STEP_WITHIN_MS;
    while (!holds()) {
      if (performance.now() > deadlineMs)
        throw new StoryFailed(`${step}: not within ${STEP_WITHIN_MS / 1000} s ${saw()}`.trimEnd());
      if (this.#interrupted) throw new StoryFailed(`${step}: interrupted`);
      await this.#desk.changed(20);
    }
  }
}

function isImplemented(receipt: ReceiptBody): boolean {
  const applied: readonly Applied[] = receipt.applied ?? [];
  return applied.length > 0 && applied.every(a => a.outcome === 'implemented');
}
