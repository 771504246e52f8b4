/**
 * Devices that are wrong in one way each: wrappers around the registers of the simulated inverter, around its answers,
 * or around its bytes. Each names the check that must find it out.
 */
import type { ModbusReply } from '../../src/local/bus/mod.ts';
import { EXCEPTION } from '../../src/local/bus/mod.ts';
import type { Unit } from '../../src/sim/mod.ts';
import type { Rig, Spoiled } from './rig.ts';
import type { Mutant } from './line-mutants.ts';
import { LINE_MUTANTS } from './line-mutants.ts';
import { exception } from './rig.ts';

type Patch = (word: number, address: number) => number;

/** The registers of `point`, seen through `patch`. */
function showing(point: string, patch: Patch): NonNullable<Spoiled['unit']> {
  return (honest, { inverter }) =>
    reading(honest, (word, address) =>
      address === inverter.image.address(point) ? patch(word, address) : word,
    );
}

function reading(honest: Unit, patch: Patch): Unit {
  return {
    ...honest,
    read: (address, count) => {
      const words = honest.read(address, count);
      return 'exception' in words ? words : words.map((word, at) => patch(word, address + at));
    },
  };
}

/**
 * What is written to `point` (its last register) shows as written, but inside it is `inner` of that, or nothing at
 * all. Multi-register writes are taken apart, as the simulated image allows.
 */
function pretending(
  points: readonly string[],
  inner: (word: number) => number | undefined,
): NonNullable<Spoiled['unit']> {
  return (honest, { inverter }) => {
    const shown = new Map<number, number>();
    const low = points.map(point => {
      const wide = point.endsWith('Tms') && point.startsWith('704.');
      return inverter.image.address(point) + (wide ? 1 : 0);
    });
    const unit = reading(honest, (word, address) => shown.get(address) ?? word);
    return {
      ...unit,
      write: (address, words) => {
        const at = low.find(each => each >= address && each < address + words.length);
        if (at === undefined) return honest.write(address, words);
        const wanted = words[at - address] ?? 0;
        const inside = inner(wanted);
        if (inside !== undefined) {
          const result = honest.write(address, words.with(at - address, inside));
          if (result !== undefined) return result;
        }
        shown.set(at, wanted);
        return undefined;
      },
    };
  };
}

/** A write that `eats` says so is acknowledged and forgotten. */
function eating(
  eats: (rig: Rig, address: number, words: readonly number[]) => boolean,
): NonNullable<Spoiled['unit']> {
  return (honest, rig) => ({
    ...honest,
    write: (address, words) => (eats(rig, address, words) ? undefined : honest.write(address, words)),
  });
}

const at =
  (point: string) =>
  (rig: Rig, address: number): boolean =>
    address === rig.inverter.image.address(point);
const SECONDS = ['704.WMaxLimPctRvrtTms', '704.VarSetRvrtTms', '704.PFWInjRvrtTms', '123.WMaxLimPct_RvrtTms'];
const holds = (unit: Unit, address: number, words: readonly number[]): boolean => {
  const now = unit.read(address, words.length);
  return !('exception' in now) && now.every((word, i) => word === words[i]);
};

