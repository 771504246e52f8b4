/**
 * The devices of a benchmark, in a process of their own, so that what they cost is not counted: full devices of IEEE
 * 1547 (models 1 and 701 to 714) on TCP ports. Told what is wanted by its parent, it answers with the ports.
 */
import { Image, models1547, serveTcp, serveTcpLine } from '../../src/sim/mod.ts';
import type { Fault, ModelValues, Unit } from '../../src/sim/mod.ts';

export interface Wanted {
  readonly ports: number;
  /** Devices behind each port, with the units 1, 2, … */
  readonly units: number;
  /** A unit that never answers, and the one port where it does not: 0, 1, … */
  readonly silent?: { readonly unit: number; readonly port: number };
}

const RATED_W = 8000;

/** What is measured is another value at every request, as it is of a device at work: where it begins, and its span. */
const MOVING = [
  ['701.W', 3000, 997],
  ['701.Var', 100, 83],
  ['701.LNV', 228, 5],
  ['713.SoC', 40, 21],
  ['714.DCW', 3000, 991],
] as const;

function full1547(unit: number): Unit {
  const models: ModelValues[] = [
    { id: 1, values: { Mn: 'Underglass', Md: 'Bench', Opt: '', Vr: '1', SN: `B-${unit}`, DA: unit } },
    ...models1547(RATED_W, { delayS: 300, rampS: 300 }),
  ];
  const storage = { WHRtg: 10_000, WHAvail: 5000, SoC: 50, SoH: 100, Sta: 0, WH_SF: 0, Pct_SF: -1 };
  models.splice(-1, 0, { id: 713, values: storage });
  const image = new Image(models);
  let reads = 0;
  return {
    unit,
    read: (address, count) => {
      reads += 1;
      for (const [point, lowest, span] of MOVING) image.set(point, lowest + (reads % span));
      return image.read(address, count);
    },
    write: (address, words) => {
      const result = image.write(address, words, () => undefined);
      return 'exception' in result ? result : undefined;
    },
  };
}

async function serve({ ports, units, silent }: Wanted): Promise<number[]> {
  const open: number[] = [];
  for (let n = 0; n < ports; n++) {
    const server = await serveTcp({
      units: Array.from({ length: units }, (_, at) => full1547(at + 1)),
      port: 0,
    });
    open.push(silent?.port === n ? await behindLine(server.port, silent.unit) : server.port);
  }
  return open;
}

async function behindLine(port: number, unit: number): Promise<number> {
  const faults: readonly Fault[] = [{ kind: 'lost', what: 'request', only: { unit } }];
  return (await serveTcpLine({ to: { port }, faults })).port;
}

process.once('message', wanted => {
  void serve(wanted as Wanted).then(ports => process.send?.(ports));
});
