/**
 * A delivery in the life of a gateway (NMS-1): a manifest is judged and stored, its file fetched behind a door, applied
 * behind the same door, and its end told by a receipt. What changes the gateway itself is on trial after the start
 * that follows: it stays when link and devices are well for a while, and goes back when they are not in time.
 *
 * Every phase is in the store before the door hears of it, and the door takes the same wish twice, so power may fail
 * between any two. Sees no chunk and touches no file.
 */
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { after, minutes, seconds } from '../../base/time.ts';
import type { Duration, Instant, Now } from '../../base/time.ts';
import type { Command, FileId, ManifestBody, ReceiptBody } from '../../model/mod.ts';
import { fits } from '../../wan/delivery/mod.ts';
import type { DeliveryRefusal } from '../../wan/delivery/mod.ts';
import type { Job, Phase } from './delivery-rows.ts';
import type { Input, Work } from '../effects.ts';
import { receipt, report } from '../uplink/reports.ts';
import { count, put } from '../state.ts';
import { trustedKey } from './trust.ts';
import type { GatewayState } from '../state.ts';

/** Files under way at once: one of each kind. */
export const MAX_DELIVERIES = 4;
/** A gateway is well on trial when it was well for this long, unless configured: what dies after ten seconds never is. */
export const WELL_FOR = seconds(30);
/** Link and devices must be well by then; an inverter that looks for itself needs two minutes. */
export const TRIAL_FOR = minutes(5);
/** A device says its new version by then: its own restart, and being found again. */
export const SEEK_FOR = minutes(15);

/** Why a manifest is not taken. `delivery-under-way`: the same file is; `too-many-deliveries` passes. */
export type ManifestRefusal = DeliveryRefusal | 'delivery-under-way' | 'too-many-deliveries';

/** Takes a manifest in, or says why it does not fit. Its end is told by a second receipt. */
export function takeManifest(
  state: GatewayState,
  work: Work,
  command: Command,
  manifest: ManifestBody,
  now: Now,
): Result<undefined, ManifestRefusal> {
  const { jobs } = state.deliveries;
  if (jobs.has(manifest.file)) return refused('delivery-under-way', `${manifest.file} is under way`);
  const fitting = fits(manifest, premises(state));
  if (!fitting.ok) return fitting;
  if (jobs.size >= MAX_DELIVERIES)
    return refused('too-many-deliveries', `${MAX_DELIVERIES} files are under way`, 'later');
  const { cti, issuer, kid, expires } = command;
  const job: Job = {
    manifest,
    cti,
    issuer,
    kid,
    expires,
    phase: 'fetching',
    devices: fitting.value,
    needs: [],
  };
  keep(state, work, job);
  tell(
    state,
    work,
    job,
    { response: 'received', why: `${nameOf(job)}: ${manifest.size} bytes to fetch` },
    now,
  );
  return ok(undefined);
}

/** What the door said. What it says of a file that is not under way any more changes nothing. */
export function delivery(
  state: GatewayState,
  work: Work,
  { file, said }: Extract<Input, { on: 'delivery' }>,
  now: Now,
): void {
  const job = state.deliveries.jobs.get(file);
  if (job === undefined) return;
  switch (said.is) {
    case 'wants':
      return wants(state, work, job, said, now);
    case 'whole':
      if (job.phase === 'fetching') keep(state, work, { ...job, phase: 'whole' });
      return;
    case 'trial':
      if (state.deliveries.watch?.file !== file) watch(state, work, job, now.instant);
      return;
    case 'applied':
      if (job.manifest.delivers === 'device-firmware') return seek(state, work, job, now.instant);
      return end(state, work, job, { response: 'completed', why: `${nameOf(job)} is in force` }, now);
    case 'failed':
      return fail(state, work, job, said, now);
  }
}

