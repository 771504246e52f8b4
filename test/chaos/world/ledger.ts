/**
 * The head end's ledger in memory, with a crash: what was not durable yet is gone, and nothing that was. Keeps the
 * promises of the real one: a batch whole or not at all, no number of a command used twice.
 */
import { assert } from '../../../src/base/assert.ts';
import type {
  Answer,
  Cti,
  GatewayId,
  Json,
  LedgerChange,
  LedgerCommand,
  LedgerPort,
  LedgerSnapshot,
  SentCommand,
  StreamName,
  UplinkRecord,
} from '../../../src/model/mod.ts';
import type { Luck } from './luck.ts';
import type { VirtualTime } from './time.ts';

interface Held {
  through: number;
  readonly records: Map<number, UplinkRecord>;
}

export class WorldLedger implements LedgerPort {
  readonly #time: VirtualTime;
  readonly #luck: Luck;
  /** Hears of each command that is durable now. */
  onCommand: (command: SentCommand) => void = () => {};
  #life = 0;
  /** When the newest commit is durable: none overtakes another. */
  #durableAtMs = 0;
  readonly #commands = new Map<Cti, LedgerCommand>();
  readonly #answers = new Map<Cti, Map<GatewayId, Answer>>();
  readonly #sequences = new Map<string, { audience: string; stream: string; last: number }>();
  readonly #held = new Map<string, Held & { gateway: GatewayId; stream: StreamName }>();
  readonly #rows = new Map<string, Map<string, Json>>();

  constructor(time: VirtualTime, luck: Luck) {
    this.#time = time;
    this.#luck = luck;
  }

  /** What is under way never becomes durable. */
  crash(): void {
    this.#life++;
  }

  held(gateway: GatewayId, stream: StreamName): Held {
    const key = `${gateway} ${stream}`;
    const known = this.#held.get(key);
    if (known !== undefined) return known;
    const held = { gateway, stream, through: 0, records: new Map<number, UplinkRecord>() };
    this.#held.set(key, held);
    return held;
  }

  allCommands(): readonly LedgerCommand[] {
    return [...this.#commands.values()];
  }

  /** Every receipt of a gateway, in the order of their numbers. */
  receipts(gateway: GatewayId): readonly UplinkRecord[] {
    return [...this.held(gateway, 'receipt').records.values()].sort((a, b) => a.sequence - b.sequence);
  }

  recordsOf(gateway: GatewayId): number {
    const all = [...this.#held.values()].filter(held => held.gateway === gateway);
    return all.reduce((sum, { records }) => sum + records.size, 0);
  }

  commit(changes: readonly LedgerChange[]): Promise<void> {
    const life = this.#life;
    const kept = structuredClone<readonly LedgerChange[]>(changes);
    return new Promise(resolve => {
      this.#durableAtMs = Math.max(this.#durableAtMs, this.#time.ms + this.#luck.between(0, 20));
      this.#time.after(this.#durableAtMs - this.#time.ms, () => {
        if (life !== this.#life) return;
        for (const change of kept) this.#apply(change);
        resolve();
      });
    });
  }

  snapshot(): Promise<LedgerSnapshot> {
    const open = [...this.#commands.values()].flatMap(({ command, settled }) =>
      settled === undefined ? [{ command, answers: this.#answersTo(command.cti) }] : [],
    );
    const marks = [...this.#held.values()].map(({ gateway, stream, through, records }) => ({
      gateway,
      stream,
      through,
      ahead: [...records.keys()].filter(n => n > through).sort((a, b) => a - b),
    }));
    return Promise.resolve({ sequences: [...this.#sequences.values()], open, marks });
  }

  rows(actor: string, prefix = ''): Promise<readonly { readonly key: string; readonly value: Json }[]> {
    const rows = [...(this.#rows.get(actor) ?? [])].filter(([key]) => key.startsWith(prefix));
    return Promise.resolve(
      rows
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => ({ key, value: structuredClone(value) })),
    );
  }

  records(
    gateway: GatewayId,
    stream: StreamName,
    after: number,
    limit: number,
  ): Promise<readonly UplinkRecord[]> {
    const all = [...this.held(gateway, stream).records.values()].sort((a, b) => a.sequence - b.sequence);
    return Promise.resolve(all.filter(({ sequence }) => sequence > after).slice(0, limit));
  }

  answers(cti: Cti): Promise<readonly Answer[]> {
    return Promise.resolve(this.#answersTo(cti));
  }

  command(cti: Cti): Promise<LedgerCommand | undefined> {
    return Promise.resolve(this.#commands.get(cti));
  }

  commands(kind: string, limit: number): Promise<readonly LedgerCommand[]> {
    const all = [...this.#commands.values()].filter(({ command }) => command.kind === kind);
    return Promise.resolve(all.toReversed().slice(0, limit));
  }

  #answersTo(cti: Cti): readonly Answer[] {
    return [...(this.#answers.get(cti)?.values() ?? [])];
  }

  #apply(change: LedgerChange): void {
    switch (change.op) {
      case 'command': {
        const { command } = change;
        this.#reserve(command.audience, command.stream, command.sequence);
        this.#commands.set(command.cti, { command });
        this.onCommand(command);
        return;
      }
      case 'settle': {
        const known = this.#commands.get(change.cti);
        assert(known !== undefined, 'a command was sent before it is settled');
        this.#commands.set(change.cti, { ...known, settled: { how: change.how, at: change.at } });
        return;
      }
      case 'reserve':
        return this.#reserve(change.audience, change.stream, change.last);
      case 'record':
        this.held(change.gateway, change.record.stream).records.set(change.record.sequence, change.record);
        return;
      case 'answer': {
        const { cti, gateway } = change.answer;
        const answers = this.#answers.get(cti) ?? new Map<GatewayId, Answer>();
        this.#answers.set(cti, answers.set(gateway, change.answer));
        return;
      }
      case 'mark':
        this.held(change.gateway, change.stream).through = change.through;
        return;
      case 'put': {
        const rows = this.#rows.get(change.actor) ?? new Map<string, Json>();
        this.#rows.set(change.actor, rows.set(change.key, change.value));
        return;
      }
      case 'delete':
        this.#rows.get(change.actor)?.delete(change.key);
    }
  }

  #reserve(audience: string, stream: string, last: number): void {
    const key = `${audience} ${stream}`;
    assert(last > (this.#sequences.get(key)?.last ?? 0), 'no number of a command is used twice');
    this.#sequences.set(key, { audience, stream, last });
  }
}
