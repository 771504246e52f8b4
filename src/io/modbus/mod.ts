/** Modbus over TCP and serial lines: the doors to devices. This is the room's one door. */
export { openBus } from './bus.ts';
export type { Bus, BusManners, BusOptions, Exchange } from './bus.ts';
export type { Traffic } from './port.ts';
export { captureFile } from './capture.ts';
export type { Capture } from './capture.ts';
export { serialPorts } from './serial-ports.ts';
export { fillLink, formatLink, framingOf, linkAddress, linkGaps, parseLink } from '../../local/bus/mod.ts';
export type { Framing, Link, LinkGap, LinkRefusal, SerialLink, TcpLink } from '../../local/bus/mod.ts';
