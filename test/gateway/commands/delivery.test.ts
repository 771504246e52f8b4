import { expect } from 'chai';
import { hours, milliseconds, minutes, seconds, unixTime } from '../../../src/base/time.ts';
import { MAX_DELIVERIES, SEEK_FOR, TRIAL_FOR, WELL_FOR } from '../../../src/gateway/commands/delivery.ts';
import type { DeliveryEvents, DeliveryPort, DeliverySaid, DeliveryWish } from '../../../src/gateway/mod.ts';
import { DELIVERIES } from '../../../src/model/mod.ts';
import type { FileId, ManifestBody } from '../../../src/model/mod.ts';
import { T0 } from '../../support/events.ts';
import { someBytes, testFile } from '../../wan/delivery/files.ts';
import { Bench, PV } from '../bench.ts';
import { World } from '../ports.ts';

const FILE = testFile(someBytes(900)).manifest;
const FIRMWARE: Partial<ManifestBody> = { delivers: 'device-firmware', model: 'X5', version: '3.0' };
const DELIVERIES_TOLD = { accepts: DELIVERIES, maxBytes: 1_000_000 };

function manifest(changes: Partial<ManifestBody> = {}): ManifestBody {
  return { ...FILE, ...changes };
}

function ready(): Bench {
  const bench = Bench.ready({ version: '1.0.0', deliveries: DELIVERIES_TOLD });
  device(bench, 'present', '2.0');
  bench.take();
  return bench;
}

function device(bench: Bench, is: 'present' | 'lost', version: string): void {
  const product = { manufacturer: 'Sun', model: 'X5', version };
  const state = { device: PV, present: is === 'present', model: 'Sun X5', product, axes: [], why: 'test' };
  bench.step({ on: 'device', state });
}

function said(bench: Bench, what: DeliverySaid, file: FileId = FILE.file): void {
  bench.step({ on: 'delivery', file, said: what });
}

const wishes = (bench: Bench): readonly DeliveryWish[] =>
  bench.effects.flatMap(effect => (effect.do === 'deliver' ? [effect.wish] : []));
const wished = (bench: Bench): readonly string[] => wishes(bench).map(({ is }) => is);

/** Announced, whole, and on trial. */
function onTrial(): Bench {
  const bench = ready();
  bench.command(manifest());
  said(bench, { is: 'whole' });
  bench.restart();
  said(bench, { is: 'trial' });
  return bench;
}

