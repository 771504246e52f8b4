/** Lines of the table of quirks, from Kostal on. See `quirks.test.ts`, which runs them. */
import { expect } from 'chai';
import type { ModbusRequest } from '../../src/local/bus/mod.ts';
import type { Fault } from '../../src/sim/mod.ts';
import { Image, models1547 } from '../../src/sim/mod.ts';
import type { Fate } from '../io/devices/behaving.ts';
import { POWER_W, busyAt, constant, inverter, named, openBench, shipped, wired } from './quirks-bench.ts';

/** A test of one line of the table: device, how it begins, what is proven. */
export type LineTest = (device: string, says: string, proves: string, test: () => Promise<void>) => void;

export function otherMakers(line: LineTest): void {
  line(
    'Kostal',
    'byte order is a device setting',
    'a chain that ends with one 0x0000 ends there',
    async () => {
      const image = inverter('KOSTAL');
      const end = image.address('123.WMaxLimPct') - 5 + 2 + 24;
      const read = (address: number, count: number) => {
        const words = image.read(address, count);
        if ('exception' in words || address + count > end + 1) return { exception: 2 };
        return words.map((word, at) => (address + at === end ? 0 : word));
      };
      const profile = await shipped('kostal');
      await using bench = await openBench({ unit: wired(image, { read, unit: 71 }), profile });
      expect(await bench.found()).to.include({ present: true });
      expect(await bench.powers(2)).to.deep.equal(constant(2));
    },
  );

  for (const [name, how] of [
    ['kostal', 'single'],
    ['apsystems', 'multiple'],
  ] as const)
    line('Kostal, APsystems', 'one takes only FC 6', `${name} is written with what it takes`, async () => {
      const image = inverter();
      const hows: string[] = [];
      const fate = (request: ModbusRequest): Fate => {
        if (request.kind === 'read') return 'answered';
        hows.push(request.how);
        return request.how === how ? 'answered' : { exception: 1 };
      };
      await using bench = await openBench({ unit: wired(image), fate, profile: await shipped(name) });
      expect(await bench.limit(50)).to.include({ outcome: 'implemented' });
      expect(image.get('123.WMaxLimPct')).to.equal(50);
      expect(new Set(hows)).to.deep.equal(new Set([how]));
    });

  line('Huawei', '1 to 2 s quiet time after connect', 'is left alone until it hears', async () => {
    const found = [];
    for (const profile of [await shipped('huawei', { connectDelayMs: 90, timeoutMs: 100 }), undefined]) {
      await using bench = await openBench({ unit: wired(inverter()), deafForMs: 60, profile });
      found.push((await bench.found()).present);
    }
    expect(found).to.deep.equal([true, false]);
  });

  line('Huawei', '1 to 2 s quiet time after connect', 'is asked again when it is busy', async () => {
    const outcomes = [];
    for (const profile of [await shipped('huawei', { connectDelayMs: 0 }), undefined]) {
      await using bench = await openBench({ unit: wired(inverter()), fate: busyAt(3, 6), profile });
      outcomes.push((await bench.limit(50)).outcome);
    }
    expect(outcomes).to.deep.equal(['implemented', 'refused']);
  });

  line(
    'Growatt',
    'at least 850 ms between commands',
    'is asked slowly, and for little at a time',
    async () => {
      const found = [];
      for (const profile of [await shipped('growatt', { gapMs: 40, maxRead: 20 }), undefined]) {
        let lastMs = -Infinity;
        const fate = (request: ModbusRequest): Fate => {
          const still = performance.now() - lastMs;
          lastMs = performance.now();
          if (still < 30) return 'lost';
          return request.kind === 'read' && request.count > 20 ? { exception: 3 } : 'answered';
        };
        await using bench = await openBench({ unit: wired(inverter()), fate, profile });
        found.push((await bench.found()).present);
        if (profile !== undefined) expect(await bench.powers(2)).to.deep.equal(constant(2));
      }
      expect(found).to.deep.equal([true, false]);
    },
  );

  line('Deye', 'reading an undefined register', 'what is poisoned is never read', async () => {
    const image = inverter();
    const hole = { from: image.address('103.Hz'), count: 1 };
    const deye = await shipped('deye');
    const isTouched = (request: ModbusRequest): boolean =>
      request.kind === 'read' && request.address <= hole.from && request.address + request.count > hole.from;
    const listed = { ...deye, sunspec: { holes: [hole] }, link: { gaps: 'listed' as const } };
    const faults: Fault[] = [{ kind: 'hole', ...hole, poisons: true }];
    await using spared = await openBench({ unit: wired(image), faults, profile: listed });
    await spared.found();
    expect(await spared.powers(3)).to.deep.equal(constant(3));
    expect(spared.requests.filter(isTouched)).to.deep.equal([]);
    // Without it the hole is read, and what follows is no answer; it is never a value.
    await using poisoned = await openBench({ unit: wired(image), faults });
    await poisoned.until(isTouched);
    expect(poisoned.told.readings.filter(({ points }) => points['W'] !== POWER_W)).to.deep.equal([]);
  });

  line(
    'SAJ, Marstek',
    'a hole gives exception 2',
    'the rest of the block is read, the hole is absent',
    async () => {
      const image = inverter();
      const faults: Fault[] = [];
      await using bench = await openBench({ unit: wired(image), faults, profile: await shipped('saj') });
      expect(await bench.found()).to.include({ present: true });
      await bench.powers(1);
      expect(bench.told.readings.at(-1)?.points).to.include({ W: POWER_W, Hz: 50 });
      faults.push({ kind: 'hole', from: image.address('103.Hz'), count: 1 });
      // The reading under way may be of before.
      expect(await bench.powers(3)).to.deep.equal(constant(3));
      expect(bench.told.readings.at(-1)?.points).to.not.have.property('Hz');
    },
  );

  line('Enphase', '7xx models only', 'is limited by 704, and refuses with what support must do', async () => {
    const image = new Image([named('Enphase'), ...models1547(8000, { delayS: 5, rampS: 5 })]);
    const outcomes = [];
    for (const faults of [[], [{ kind: 'exception', code: 1, to: 'write' }]] satisfies Fault[][]) {
      await using bench = await openBench({ unit: wired(image), faults, profile: await shipped('enphase') });
      outcomes.push(await bench.limit(50));
    }
    expect(outcomes.map(({ outcome }) => outcome)).to.deep.equal(['implemented', 'refused']);
    expect(image.get('704.WMaxLimPct')).to.equal(50);
    expect(outcomes[1]?.why).to.match(/enabled by the support/);
  });
}
