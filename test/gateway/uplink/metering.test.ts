import { expect } from 'chai';
import { seconds } from '../../../src/base/time.ts';
import { step } from '../../../src/gateway/mod.ts';
import type { Input } from '../../../src/gateway/mod.ts';
import { MAX_IN_FLIGHT } from '../../../src/wan/uplink/mod.ts';
import type {
  BillingBody,
  DeviceId,
  Points,
  StatusBody,
  UplinkRecord,
  VoltageAlarm,
} from '../../../src/model/mod.ts';
import { Bench, PV } from '../bench.ts';

const METER = 'meter' as DeviceId;
const TERMS = { service: 'net-billing', nominalV: 120, dwell: seconds(30) } as const;

/** A gateway whose meter is read each second. */
class Site {
  readonly bench = Bench.ready({ meters: new Map([[METER, TERMS]]) });

  read(points: Points, device = METER): void {
    this.bench.step({
      on: 'reading',
      reading: { device, role: 'meter', at: this.bench.now.unix, points },
    });
  }

  /** From now on for `s` seconds, both ends included. */
  hold(points: Points, s: number): void {
    const { ms } = this.bench;
    for (let n = 0; n <= s; n++) {
      this.bench.until(ms + n * 1000);
      this.read(points);
    }
  }

  alarms(): readonly VoltageAlarm[] {
    return this.bench
      .reported('alarm')
      .flatMap(({ body }) => (body.kind === 'alarm' && body.voltage !== undefined ? [body.voltage] : []));
  }

  billing(): readonly BillingBody[] {
    return this.bench.reported('billing').flatMap(({ body }) => (body.kind === 'billing' ? [body] : []));
  }
}

