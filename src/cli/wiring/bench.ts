/**
 * A bench from its link: the device over the bus and as bare bytes, the clock, and what stands around it. For
 * `sim:` the device is a simulated inverter on a real socket, and the instruments see its terminals.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as later } from 'node:timers/promises';
import { fence } from '../../../hil/mod.ts';
import type {
  BenchPorts,
  DevicePort,
  FrameLog,
  InstrumentPort,
  Limits,
  RawPort,
  Stimulus,
} from '../../../hil/mod.ts';
import { ok } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { instant } from '../../base/time.ts';
import { systemClock } from '../../io/clock.ts';
import { openBytes } from '../../io/instruments/mod.ts';
import { framingOf, openBus } from '../../io/modbus/mod.ts';
import type { Bus, BusOptions, Link, Traffic } from '../../io/modbus/mod.ts';
import { linkManners, requestManners, withManners } from '../../local/profiles/mod.ts';
import type { Profile } from '../../local/profiles/mod.ts';
import { Inverter, serveTcp } from '../../sim/mod.ts';
import { captureOf, linkOf } from '../local/device.ts';

export interface WiredBench {
  readonly ports: BenchPorts;
  /** The link as the report shows it. */
  readonly link: string;
  close(): Promise<void>;
}

/** What stands for a link to the simulated inverter. */
const SIMULATED = 'sim:';

export interface Around {
  readonly instruments: InstrumentPort;
  readonly limits: Limits;
}

/** What the user says of the device and of the record. */
export interface BenchWishes {
  readonly profile?: Profile | undefined;
  /** A file for all bytes of the line. */
  readonly pcap?: string | undefined;
  readonly around?: Around | undefined;
}

/** Throws {@link Trouble} for a link that is none. Nothing is opened before the first request. */
export async function wireBench(
  target: string,
  frames: FrameLog,
  { profile, pcap, around }: BenchWishes,
): Promise<WiredBench> {
  const named = target === SIMULATED ? undefined : await linkOf(target, profile);
  const framing = named === undefined ? 'mbap' : framingOf(named);
  const capture = pcap === undefined ? undefined : captureOf(pcap, framing);
  const simulated = named === undefined ? await simulate() : undefined;
  const link = named ?? (await linkOf(simulated?.link ?? ''));
  const device = wireDevice(link, { frames, profile, onTraffic: capture?.onTraffic });
  const fenced = around ?? simulated;
  const instruments = fenced === undefined ? {} : { instruments: fence(fenced.instruments, fenced.limits) };
  const clock = { now: systemClock.now, pause: (ms: number) => later(ms) };
  return {
    ports: { device, clock, ...instruments },
    link: target,
    close: async () => {
      await device.close();
      capture?.close();
      await fenced?.instruments.close();
      await simulated?.close();
    },
  };
}

/** Bare bytes come from a link that no bus holds: many devices take one client, and some not at once. */
const OPEN_TRIES = 3;
const OPEN_AGAIN_MS = 1000;
const OPEN_MS = 3000;

interface Line {
  readonly frames: FrameLog;
  readonly profile: Profile | undefined;
  readonly onTraffic: BusOptions['onTraffic'] | undefined;
}

function wireDevice(
  link: Link,
  { frames, profile, onTraffic }: Line,
): DevicePort & { close(): Promise<void> } {
  const began = performance.now();
  let bus: Bus | undefined;
  const manners = profile === undefined ? {} : requestManners(profile);
  const newBus = (): Bus =>
    openBus(link, {
      ...(profile === undefined ? {} : linkManners(profile)),
      ...(onTraffic === undefined ? {} : { onTraffic }),
      random: () => randomInt(2 ** 32) / 2 ** 32,
      onExchange: ({ sentMs, answeredMs, ...said }) =>
        frames.exchange({ ...said, sentMs: sentMs - began, answeredMs: answeredMs - began }),
    });
  const close = async (): Promise<void> => {
    await bus?.close();
    bus = undefined;
  };
  return {
    kind: link.kind,
    unit: link.unit,
    run: conversation => {
      bus ??= newBus();
      return bus.run(withManners(conversation, manners), 'write');
    },
    openRaw: async () => {
      await close();
      let line = await openBytes(link, OPEN_MS);
      for (let tried = 1; !line.ok && tried < OPEN_TRIES; tried++) {
        await later(OPEN_AGAIN_MS);
        line = await openBytes(link, OPEN_MS);
      }
      return line.ok ? ok(recorded(line.value, { frames, onTraffic, began })) : line;
    },
    close,
  };
}

function recorded(
  line: RawPort,
  { frames, onTraffic, began }: Pick<Line, 'frames' | 'onTraffic'> & { readonly began: number },
): RawPort {
  const sinceStart = (): number => performance.now() - began;
  const tell = (direction: Traffic['direction'], bytes: Uint8Array): void => {
    if (bytes.length > 0) onTraffic?.({ direction, bytes, atMs: performance.now() });
  };
  return {
    send: bytes => {
      frames.raw('>', bytes, sinceStart());
      tell('sent', bytes);
      return line.send(bytes);
    },
    hear: async (withinMs, enough) => {
      const heard = await line.hear(withinMs, enough);
      frames.raw('<', heard, sinceStart());
      tell('received', heard);
      return heard;
    },
    close: () => line.close(),
  };
}

/** The array is somewhat larger than its inverter. */
const ARRAY_W = 8800;
const TICK_MS = 50;
const NOMINAL = { voltageV: 230, frequencyHz: 50, irradianceWm2: 1000 };
const SIMULATED_LIMITS: Limits = {
  voltageV: [184, 264.5],
  frequencyHz: [47, 53],
  irradianceWm2: [0, 1200],
  powerW: 12_000,
};

async function simulate(): Promise<Around & { readonly link: string; close(): Promise<void> }> {
  const now = () => instant(Math.floor(performance.now()));
  const inverter = new Inverter(now());
  let given: Required<Stimulus> = NOMINAL;
  const advance = (): void =>
    inverter.advance(now(), (ARRAY_W * given.irradianceWm2) / 1000, {
      voltageV: given.voltageV,
      frequencyHz: given.frequencyHz,
    });
  const server = await serveTcp({ units: [inverter.wire], port: 0 });
  const timer = setInterval(advance, TICK_MS);
  const instruments: InstrumentPort = {
    name: 'simulated source and meter',
    set: stimulus => {
      given = { ...given, ...stimulus };
      return settled(undefined);
    },
    measure: () => {
      advance();
      const { voltageV, frequencyHz } = given;
      return settled({ at: now(), ...inverter.power, voltageV, frequencyHz });
    },
    safe: () => {
      given = { ...given, irradianceWm2: 0 };
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  return {
    link: `tcp://127.0.0.1:${server.port}?unit=${inverter.wire.unit}`,
    instruments,
    limits: SIMULATED_LIMITS,
    close: () => {
      clearInterval(timer);
      return server.close();
    },
  };
}

function settled<T>(value: T): Promise<Result<T, never>> {
  return Promise.resolve(ok(value));
}
