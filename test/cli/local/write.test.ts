/** `underglass write`: what is written is what was asked, and what became of it is what the registers hold. */
import { expect } from 'chai';
import { serveTcp } from '../../../src/sim/mod.ts';
import type { Server, Unit } from '../../../src/sim/mod.ts';
import { END, SUNS, common, filled } from '../../local/sunspec/chain.ts';
import { MODELS } from '../../local/sunspec/models.ts';
import { underglass } from './support.ts';

/** Model 123 at 40070, as in sunspec/models 7abdf89: WMaxLimPct at offset 5, WMaxLim_Ena 9, WMaxLimPct_SF 23. */
const LIMIT = 40_075;
const ENABLE = 40_079;
const LIMIT_SF = 40_093;

describe('underglass write', () => {
  let server: Server | undefined;
  const writes: (readonly [number, readonly number[]])[] = [];

  afterEach(async () => {
    await server?.close();
    server = undefined;
    writes.length = 0;
  });

  /** Percent in steps of 0.01; models 123 and `more`. Each write is answered with `exception` or taken, or both. */
  async function serve({
    takes = true,
    exception,
    more = [],
  }: {
    takes?: boolean;
    exception?: number;
    more?: readonly number[];
  } = {}): Promise<string> {
    const words = [...SUNS, ...common('Acme', 'S-1'), ...filled(123, 24, 0), ...more, ...END];
    const registers = new Map(words.map((word, at) => [40_000 + at, word]));
    registers.set(LIMIT_SF, 0xfffe);
    const unit: Unit = {
      unit: 1,
      read: (address, count) => {
        const found = Array.from({ length: count }, (_, at) => registers.get(address + at));
        return found.includes(undefined) ? { exception: 2 } : found.map(word => word ?? 0);
      },
      write: (address, values) => {
        writes.push([address, values]);
        if (takes) for (const [at, value] of values.entries()) registers.set(address + at, value);
        return exception === undefined ? undefined : { exception };
      },
    };
    server = await serveTcp({ units: [unit], port: 0 });
    return `tcp://127.0.0.1:${server.port}`;
  }

  it('tells who asks for a number between two steps what the device holds instead', async () => {
    const link = await serve();
    const between = await underglass('write', link, '123.WMaxLimPct=50.006');
    expect(between).to.include({ code: 0, out: '123.WMaxLimPct  50.01 % WMax\nimplemented\n' });
    expect(between.err).to.equal(
      'note: 123.WMaxLimPct=50.006: between two steps of the device; it holds 50.01\n',
    );
    expect((await underglass('write', link, '123.WMaxLimPct=50.01')).err).to.equal('');
    expect(writes).to.deep.equal([
      [LIMIT, [5001]],
      [LIMIT, [5001]],
    ]);
  });

  it('writes no number that the point cannot mean, and says which it can', async () => {
    const link = await serve();
    for (const [order, says] of [
      ['123.WMaxLimPct=-1', '-100 does not fit: 0 to 65535, in steps of 0.01'],
      ['123.WMaxLimPct=655.35', '65535 means not implemented, in steps of 0.01'],
      ['123.WMaxLim_Ena=7', 'it takes DISABLED, ENABLED, or their numbers'],
      ['123.WMaxLim_Ena=0x7', 'it takes DISABLED, ENABLED, or their numbers'],
      ['123.WMaxLim_Ena=ON', 'it takes DISABLED, ENABLED, or their numbers'],
    ] as const) {
      const { code, err } = await underglass('write', link, '123.WMaxLimPct=1', order);
      expect([code, err]).to.deep.equal([2, `underglass: ${order}: ${says}\n`]);
    }
    expect(writes, 'all or nothing').to.deep.equal([]);
    expect((await underglass('write', link, '123.WMaxLim_Ena=0x1')).code).to.equal(0);
    expect(writes).to.deep.equal([[ENABLE, [1]]]);
  });

  it('believes the registers, not a gateway that heard nothing or a device that is still at it', async () => {
    for (const exception of [5, 11]) {
      const taken = await underglass('write', await serve({ exception }), '123.WMaxLimPct=40');
      expect(taken, taken.err).to.include({ code: 0 });
      await server?.close();
      const lost = await underglass('write', await serve({ exception, takes: false }), '123.WMaxLimPct=40');
      expect(lost.code).to.equal(1);
      expect(lost.out).to.match(/refused: .*exception (5|11), but after 1000 ms the registers hold 0x0000/);
      await server?.close();
    }
    const refused = await underglass('write', await serve({ exception: 3 }), '123.WMaxLimPct=40');
    expect(refused.out).to.match(/refused: .*exception 3 \(illegal data value\)/);
  });

  it('parts what one request cannot hold, between two points', async () => {
    // All that can be written of model 13: addresses and names of an IPv6 interface, 166 words in a row.
    const link = await serve({ more: filled(13, 174) });
    const points = MODELS.get(13)?.points.filter(({ access }) => access === 'RW') ?? [];
    const orders = points.map(({ name, type }) => `13.${name}=${type === 'string' ? 'fd00' : 1}`);
    const { code, err } = await underglass('write', link, ...orders);
    expect(code, err).to.equal(0);
    const lengths = writes.map(([, words]) => words.length);
    // Nam; then Cfg, Ctl and five texts of 20 words; then the rest.
    expect(lengths).to.deep.equal([4, 122, 44]);
  });
});
