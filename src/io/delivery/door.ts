/**
 * The door of deliveries: chunks to the disk, whole files to what applies them, and what became of them back to the
 * gateway. One thing at a time; every wish may come again, also after a power cut at any byte, for what was done is
 * read from the disk.
 *
 * Judges no content: {@link DeliveryOptions.check} does. Starts no gateway anew: {@link DeliveryOptions.restart} does.
 */
import type { Result } from '../../base/assert.ts';
import type { Instant, Now } from '../../base/time.ts';
import type { DeliveryEvents, DeliveryPort, DeliverySaid, LogEntry } from '../../gateway/mod.ts';
import type { FileId, ManifestBody } from '../../model/mod.ts';
import {
  askAnew,
  beginTrial,
  dueAsk,
  keepTrial,
  keptFiles,
  nextAsk,
  progress,
  rollBack,
  standing,
} from '../../wan/delivery/mod.ts';
import type { Fetch, Product, SlotName, Slots } from '../../wan/delivery/mod.ts';
import type { Disk } from './disk.ts';
import { isIntact, openFetch, partsOf, takeToDisk } from './fetching.ts';
import type { FetchSaid } from './fetching.ts';
import { applyFirmware } from './firmware.ts';
import type { Hook, HookEnd } from './hook.ts';
import { unpackedName } from './in-force.ts';
import { loadSlots, saveSlots } from './slots-file.ts';

/** Chunks taken from the broker and not yet on the disk, 3 MiB; beyond it one is left, and asked for again. */
export const MAX_QUEUED = 256;
/** Configurations and profiles are text of some pages. */
export const MAX_TEXT_BYTES = 1_048_576;

/** Why the content of a file is not tried. */
export type ContentRefusal = 'content-invalid' | 'content-oversteps' | 'content-too-large';

export interface DeliveryOptions {
  readonly disk: Disk;
  /** Bytes that all of the folder may take. */
  readonly maxBytes: number;
  readonly clock: { now(): Now; at(when: Instant, wake: () => void): () => void };
  /** Whether a whole file can be tried, and in which slot; it may lay out what trying it needs. */
  readonly check: (manifest: ManifestBody, path: string) => Promise<Result<SlotName, ContentRefusal>>;
  /** The gateway has to start anew to try or to leave a file. Asked once. */
  readonly restart: (why: string) => void;
  /** Runs with devices' firmware. */
  readonly hook?: Hook;
  readonly linkOf?: (device: string) => string;
  readonly log: (entry: LogEntry) => void;
  /** The file that was on trial when this gateway started: it runs with it. */
  readonly runningOnTrial?: FileId;
}

export function openDeliveries(options: DeliveryOptions, events: DeliveryEvents): DeliveryPort {
  return new Deliveries(options, events);
}

class Deliveries implements DeliveryPort {
  readonly #options: DeliveryOptions;
  readonly #events: DeliveryEvents;
  /** Files being fetched: as many as the gateway has under way. */
  readonly #fetches = new Map<FileId, Fetch>();
  /** Files that were wished for since the start; all others but those in force are of no use. */
  readonly #wished = new Set<FileId>();
  #tail: Promise<void> = Promise.resolve();
  #queued = 0;
  #up = false;
  readonly #stop = new AbortController();
  #closed = false;
  #restarting = false;
  #cancelWake: (() => void) | undefined;

  constructor(options: DeliveryOptions, events: DeliveryEvents) {
    this.#options = options;
    this.#events = events;
  }

  fetch(manifest: ManifestBody): void {
    this.#wished.add(manifest.file);
    void this.#turn(manifest.file, () => this.#fetch(manifest));
  }

  install(manifest: ManifestBody, devices: readonly Product[]): void {
    this.#wished.add(manifest.file);
    void this.#turn(manifest.file, () => this.#install(manifest, devices));
  }

  settle(file: FileId, verdict: 'keep' | 'roll-back', why: string): void {
    void this.#turn(file, () => this.#settle(file, verdict, why));
  }

  discard(file: FileId): void {
    this.#wished.delete(file);
    this.#fetches.delete(file);
    void this.#turn(file, () => this.#discard(file));
  }

  chunk(piece: { readonly of: FileId; readonly n: number; readonly bytes: Uint8Array }): Promise<void> {
    const { of } = piece;
    const fetch = [...this.#fetches.values()].find(
      ({ manifest }) => of === manifest.file || of === manifest.list,
    );
    if (fetch === undefined || this.#queued >= MAX_QUEUED) return Promise.resolve();
    this.#queued++;
    return this.#turn(fetch.manifest.file, async () => {
      this.#queued--;
      const { file } = fetch.manifest;
      if (this.#fetches.get(file) !== fetch) return;
      const said = await takeToDisk(this.#options.disk, fetch, piece, this.#options.clock.now().instant);
      this.#tell(file, said);
      this.#ask();
    });
  }

  link(up: boolean): void {
    this.#up = up;
    for (const fetch of this.#fetches.values()) askAnew(fetch);
    this.#ask();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stop.abort();
    this.#cancelWake?.();
    await this.#tail;
  }

  /** One thing at a time. What the disk refuses is the end of that file, by name; the others go on. */
  #turn(file: FileId, run: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(async () => {
      if (this.#closed) return;
      try {
        await run();
      } catch (error) {
        this.#fetches.delete(file);
        this.#say(file, { is: 'failed', refusal: 'storage', why: String(error) });
      }
    });
    return this.#tail;
  }

