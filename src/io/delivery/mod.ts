/** Deliveries on the disk: what is fetched, what is in force, what applies it. This is the door of the folder. */
export { contentCheck } from './contents.ts';
export { openDisk } from './disk.ts';
export type { Disk } from './disk.ts';
export { MAX_QUEUED, MAX_TEXT_BYTES, openDeliveries } from './door.ts';
export type { ContentRefusal, DeliveryOptions } from './door.ts';
export type { Hook } from './hook.ts';
export { countedStart, readInForce, unpackedName } from './in-force.ts';
export type { InForceFiles } from './in-force.ts';
export { entryOf, layOut } from './version.ts';
export { loadSlots, saveSlots } from './slots-file.ts';