/** What follows from the clock and the world: turns, trials, and time that is up. */
export function settleDeliveries(state: GatewayState, work: Work, now: Now): void {
  const { jobs, handed } = state.deliveries;
  for (const job of jobs.values()) {
    const waits = job.phase === 'fetching' || job.phase === 'whole';
    const why = waits ? objection(state, job) : undefined;
    if (why !== undefined) fail(state, work, job, { refusal: 'key-revoked', why }, now);
    else if (job.phase === 'fetching' && job.expires <= now.unix)
      fail(
        state,
        work,
        job,
        { refusal: 'delivery-expired', why: 'its time was up before it was whole' },
        now,
      );
    else if (job.phase === 'seeking') lookForVersion(state, work, job, now);
  }
  judgeTrial(state, work, now);
  apply(state, work, now);
  for (const [file, { phase, manifest, devices }] of jobs) {
    if (handed.has(file) || phase === 'seeking') continue;
    handed.add(file);
    // A whole file is named too: what no wish names since the start, the door may clear away.
    if (phase === 'fetching' || phase === 'whole')
      work.wish({ do: 'deliver', wish: { is: 'fetch', manifest } });
    else work.wish({ do: 'deliver', wish: { is: 'install', manifest, devices } });
  }
}

/** Why what is not applied yet is not to be: its key may not say it any more. */
function objection(state: GatewayState, { kid, manifest }: Job): string | undefined {
  const scope = trustedKey(state, kid)?.scope;
  if (scope === undefined) return `its key ${kid} is not trusted any more`;
  const may = scope.operations.includes('manifest') && scope.delivers?.includes(manifest.delivers) !== false;
  return may ? undefined : `its key ${kid} may not deliver it any more`;
}

/** When {@link settleDeliveries} has something to do by the monotonic clock alone. */
export function nextDelivery({ deliveries, settings }: GatewayState): Instant | undefined {
  const { watch: trial, seekUntil } = deliveries;
  const well = trial?.wellSince === undefined ? [] : [after(trial.wellSince, wellFor(settings))];
  const due = [...well, ...(trial === undefined ? [] : [trial.until]), ...seekUntil.values()];
  return due.length === 0 ? undefined : (Math.min(...due) as Instant);
}

/** A reading came: on trial, its device counts as well. */
export function noteRead({ deliveries }: GatewayState, device: Job['needs'][number]): void {
  deliveries.watch?.read.add(device);
}

function premises(state: GatewayState): Parameters<typeof fits>[1] {
  const { version, deliveries: told } = state.settings;
  const taken = [...state.deliveries.jobs.values()].reduce((sum, { manifest }) => sum + manifest.size, 0);
  const devices = [...state.devices.values()].map(({ device, product = {} }) => ({ device, ...product }));
  const roomBytes = Math.max(0, (told?.maxBytes ?? 0) - taken);
  return { version, accepts: told?.accepts ?? [], roomBytes, devices };
}

/** The first that is whole is applied when no other is: two changes at once have no health of their own. */
function apply(state: GatewayState, work: Work, now: Now): void {
  const all = [...state.deliveries.jobs.values()];
  if (all.some(({ phase }) => phase === 'applying' || phase === 'seeking')) return;
  const next = all.find(({ phase }) => phase === 'whole');
  if (next === undefined) return;
  const present = [...state.devices.values()].filter(device => device.present);
  const needs = present.map(({ device }) => device);
  const job: Job = { ...next, phase: 'applying', needs };
  keep(state, work, job);
  state.deliveries.handed.delete(job.manifest.file);
  tell(state, work, job, { response: 'started', why: `${nameOf(job)} is whole and is applied` }, now);
}

function wants(
  state: GatewayState,
  work: Work,
  { manifest, phase }: Job,
  { of, pieces, held }: Extract<Extract<Input, { on: 'delivery' }>['said'], { is: 'wants' }>,
  now: Now,
): void {
  if (phase !== 'fetching') return;
  const { file } = manifest;
  const why = `${held} chunks of ${file.slice(0, 8)} are here`;
  report(state, work, 'request', { kind: 'request', wants: 'chunks', file, of, pieces, held, why }, now);
}

function watch(state: GatewayState, work: Work, { manifest }: Job, now: Instant): void {
  const { file } = manifest;
  state.deliveries.watch = { file, until: after(now, TRIAL_FOR), read: new Set(), wellSince: undefined };
  work.log('info', 'delivery.trial', `${file.slice(0, 8)} is on trial until link and devices are well`);
}

function wellFor({ deliveries }: GatewayState['settings']): Duration {
  return deliveries?.wellFor ?? WELL_FOR;
}

