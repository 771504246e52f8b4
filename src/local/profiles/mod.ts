/** Device profiles: how products depart from their standard, as data, and its use. This is the room's one door. */
export { BUSY_TRIES, type Manners, withManners } from './manners.ts';
export {
  type LinkManners,
  type Profile,
  type ProfileRefusal,
  joinProfile,
  linkManners,
  matchProfile,
  readManners,
  requestManners,
} from './profile.ts';
export { type ControlProfile, type PointProfile, type ProfileFile, profileFile } from './schema.ts';
