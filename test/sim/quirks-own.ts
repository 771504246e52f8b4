/**
 * Lines of the table of quirks that are about registers of the maker's own. The shipped profile is what knows them; a
 * simulated device has them at the addresses and in the words of its maker, and does with them what the line says.
 * See `quirks.test.ts`, which runs them.
 */
import { expect } from 'chai';
import type { ControlProfile, Profile } from '../../src/local/profiles/mod.ts';
import type { Axis } from '../../src/model/mod.ts';
import { Image } from '../../src/sim/mod.ts';
import { fastClock } from '../io/devices/behaving.ts';
import type { Registers } from './quirks-bench.ts';
import { POWER_W, inverter, measured, named, openBench, owning, shipped, wired } from './quirks-bench.ts';
import type { LineTest } from './quirks-makers.ts';

/** How much faster than the day a bench runs on which something must be waited for. */
const FAST = 20;

/** 32 bits of the maker's, low word first, and back. */
const lowFirst = (raw: number): readonly [number, number] => [raw & 0xffff, (raw >>> 16) & 0xffff];
const float = (value: number): number => new DataView(new Float32Array([value]).buffer).getUint32(0, true);
const asFloat = (raw: number): number => new Float32Array(new Uint32Array([raw]).buffer)[0] ?? Number.NaN;

function put(registers: Registers, address: number, words: readonly number[]): void {
  for (const [at, word] of words.entries()) registers.set(address + at, word);
}

function long(registers: Registers, address: number): number {
  return ((registers.get(address) ?? 0) + (registers.get(address + 1) ?? 0) * 0x1_0000) >>> 0;
}

/** `profile` with `change` made to its control `name`. */
function changed(profile: Profile, name: string, change: Partial<ControlProfile>): Profile {
  const control = profile.controls?.[name];
  if (control === undefined) throw new Error(`there is no control ${name}`);
  return { ...profile, controls: { ...profile.controls, [name]: { ...control, ...change } } };
}

/** A SolarEdge with a battery: command 3 charges at the limit, until the command is older than its timeout. */
function solaredgeWithBattery(now: () => number = () => 0) {
  const holding: Registers = new Map([[57_357, 0]]);
  for (const at of [57_355, 57_358, 57_360, 62_836]) put(holding, at, [0, 0]);
  let [commands, commandedS] = [0, -Infinity];
  const act = (): void => {
    const isAlive = now() / 1000 - commandedS < long(holding, 57_355);
    const chargeW = holding.get(57_357) === 3 && isAlive ? asFloat(long(holding, 57_358)) : 0;
    put(holding, 62_836, lowFirst(float(chargeW >= 0 && chargeW <= 10_000 ? chargeW : 0)));
  };
  const unit = owning({ holding }, wired(inverter('SolarEdge')));
  return {
    holding,
    commands: () => commands,
    unit: {
      ...unit,
      read: (address: number, count: number) => {
        act();
        return unit.read(address, count);
      },
      write: (address: number, words: readonly number[]) => {
        if (address === 57_357) [commands, commandedS] = [commands + 1, now() / 1000];
        return unit.write(address, words);
      },
    },
    chargeW: () => {
      act();
      return asFloat(long(holding, 62_836));
    },
  };
}