describe('a delivery to a gateway', () => {
  it('is stored before its file is fetched, asks for its chunks, and is acknowledged at each stage', () => {
    const bench = ready();
    const { cti } = bench.command(manifest());
    expect(bench.effects[0]?.do).to.equal('persist');
    expect(bench.changes()).to.deep.include.members([
      { op: 'put', kind: 'delivery', key: FILE.file, value: bench.state.deliveries.jobs.get(FILE.file) },
    ]);
    expect(wishes(bench)).to.deep.equal([{ is: 'fetch', manifest: FILE }]);
    said(bench, { is: 'wants', of: FILE.list, pieces: [0], held: 0 });
    expect(bench.reported('request').map(({ body }) => body)).to.deep.include.members([
      {
        kind: 'request',
        wants: 'chunks',
        file: FILE.file,
        of: FILE.list,
        pieces: [0],
        held: 0,
        why: `0 chunks of ${FILE.file.slice(0, 8)} are here`,
      },
    ]);
    said(bench, { is: 'whole' });
    expect(wished(bench)).to.deep.equal(['fetch', 'install']);
    said(bench, { is: 'trial' });
    bench.reading({});
    bench.until(bench.ms + WELL_FOR);
    expect(wishes(bench).at(-1)).to.include({ is: 'settle', verdict: 'keep', file: FILE.file });
    said(bench, { is: 'applied' });
    expect(wished(bench).at(-1)).to.equal('discard');
    expect(bench.story()).to.deep.equal(['received', 'started', 'completed']);
    expect(bench.receipts().every(receipt => receipt.cti === cti)).to.equal(true);
  });

  it('goes on after a restart where it stood, in every phase, and says its end once', () => {
    const bench = ready();
    bench.command(manifest());
    bench.restart();
    expect(wished(bench)).to.deep.equal(['fetch']);
    said(bench, { is: 'whole' });
    bench.restart();
    expect(wished(bench)).to.deep.equal(['install']);
    said(bench, { is: 'applied' });
    said(bench, { is: 'applied' });
    bench.restart();
    expect(wished(bench)).to.deep.equal([]);
    expect(bench.story().filter(line => line === 'completed')).to.have.length(1);
  });

  it('that does not fit is refused by name, and nothing is fetched', () => {
    const bench = ready();
    bench.command(manifest({ model: 'X5' }));
    bench.command(manifest({ delivers: 'gateway-version', version: '0.9.0' }));
    bench.command(manifest({ size: 1_000_001 }));
    expect(bench.story()).to.deep.equal([
      'invalid model-not-here',
      'invalid version-not-newer',
      'invalid no-room',
    ]);
    const none = Bench.ready();
    none.command(manifest());
    expect(none.story()).to.deep.equal(['invalid delivery-unsupported']);
    expect([...wished(bench), ...wished(none)]).to.deep.equal([]);
  });

  it('is refused while the same file is under way, and for later where four are', () => {
    const bench = ready();
    bench.command(manifest());
    bench.command(manifest());
    for (let n = 1; n <= MAX_DELIVERIES; n++)
      bench.command(manifest({ file: `${n}`.repeat(64) as FileId, size: 1 }));
    expect(bench.story()).to.deep.equal([
      'received',
      'invalid delivery-under-way',
      ...Array<string>(MAX_DELIVERIES - 1).fill('received'),
      'invalid too-many-deliveries',
    ]);
    expect(bench.receipts().at(-1)).to.include({ retry: 'later' });
  });

  it('is applied when no other is: two changes at once have no health of their own', () => {
    const bench = ready();
    const second = manifest({ file: '2'.repeat(64) as FileId, size: 1 });
    bench.command(manifest());
    bench.command(second);
    said(bench, { is: 'whole' });
    said(bench, { is: 'whole' }, second.file);
    expect(wishes(bench).flatMap(w => (w.is === 'install' ? [w.manifest.file] : []))).to.deep.equal([
      FILE.file,
    ]);
    said(bench, { is: 'failed', refusal: 'not-valid', why: 'line 3' });
    expect(wishes(bench).flatMap(w => (w.is === 'install' ? [w.manifest.file] : []))).to.deep.equal([
      FILE.file,
      second.file,
    ]);
    expect(bench.receipts().some(r => r.refusal === 'not-valid' && r.why === 'line 3')).to.equal(true);
  });

  it('is given up when its time is up before it is whole', () => {
    const bench = ready();
    bench.command(manifest(), { expires: unixTime(T0 + hours(1)) });
    bench.until(hours(1) - 1);
    expect(bench.story()).to.deep.equal(['received']);
    bench.until(hours(1));
    bench.step({ on: 'tick' });
    expect(bench.story()).to.deep.equal(['received', 'abortedByProgram delivery-expired']);
    expect(wished(bench).at(-1)).to.equal('discard');
  });
});

describe('a gateway on trial', () => {
  it('is kept when link and devices were well for thirty seconds on end, not a millisecond before', () => {
    const bench = onTrial();
    device(bench, 'present', '2.0');
    bench.link('up');
    bench.until(bench.ms + 10_000);
    expect(wished(bench)).to.not.include('settle');
    bench.reading({});
    bench.until(bench.ms + 20_000);
    bench.link('down');
    bench.link('up');
    bench.until(bench.ms + WELL_FOR - 1);
    expect(wished(bench)).to.not.include('settle');
    bench.until(bench.ms + 1);
    expect(wishes(bench).at(-1)).to.include({ is: 'settle', verdict: 'keep' });
  });

  it('is kept after as long as is configured', () => {
    const bench = onTrial();
    const { deliveries } = bench.settings;
    Object.assign(bench.settings, { deliveries: { ...deliveries, wellFor: seconds(7) } });
    device(bench, 'present', '2.0');
    bench.link('up');
    bench.reading({});
    bench.until(bench.ms + 6999);
    expect(wished(bench)).to.not.include('settle');
    bench.until(bench.ms + 1);
    expect(wishes(bench).at(-1)).to.include({ is: 'settle', verdict: 'keep' });
  });

  it('goes back when a device that was there is not read in time, and says which', () => {
    const bench = onTrial();
    bench.link('up');
    bench.until(bench.ms + TRIAL_FOR - 1);
    expect(wished(bench)).to.not.include('settle');
    bench.until(bench.ms + 1);
    expect(wishes(bench).at(-1)).to.deep.equal({
      is: 'settle',
      file: FILE.file,
      verdict: 'roll-back',
      why: 'pv not read',
    });
    bench.restart();
    said(bench, { is: 'failed', refusal: 'rolled-back', why: 'pv not read' });
    expect(bench.story().at(-1)).to.equal('abortedByProgram rolled-back');
  });

  it('goes back when the utility is not reached in time', () => {
    const bench = onTrial();
    device(bench, 'present', '2.0');
    bench.reading({});
    bench.until(bench.ms + TRIAL_FOR);
    expect(wishes(bench).at(-1)).to.include({ verdict: 'roll-back', why: 'the utility is not reached' });
  });
});

