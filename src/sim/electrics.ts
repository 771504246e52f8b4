/**
 * From power to what an instrument at the terminals shows, written into models 103, 203, 701 and 714: three phases of a
 * symmetric grid, apparent power, current, power factor and frequency that belong together.
 */
import type { Image } from './image.ts';

/** What the grid does at the terminals. */
export interface Grid {
  /** Phase to neutral. */
  readonly voltageV: number;
  readonly frequencyHz: number;
}

/** Power at the terminals: for a source positive is given out, for a meter positive is drawn from the grid. */
export interface Power {
  readonly powerW: number;
  readonly reactiveVar: number;
}

/** cos φ with the sign of the power; 1 where nothing flows. */
export function powerFactor({ powerW, reactiveVar }: Power): number {
  const apparentVA = Math.hypot(powerW, reactiveVar);
  return apparentVA === 0 ? 1 : powerW / apparentVA;
}

/** Model 103. Temperature is that of a heat sink that warms with the power. */
export function show103(image: Image, power: Power, grid: Grid): void {
  const apparentVA = Math.hypot(power.powerW, power.reactiveVar);
  const phaseA = apparentVA / 3 / grid.voltageV;
  image.set('103.A', 3 * phaseA);
  for (const phase of ['A', 'B', 'C']) {
    image.set(`103.Aph${phase}`, phaseA);
    image.set(`103.PhVph${phase}`, grid.voltageV);
  }
  for (const pair of ['AB', 'BC', 'CA']) image.set(`103.PPVph${pair}`, grid.voltageV * Math.sqrt(3));
  image.set('103.W', power.powerW);
  image.set('103.VA', apparentVA);
  image.set('103.VAr', power.reactiveVar);
  image.set('103.PF', 100 * powerFactor(power));
  image.set('103.Hz', grid.frequencyHz);
}

/** Model 701. */
export function show701(image: Image, power: Power, grid: Grid): void {
  const apparentVA = Math.hypot(power.powerW, power.reactiveVar);
  image.set('701.W', power.powerW);
  image.set('701.VA', apparentVA);
  image.set('701.Var', power.reactiveVar);
  image.set('701.PF', powerFactor(power));
  image.set('701.A', apparentVA / grid.voltageV);
  image.set('701.LNV', grid.voltageV);
  image.set('701.LLV', grid.voltageV * Math.sqrt(3));
  image.set('701.Hz', grid.frequencyHz);
}

/** Model 714 with one port: what the array gives. */
export function show714(
  image: Image,
  array: { readonly powerW: number; readonly voltageV: number; readonly energyWh: number },
): void {
  for (const place of ['714', '714.Prt[0]']) {
    image.set(`${place}.DCW`, array.powerW);
    image.set(`${place}.DCA`, array.powerW / array.voltageV);
    image.set(`${place}.DCWhInj`, Math.floor(array.energyWh));
  }
  image.set('714.Prt[0].DCV', array.voltageV);
}

/** Shares of the three phases in the load of a house: sockets are never spread evenly. */
const PHASES = [
  ['A', 0.45],
  ['B', 0.33],
  ['C', 0.22],
] as const;

/** Model 203: the load lies unevenly, what comes from the symmetric sources evenly. */
export function show203(image: Image, flows: { load: Power; sources: Power }, grid: Grid): void {
  const total = { W: 0, VA: 0, VAR: 0, A: 0 };
  for (const [phase, share] of PHASES) {
    const powerW = flows.load.powerW * share - flows.sources.powerW / 3;
    const reactiveVar = flows.load.reactiveVar * share - flows.sources.reactiveVar / 3;
    const apparentVA = Math.hypot(powerW, reactiveVar);
    const amps = apparentVA / grid.voltageV;
    image.set(`203.Wph${phase}`, powerW);
    image.set(`203.VARph${phase}`, reactiveVar);
    image.set(`203.VAph${phase}`, apparentVA);
    image.set(`203.PFph${phase}`, 100 * powerFactor({ powerW, reactiveVar }));
    image.set(`203.Aph${phase}`, amps);
    image.set(`203.PhVph${phase}`, grid.voltageV);
    total.W += powerW;
    total.VAR += reactiveVar;
    total.A += amps;
  }
  image.set('203.W', total.W);
  image.set('203.VAR', total.VAR);
  image.set('203.VA', Math.hypot(total.W, total.VAR));
  image.set('203.PF', 100 * powerFactor({ powerW: total.W, reactiveVar: total.VAR }));
  image.set('203.A', total.A);
  image.set('203.PhV', grid.voltageV);
  image.set('203.PPV', grid.voltageV * Math.sqrt(3));
  for (const pair of ['AB', 'BC', 'CA']) image.set(`203.PhVph${pair}`, grid.voltageV * Math.sqrt(3));
  image.set('203.Hz', grid.frequencyHz);
}