  async #fetch(manifest: ManifestBody): Promise<void> {
    const { file } = manifest;
    if (this.#fetches.has(file)) return;
    const short = await this.#makeRoom(manifest);
    if (short !== undefined) return this.#say(file, { is: 'failed', refusal: 'no-room', why: short });
    const { fetch, said } = await openFetch(this.#options.disk, manifest);
    this.#fetches.set(file, fetch);
    this.#tell(file, said);
    this.#ask();
  }

  #tell(file: FileId, said: FetchSaid): void {
    if (said.is === 'going-on') return;
    this.#fetches.delete(file);
    this.#say(file, said);
  }

  #say(file: FileId, said: DeliverySaid): void {
    if (!this.#closed) this.#events.said(file, said);
  }

  /** Asks for what is missing, and wakes when it is to be asked for again. */
  #ask(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    if (!this.#up || this.#closed) return;
    const { clock } = this.#options;
    for (const [file, fetch] of this.#fetches) {
      const ask = dueAsk(fetch, clock.now().instant);
      if (ask !== undefined) this.#say(file, { is: 'wants', ...ask, held: progress(fetch).held });
    }
    const due = [...this.#fetches.values()].flatMap(fetch => nextAsk(fetch) ?? []);
    if (due.length > 0)
      this.#cancelWake = clock.at(Math.min(...due) as Instant, () => {
        this.#cancelWake = undefined;
        this.#ask();
      });
  }

  /** Clears away what nobody wished for since the start. What is missing still, or `undefined`. */
  async #makeRoom({ file, size }: ManifestBody): Promise<string | undefined> {
    const { disk, maxBytes } = this.#options;
    const kept = new Set<string>([...keptFiles(await loadSlots(disk)), ...this.#wished]);
    let taken = 0;
    for (const { name, bytes } of await disk.list()) {
      const [owner = ''] = name.split('.');
      if (/^[0-9a-f]{64}$/.test(owner) && !kept.has(owner)) await disk.remove(name);
      else if (owner !== file) taken += bytes;
    }
    return taken + size <= maxBytes
      ? undefined
      : `${size} bytes, and ${Math.max(0, maxBytes - taken)} of ${maxBytes} are free`;
  }

  async #install(manifest: ManifestBody, devices: readonly Product[]): Promise<void> {
    const { disk, check, runningOnTrial } = this.#options;
    const { file, delivers } = manifest;
    if (!(await isIntact(disk, file))) return this.#say(file, await this.#gone(file));
    if (delivers === 'device-firmware') return this.#applyFirmware(manifest, devices);
    const slots = await loadSlots(disk);
    const stands = standing(slots, file);
    if (stands.is === 'good') return this.#say(file, { is: 'applied' });
    if (stands.is === 'failed')
      return this.#say(file, { is: 'failed', refusal: 'rolled-back', why: stands.why });
    if (stands.is === 'trial' && runningOnTrial === file) return this.#say(file, { is: 'trial' });
    if (stands.is === 'unknown') {
      const slot = await check(manifest, disk.path(file));
      if (!slot.ok)
        return this.#say(file, { is: 'failed', refusal: slot.refusal, why: slot.detail ?? slot.refusal });
      await saveSlots(disk, beginTrial(slots, slot.value, file));
    }
    this.#restart(`${delivers} ${manifest.version} is tried`);
  }

  /** A file that was whole and is not: what its slot says goes before what is left of it. */
  async #gone(file: FileId): Promise<DeliverySaid> {
    const { disk } = this.#options;
    const slots = await loadSlots(disk);
    const stands = standing(slots, file);
    if (stands.is === 'failed') return { is: 'failed', refusal: 'rolled-back', why: stands.why };
    const why = 'its bytes on the disk are not what they were';
    if (stands.is === 'trial') await saveSlots(disk, rollBack(slots, why));
    return { is: 'failed', refusal: 'file-wrong', why };
  }

  async #applyFirmware(manifest: ManifestBody, devices: readonly Product[]): Promise<void> {
    const { disk, hook, linkOf = () => '', log } = this.#options;
    const { file, version } = manifest;
    if (hook === undefined) {
      const why = 'no hook is configured';
      return this.#say(file, { is: 'failed', refusal: 'hook-failed', why });
    }
    const told = (device: string, { code, why, output }: HookEnd): void =>
      log({
        level: code === 0 ? 'info' : 'error',
        event: 'delivery.hook',
        text: `firmware ${version} to ${device}: ${why}${output === '' ? '' : `\n${output}`}`,
      });
    const failed = await applyFirmware(manifest, devices, {
      disk,
      hook,
      linkOf,
      told,
      signal: this.#stop.signal,
    });
    this.#say(file, failed === undefined ? { is: 'applied' } : { is: 'failed', ...failed });
  }

  async #settle(file: FileId, verdict: 'keep' | 'roll-back', why: string): Promise<void> {
    const { disk } = this.#options;
    const slots = await loadSlots(disk);
    if (slots.trial?.file !== file) return;
    if (verdict === 'keep') {
      await saveSlots(disk, keepTrial(slots));
      return this.#say(file, { is: 'applied' });
    }
    await saveSlots(disk, rollBack(slots, why));
    this.#restart(`what was tried is taken back: ${why}`);
  }

  #restart(why: string): void {
    if (this.#restarting) return;
    this.#restarting = true;
    this.#options.restart(why);
  }

  /** Takes away what is not in force, and forgets a failure: the same file may be delivered again. */
  async #discard(file: FileId): Promise<void> {
    const { disk } = this.#options;
    const slots = await loadSlots(disk);
    const cleared: Slots = { ...slots, failed: slots.failed.filter(failure => failure.file !== file) };
    await saveSlots(disk, cleared, slots);
    const { part, list, held } = partsOf(file);
    for (const name of [part, list, held, `${file}.hook`]) await disk.remove(name);
    const kept = keptFiles(cleared);
    if (!kept.includes(file)) for (const name of [file, unpackedName(file)]) await disk.remove(name);
  }
}
