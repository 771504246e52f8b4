/**
 * Delivery: a file for gateways or for the devices behind them, announced by a signed manifest and fetched in
 * chunks (NMS-1). The manifest alone decides what is believed; a chunk proves itself by its hash.
 */

/** What a file is, in the order of their numbers in the contract. */
export const DELIVERIES = [
  'device-firmware',
  'device-profile',
  'gateway-configuration',
  'gateway-version',
] as const;
export type Delivery = (typeof DELIVERIES)[number];

/** SHA-256 in hexadecimal: names a file, whoever sends it. */
export type FileId = string & { readonly brand: 'FileId' };

export interface ManifestBody {
  readonly kind: 'manifest';
  /** SHA-256 of the whole file. */
  readonly file: FileId;
  /** In bytes. */
  readonly size: number;
  /** SHA-256 of the chunk list: the SHA-256 of each chunk, in order, 32 bytes each. */
  readonly list: FileId;
  readonly delivers: Delivery;
  /** The model of device it is for, as devices name it; of a gateway's own files `underglass`. */
  readonly model: string;
  /** The versions it may be applied to; any unless given. */
  readonly versions?: readonly string[];
  /** The version it makes. For a profile: its name. */
  readonly version: string;
}

/** Bytes of a chunk; the last one of a file is shorter. With its topic it fits any broker's packet. */
export const CHUNK_BYTES = 12 * 1024;
/** The largest file: what a small gateway can keep twice and fetch in a night at 2 kB/s. */
export const MAX_FILE_BYTES = 64 * 1024 * 1024;
