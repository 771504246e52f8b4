/** The simulator's reading of the model files beside the client's: what one lays down, the other finds. */
import { expect } from 'chai';
import { instant } from '../../src/base/time.ts';
import { shippedModels } from '../../src/io/models.ts';
import type { GroupInstance } from '../../src/local/sunspec/mod.ts';
import { discover, readDevice } from '../../src/local/sunspec/mod.ts';
import type { Conversation, ModbusReply } from '../../src/local/bus/mod.ts';
import { Inverter } from '../../src/sim/mod.ts';
import type { Unit } from '../../src/sim/mod.ts';

function converse<T>(conversation: Conversation<T>, unit: Unit): T {
  let step = conversation.next();
  while (step.done !== true) {
    const request = step.value;
    const words = request.kind === 'read' ? unit.read(request.address, request.count) : [];
    const reply: ModbusReply =
      'exception' in words
        ? { ok: false, refusal: 'exception', retry: 'never', exception: words.exception }
        : { ok: true, words };
    step = conversation.next(reply);
  }
  return step.value;
}

/** Every number below `group`, by its path: `Crv[0].Pt[1].V`. A group that does not repeat has no index here. */
function* numbersIn(group: GroupInstance, prefix: string): Generator<readonly [string, number]> {
  for (const [name, value] of Object.entries(group.points))
    if (typeof value === 'number') yield [prefix + name, value];
  for (const [name, instances] of Object.entries(group.groups))
    for (const [n, instance] of instances.entries()) {
      const repeats = instances.length > 1 || name === 'Prt';
      yield* numbersIn(instance, `${prefix}${name}${repeats ? `[${n}]` : ''}.`);
    }
}

describe('sim layout', () => {
  it('says to the reader of the client what it holds, in every point of every model and group', async () => {
    const models = await shippedModels();
    const inverter = new Inverter(instant(0));
    inverter.advance(instant(20_000), 5000, { voltageV: 231.5, frequencyHz: 50.01 });
    const found = converse(discover({ unit: 1, models }), inverter.wire);
    const device = found.ok ? found.value.devices[0] : undefined;
    if (device === undefined) throw new Error('not found');
    const read = converse(readDevice(device, { models }), inverter.wire);
    if (!read.ok) throw new Error(read.detail);
    const curves = new Map<number, number>();
    for (const model of read.value)
      for (const [path, value] of numbersIn(model, `${model.id}.`)) {
        if (!inverter.image.has(path)) continue;
        expect(inverter.image.get(path), path).to.equal(value);
        if (path.includes('[')) curves.set(model.id, (curves.get(model.id) ?? 0) + 1);
      }
    // Three slots: 9 points and 6 × 2 in 705; 4 and 12 in 706; 1 and 3 × (1 + 5 × 2) in the trips; 7 in 711;
    // 4 and 12 in 712; one port of 10 numbers in 714.
    expect([...curves]).to.deep.equal([
      [705, 63],
      [706, 48],
      [707, 102],
      [708, 102],
      [709, 102],
      [710, 102],
      [711, 21],
      [712, 48],
      [714, 10],
    ]);
  });
});
