/** Simulated devices, and the home they make. This is the room's one door. */
export { Battery } from './battery.ts';
export type { BatteryOptions } from './battery.ts';
export type { Grid, Power } from './electrics.ts';
export { HOME_START, makeHome } from './home.ts';
export type { Home, HomeOptions } from './home.ts';
export { Image } from './image.ts';
export type { ModelValues, Values, WriteGuard, WrittenPoint } from './image.ts';
export { Inverter } from './inverter.ts';
export type { InverterOptions } from './inverter.ts';
export { Meter } from './meter.ts';
export type { MeterOptions } from './meter.ts';
export { HOME_DEVICES, runHome } from './run-home.ts';
export type { HomeDevice, RunHomeOptions, RunningHome } from './run-home.ts';
export { serveSerialLine } from './serial.ts';
export type { SerialLineOptions } from './serial.ts';
export { serveSerial, serveTcp } from './server.ts';
export type { SerialServerOptions, Server, TcpServerOptions, Unit } from './server.ts';
