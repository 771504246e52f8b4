/** Looks at the machine a gateway runs on, and changes nothing of it. This is the room's one door. */
export { checkBroker } from './broker.ts';
export { checkCertificate } from './certificates.ts';
export { checkClock } from './clock.ts';
export { checkDevices } from './devices.ts';
export { checkRoom, checkWear } from './disk.ts';
export { watch, well, wrong } from './finding.ts';
export type { Finding } from './finding.ts';
export { checkSerial } from './serial.ts';
export { checkStore } from './store.ts';