/** The verdict goes through the door, which writes it down and says `applied` or, after another start, `failed`. */
function judgeTrial(state: GatewayState, work: Work, { instant }: Now): void {
  const { watch: trial, jobs } = state.deliveries;
  const job = trial === undefined ? undefined : jobs.get(trial.file);
  if (trial === undefined || job === undefined) return;
  const ill = trouble(state, job);
  if (ill !== undefined) trial.wellSince = undefined;
  else trial.wellSince ??= instant;
  const { file } = trial;
  if (trial.wellSince !== undefined && instant >= after(trial.wellSince, wellFor(state.settings))) {
    state.deliveries.watch = undefined;
    const why = 'link and devices are well';
    work.wish({ do: 'deliver', wish: { is: 'settle', file, verdict: 'keep', why } });
  } else if (instant >= trial.until) {
    state.deliveries.watch = undefined;
    const why = ill ?? 'link and devices were not well for long enough';
    work.log('error', 'delivery.rolled-back', `${nameOf(job)} is taken back: ${why}`);
    work.wish({ do: 'deliver', wish: { is: 'settle', file, verdict: 'roll-back', why } });
  }
}

/** Why the gateway is not well now, by what was there when the trial was decided on. */
function trouble(state: GatewayState, { needs }: Job): string | undefined {
  if (!state.uplink.up) return 'the utility is not reached';
  const missing = needs.filter(
    id => state.devices.get(id)?.present !== true || state.deliveries.watch?.read.has(id) !== true,
  );
  return missing.length === 0 ? undefined : `${missing.join(', ')} not read`;
}

/** The hook said that it is done; a device has the version when it says so itself. */
function seek(state: GatewayState, work: Work, job: Job, now: Instant): void {
  keep(state, work, { ...job, phase: 'seeking' });
  state.deliveries.seekUntil.set(job.manifest.file, after(now, SEEK_FOR));
}

function lookForVersion(state: GatewayState, work: Work, job: Job, now: Now): void {
  const { file, version } = job.manifest;
  const { seekUntil } = state.deliveries;
  const silent = job.devices.filter(id => {
    const known = state.devices.get(id);
    return known?.present !== true || known.product?.version !== version;
  });
  const why = `${job.devices.join(', ')} say version ${version}`;
  if (silent.length === 0) return end(state, work, job, { response: 'completed', why }, now);
  const until = seekUntil.get(file) ?? after(now.instant, SEEK_FOR);
  seekUntil.set(file, until);
  if (now.instant < until) return;
  const missing = `${silent.join(', ')} did not say version ${version} in time`;
  fail(state, work, job, { refusal: 'version-not-seen', why: missing }, now);
}

function fail(
  state: GatewayState,
  work: Work,
  job: Job,
  { refusal, why }: { readonly refusal: string; readonly why: string },
  now: Now,
): void {
  count(state, `delivery.${refusal}`);
  work.log('error', 'delivery.failed', `${nameOf(job)}: ${refusal}: ${why}`, { cti: job.cti });
  end(state, work, job, { response: 'abortedByProgram', refusal, why }, now);
}

function end(
  state: GatewayState,
  work: Work,
  job: Job,
  answer: Pick<ReceiptBody, 'response' | 'refusal' | 'why'>,
  now: Now,
): void {
  const { deliveries } = state;
  const { file } = job.manifest;
  deliveries.jobs.delete(file);
  deliveries.handed.delete(file);
  deliveries.seekUntil.delete(file);
  if (deliveries.watch?.file === file) deliveries.watch = undefined;
  work.store({ op: 'delete', kind: 'delivery', key: file });
  tell(state, work, job, answer, now);
  work.wish({ do: 'deliver', wish: { is: 'discard', file } });
}

function keep(state: GatewayState, work: Work, job: Job & { readonly phase: Phase }): void {
  state.deliveries.jobs.set(job.manifest.file, job);
  work.store(put('delivery', job.manifest.file, job));
}

function tell(
  state: GatewayState,
  work: Work,
  { cti, issuer }: Job,
  answer: Pick<ReceiptBody, 'response' | 'refusal' | 'why'>,
  now: Now,
): void {
  receipt(state, work, { kind: 'receipt', cti, issuer, ...answer }, now);
}

function nameOf({ manifest }: Job): string {
  return `${manifest.delivers} ${manifest.version} (${manifest.file.slice(0, 8) as FileId})`;
}
