import { expect } from 'chai';
import { instant, milliseconds, seconds, unixTime } from '../../../src/base/time.ts';
import { exposition } from '../../../src/io/health/exposition.ts';
import {
  Facts,
  Progress,
  keptDays,
  metricsOf,
  startHealthServer,
  watchOver,
} from '../../../src/io/health/mod.ts';
import type { DeviceState } from '../../../src/gateway/mod.ts';
import type { DeviceId, GatewayId } from '../../../src/model/mod.ts';
import { MemoryStore } from '../../support/memory-store.ts';

const INVERTER = 'inverter' as DeviceId;
const METER = 'meter' as DeviceId;
const now = (ms: number) => ({ instant: instant(ms), unix: unixTime(Date.UTC(2026, 6, 1) + ms) });
const there = (device: DeviceId, axes: DeviceState['axes'] = ['opModConnect']): DeviceState => ({
  device,
  present: true,
  model: 'Model X',
  axes,
  why: 'found',
});

describe('metrics as text', () => {
  it('escape what would end a label, and have no sample for what is not known', () => {
    const metric = { name: 'a_total', type: 'counter', help: 'A.' } as const;
    const labels = { name: 'say "x" \\ and\nmore' };
    expect(exposition([{ ...metric, samples: [{ labels, value: 2 }, { value: undefined }] }])).to.equal(
      '# HELP a_total A.\n# TYPE a_total counter\na_total{name="say \\"x\\" \\\\ and\\nmore"} 2\n',
    );
    expect(exposition([{ ...metric, samples: [{ value: undefined }] }])).to.equal('');
  });

  it('have names with their unit, counters that end in _total, and SIWG-6 as two shares of 30 days', () => {
    const facts = new Facts({ devices: [INVERTER], now: now(0) });
    facts.link = { up: true, why: '', losses: 0 };
    facts.note(now(0));
    facts.note(now(60_000));
    const about = { now: now(60_000), startedAt: now(0), version: '1', counts: new Map([['expired', 3]]) };
    const metrics = metricsOf(facts, about);
    for (const { name, type } of metrics) expect(name.endsWith('_total'), name).to.equal(type === 'counter');
    const text = exposition(metrics);
    expect(text).to.contain('underglass_link_availability_ratio{window="30d"} 1\n');
    expect(text).to.contain('underglass_command_availability_ratio{window="30d"} 0\n');
    expect(text).to.contain('underglass_events_total{event="expired"} 3\n');
    expect(text).to.contain('underglass_device_up{device="inverter"} 0\n');
    expect(text).not.to.contain('reading_age');
  });
});

describe('what hinders a command', () => {
  it('is a link, a store or a device that is away, and not a meter', () => {
    const facts = new Facts({ devices: [INVERTER, METER], now: now(0) });
    expect(facts.hindrances()).to.have.length(3);
    facts.link = { up: true, why: '', losses: 0 };
    for (const [id, axes] of [
      [INVERTER, ['opModConnect']],
      [METER, []],
    ] as const) {
      const device = facts.devices.get(id);
      if (device !== undefined) device.state = there(id, axes);
    }
    expect(facts.hindrances()).to.deep.equal([]);
    for (const device of facts.devices.values())
      if (device.state !== undefined) device.state = { ...device.state, present: false, why: 'lost' };
    facts.store.works = false;
    expect(facts.hindrances()).to.deep.equal(['the store cannot be written', 'inverter: lost']);
  });
});

