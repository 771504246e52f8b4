/**
 * Whether what a manifest announces is for this gateway: its kind, model, version and size, compared with what is
 * here. A manifest that does not fit is refused by name before a byte of it is fetched.
 */
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type { Delivery, DeviceId, ManifestBody } from '../../model/mod.ts';

/** The model of a gateway's own files. */
export const GATEWAY_MODEL = 'underglass';

/** A device as it names itself (SunSpec common block). */
export interface Product {
  readonly device: DeviceId;
  readonly manufacturer?: string;
  readonly model?: string;
  readonly version?: string;
}

/** What is here. */
export interface Premises {
  /** The version of this program. */
  readonly version: string;
  readonly accepts: readonly Delivery[];
  /** Bytes left of those that deliveries may take on the disk. */
  readonly roomBytes: number;
  readonly devices: readonly Product[];
}

/**
 * `delivery-unsupported`: this gateway is not set up for that kind. `model-not-here`, `version-not-here`: nothing here
 * is of that model, or in one of those versions. `version-not-newer`: the gateway runs that version or a later one.
 * `no-room`: it does not fit the disk.
 */
export type DeliveryRefusal =
  | 'delivery-unsupported'
  | 'model-not-here'
  | 'version-not-here'
  | 'version-not-newer'
  | 'no-room';

/** The devices it is for; none for a gateway's own files. */
export function fits(manifest: ManifestBody, here: Premises): Result<readonly DeviceId[], DeliveryRefusal> {
  const { delivers, size, model } = manifest;
  if (!here.accepts.includes(delivers))
    return refused('delivery-unsupported', `this gateway takes no ${delivers}`);
  if (size > here.roomBytes) return refused('no-room', `${size} bytes, and ${here.roomBytes} are free`);
  const isOwn = delivers === 'gateway-configuration' || delivers === 'gateway-version';
  if (!isOwn) return forDevices(manifest, here.devices);
  if (model !== GATEWAY_MODEL) return refused('model-not-here', `${model} is not ${GATEWAY_MODEL}`);
  if (!takesVersion(manifest, here.version))
    return refused('version-not-here', `this gateway runs ${here.version}`);
  if (delivers === 'gateway-version' && compareVersions(manifest.version, here.version) <= 0)
    return refused('version-not-newer', `this gateway runs ${here.version}`);
  return ok([]);
}

/** Whether `product` is of the manifest's model: its model alone, or with its manufacturer before it. */
export function isOfModel({ model }: ManifestBody, product: Product): boolean {
  return (
    product.model !== undefined &&
    (product.model === model || `${product.manufacturer ?? ''} ${product.model}` === model)
  );
}

/** By the numbers between the dots; what is no number counts as text after all numbers. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.'), b.split('.')];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = comparePart(left[i] ?? '0', right[i] ?? '0');
    if (order !== 0) return order;
  }
  return 0;
}

function comparePart(a: string, b: string): number {
  const [left, right] = [Number(a), Number(b)];
  if (!Number.isNaN(left) && !Number.isNaN(right)) return Math.sign(left - right);
  if (Number.isNaN(left) !== Number.isNaN(right)) return Number.isNaN(left) ? 1 : -1;
  return a < b ? -1 : Number(a > b);
}

function forDevices(
  manifest: ManifestBody,
  devices: readonly Product[],
): Result<readonly DeviceId[], DeliveryRefusal> {
  const ofModel = devices.filter(product => isOfModel(manifest, product));
  if (ofModel.length === 0) return notOfModel(manifest, devices);
  const right = ofModel.filter(({ version }) => takesVersion(manifest, version));
  if (right.length > 0) return ok(right.map(({ device }) => device));
  const found = ofModel.map(({ device, version = 'unknown' }) => `${device} has ${version}`).join(', ');
  return refused('version-not-here', found);
}

/** A device that has not named itself since the start may still be one. */
function notOfModel(
  { model }: ManifestBody,
  devices: readonly Product[],
): Result<readonly DeviceId[], DeliveryRefusal> {
  const unnamed = devices.filter(product => product.model === undefined).map(({ device }) => device);
  if (unnamed.length === 0) return refused('model-not-here', `no device here is a ${model}`);
  const why = `no device here is a ${model} so far; ${unnamed.join(', ')} has not said what it is`;
  return refused('model-not-here', why, 'later');
}

function takesVersion({ versions }: ManifestBody, version: string | undefined): boolean {
  return versions === undefined || (version !== undefined && versions.includes(version));
}
