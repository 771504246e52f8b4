/**
 * The doors the utility's actors need, as types: a broker, clocks, and the ledger, whose types the store shares.
 * `io` builds them; tests imitate them. The shapes of broker and clock are those of the gateway's ports, so one adapter serves both sides.
 */
import type { Instant, Now } from '../base/time.ts';

export type {
  Answer,
  Json,
  LedgerChange,
  LedgerPort,
  LedgerSnapshot,
  LedgerCommand,
  SentCommand,
  Settlement,
} from '../model/mod.ts';

/** The utility's end of the WAN. Reconnects by itself; whoever holds it only hears of it. */
export interface BrokerPort {
  /** Resolves at the broker's PUBACK, which says nothing about a gateway. Rejects when the link is lost first. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** Adds subscriptions; they are renewed on every reconnect. */
  subscribe(topics: readonly string[]): void;
  unsubscribe(topics: readonly string[]): void;
  close(): Promise<void>;
}

export interface BrokerEvents {
  /** `acknowledge` sends the PUBACK. It is called once. */
  message(message: { topic: string; payload: Uint8Array; retained: boolean; acknowledge: () => void }): void;
  link(state: { up: boolean; why: string }): void;
}

/** Both clocks, and a wake. */
export interface ClockPort {
  now(): Now;
  /** Calls `wake` once, at or after `when`; what it returns takes that back. */
  at(when: Instant, wake: () => void): () => void;
}