export function ownTables(line: LineTest): void {
  line(
    'SolarEdge',
    '32-bit values least significant word first',
    'what is ordered is what is meant',
    async () => {
      const solaredge = await shipped('solaredge', { gapMs: 1, reconnectMs: 1 });
      const points = { ...solaredge.points };
      const { 'storage-charge-limit': limit } = points;
      const [from] = limit?.from ?? [];
      if (limit === undefined || from === undefined || !('table' in from)) throw new Error('no such point');
      const { wordOrder: _, ...plain } = from;
      const wrong = {
        ...solaredge,
        points: { ...points, 'storage-charge-limit': { ...limit, from: [plain] } },
      };
      const outcomes = [];
      for (const profile of [solaredge, wrong]) {
        const device = solaredgeWithBattery();
        await using bench = await openBench({ unit: device.unit, profile, clock: fastClock(FAST * 10) });
        outcomes.push((await bench.order('opModStorageTargetW', 3000)).outcome, device.chargeW());
      }
      // 3000.0 is 0x453B8000 (IEEE 754).
      expect(outcomes).to.deep.equal(['implemented', 3000, 'refused', 0]);
    },
  );

  line('SolarEdge', 'storage command expires', 'is repeated before it does', async () => {
    const solaredge = await shipped('solaredge', { gapMs: 1, reconnectMs: 1 });
    const control = solaredge.controls?.['storage-charge'];
    if (control === undefined) throw new Error('no such control');
    const { keepAlive: _, ...forgetful } = control;
    const left = [];
    for (const profile of [
      solaredge,
      { ...solaredge, controls: { ...solaredge.controls, 'storage-charge': forgetful } },
    ]) {
      // An hour in a third of a second.
      const clock = fastClock(10_000);
      const device = solaredgeWithBattery(() => clock.now().unix);
      await using bench = await openBench({ unit: device.unit, profile, clock });
      await bench.order('opModStorageTargetW', 3000);
      const until = clock.now().unix + 1.5 * 3_600_000;
      while (clock.now().unix < until) await bench.told.further(1, 'quirk-0');
      left.push(device.chargeW());
      if (profile !== solaredge) continue;
      // Nothing ends it but time: no more reminders, and an hour and a half later it is over.
      expect(await bench.order('opModStorageTargetW', undefined)).to.include({ outcome: 'refused' });
      const over = clock.now().unix + 1.5 * 3_600_000;
      while (clock.now().unix < over) await bench.told.further(1, 'quirk-0');
      expect(device.chargeW()).to.equal(0);
      expect(device.commands() > 1).to.equal(profile === solaredge);
    }
    expect(left).to.deep.equal([3000, 0]);
  });

  line(
    'Fronius',
    'storage rates are a percentage',
    'power becomes a percentage of that constant',
    async () => {
      const storage = {
        WChaMax: 5000,
        WChaMax_SF: 0,
        StorCtl_Mod: 0,
        InWRte: 10_000,
        OutWRte: 10_000,
        InOutWRte_SF: -2,
      };
      const image = new Image([named('Fronius'), measured(103, POWER_W), { id: 124, values: storage }]);
      const outcomes = [];
      const fronius = await shipped('fronius');
      const { percentOf: _, ...control } = fronius.controls?.['storage-charge'] ?? {};
      const unsaid = { ...fronius, controls: { 'storage-charge': control as ControlProfile } };
      for (const profile of [fronius, unsaid]) {
        await using bench = await openBench({ unit: wired(image), profile });
        outcomes.push((await bench.order('opModStorageTargetW', 2000)).outcome);
      }
      expect(outcomes).to.deep.equal(['implemented', 'refused']);
      expect(['InWRte', 'StorCtl_Mod'].map(point => image.get(`124.${point}`))).to.deep.equal([40, 3]);
    },
  );

  line('Fronius', 'Primo on RTU answers in 300 to 600 ms', 'its zeros are no reading', async () => {
    const image = new Image([named('Fronius'), measured(103, 0)]);
    const its = { profile: await shipped('fronius-primo-rtu', { gapMs: 1 }), unit: wired(image) };
    await using bench = await openBench(its);
    await bench.found();
    expect(await bench.powers(2)).to.deep.equal([undefined, undefined]);
    await using plain = await openBench({ unit: wired(image) });
    await plain.found();
    expect(await plain.powers(1)).to.deep.equal([0]);
  });

  line('Kostal', 'byte order is a device setting', 'energy below 0 is read as such', async () => {
    const image = new Image([named('KOSTAL'), { id: 103, values: { W: POWER_W, W_SF: 0, WH: 1, WH_SF: 0 } }]);
    const at = image.address('103.WH');
    const read = (address: number, count: number) => {
      const words = image.read(address, count);
      if ('exception' in words) return words;
      // -5 in two's complement.
      return words.map((word, n) => (address + n === at ? 0xffff : address + n === at + 1 ? 0xfffb : word));
    };
    await using bench = await openBench({
      unit: wired(image, { read, unit: 71 }),
      profile: await shipped('kostal'),
    });
    await bench.found();
    await bench.powers(1);
    expect(bench.told.readings.at(-1)?.points).to.include({ TotWhInj: -5 });
  });

  line('Kostal', 'byte order is a device setting', 'is told to who must set it', async () => {
    const image = inverter('KOSTAL');
    for (const swap of [
      (words: readonly number[]) => words.map(word => ((word & 0xff) << 8) | (word >> 8)),
      (words: readonly number[]) => words.toReversed(),
    ]) {
      const read = (address: number, count: number) => {
        const words = image.read(address, count);
        return 'exception' in words ? words : swap(words);
      };
      const profile = await shipped('kostal');
      await using bench = await openBench({ unit: wired(image, { read, unit: 71 }), profile });
      const { present, why } = await bench.found();
      expect(present).to.equal(false);
      expect(why).to.match(/set the device to big-endian/);
    }
  });

  sungrow(line);

  line('SolaX', 'writes ignored until an unlock code', 'the code goes first', async () => {
    const solax = await shipped('solax');
    const locked = changed(solax, 'connect', { steps: [{ write: 'switch', value: 'order' }] });
    const isOn = [];
    for (const profile of [solax, locked]) {
      const holding: Registers = new Map([
        [1536, 0],
        [1552, 1],
      ]);
      const unit = owning({ holding, input: new Map([[1039, 2]]) });
      // Nothing of it can be read, and what is written while it is locked is taken and forgotten.
      const bent = {
        ...unit,
        read: () => ({ exception: 2 }),
        write: (address: number, words: readonly number[]) =>
          address === 1536 || holding.get(1536) === 6868 ? unit.write(address, words) : undefined,
      };
      await using bench = await openBench({ unit: bent, profile });
      expect(await bench.order('opModConnect', 0)).to.include({ outcome: 'unknown' });
      isOn.push(holding.get(1552));
    }
    expect(isOn).to.deep.equal([0, 1]);
  });

  line('SAJ, Marstek', 'a hole gives exception 2', 'only the register in RAM is written', async () => {
    const holding: Registers = new Map([
      [275, 4000],
      [4124, 1100],
      [32_799, 1100],
    ]);
    const react = (): void => void holding.set(275, ((holding.get(32_799) ?? 0) / 1000) * 5000);
    const profile = await shipped('saj-r5');
    await using bench = await openBench({
      unit: owning({ holding, react }),
      profile,
      clock: fastClock(FAST),
    });
    expect(await bench.order('opModMaxLimW', 0)).to.include({ outcome: 'implemented' });
    expect([holding.get(4124), holding.get(32_799)]).to.deep.equal([1100, 0]);
    await bench.order('opModMaxLimW', undefined);
    expect([holding.get(4124), holding.get(32_799)]).to.deep.equal([1100, 1000]);
    expect(bench.requests.every(request => request.kind === 'read' || request.how === 'multiple')).to.equal(
      true,
    );
  });

  line(
    'Sigenergy',
    'limits act only in certain EMS modes',
    'is refused in others, and told why',
    async () => {
      const answers = [];
      for (const mode of [3, 2]) {
        const holding: Registers = new Map([
          [40_029, 0],
          [40_031, mode],
        ]);
        const input: Registers = new Map();
        put(holding, 40_036, [0xffff, 0xffff]);
        put(input, 30_010, [0, 8000]);
        put(input, 30_035, [0, 4000]);
        const react = (): void => {
          const acts = holding.get(40_029) === 1 && [3, 4, 5, 6].includes(mode);
          if (acts) put(input, 30_035, [0, holding.get(40_037) ?? 0]);
        };
        const unit = owning({ holding, input, react }, undefined, 247);
        await using bench = await openBench({
          unit,
          profile: await shipped('sigenergy'),
          clock: fastClock(FAST * 10),
        });
        answers.push(await bench.limit(25));
      }
      expect(answers.map(({ outcome }) => outcome)).to.deep.equal(['implemented', 'refused']);
      expect(answers[1]?.why).to.match(
        /pv-power shows 4000 W where at most 2000 W .* \(40031\) is 3, 4, 5 or 6/,
      );
    },
  );

  line(
    'Victron',
    'volatile register beside a flash one',
    'one is written at will, one is spared',
    async () => {
      // Its setpoint is none of a device, so no axis carries it; here one is made to.
      const axis: Axis = 'opModTargetW';
      const victron = await shipped('victron');
      const { 'grid-setpoint': quick, 'grid-setpoint-stored': stored } = victron.controls ?? {};
      if (quick === undefined || stored === undefined) throw new Error('no such control');
      for (const [control, most] of [
        [quick, 40],
        [stored, 24],
      ] as const) {
        const holding: Registers = new Map([[2700, 0]]);
        const input: Registers = new Map([
          [842, 500],
          [843, 60],
        ]);
        put(holding, 2716, [0, 0]);
        const profile = { ...victron, controls: { 'grid-setpoint': { ...control, carries: axis } } };
        await using bench = await openBench({ unit: owning({ holding, input }, undefined, 100), profile });
        await bench.found();
        expect(await bench.powers(1)).to.deep.equal([-500]);
        let taken = 0;
        for (let value = 1; value <= 40; value++)
          if ((await bench.order(axis, 100 * value)).outcome === 'implemented') taken += 1;
        expect(taken).to.equal(most);
        // 4000 W with the high word first, or the last of 24.
        const [register, words] = control === quick ? [2716, [0, 4000]] : [2700, [2400]];
        expect(words.map((_, at) => holding.get(register + at))).to.deep.equal(words);
        expect(holding.get(control === quick ? 2700 : 2717)).to.equal(0);
      }
    },
  );
}