describe('a meter behind the gateway', () => {
  it('ALARM-1: raises, escalates and clears, phase by phase, and says who speaks', () => {
    const site = new Site();
    const since = site.bench.now.unix;
    site.hold({ PhVphA: 113, PhVphB: 120 }, 30);
    site.hold({ PhVphA: 109, PhVphB: 120 }, 30);
    site.hold({ PhVphA: 120, PhVphB: 127.5 }, 30);
    const said = site.alarms().map(({ phase, change, level }) => `${phase} ${change} ${level}`);
    expect(said).to.deep.equal(['A raised -1', 'A escalated -2', 'A cleared 0', 'B raised 2']);
    expect(site.alarms()[0]).to.deep.equal({
      meter: 'meter',
      speaks: 'gateway',
      phase: 'A',
      change: 'raised',
      level: -1,
      voltageV: 113,
      nominalV: 120,
      limitV: 114,
      since,
    });
    const why = site.bench.reported('alarm').map(({ body }) => (body.kind === 'alarm' ? body.why : ''));
    expect(why[0]).to.equal('meter, phase A: 113 V, below Range A (114 V)');
  });

  it('ALARM-1: an alarm is sent in the step of the reading, while a backlog fills the link', () => {
    const site = new Site();
    const { bench } = site;
    bench.link('down');
    for (let n = 0; n < 3 * MAX_IN_FLIGHT; n++) bench.command({ kind: 'read' });
    site.hold({ PhVphA: 100 }, 29);
    // From here on the broker is silent: what is sent stays in flight.
    const published = (input: Input): readonly UplinkRecord[] => {
      const effects = step(bench.state, input, bench.now);
      for (const effect of effects) if (effect.do === 'persist') bench.store.apply(effect.changes);
      const loads = effects.flatMap(effect => (effect.do === 'load' ? [effect] : []));
      return [
        ...effects.flatMap(effect => (effect.do === 'publish' ? [effect.record] : [])),
        ...loads.flatMap(({ stream, after, limit }) => {
          const records = bench.store.records(stream, after, limit);
          return published({ on: 'loaded', stream, after, limit, records });
        }),
      ];
    };
    expect(published({ on: 'link', up: true, why: 'test' })).to.have.length(MAX_IN_FLIGHT);
    expect(published({ on: 'tick' })).to.have.length(0);
    bench.ms += 1000;
    const reading = { device: METER, role: 'meter', at: bench.now.unix, points: { PhVphA: 100 } } as const;
    const sent = published({ on: 'reading', reading });
    expect(sent.map(({ stream }) => stream)).to.deep.equal(['alarm']);
  });

  it('keeps the level over a restart: it is not raised twice, and it is cleared', () => {
    const site = new Site();
    site.hold({ PhVphA: 113 }, 30);
    site.bench.restart();
    site.hold({ PhVphA: 113 }, 60);
    expect(site.alarms()).to.have.length(1);
    site.hold({ PhVphA: 120 }, 30);
    expect(site.alarms().map(({ change }) => change)).to.deep.equal(['raised', 'cleared']);
  });

  it('watches no voltage where no nominal is given', () => {
    const bench = Bench.ready();
    for (let n = 0; n < 60; n++) {
      bench.step({
        on: 'reading',
        reading: { device: METER, role: 'meter', at: bench.now.unix, points: { PhVphA: 50 } },
      });
      bench.ms += 1000;
    }
    expect(bench.reported('alarm')).to.have.length(0);
  });

  it('reports energy by the quarter of an hour, over a restart', () => {
    const site = new Site();
    site.read({ TotWhImp: 100, TotWhExp: 7 });
    site.bench.until(0);
    site.read({ TotWhImp: 101, TotWhExp: 7 });
    site.bench.until(300_000);
    site.bench.restart();
    site.bench.until(900_000);
    site.read({ TotWhImp: 351, TotWhExp: 9 });
    expect(site.billing()).to.deep.equal([
      {
        kind: 'billing',
        meter: 'meter',
        speaks: 'gateway',
        service: 'net-billing',
        start: site.bench.now.unix - 900_000,
        durationS: 900,
        quality: 'actual',
        importWh: 250,
        exportWh: 2,
        importRegisterWh: 351,
        exportRegisterWh: 9,
        flags: ['silent'],
      },
    ]);
  });

  it('takes an inverter for a meter of its generation only where it is told to', () => {
    const readings = (bench: Bench): number => {
      for (const [ms, TotWhInj] of [
        [-1000, 5],
        [0, 5],
        [900_000, 30],
      ] as const) {
        bench.until(ms);
        bench.reading({ TotWhInj });
      }
      return bench.reported('billing').length;
    };
    expect(readings(Bench.ready())).to.equal(0);
    const rec = Bench.ready({ meters: new Map([[PV, { service: 'rec', dwell: seconds(30) }]]) });
    expect(readings(rec)).to.equal(1);
    expect(rec.reported('billing')[0]?.body).to.deep.include({
      service: 'rec',
      exportWh: 25,
      speaks: 'gateway',
    });
  });

  it('by exception a status holds the devices that left their dead band, and everything every five minutes', () => {
    const { bench } = new Site();
    const told = (): string =>
      bench
        .statuses()
        .map(
          ({ partial, readings }) =>
            `${partial === true ? 'part' : 'all'} ${readings.map(r => r.device).join('+')}`,
        )
        .join(', ');
    const points = { Hz: 60, PhVphA: 240 };
    bench.reading({ W: 1000, ...points });
    bench.reading({ W: 500, ...points }, 'other' as DeviceId);
    bench.until(bench.ms + 2000);
    const from = bench.statuses().length;
    for (const [W, PhVphA] of [
      [1050, 240],
      [1050, 241],
      [1051, 241],
      [1051, 242.3],
    ] as const) {
      bench.until(bench.ms + 2000);
      bench.reading({ W, Hz: 60, PhVphA });
    }
    expect(told().split(', ').slice(from)).to.deep.equal(['part pv', 'part pv']);
    const before = bench.statuses().length;
    bench.until(bench.ms + 299_000);
    expect(told().split(', ').slice(before)).to.deep.equal(['all pv+other']);
  });

  it('keeps a status of everything every five minutes while the link is down, and tells one when it is back', () => {
    const { bench } = new Site();
    bench.reading({ W: 1000 });
    bench.until(bench.ms + 2000);
    bench.link('down');
    const from = bench.statuses().length;
    for (let n = 1; n <= 900; n++) {
      bench.until(bench.ms + 1000);
      bench.reading({ W: 1000 + 100 * (n % 7) });
    }
    const away = bench.statuses().slice(from);
    expect(away.map(({ partial, readings }) => [partial, readings.length])).to.deep.equal([
      [undefined, 1],
      [undefined, 1],
      [undefined, 1],
    ]);
    bench.until(bench.ms + 5000);
    bench.link('up');
    const [back] = bench.statuses().slice(from + 3);
    expect(back?.partial).to.equal(undefined);
    expect(back?.readings[0]?.points['W']).to.equal(1000 + 100 * (900 % 7));
  });

  it('PQ-1: status carries voltage, current, both energies, frequency, power factor, balance and harmonics', () => {
    const site = new Site();
    const told = {
      PhVphA: 120,
      PhVphB: 121,
      PhVphC: 122,
      AphA: 1,
      AphB: 2,
      AphC: 3,
      A: 6,
      Hz: 60,
      PF: 0.98,
      W: 700,
      TotWhImp: 5,
      TotWhExp: 6,
      ThdPhVphA: 2.5,
      ThdAphA: 8.1,
    };
    site.read(told);
    site.bench.until(site.bench.ms + 300_000);
    const status = site.bench.statuses().at(-1) as StatusBody;
    expect(status.readings[0]?.points).to.deep.equal({ ...told, PhVUnb: 0.83, AphUnb: 50 });
  });
});
