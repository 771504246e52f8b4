/**
 * Reversion timers: a control that nobody renews falls back by itself, so that a device whose gateway died does not
 * hold its last order for ever. Rows of the models' own rules; the seconds run from the last write that renews the
 * control, and 0 seconds means that it holds.
 *
 * Source: SunSpec models 123, 124 and 126 to 134 (RvrtTms), 704 (RvrtTms, RvrtRem, …Rvrt) and 705 to 712 (RvrtTms, RvrtRem, RvrtCrv),
 * sunspec/models 7abdf89.
 */
import type { Instant } from '../base/time.ts';
import { after, between, seconds } from '../base/time.ts';
import type { Image, WrittenPoint } from './image.ts';

interface Reversion {
  /** The point that says whether the control is in force: any value but `rest`. */
  readonly control: string;
  readonly rest: number;
  /** Where the seconds stand, and where what is left of them is shown. */
  readonly seconds: string;
  readonly remaining?: string;
  /** What besides `control` and `seconds` renews it when written. */
  readonly renews: readonly string[];
  /** At the end each point takes this number, or the value of this point. The control itself comes last. */
  readonly falls: readonly (readonly [point: string, to: string | number])[];
  /** At the end the slot that `fallback` names is asked for; the control is released where it names none (0). */
  readonly slot?: { readonly fallback: string; readonly request: string; readonly result: string };
}

function of123(stem: string, enable: string, renews: readonly string[]): Reversion {
  const control = `123.${enable}`;
  return { control, rest: 0, seconds: `123.${stem}_RvrtTms`, renews, falls: [[control, 0]] };
}

/** The pattern that all controls of 704 share. */
function of704(stem: string, values: readonly string[]): Reversion {
  return {
    control: `704.${stem}Ena`,
    rest: 0,
    seconds: `704.${stem}RvrtTms`,
    remaining: `704.${stem}RvrtRem`,
    renews: values.map(value => `704.${value}`),
    falls: [
      ...values.map(value => [`704.${value}`, `704.${fallback(value)}`] as const),
      [`704.${stem}Ena`, `704.${stem}EnaRvrt`],
    ],
  };
}

/** `WSetPct` falls to `WSetPctRvrt`, `PFWInj.PF` to `PFWInjRvrt.PF`. */
function fallback(value: string): string {
  const [head = '', tail] = value.split('.');
  return tail === undefined ? `${head}Rvrt` : `${head}Rvrt.${tail}`;
}

/** The pattern of 705, 706, 711 and 712: another slot is adopted, `Crv` or `Ctl`. */
function ofSlots(model: number, kind: 'Crv' | 'Ctl'): Reversion {
  const at = (point: string): string => `${model}.${point}`;
  const request = at(`Adpt${kind}Req`);
  return {
    control: at('Ena'),
    rest: 0,
    seconds: at('RvrtTms'),
    remaining: at('RvrtRem'),
    renews: [request],
    falls: [],
    slot: { fallback: at(`Rvrt${kind}`), request, result: at(`Adpt${kind}Rslt`) },
  };
}

/** The pattern of 126 to 134: what nobody renews is switched off. */
function ofSelected(model: number): Reversion {
  const control = `${model}.ModEna`;
  const [seconds, renews] = [`${model}.RvrtTms`, [`${model}.ActCrv`]];
  return { control, rest: 0, seconds, renews, falls: [[control, 0]] };
}

const TABLE: readonly Reversion[] = [
  { control: '123.Conn', rest: 1, seconds: '123.Conn_RvrtTms', renews: [], falls: [['123.Conn', 1]] },
  of123('WMaxLimPct', 'WMaxLim_Ena', ['123.WMaxLimPct']),
  of123('OutPFSet', 'OutPFSet_Ena', ['123.OutPFSet']),
  of123('VArPct', 'VArPct_Ena', ['123.VArMaxPct', '123.VArWMaxPct', '123.VArPct_Mod']),
  {
    control: '124.StorCtl_Mod',
    rest: 0,
    seconds: '124.InOutWRte_RvrtTms',
    renews: ['124.InWRte', '124.OutWRte'],
    falls: [['124.StorCtl_Mod', 0]],
  },
  of704('WMaxLimPct', ['WMaxLimPct']),
  of704('WSet', ['WSet', 'WSetPct']),
  of704('VarSet', ['VarSet', 'VarSetPct']),
  of704('PFWInj', ['PFWInj.PF', 'PFWInj.Ext']),
  of704('PFWAbs', ['PFWAbs.PF', 'PFWAbs.Ext']),
  ofSlots(705, 'Crv'),
  ofSlots(706, 'Crv'),
  ofSlots(711, 'Ctl'),
  ofSlots(712, 'Crv'),
  ...[126, 129, 130, 131, 132, 134].map(model => ofSelected(model)),
];

/** The running timers of one device. */
export class Reversions {
  readonly #image: Image;
  readonly #rows: readonly Reversion[];
  readonly #deadlines = new Map<Reversion, Instant>();

  constructor(image: Image) {
    this.#image = image;
    this.#rows = TABLE.filter(row => image.has(row.control) && image.has(row.seconds));
  }

  /** Starts anew what `written` renews, and stops what it took out of force. */
  written(written: readonly WrittenPoint[], now: Instant): void {
    for (const row of this.#rows) {
      const mine = [row.control, row.seconds, ...row.renews];
      if (!written.some(({ point }) => mine.includes(point))) continue;
      const runs = this.#image.get(row.control) !== row.rest && this.#image.get(row.seconds) > 0;
      if (runs) this.#deadlines.set(row, after(now, seconds(this.#image.get(row.seconds))));
      else this.#deadlines.delete(row);
      this.#show(row, now);
    }
  }

  /** The next end, if any timer runs. */
  next(): Instant | undefined {
    return [...this.#deadlines.values()].sort((a, b) => a - b)[0];
  }

  /** Lets every control fall back whose time has come, and shows what is left of the others. */
  advance(now: Instant): void {
    for (const [row, deadline] of this.#deadlines) {
      if (now >= deadline) {
        this.#deadlines.delete(row);
        this.#fall(row);
      }
      this.#show(row, now);
    }
  }

  #fall(row: Reversion): void {
    if (row.slot !== undefined) this.#fallToSlot(row, row.slot);
    for (const [point, to] of row.falls) {
      const value = typeof to === 'number' ? to : this.#image.has(to) ? this.#image.get(to) : undefined;
      if (value !== undefined && this.#image.has(point)) this.#image.set(point, value);
      // A control without a fallback of its own is released.
      else if (point === row.control) this.#image.set(point, row.rest);
    }
  }

  #fallToSlot(
    { control, rest }: Reversion,
    { fallback, request, result }: NonNullable<Reversion['slot']>,
  ): void {
    const slot = this.#image.get(fallback);
    if (slot === 0) this.#image.set(control, rest);
    else {
      this.#image.set(request, slot);
      // In progress, as after a request from outside.
      this.#image.set(result, 0);
    }
  }

  #show(row: Reversion, now: Instant): void {
    if (row.remaining === undefined || !this.#image.has(row.remaining)) return;
    const deadline = this.#deadlines.get(row);
    this.#image.set(row.remaining, deadline === undefined ? 0 : Math.ceil(between(now, deadline) / 1000));
  }
}