function sungrow(line: LineTest): void {
  const says = 'documented addresses are 1-based';
  const device = (isDongle: boolean) => {
    // Input and holding differ at one number: register 13050 of the table that is not meant holds something else.
    const input: Registers = new Map([
      [13_000, 0],
      [13_022, 555],
      [13_049, 7],
      [13_050, 7],
      [13_051, 7],
    ]);
    const holding: Registers = new Map([
      [13_049, 0],
      [13_050, 0xcc],
      [13_051, 0],
    ]);
    put(input, 5213, lowFirst(-70_000));
    const react = (): void => {
      const powerW = holding.get(13_051) ?? 0;
      const sign = { 0xaa: -1, 0xbb: 1 }[holding.get(13_050) ?? 0] ?? 0;
      if (!isDongle && holding.get(13_049) === 2) put(input, 5213, lowFirst(sign * powerW));
    };
    return { holding, input, unit: owning({ holding, input, react }) };
  };

  line('Sungrow', says, 'each number is read from its table', async () => {
    const { unit } = device(false);
    await using bench = await openBench({ unit, profile: await shipped('sungrow') });
    await bench.found();
    await bench.powers(1);
    expect(bench.told.readings[0]?.points).to.deep.equal({ W: -70_000, SoC: 55.5 });
  });

  line(
    'Sungrow',
    says,
    'charges, discharges and keeps still; what is only acknowledged is refused',
    async () => {
      const outcomes = [];
      for (const isDongle of [false, true]) {
        const { unit, holding } = device(isDongle);
        const clock = fastClock(FAST * 20);
        await using bench = await openBench({ unit, profile: await shipped('sungrow'), clock });
        for (const value of [2500, -1500, 0])
          outcomes.push((await bench.order('opModStorageTargetW', value)).outcome);
        expect([13_049, 13_050, 13_051].map(at => holding.get(at))).to.deep.equal([2, 0xcc, 1500]);
      }
      expect(outcomes).to.deep.equal([
        ...Array<string>(3).fill('implemented'),
        ...Array<string>(3).fill('refused'),
      ]);
    },
  );
}
