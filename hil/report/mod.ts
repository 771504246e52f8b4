/** Reports: the page, the build server's file, and what changed between two. This is the room's one door. */
export { diffReports, parseReport } from './diff.ts';
export type { Change, ComparedReport, Difference } from './diff.ts';
export { FrameLog } from './frames.ts';
export type { ToldExchange } from './frames.ts';
export { toHtml } from './html.ts';
export { toJunit } from './junit.ts';
export { duration, repeatCommand } from './text.ts';