export const MUTANTS: readonly Mutant[] = [
  ...LINE_MUTANTS,
  {
    check: 'DEV-1',
    wrong: 'the end model is missing',
    unit: (honest, rig) => {
      const end = 40_000 + rig.words().length - 2;
      const refuses = (address: number, count: number) => address + count > end;
      return {
        ...honest,
        read: (address, count) =>
          refuses(address, count) ? { exception: EXCEPTION.illegalAddress } : honest.read(address, count),
      };
    },
  },
  {
    check: 'DEV-1',
    wrong: 'the chain ends with a zero',
    unit: (honest, rig) => {
      const end = 40_000 + rig.words().length - 2;
      return reading(honest, (word, address) => (address === end ? 0 : word));
    },
  },
  {
    check: 'DEV-2',
    wrong: 'the serial number is empty',
    unit: (honest, rig) =>
      reading(honest, (word, address) => {
        const from = rig.inverter.image.address('1.SN');
        return address >= from && address < from + 16 ? 0 : word;
      }),
  },
  { check: 'MAN-1', wrong: 'a mandatory point holds its sentinel', unit: showing('103.W', () => 0x8000) },
  {
    check: 'MOD-1',
    wrong: 'a length is one too many',
    unit: (honest, rig) => {
      const length = rig.inverter.image.address('702.WMaxRtg') - 1;
      return reading(honest, (word, address) => (address === length ? word + 1 : word));
    },
  },
  {
    check: 'MOD-2',
    wrong: 'a point read alone is another than in its block',
    unit: honest => ({
      ...honest,
      read: (address, count) => honest.read(count === 1 ? address + 1 : address, count),
    }),
  },
  {
    check: 'MOD-2',
    wrong: 'single registers inside a block are refused',
    unit: honest => ({
      ...honest,
      read: (address, count) =>
        count === 1 && address > 40_400
          ? { exception: EXCEPTION.illegalAddress }
          : honest.read(address, count),
    }),
  },
  {
    check: 'SF-1',
    wrong: 'the scale factor of power is one too high',
    unit: showing('701.W_SF', sf => (sf + 1) & 0xffff),
  },
  {
    check: 'SF-1',
    wrong: 'the scale factor of power is one too low',
    unit: showing('103.W_SF', sf => (sf - 1) & 0xffff),
  },
  {
    check: 'SF-1',
    wrong: 'the scale factor of frequency is wrong',
    unit: showing('701.Hz_SF', () => 0xfffe),
  },
  {
    check: 'SF-1',
    wrong: 'the scale factor of the limit is wrong',
    unit: showing('704.WMaxLimPct_SF', () => 0xffff),
  },
  { check: 'SF-1', wrong: 'a scale factor is not implemented', unit: showing('701.V_SF', () => 0x8000) },
  {
    check: 'MEA-1',
    wrong: 'the power shown is 10 % too much',
    unit: showing('701.W', word => Math.round(1.1 * word)),
  },
  { check: 'MEA-1', wrong: 'the voltage shown never moves', unit: showing('103.PhVphA', () => 2300) },
  { check: 'MOD-3', wrong: 'writes are acknowledged without effect', unit: eating(at('704.WMaxLimPct')) },
  {
    check: 'MOD-3',
    wrong: 'a write reaches its neighbour too',
    unit: (honest, rig) => ({
      ...honest,
      write: (address, words) => {
        if (at('704.WMaxLimPct')(rig, address)) honest.write(address + 1, words);
        return honest.write(address, words);
      },
    }),
  },
  {
    check: 'MOD-3',
    wrong: 'a write shows after 1.3 s only',
    unit: (honest, rig) => {
      let shownAtMs = 0;
      let before: number | undefined;
      const address = rig.inverter.image.address('704.WMaxLimPct');
      const unit = reading(honest, (word, where) =>
        where === address && before !== undefined && rig.atMs < shownAtMs ? before : word,
      );
      return {
        ...unit,
        write: (where, words) => {
          if (where === address) {
            const now = honest.read(address, 1);
            [before, shownAtMs] = ['exception' in now ? 0 : now[0], rig.atMs + 1300];
          }
          return honest.write(where, words);
        },
      };
    },
  },
  {
    check: 'FC-1',
    wrong: 'function 6 is refused',
    reply: single(() => exception(EXCEPTION.illegalFunction)),
  },
  {
    check: 'FC-1',
    wrong: 'function 6 is acknowledged and ignored',
    reply: single(() => ({ ok: true, words: [] })),
  },
  {
    check: 'FC-1',
    wrong: 'function 16 is acknowledged and ignored for one register',
    reply: request =>
      request.kind === 'write' && request.how === 'multiple' && request.words.length === 1
        ? { ok: true, words: [] }
        : undefined,
  },
  {
    check: 'REJ-1',
    wrong: 'writes to read-only points are acknowledged and dropped',
    unit: honest => ({
      ...honest,
      write: (address, words) => {
        const result = honest.write(address, words);
        return result?.exception === EXCEPTION.illegalAddress ? undefined : result;
      },
    }),
  },
  {
    check: 'REJ-2',
    wrong: 'values out of range are acknowledged and dropped',
    unit: honest => ({
      ...honest,
      write: (address, words) => {
        const result = honest.write(address, words);
        return result?.exception === EXCEPTION.illegalValue ? undefined : result;
      },
    }),
  },
  {
    check: 'REJ-3',
    wrong: 'registers that are not there read as 0',
    unit: honest => ({
      ...honest,
      read: (address, count) => {
        const words = honest.read(address, count);
        return 'exception' in words ? Array<number>(count).fill(0) : words;
      },
    }),
  },
  {
    check: 'REJ-3',
    wrong: 'requests beyond the map are not answered at all',
    reply: request =>
      request.kind === 'read' && request.address === 0xffff
        ? { ok: false, refusal: 'timeout', retry: 'later' }
        : undefined,
  },
  {
    check: 'REJ-3',
    wrong: 'a refused request disturbs the next reply',
    unit: honest => {
      let disturbed = false;
      return {
        ...honest,
        read: (address, count) => {
          const words = honest.read(disturbed ? address + 1 : address, count);
          disturbed = address === 0xffff;
          return words;
        },
      };
    },
  },
  { check: 'REV-1', wrong: 'reversion is dead', unit: pretending(SECONDS, () => 0) },
  {
    check: 'REV-1',
    wrong: 'the timer is half as long',
    unit: pretending(SECONDS, word => Math.floor(word / 2)),
  },
  { check: 'REV-1', wrong: 'the timer is twice as long', unit: pretending(SECONDS, word => 2 * word) },
  {
    check: 'REV-1',
    wrong: 'another value than the one for reversion is taken',
    unit: pretending(['704.WMaxLimPctRvrt'], () => 5000),
  },
  {
    check: 'REV-2',
    wrong: 'an update does not start the timer anew',
    unit: honest => ({
      ...honest,
      write: (address, words) => (holds(honest, address, words) ? undefined : honest.write(address, words)),
    }),
  },
  {
    check: 'REV-3',
    wrong: 'a timer set to 0 runs on',
    unit: pretending(SECONDS, word => (word === 0 ? undefined : word)),
  },
  {
    check: 'EFF-1',
    wrong: 'the limit is kept but not obeyed',
    unit: pretending(['704.WMaxLimPctEna'], () => 0),
  },
  {
    check: 'LEFT',
    wrong: 'a setting can be changed once and never back',
    unit: (honest, rig) => {
      let once = 0;
      return {
        ...honest,
        write: (address, words) =>
          at('703.ESDlyTms')(rig, address) && once++ > 0
            ? { exception: EXCEPTION.deviceFailure }
            : honest.write(address, words),
      };
    },
  },
];

function single(say: () => ModbusReply): NonNullable<Spoiled['reply']> {
  return request => (request.kind === 'write' && request.how === 'single' ? say() : undefined);
}
