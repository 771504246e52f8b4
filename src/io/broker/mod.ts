/** MQTT: the link that comes back by itself, and the broker for demo and tests. This is the room's one door. */
export { connectBroker } from './link.ts';
export type { BrokerOptions } from './link.ts';
export { startEmbeddedBroker } from './embedded.ts';
export type { EmbeddedBroker, EmbeddedBrokerOptions, ListenRefusal } from './embedded.ts';
export { readBrokerFiles } from './files.ts';
export type { BrokerFileRefusal, BrokerFiles } from './files.ts';
export { tryBroker } from './tried.ts';
export type { Attempt } from './tried.ts';
