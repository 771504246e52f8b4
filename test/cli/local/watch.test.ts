/** `underglass watch` at a device that changes while it is looked at. */
import { expect } from 'chai';
import { shown } from '../../../src/cli/local/points.ts';
import { serveTcp } from '../../../src/sim/mod.ts';
import type { Server, Unit } from '../../../src/sim/mod.ts';
import { END, SUNS, common, filled } from '../../local/sunspec/chain.ts';
import { underglass } from './support.ts';

describe('underglass watch', () => {
  let server: Server | undefined;

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  /** Integers first; from the request on that is the `after`th to ask for W, the same inverter in floats. */
  async function serve(after: number): Promise<string> {
    const mapOf = (id: number, length: number, words: readonly number[]) => [
      ...SUNS,
      ...common('Acme', 'S-1'),
      ...filled(id, length, 0).toSpliced(2, words.length, ...words),
      ...END,
    ];
    // Model 103: W at offset 14, W_SF 15. Model 113: W is the float at offset 22; 812.4 is 0x444b199a.
    const integers = mapOf(103, 50, [...Array<number>(12).fill(0), 812, 0]);
    const floats = mapOf(113, 60, [...Array<number>(20).fill(0), 0x444b, 0x199a]);
    let asked = 0;
    const unit: Unit = {
      unit: 1,
      read: (address, count) => {
        // The model itself is read from its header on, beyond it; discovery reads the header alone.
        if (address === 40_070 && count > 2) asked += 1;
        const words = asked > after ? floats : integers;
        const found = Array.from({ length: count }, (_, at) => words[address - 40_000 + at]);
        return found.includes(undefined) ? { exception: 2 } : found.map(word => word ?? 0);
      },
      write: () => ({ exception: 2 }),
    };
    server = await serveTcp({ units: [unit], port: 0 });
    return `tcp://127.0.0.1:${server.port}`;
  }

  it('looks at the map anew when another model stands there, and goes on', async () => {
    const { code, out } = await underglass('watch', await serve(2), '--count', '4', '--every', '0.1');
    expect(code).to.equal(0);
    const lines = out.trim().split('\n');
    expect(lines).to.have.length(4);
    for (const line of lines.slice(0, 2)) expect(line).to.include('103.W 812 W');
    expect(lines[2]).to.include('model 103 is no longer at 40070');
    expect(lines[3]).to.include('113.W 812.4 W');
  });

  it('ends when the point it was told to watch is gone for good', async () => {
    const link = await serve(1);
    const { code, out, err } = await underglass('watch', link, '103.W', '--count', '9', '--every', '0.1');
    expect(code).to.equal(1);
    expect(out.trim().split('\n')).to.have.length(2);
    expect(err).to.include('103.W: the device has no such model; it has 1, 113');
  });

  it('shows of a float of 32 bits the digits it has', () => {
    const def = { name: 'Hz', type: 'float32', size: 2 } as const;
    for (const [value, text] of [
      [Math.fround(50.01), '50.01'],
      [Math.fround(0.1), '0.1'],
      [-99.5, '-99.5'],
      [16_777_216, '16777216'],
      [Math.fround(1 / 3), '0.33333334'],
    ] as const)
      expect(shown({ def, value })).to.equal(text);
    expect(shown({ def: { ...def, type: 'float64', size: 4 }, value: 0.1 + 0.2 })).to.equal(`${0.1 + 0.2}`);
  });
});
