/** The uplink: streams, numbers, order of sending. This is the room's one door. */
export * from './uplink.ts';
