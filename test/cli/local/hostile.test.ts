/** A device as an attacker: what it says may look odd, but it neither ends the program nor moves a cursor. */
import { expect } from 'chai';
import { describeScan } from '../../../src/cli/local/scanned.ts';
import { legible, legibleJson, oneLine } from '../../../src/cli/legible.ts';
import { serveTcp } from '../../../src/sim/mod.ts';
import type { Server, Unit } from '../../../src/sim/mod.ts';
import { END, SUNS, common, filled } from '../../local/sunspec/chain.ts';
import { MODELS } from '../../local/sunspec/models.ts';
import { underglass } from './support.ts';

/** Clears the screen, rings, breaks the line, renames the window, turns the writing round. */
const NAME = '\u001b[2J\u0007\nX\u001b]0;y\u0007';
/** What a terminal obeys, but for the ends of our own lines. */
// oxlint-disable-next-line no-control-regex -- these are what must not come out
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/u;

describe('a hostile device on the command line', () => {
  let server: Server | undefined;

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  /** Registers from 40000 on; `rest` is what stands behind them, up to the last register. */
  async function serve(words: readonly number[], rest?: (address: number) => number): Promise<string> {
    const at = (address: number) =>
      words[address - 40_000] ?? (address >= 40_000 ? rest?.(address) : undefined);
    const unit: Unit = {
      unit: 1,
      read: (address, count) => {
        const found = Array.from({ length: count }, (_, index) => at(address + index));
        return found.includes(undefined) ? { exception: 2 } : found.map(word => word ?? 0);
      },
      write: () => ({ exception: 2 }),
    };
    server = await serveTcp({ units: [unit], port: 0 });
    return `tcp://127.0.0.1:${server.port}`;
  }

  it('its names move no cursor and break no line: scan, read, watch, and their JSON', async () => {
    const link = await serve([...SUNS, ...common(NAME, NAME), ...filled(103, 50), ...END]);
    for (const command of [
      ['scan', link],
      ['read', link, '1'],
      ['watch', link, '1.Mn', '--count', '1'],
    ])
      for (const json of [[], ['--json']]) {
        const { code, out, err } = await underglass(...command, ...json);
        expect(code, err).to.equal(0);
        expect(out + err).not.to.match(OBEYED);
      }
    const { out } = await underglass('scan', link);
    expect(out).to.include('·[2J··X·]0;y·');
    const { out: json } = await underglass('scan', link, '--json');
    const [device] = (JSON.parse(json) as { devices: { manufacturer: string }[] }).devices;
    expect(device?.manufacturer).to.equal(NAME);
  });

  it('signs of all planes are told apart: what is obeyed is a dot, what is written stays', () => {
    expect(oneLine('a\u009bb\nc\u2028d\u202ee é 日 🔋')).to.equal('a·b·c·d·e é 日 🔋');
    expect(legible('a\u009bb\nc\td')).to.equal('a·b\nc·d');
    const value = { x: '\u009b\u202e\n\u{e0001}é' };
    expect(legibleJson(value)).not.to.match(/[\u0080-\u009f\u202e\u{e0001}]/u);
    expect(JSON.parse(legibleJson(value, 2))).to.deep.equal(value);
  });

  it('a model that claims more registers than there are ends the map, and nothing else', async () => {
    const link = await serve([...SUNS, ...common('Acme', 'S'), 705, 65_000], address => address & 0xffff);
    const { code, out, err } = await underglass('scan', link, '--json');
    expect(code, err).to.equal(0);
    const { devices } = JSON.parse(out) as { devices: { models: { id: number }[] }[] };
    expect(devices.map(({ models }) => models.map(({ id }) => id))).to.deep.equal([[1]]);
    expect(err).to.include('the map has no end: given up at register 40070');
  });

  it('a chain without end is given up, and told of in a few lines', async () => {
    const link = await serve([...SUNS], address => 1 - (address & 1));
    const { code, err } = await underglass('scan', link, '--brief');
    expect(code, err).to.equal(0);
    expect(err).to.include('the map has no end');
    expect(err.split('\n').length).to.be.below(20);
  });

  it('a name that is all blanks or none leaves a device without a name', () => {
    const device = { unit: 1, models: [] };
    const scan = { base: 0, devices: [{ device, instances: [] }], end: { how: 'zero' as const, address: 2 } };
    expect(describeScan(scan, MODELS)).to.include('a device without a name');
  });
});
