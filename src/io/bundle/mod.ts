/** What goes into a support bundle, and how. This is the room's one door. */
export { scrub } from './scrub.ts';
export { knownSecrets } from './secrets.ts';
export { tarGz } from './tar.ts';
export type { BundledFile } from './tar.ts';
