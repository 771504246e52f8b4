/** What the premise may see. This is the room's one door. */
export * from './view.ts';
