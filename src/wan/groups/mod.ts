/** Groups, seen from a member: is it for me? The room's one door. */
export * from './memberships.ts';