describe('firmware for devices', () => {
  it('is done when every device of the model says its new version', () => {
    const bench = ready();
    bench.command(manifest(FIRMWARE));
    said(bench, { is: 'whole' });
    expect(wishes(bench).at(-1)).to.deep.include({ is: 'install', devices: [PV] });
    said(bench, { is: 'applied' });
    expect(bench.story().at(-1)).to.equal('started');
    device(bench, 'lost', '2.0');
    device(bench, 'present', '3.0');
    expect(bench.story().at(-1)).to.equal('completed');
  });

  it('has failed where a device does not say it in a quarter of an hour', () => {
    const bench = ready();
    bench.command(manifest(FIRMWARE));
    said(bench, { is: 'whole' });
    said(bench, { is: 'applied' });
    bench.until(bench.ms + SEEK_FOR - 1);
    expect(bench.story().at(-1)).to.equal('started');
    bench.until(bench.ms + 1);
    expect(bench.story().at(-1)).to.equal('abortedByProgram version-not-seen');
    expect(bench.receipts().at(-1)?.why).to.equal('pv did not say version 3.0 in time');
  });
});

describe('the door of deliveries', () => {
  it('is listened to for its own chunks only, past the step, and acknowledges what it kept', async () => {
    const world = new World();
    const did: string[] = [];
    let events: DeliveryEvents | undefined;
    const kept = Promise.withResolvers<void>();
    const doorOf = (told: DeliveryEvents): DeliveryPort => {
      events = told;
      return {
        fetch: ({ file }) => void did.push(`fetch ${file.slice(0, 4)}`),
        install: () => void did.push('install'),
        settle: () => {},
        discard: () => void did.push('discard'),
        chunk: ({ n }) => (did.push(`chunk ${n}`), kept.promise),
        link: up => void did.push(`link ${up}`),
        close: () => Promise.resolve(void did.push('close')),
      };
    };
    await world.start({ delivery: doorOf }, { deliveries: DELIVERIES_TOLD });
    world.broker?.link({ up: true, why: 'test' });
    world.command(FILE);
    await world.settled();
    expect(did).to.deep.equal(['link true', `fetch ${FILE.file.slice(0, 4)}`]);
    expect(world.log).to.include('subscribe 2');
    world.log.length = 0;
    const topic = `ug/1/demo-utility/blob/${FILE.file}/7`;
    world.deliver({ topic, payload: Uint8Array.of(1), cti: '' as never });
    await world.settled();
    expect(did.at(-1)).to.equal('chunk 7');
    expect(world.log).to.deep.equal([]);
    kept.resolve();
    await world.settled();
    expect(world.log).to.deep.equal(['puback']);
    events?.said(FILE.file, { is: 'whole' });
    await world.settled();
    expect(world.log).to.include('unsubscribe 2');
    await world.gateway?.stop();
    expect(did.at(-1)).to.equal('close');
    await world.start({ delivery: doorOf }, { deliveries: DELIVERIES_TOLD });
    expect(did.at(-1), 'after a restart it is asked again').to.equal('install');
    await world.gateway?.stop();
    expect([seconds(30), minutes(5), milliseconds(900_000)]).to.deep.equal([WELL_FOR, TRIAL_FOR, SEEK_FOR]);
  });
});
