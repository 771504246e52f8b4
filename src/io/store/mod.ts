/** Durable state: the gateway's store and the head end's ledger. This is the room's one door. */
export { openStore } from './store.ts';
export { countRows, inspectStore } from './inspect.ts';
export type { Inspected } from './inspect.ts';
export { storedWear } from './wear.ts';
export type { Store, StoreOptions } from './store.ts';
export { openLedger } from './ledger.ts';
export type { Ledger } from './ledger.ts';
export { StoreTrouble } from './trouble.ts';
export type { Damage } from './damage.ts';
export type { OpenRefusal } from './file.ts';
