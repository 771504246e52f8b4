/**
 * The table of what the field really does, line by line: a simulated device does it, and through the real bus the
 * value read is right or absent, and a write ends as it really ended. Where a profile is what makes the difference,
 * the same device without it comes off worse.
 */
import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Fault } from '../../src/sim/mod.ts';
import { Image } from '../../src/sim/mod.ts';
import { underglass } from '../cli/local/support.ts';
import type { Fate } from '../io/devices/behaving.ts';
import { fastClock, serveUnits } from '../io/devices/behaving.ts';
import { END, SUNS, common, filled } from '../local/sunspec/chain.ts';
import { needsThat } from '../support/needs.ts';
import {
  POWER_W,
  constant,
  inverter,
  limits,
  measured,
  named,
  openBench,
  owning,
  rated,
  shipped,
  wired,
} from './quirks-bench.ts';
import { otherMakers } from './quirks-makers.ts';
import { ownTables } from './quirks-own.ts';

/** Outside of the repository; a build machine without it proves the lines below, not that none was missed. */
const TABLE = '../shared/reference/field-quirks.md';

const shown: { readonly device: string; readonly says: string }[] = [];

/** A test of one line of the table, named as it begins there. */
function line(device: string, says: string, proves: string, test: () => Promise<void>): void {
  shown.push({ device, says });
  it(`${device}: ${says} … ${proves}`, test);
}

