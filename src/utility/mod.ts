/** The utility's side: one file an actor. This is the room's one door. */
export * from './ports.ts';
export { GroupRegistry } from './group-registry.ts';
export { MAX_GROUPS, MAX_MEMBERS, MEMBER_STATES, PURPOSES } from './group-rows.ts';
export type {
  Act,
  Change,
  Group,
  GroupRefusal,
  GroupTraits,
  Member,
  MemberState,
  Purpose,
} from './group-rows.ts';
export { changesOf, countsWithheld, spells, spellsAt, stepsOf } from './membership-history.ts';
export type { Asker, RecordedChange, Spell, Step } from './membership-history.ts';
export { AmiNms, startAmiNms } from './ami-nms.ts';
export type { AmiNmsOptions, NmsEvents, NmsRefusal, SendRefusal } from './nms-options.ts';
export { defaultExpiry } from './dispatcher.ts';
export type { SendOptions, Sent } from './dispatcher.ts';
export type { ModesKnown } from './mode-book.ts';
export { offsetOf, ReadSchedule } from './read-schedule.ts';
export type { ReadDoors, ReadPlan } from './read-schedule.ts';
export type { SealDoor, SealRefusal } from './sealer.ts';
export type { Gap } from './intake.ts';
export { MAX_CONFIG_BYTES, MAX_GATEWAYS, utilityConfig } from './config.ts';
export type { UtilityConfig } from './config.ts';
export { DEVICE_KEYS, DeviceKeys } from './device-keys.ts';
export { DAYS as HEALTH_DAYS, HEARD_WITHIN, NetworkHealth } from './health.ts';
export type { GatewayHealth, GroupHealth } from './health.ts';
export type { DeviceKey } from './device-keys.ts';
export { MAX_BUNDLES_UNDER_WAY, TrustCarrier } from './trust-carrier.ts';
export type { TrustCarrierDoors } from './trust-carrier.ts';
export { RULE, apportion } from './apportion.ts';
export { TARGET_AXES, reachTarget, roomOf } from './target.ts';
export type { Ended, MemberReport, MemberRoom, TargetAxis, TargetReport } from './target.ts';
export { MEANS } from './deliveries.ts';
export type { Delivery, DeliveryState, MemberDelivery } from './deliveries.ts';
export { MAX_ROLLOUTS, Rollouts } from './rollouts.ts';
export type { MemberStatus, NewRollout, RolloutDoors, RolloutRefusal, RolloutStatus } from './rollouts.ts';
export * from './whole-status.ts';
export type { AuditResult, AuditStanding, AuditVerdict } from './auditor.ts';
