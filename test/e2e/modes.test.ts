/**
 * Modes of devices over the WAN, as an operator asks for and sets them: a head end's commands, two gateways and
 * two generations of inverter on real sockets. The registers are read back beside the gateway.
 */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { openLedger } from '../../src/io/store/mod.ts';
import { systemClock } from '../../src/io/clock.ts';
import { shippedModels } from '../../src/io/models.ts';
import type { GatewayId, GroupId, ModeHeld, ModeSetBy } from '../../src/model/mod.ts';
import { recordedUnit, serveTcp } from '../../src/sim/mod.ts';
import type { Server } from '../../src/sim/mod.ts';
import { GroupRegistry } from '../../src/utility/mod.ts';
import { UtilityWorld } from '../cli/utility/world.ts';
import { underglass } from '../cli/local/support.ts';
import { wordsOf } from '../local/device/plant.ts';

/** An inverter of the older generation: what is written stays as it was written. */
const OLDER = [1, 103, 120, 121, 123, 126, 129, 130, 145];
const END = [0xffff, 0];
const MARKER = [0x5375, 0x6e53];

interface Devices {
  readonly devices: readonly {
    readonly gateway: string;
    readonly device: string;
    readonly cti: string;
    readonly missing: number;
    readonly modes: readonly ModeHeld[];
    readonly setBy: readonly ModeSetBy[];
  }[];
}