describe('the quirks of the field, on a line', () => {
  line('SolarEdge', 'one TCP client only', 'comes back no sooner than it is let in', async () => {
    const outcomes = [];
    for (const profile of [await shipped('solaredge', { reconnectMs: 700, gapMs: 1 }), undefined]) {
      const faults: Fault[] = [
        { kind: 'clients', most: 1 },
        { kind: 'reconnect', ms: 600 },
      ];
      // Its limit is in its own table; without the profile it is ordered by its model.
      const unit = owning({ holding: new Map([[61_441, 100]]) }, wired(inverter()));
      await using bench = await openBench({ unit, faults, profile });
      expect(await bench.found()).to.include({ present: true });
      faults.push({ kind: 'restart', ms: 0 });
      expect(await bench.limit(50)).to.include({ outcome: 'unknown' });
      faults.pop();
      outcomes.push((await bench.limit(50)).outcome);
    }
    expect(outcomes).to.deep.equal(['implemented', 'unknown']);
  });

  line('SolarEdge', 'discovery fails at 60 ms', 'is found by who leaves it the time', async () => {
    const found = [];
    for (const profile of [await shipped('solaredge', { gapMs: 40 }), undefined]) {
      let lastMs = -Infinity;
      const fate = (): Fate => {
        const still = performance.now() - lastMs;
        lastMs = performance.now();
        return still < 30 ? 'lost' : 'answered';
      };
      await using bench = await openBench({ unit: wired(inverter()), fate, profile });
      found.push((await bench.found()).present);
    }
    expect(found).to.deep.equal([true, false]);
  });

  line('SolarEdge', 'meters are further model-1 blocks', 'each is read for itself', async () => {
    const image = new Image([
      named('SolarEdge'),
      measured(103, POWER_W),
      named('WattNode'),
      measured(203, 1234),
    ]);
    const faults: Fault[] = [{ kind: 'clients', most: 1 }];
    await using bench = await openBench({ unit: wired(image), faults, places: 2 });
    await bench.found();
    expect(await bench.powers(2, 0)).to.deep.equal(constant(2));
    expect(await bench.powers(2, 1)).to.deep.equal([1234, 1234]);
    expect(new Set(bench.told.readings.map(({ role }) => role))).to.deep.equal(
      new Set(['inverter', 'meter']),
    );
  });

  line('Fronius', 'integer+SF or float models', 'is looked at anew, and read right at any time', async () => {
    const floats = [...SUNS, ...common('Fronius', 'S-1'), ...filled(113, 60), ...END];
    // Behind the marker, 68 registers of the common model and 22 of 113 stands W: 4000.0 of IEEE 754.
    floats.splice(2 + 68 + 22, 2, 0x457a, 0);
    const integers = inverter('Fronius');
    let isFloat = false;
    const read = (address: number, count: number) => {
      const words = floats.slice(address - 40_000, address - 40_000 + count);
      if (!isFloat) return integers.read(address, count);
      return address < 40_000 || words.length < count ? { exception: 2 } : words;
    };
    await using bench = await openBench({
      unit: wired(integers, { read }),
      profile: await shipped('fronius'),
    });
    expect(await bench.found()).to.include({ present: true });
    isFloat = true;
    await bench.told.until();
    expect(bench.told.states).to.have.length(2);
    const powers = [...bench.told.readings.map(({ points }) => points['W']), ...(await bench.powers(2))];
    expect(new Set(powers)).to.deep.equal(new Set([POWER_W]));
  });

  line('Fronius', 'scale factors move with power', 'value and factor are of one moment', async () => {
    const image = inverter('Fronius');
    const [at, sf] = [image.address('103.W'), image.address('103.W_SF')];
    const told: [number, number][] = [];
    const pairs = [
      [4000, 0],
      [400, 1],
      [40, 2],
    ] as const;
    let reads = 0;
    const read = (address: number, count: number) => {
      const words = image.read(address, count);
      const [w, exponent] = pairs[reads++ % pairs.length] ?? pairs[0];
      if ('exception' in words) return words;
      if (address <= at && address + count > sf) told.push([w, exponent]);
      return words.map((word, n) => (address + n === at ? w : address + n === sf ? exponent : word));
    };
    await using bench = await openBench({ unit: wired(image, { read }), profile: await shipped('fronius') });
    await bench.found();
    expect(await bench.powers(8)).to.deep.equal(constant(8));
    expect(new Set(told.map(([w]) => w)).size, 'factors that it was read with').to.be.greaterThan(1);
  });

  line('Fronius', 'a new WMaxLimPct is ignored', 'the enable goes off and on', async () => {
    const limited = [];
    for (const profile of [await shipped('fronius'), undefined]) {
      const image = inverter('Fronius');
      const plain = wired(image);
      let limit = 100;
      const write = (address: number, words: readonly number[]) => {
        const before = image.get('123.WMaxLim_Ena');
        const refusal = plain.write(address, words);
        if (before === 0 && image.get('123.WMaxLim_Ena') === 1) limit = image.get('123.WMaxLimPct');
        return refusal;
      };
      await using bench = await openBench({ unit: wired(image, { write }), profile });
      await bench.found();
      for (const percent of [50, 30])
        expect(await bench.limit(percent)).to.include({ outcome: 'implemented' });
      limited.push(limit);
    }
    expect(limited).to.deep.equal([30, 50]);
  });

  line(
    'Fronius',
    '"inverter control via Modbus" must be enabled',
    'the refusal says what to do',
    async () => {
      const why = [];
      for (const profile of [await shipped('fronius'), undefined]) {
        const faults: Fault[] = [{ kind: 'exception', code: 1, to: 'write' }];
        await using bench = await openBench({ unit: wired(inverter()), faults, profile });
        const applied = await bench.limit(50);
        expect(applied).to.include({ outcome: 'refused' });
        why.push(applied.why ?? '');
      }
      expect(why[0]).to.match(/enabled by hand.*I\/O control/);
      expect(why[1]).to.not.match(/by hand/);
    },
  );

  line('Fronius', 'Primo on RTU answers in 300 to 600 ms', 'is waited for', async () => {
    const found = [];
    for (const profile of [await shipped('fronius-primo-rtu', { gapMs: 5 }), undefined]) {
      const faults: Fault[] = [{ kind: 'latency', ms: 130, jitterMs: 20 }];
      await using bench = await openBench({ unit: wired(inverter()), faults, profile });
      found.push((await bench.found()).present);
      if (profile !== undefined) expect(await bench.powers(1)).to.deep.equal(constant(1));
    }
    expect(found).to.deep.equal([true, false]);
  });

  line('SMA', 'SunSpec unit id = profile id + 123', 'is found without being told', async () => {
    const device = await serveUnits([wired(inverter('SMA'), { unit: 126 })]);
    try {
      const link = `tcp://127.0.0.1:${device.port}`;
      const [its, plain] = [
        await underglass('scan', link, '--profile', 'sma'),
        await underglass('scan', link),
      ];
      expect(its.out).to.contain('SMA');
      // Exception 11 at unit 1: a gateway's word for nobody there.
      expect([its.code, plain.code]).to.deep.equal([0, 3]);
    } finally {
      await device.close();
    }
  });

  line('SMA', 'no end model', 'ends there, and goes around holes', async () => {
    const image = new Image([named('SMA'), measured(103, POWER_W), rated(2 * POWER_W), limits()]);
    // Model 123 has 24 registers behind its header, and WMaxLimPct 5 behind its first: there the map ends.
    const end = image.address('123.WMaxLimPct') - 5 + 2 + 24;
    const read = (address: number, count: number) =>
      address + count > end ? { exception: 2 } : image.read(address, count);
    const faults: Fault[] = [{ kind: 'hole', from: image.address('103.Hz'), count: 1 }];
    await using bench = await openBench({
      unit: wired(image, { read }),
      faults,
      profile: await shipped('sma'),
    });
    expect(await bench.found()).to.include({ present: true });
    expect(await bench.powers(3)).to.deep.equal(constant(3));
    expect(bench.told.readings[0]?.points).to.not.have.property('Hz');
    expect(await bench.limit(50)).to.include({ outcome: 'implemented' });
  });

  line('SMA', 'no end model', 'what moved at night is not written to where it was', async () => {
    const chain = (ports: number): Image => {
      const dc = { id: 714, values: { NPrt: ports } };
      return new Image([named('SMA'), measured(103, POWER_W), dc, limits()]);
    };
    const [day, night] = [chain(2), chain(1)];
    let image = day;
    const unit = wired(day, {
      read: (address, count) => image.read(address, count),
      write: (address, words) => wired(image).write(address, words),
    });
    await using bench = await openBench({ unit });
    await bench.found();
    image = night;
    const applied = await bench.limit(50);
    expect(applied.outcome).to.equal('refused');
    expect([day, night].map(each => each.get('123.WMaxLimPct'))).to.deep.equal([100, 100]);
  });

  line('SMA', 'write acknowledged, value unchanged', 'is refused, whatever was acknowledged', async () => {
    const faults: Fault[] = [{ kind: 'deaf' }];
    const its = { unit: wired(inverter('SMA')), faults, clock: fastClock(20), profile: await shipped('sma') };
    await using bench = await openBench(its);
    const applied = await bench.limit(50);
    expect(applied).to.include({ outcome: 'refused' });
    expect(applied.why).to.match(/external control by Modbus/);
  });

  line('SMA', 'write acknowledged, value unchanged', 'the set is written whole, with its time', async () => {
    const limited = [];
    for (const profile of [await shipped('sma'), undefined]) {
      const image = new Image([named('SMA'), measured(103, POWER_W), rated(2 * POWER_W), limits()]);
      const plain = wired(image);
      const set = ['WMaxLimPct', 'WMaxLimPct_RvrtTms', 'WMaxLim_Ena'].map(name =>
        image.address(`123.${name}`),
      );
      const written = new Set<number>();
      let limit = 100;
      const write = (address: number, words: readonly number[]) => {
        const refusal = plain.write(address, words);
        for (const at of words.keys()) written.add(address + at);
        const afterS = image.get('123.WMaxLimPct_RvrtTms');
        if (set.every(at => written.has(at)) && afterS >= 300 && afterS <= 1800)
          limit = image.get('123.WMaxLimPct');
        return refusal;
      };
      await using bench = await openBench({ unit: wired(image, { write }), profile });
      expect(await bench.limit(50)).to.include({ outcome: 'implemented' });
      limited.push(limit);
    }
    expect(limited).to.deep.equal([50, 100]);
  });

  otherMakers(line);
  ownTables(line);

  it('are all of the table', function () {
    needsThat(this, existsSync(TABLE), `${TABLE} is not there`);
    const section = readFileSync(TABLE, 'utf8').split('## Inverters and dongles')[1]?.split('\n## ')[0] ?? '';
    const rows = section.split('\n').filter(row => /^\| (?!device|---)/.test(row));
    expect(rows.length).to.be.at.least(25);
    for (const row of rows) {
      const [, device, says = ''] = row.split('|').map(cell => cell.trim());
      const known = shown.some(each => each.device === device && says.startsWith(each.says));
      expect(known, row).to.equal(true);
    }
  });
});
