/**
 * Goes once through a gateway from time to time, keeps the figures of its availability, and tells the service manager
 * that the loops go on, when they do: when the turn has come back and every bus has ended conversations since. A turn
 * that hangs is never followed by another, and then nothing is told any more.
 */
import { after, milliseconds, minutes } from '../../base/time.ts';
import type { ClockPort, StoreChange, StorePort } from '../../gateway/mod.ts';
import type { GatewayId } from '../../model/mod.ts';
import type { Facts } from './facts.ts';
import type { Progress } from './progress.ts';
import type { Service } from './service.ts';

/** Without a watchdog a turn is made this often, for `/healthz`. */
const TURN_EVERY = minutes(1);
/** A third: one turn may be late, and another before the manager loses patience. */
const SHARE_OF_WATCHDOG = 3;
/** Figures are kept this often; a gateway that is killed loses no more of them, and a card bears 1440 rows a day. */
const KEEP_EVERY = minutes(1);

/** The loop of the step and the store. */
export const TURN = 'the gateway';

export interface Watched {
  readonly gateway: GatewayId;
  readonly turn: () => Promise<void>;
  readonly store: Pick<StorePort, 'persist'>;
  readonly clock: ClockPort;
  readonly facts: Facts;
  readonly progress: Progress;
  readonly service?: Service;
}

export interface Watching {
  /** Keeps the figures once more. */
  stop(): Promise<void>;
}

export function watchOver(watched: Watched): Watching {
  const { clock, turn, progress, service } = watched;
  const { watchdogMs } = service ?? {};
  const every = watchdogMs === undefined ? TURN_EVERY : milliseconds(watchdogMs / SHARE_OF_WATCHDOG);
  progress.expect(TURN, milliseconds(3 * every), clock.now().instant);
  let cancelTurn = (): void => {};
  let cancelKeep = (): void => {};
  let stopped = false;
  const goRound = async (): Promise<void> => {
    await turn();
    if (stopped) return;
    progress.cameRound(TURN, clock.now().instant);
    if (progress.standing(clock.now().instant).length === 0 && watchdogMs !== undefined)
      await service?.tell('WATCHDOG=1');
    if (stopped) return;
    cancelTurn = clock.at(after(clock.now().instant, every), () => void goRound());
  };
  const keepLater = (): void => {
    cancelKeep = clock.at(after(clock.now().instant, KEEP_EVERY), () => {
      void keepFigures(watched);
      keepLater();
    });
  };
  void goRound();
  keepLater();
  return {
    stop: async () => {
      stopped = true;
      cancelTurn();
      cancelKeep();
      await keepFigures(watched);
    },
  };
}

/** A store that does not take them loses them: they are counted on, and kept the next time. */
async function keepFigures({ gateway, facts, clock, store }: Watched): Promise<void> {
  const { keep, drop } = facts.availability.look(clock.now());
  const changes: StoreChange[] = [
    ...keep.map(
      ({ day, ...value }) => ({ op: 'put', kind: 'availability', key: String(day), value }) as const,
    ),
    ...drop.map(old => ({ op: 'delete', kind: 'availability', key: String(old) }) as const),
  ];
  await store.persist(gateway, changes).catch(() => {});
}
