/**
 * A gateway that has begun a run: with a seed, a link, a device, and a head end that may welcome it and tell the time.
 */
import { restore } from '../../src/gateway/mod.ts';
import type { BirthBody, MRID, Nonce, RequestBody, WelcomeBody } from '../../src/model/mod.ts';
import { HeadEnd } from '../support/head-end.ts';
import { Bench, PV, eventBody } from './bench.ts';

export const OPERATIONS = ['event', 'cancel', 'grant', 'ack', 'welcome', 'time'] as const;

/** A bench whose head end may welcome and tell the time; an aggregator may not. */
export class Started extends Bench {
  readonly welcoming = new HeadEnd('utility-w', { operations: OPERATIONS });
  run = 0;

  static begun(): Started {
    const bench = new Started();
    const keys = new Map([bench.welcoming, bench.aggregator].map(({ key }) => [key.kid, key]));
    Object.assign(bench.settings, { keys });
    bench.begin();
    return bench;
  }

  /** The process begins: state from the store, a seed of its own, a link and a device. */
  begin(store = this.store): void {
    Object.assign(this, { store });
    this.state = restore(this.settings, this.store.read());
    this.step({ on: 'started', seed: `${++this.run}`.padStart(64, '0') });
    this.link('up');
    this.device(PV, 'present');
    this.effects = [];
  }

  get birth(): BirthBody {
    return this.reported('birth').at(-1)?.body as BirthBody;
  }

  get nonce(): Nonce {
    const { nonce } = this.birth;
    if (nonce === undefined) throw new Error('a birth record has a nonce');
    return nonce;
  }

  welcome(changes: Partial<WelcomeBody> = {}, sequence = 1): void {
    const body: WelcomeBody = {
      kind: 'welcome',
      nonce: this.nonce,
      time: this.now.unix,
      marks: [],
      held: {},
      ...changes,
    };
    this.command(body, { stream: 'welcome', sequence, class: 'market' }, this.welcoming);
  }

  event(name: string, changes: object = {}): ReturnType<Bench['command']> {
    return this.command(eventBody({ mRID: name as MRID }), changes, this.welcoming);
  }

  alarms(): readonly string[] {
    return this.reported('alarm').map(({ body }) => (body.kind === 'alarm' ? body.alarm : ''));
  }

  questions(): readonly RequestBody[] {
    return this.reported('request').flatMap(({ body }) =>
      body.kind === 'request' && body.wants === 'time' ? [body] : [],
    );
  }

  counted(name: string): number {
    return this.state.counts.get(name) ?? 0;
  }
}