describe('modes over the WAN', function () {
  this.timeout(60_000);
  let world: UtilityWorld;
  let older: Server;
  let olderLink = '';

  before(async () => {
    const words = [...MARKER, ...OLDER.flatMap(wordsOf), ...END];
    const registers = [{ address: 40_000, words }];
    older = await serveTcp({
      units: [recordedUnit({ unit: 1, registers, models: await shippedModels() })],
      port: 0,
      host: '127.0.0.1',
    });
    olderLink = `tcp://127.0.0.1:${older.port}?unit=1`;
    world = await UtilityWorld.open(['gw-new', 'gw-old'], { 'gw-old': olderLink });
    const ledger = openLedger(world.path('head-end.sqlite'));
    if (!ledger.ok) throw new Error(ledger.detail);
    const registry = await GroupRegistry.open(ledger.value, systemClock, randomBytes);
    await registry.create('all' as GroupId);
    await registry.add('all' as GroupId, ['gw-new', 'gw-old'] as GatewayId[]);
    await ledger.value.close();
  });
  after(async () => {
    await world.close();
    await older.close();
  });

  async function told(line: string): Promise<Devices> {
    const said = await world.utility(`${line} --json`);
    expect(said.code, said.err).to.equal(0);
    return JSON.parse(said.out) as Devices;
  }

  function mode(devices: Devices, gateway: string, name: string): ModeHeld | undefined {
    return devices.devices.find(one => one.gateway === gateway)?.modes.find(held => held.mode === name);
  }

  it('SIWG-4: of a group are asked for: what is on, which curve is active, its points, and what could be put in force', async () => {
    const all = await told('interrogate --group all');
    expect(all.devices.map(({ gateway, missing }) => [gateway, missing])).to.deep.equal([
      ['gw-new', 0],
      ['gw-old', 0],
    ]);
    const { inverter } = world.premises[0]?.home.links ?? { inverter: '' };
    const read = await underglass('read', inverter, '705.Ena', '705.Crv[0].Pt[0].V', '--json');
    const { points } = JSON.parse(read.out) as { points: Record<string, number> };
    const voltVar = mode(all, 'gw-new', 'opModVoltVar');
    expect(voltVar?.state).to.equal(points['705.Ena'] === 1 ? 'on' : 'off');
    expect(voltVar?.slots?.length ?? 0).to.be.above(1);
    expect(mode(all, 'gw-old', 'opModVoltVar')).to.include({ model: 126, activeSlot: 1 });
    expect(all.devices.flatMap(({ setBy }) => setBy)).to.deep.equal([]);
  });

  it('SIWG-5: a standard packet by its name is adopted, read back, and told with who set it (SIWG-4)', async () => {
    const set = await world.utility('curve --gateway gw-new --packet ieee1547-2018-volt-var-b');
    expect(set.code, set.err).to.equal(0);
    expect(set.out)
      .to.match(/inverter opModVoltVar implemented/)
      .and.to.match(/705\.AdptCrvReq at \d+: wrote 2/);
    const { inverter } = world.premises[0]?.home.links ?? { inverter: '' };
    const points = ['705.Ena', ...[0, 1, 2, 3].map(at => `705.Crv[0].Pt[${at}].V`), '705.Crv[0].Pt[3].Var'];
    const read = await underglass('read', inverter, ...points, '--json');
    const values = (JSON.parse(read.out) as { points: Record<string, number> }).points;
    expect(points.map(point => values[point])).to.deep.equal([1, 92, 98, 102, 108, -44]);
    const all = await told('interrogate --gateway gw-new --device inverter');
    expect(mode(all, 'gw-new', 'opModVoltVar')).to.deep.include({ state: 'on', model: 705 });
    expect(mode(all, 'gw-new', 'opModVoltVar')?.curve?.points).to.deep.equal([
      { x: 92, y: 44 },
      { x: 98, y: 0 },
      { x: 102, y: 0 },
      { x: 108, y: -44 },
    ]);
    expect(all.devices[0]?.setBy).to.have.length(1);
    expect(all.devices[0]?.setBy[0]).to.include({
      mode: 'opModVoltVar',
      issuer: 'grid-ops',
      packet: 'ieee1547-2018-volt-var-b',
    });
  });

  it('SIWG-5: special ones are written out: a curve of its own on the older generation, settings, and one switched off', async () => {
    const set = await world.utility(
      'curve --gateway gw-old --curve opModVoltVar --points 90:30 97:0 103:0 110:-30 --reference VArMax',
    );
    expect(set.code, set.err).to.equal(0);
    const active = await underglass('read', olderLink, '126.ActCrv', '--json');
    const slot = (JSON.parse(active.out) as { points: Record<string, number> }).points['126.ActCrv'] ?? 0;
    const names = [`126.curve[${slot - 1}].V1`, `126.curve[${slot - 1}].VAr1`, `126.curve[${slot - 1}].V4`];
    const read = await underglass('read', olderLink, ...names, '--json');
    const { points } = JSON.parse(read.out) as { points: Record<string, number> };
    expect(names.map(name => points[name])).to.deep.equal([90, 30, 110]);
    const off = await world.utility(
      'curve --gateway gw-new --settings setES --set delayS=120 --off opModVoltVar',
    );
    expect(off.code, off.err).to.equal(0);
    const { inverter } = world.premises[0]?.home.links ?? { inverter: '' };
    const after = await underglass('read', inverter, '703.ESDlyTms', '705.Ena', '--json');
    expect((JSON.parse(after.out) as { points: object }).points).to.deep.equal({
      '703.ESDlyTms': 120,
      '705.Ena': 0,
    });
  });

  it('SIWG-4: what was last told is shown without a question, when the gateways are gone', async () => {
    const before = await told('interrogate --gateway gw-old');
    for (const premise of world.premises) await premise.stop();
    const known = await told('interrogate --gateway gw-old --known');
    expect(known.devices[0]?.cti).to.equal(before.devices[0]?.cti);
    expect(known.devices[0]?.modes).to.deep.equal(before.devices[0]?.modes);
    const nobody = await world.utility('interrogate --gateway gw-old --timeout 1');
    expect(nobody.code).to.equal(3);
    const never = await world.utility('interrogate --gateway gw-never --known');
    expect(never.code).to.equal(1);
    expect(never.err).to.contain('never-told');
  });
});
