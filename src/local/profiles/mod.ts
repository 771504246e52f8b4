/** Device profiles: how products depart from their standard, as data, and its use. This is the room's one door. */
export { BUSY_TRIES, type Manners, longestWrite, withManners } from './manners.ts';
export { type OwnPoint, type OwnRead, ownPointsOf, readOwn } from './own.ts';
export { type Place, type Register, placesOf, registerOf, splitTarget } from './places.ts';
export {
  type LinkManners,
  type Profile,
  type ProfileRefusal,
  joinProfile,
  linkManners,
  matchProfile,
  readManners,
  requestManners,
  strangerTo,
} from './profile.ts';
export { type ControlProfile, type PointProfile, type ProfileFile, profileFile } from './schema.ts';