describe('the health server', () => {
  it('answers /metrics, and /healthz and /readyz by 200 or 503 with the reasons', async () => {
    const why: string[] = [];
    const source = { metrics: () => [], unhealthy: () => why, unready: () => ['the link is down'] };
    const server = await startHealthServer(0, source);
    if (!server.ok) throw new Error(server.detail);
    try {
      const get = async (path: string) => {
        const response = await fetch(`${server.value.url}${path}`);
        return [response.status, await response.text()] as const;
      };
      expect(await get('healthz')).to.deep.equal([200, '{"ok":true,"why":[]}\n']);
      why.push('the line stands');
      expect(await get('healthz')).to.deep.equal([503, '{"ok":false,"why":["the line stands"]}\n']);
      expect((await get('readyz'))[0]).to.equal(503);
      expect((await get('metrics'))[0]).to.equal(200);
      expect((await get('secrets'))[0]).to.equal(404);
      const again = await startHealthServer(Number(new URL(server.value.url).port), source);
      expect(again).to.include({ ok: false, refusal: 'unavailable' });
    } finally {
      await server.value.close();
    }
  });
});

/** A clock of a test: `to` moves it, and wakes who is due. */
function handClock() {
  let ms = 0;
  const due = new Map<symbol, { readonly when: number; readonly wake: () => void }>();
  return {
    now: () => now(ms),
    at: (when: number, wake: () => void) => {
      const key = Symbol();
      due.set(key, { when, wake });
      return () => void due.delete(key);
    },
    to: async (next: number) => {
      await settled();
      for (;;) {
        const [first] = [...due].filter(([, d]) => d.when <= next).sort((a, b) => a[1].when - b[1].when);
        if (first === undefined) break;
        due.delete(first[0]);
        ms = Math.max(ms, first[1].when);
        first[1].wake();
        await settled();
      }
      ms = next;
      await settled();
    },
  };
}

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

describe('the watchdog', () => {
  const watched = () => {
    const clock = handClock();
    const told: string[] = [];
    const progress = new Progress();
    const gate = { hangs: false };
    const store = new MemoryStore();
    const facts = new Facts({ devices: [], now: clock.now() });
    const service = {
      watchdogMs: 30_000,
      tell: async (...said: readonly string[]) => void told.push(...said),
    };
    const turn = (): Promise<void> => (gate.hangs ? new Promise<void>(() => {}) : Promise.resolve());
    const watching = watchOver({
      gateway: 'g' as GatewayId,
      turn,
      store,
      clock,
      facts,
      progress,
      service,
    });
    return { clock, told, progress, gate, store, facts, watching };
  };

  it('is told when a turn has come round, three times in its time', async () => {
    const { clock, told, watching } = watched();
    await clock.to(29_999);
    expect(told).to.deep.equal(['WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1']);
    await watching.stop();
    await clock.to(90_000);
    expect(told).to.have.length(3);
  });

  it('is told nothing any more when a turn hangs, and the loop is named', async () => {
    const { clock, told, gate, progress, watching } = watched();
    await clock.to(15_000);
    const before = told.length;
    gate.hangs = true;
    await clock.to(120_000);
    expect(told).to.have.length(before);
    expect(progress.standing(clock.now().instant)[0]).to.match(/^the gateway has not come round for \d+ s$/);
    await watching.stop();
  });

  it('is told nothing while a bus stands still, though the gateway goes on, and again when it moves', async () => {
    const { clock, told, progress, watching } = watched();
    progress.expect('the line tcp://x', milliseconds(20_000), clock.now().instant);
    await clock.to(20_000);
    const before = told.length;
    await clock.to(60_000);
    expect(told).to.have.length(before);
    progress.cameRound('the line tcp://x', clock.now().instant);
    await clock.to(70_000);
    expect(told.length).to.be.above(before);
    await watching.stop();
  });

  it('SIWG-6 keeps the figures every minute and at the end, so that they survive a restart', async () => {
    const { clock, store, facts, watching } = watched();
    facts.link = { up: true, why: '', losses: 0 };
    facts.note(clock.now());
    await clock.to(seconds(61));
    const [kept] = await keptDays(store, 'g' as GatewayId);
    expect(kept).to.include({ watchedMs: 60_000, linkMs: 60_000 });
    await clock.to(seconds(90));
    await watching.stop();
    expect((await keptDays(store, 'g' as GatewayId))[0]).to.include({ watchedMs: 90_000 });
  });
});
