/** The web server of the customer display. This is the room's one door. */
export { DisplayUnavailable, startDisplay } from './display.ts';
export type { Display, DisplayOptions } from './display.ts';
