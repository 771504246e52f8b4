/**
 * The head end's ledger on one SQLite file: what was sent and is still to be answered, with its exact bytes;
 * which numbers are used; what each gateway reported and up to where; and rows the utility's actors keep.
 *
 * What it is asked and told is the model's LedgerPort; what it means is the business of the utility's actors.
 */
import type { DatabaseSync } from 'node:sqlite';
import { assert, ok } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { hours, unixTime } from '../../base/time.ts';
import type { UnixTime } from '../../base/time.ts';
import type {
  Answer,
  CommandBody,
  Cti,
  GatewayId,
  Json,
  LedgerChange,
  LedgerCommand,
  LedgerPort,
  LedgerSnapshot,
  ReceiptBody,
  RecordBody,
  SentCommand,
  Settlement,
  StreamName,
  UplinkRecord,
} from '../../model/mod.ts';
import type { Cell, CheckedTable } from './checked.ts';
import type { Damage, DamageList } from './damage.ts';
import { openFile } from './file.ts';
import type { OpenFile, OpenRefusal, Schema } from './file.ts';
import { GroupCommit } from './group-commit.ts';
import { reading } from './trouble.ts';

/** The ledger's port, and what its owner may ask of the file. */
export interface Ledger extends LedgerPort {
  /** Rejects only when the file cannot be read. */
  snapshot(): Promise<LedgerSnapshot>;
  /** Resolves when every change is on the disk; rejects with a `StoreTrouble`, nothing changed, otherwise. */
  commit(changes: readonly LedgerChange[]): Promise<void>;
  /** Rows that did not prove themselves, oldest first; those of earlier runs included. */
  damage(): readonly Damage[];
  /** Commits what waits and closes the file. Nothing may be asked afterwards. */
  close(): Promise<void>;
}

type TableName = 'command' | 'answer' | 'sequence' | 'record' | 'mark' | 'row';

const SCHEMA: Schema<TableName> = {
  what: 'ledger',
  applicationId: 0x75_67_6c_64, // "ugld"
  tables: {
    command: {
      name: 'command',
      columns: {
        cti: 'TEXT',
        state: 'TEXT',
        settledAt: 'INTEGER',
        sentAt: 'INTEGER',
        audience: 'TEXT',
        stream: 'TEXT',
        sequence: 'INTEGER',
        expires: 'INTEGER',
        kind: 'TEXT',
        about: 'TEXT',
        topic: 'TEXT',
        awaits: 'TEXT',
        bytes: 'BLOB',
      },
      keys: 1,
    },
    answer: {
      name: 'answer',
      columns: { cti: 'TEXT', gateway: 'TEXT', at: 'INTEGER', receipt: 'TEXT' },
      keys: 2,
    },
    sequence: {
      name: 'sequence',
      columns: { audience: 'TEXT', stream: 'TEXT', last: 'INTEGER' },
      keys: 2,
    },
    record: {
      name: 'record',
      columns: { gateway: 'TEXT', stream: 'TEXT', sequence: 'INTEGER', at: 'INTEGER', body: 'TEXT' },
      keys: 3,
    },
    mark: { name: 'mark', columns: { gateway: 'TEXT', stream: 'TEXT', through: 'INTEGER' }, keys: 2 },
    row: { name: 'row', columns: { actor: 'TEXT', key: 'TEXT', value: 'TEXT' }, keys: 2 },
  },
  migrations: [],
};

/**
 * Records kept behind the mark, of one gateway and stream: a week of one a minute. Older ones leave as new ones
 * come; who needs them longer (MDM-1) has taken them by then.
 */
const RECORDS_KEPT = 10_000;
/** A settled command and its answers stay this long, for the question who asked what last year. */
const SETTLED_KEPT = hours(400 * 24);

/** Opens or makes the ledger at `path`; commands settled over 400 days ago leave it. */
export function openLedger(path: string): Result<Ledger, OpenRefusal> {
  const file = openFile(path, SCHEMA);
  return file.ok ? ok(new SqliteLedger(file.value)) : file;
}

class SqliteLedger implements Ledger {
  readonly #db: DatabaseSync;
  readonly #tables: Readonly<Record<TableName, CheckedTable>>;
  readonly #damage: DamageList;
  readonly #commits: GroupCommit;

  constructor({ db, tables, damage, assertThere }: OpenFile<TableName>) {
    this.#db = db;
    this.#tables = tables;
    this.#damage = damage;
    this.#commits = new GroupCommit(db, assertThere);
    this.#forgetSettled(Date.now() - SETTLED_KEPT);
  }

  commit(changes: readonly LedgerChange[]): Promise<void> {
    if (changes.length === 0) return Promise.resolve();
    // Turned into rows now: their owner may change them before the turn ends.
    const writes = changes.map(change => this.#write(change));
    return this.#commits.commit(writes.length, () => {
      for (const write of writes) write();
    });
  }

  snapshot(): Promise<LedgerSnapshot> {
    return reading(() => {
      const { sequence, command, mark } = this.#tables;
      const sequences = [...sequence.rows('')].map(([audience, stream, last]) => ({
        audience: audience as string,
        stream: stream as string,
        last: last as number,
      }));
      const open = [...command.rows("WHERE state = 'open' ORDER BY sentAt")]
        .map(asCommand)
        .map(sent => ({ command: sent, answers: this.#answers(sent.cti) }));
      const marks = [...mark.rows('')].map(([gateway, stream, through]) => ({
        gateway: gateway as GatewayId,
        stream: stream as StreamName,
        through: through as number,
        ahead: this.#ahead([gateway, stream, through] as Cell[]),
      }));
      return { sequences, open, marks };
    });
  }

  rows(actor: string, prefix = ''): Promise<readonly { readonly key: string; readonly value: Json }[]> {
    // No key holds a character above U+FFFF: what begins with the prefix lies below the prefix with that one.
    const tail = 'WHERE actor = ? AND key >= ? AND key < ? ORDER BY key';
    return reading(() =>
      [...this.#tables.row.rows(tail, [actor, prefix, `${prefix}\u{10FFFF}`])].map(([, key, value]) => ({
        key: key as string,
        value: JSON.parse(value as string) as Json,
      })),
    );
  }

  records(
    gateway: GatewayId,
    stream: StreamName,
    after: number,
    limit: number,
  ): Promise<readonly UplinkRecord[]> {
    const tail = 'WHERE gateway = ? AND stream = ? AND sequence > ? ORDER BY sequence LIMIT ?';
    return reading(() => [...this.#tables.record.rows(tail, [gateway, stream, after, limit])].map(asRecord));
  }

  answers(cti: Cti): Promise<readonly Answer[]> {
    return reading(() => this.#answers(cti));
  }

  command(cti: Cti): Promise<LedgerCommand | undefined> {
    return reading(() => {
      const row = this.#tables.command.row('cti = ?', [cti]);
      return row === undefined ? undefined : asLedgerCommand(row);
    });
  }

  commands(kind: CommandBody['kind'], limit: number): Promise<readonly LedgerCommand[]> {
    const tail = 'WHERE kind = ? ORDER BY sentAt DESC LIMIT ?';
    return reading(() => [...this.#tables.command.rows(tail, [kind, limit])].map(asLedgerCommand));
  }

  damage(): readonly Damage[] {
    return this.#damage.list;
  }

  // oxlint-disable-next-line typescript/require-await -- asynchronous like the rest of the port
  async close(): Promise<void> {
    this.#commits.flush();
    this.#db.close();
  }

  #write(change: LedgerChange): () => void {
    const { row, record, answer } = this.#tables;
    switch (change.op) {
      case 'command': {
        const cells = commandCells(change.command);
        return () => this.#send(change.command, cells);
      }
      case 'settle':
        return () => this.#settle(change.cti, change.how, change.at);
      case 'reserve':
        return () => this.#reserve(change.audience, change.stream, change.last);
      case 'record': {
        const { stream, sequence, at, body } = change.record;
        const cells = [change.gateway, stream, sequence, at, JSON.stringify(body)];
        return () => this.#receive(change.gateway, stream, () => record.put(cells));
      }
      case 'answer': {
        const { cti, gateway, at, receipt } = change.answer;
        const cells = [cti, gateway, at, JSON.stringify(receipt)];
        return () => answer.put(cells);
      }
      case 'mark':
        return () => this.#mark(change.gateway, change.stream, change.through);
      case 'put': {
        const cells = [change.actor, change.key, JSON.stringify(change.value)];
        return () => row.put(cells);
      }
      case 'delete':
        return () => row.delete('actor = ? AND key = ?', [change.actor, change.key]);
    }
  }

  #send(command: SentCommand, cells: readonly Cell[]): void {
    this.#reserve(command.audience, command.stream, command.sequence);
    this.#tables.command.put(cells);
  }

  #reserve(audience: string, stream: string, last: number): void {
    const row = this.#tables.sequence.row('audience = ? AND stream = ?', [audience, stream]);
    const used = row === undefined ? 0 : (row[2] as number);
    assert(last > used, `number ${last} of ${stream} to ${audience} is above ${used}: none is used twice`);
    this.#tables.sequence.put([audience, stream, last]);
  }

  #settle(cti: Cti, how: Settlement, at: UnixTime): void {
    const row = this.#tables.command.row('cti = ?', [cti]);
    assert(row !== undefined, `command ${cti} was sent before it is settled`);
    this.#tables.command.put([cti, how, at, ...row.slice(3)]);
  }

  /** A gateway's first record makes its mark, so that a snapshot finds the records by it. */
  #receive(gateway: GatewayId, stream: StreamName, store: () => void): void {
    if (this.#tables.mark.row('gateway = ? AND stream = ?', [gateway, stream]) === undefined)
      this.#tables.mark.put([gateway, stream, 0]);
    store();
  }

  #mark(gateway: GatewayId, stream: StreamName, through: number): void {
    this.#tables.mark.put([gateway, stream, through]);
    const oldest = through - RECORDS_KEPT;
    if (oldest > 0)
      this.#tables.record.delete('gateway = ? AND stream = ? AND sequence <= ?', [gateway, stream, oldest]);
  }

  #answers(cti: Cti): readonly Answer[] {
    return [...this.#tables.answer.rows('WHERE cti = ?', [cti])].map(asAnswer);
  }

  #ahead(mark: readonly Cell[]): readonly number[] {
    const tail = 'WHERE gateway = ? AND stream = ? AND sequence > ? ORDER BY sequence';
    return [...this.#tables.record.rows(tail, mark)].map(cells => cells[2] as number);
  }

  #forgetSettled(before: number): void {
    this.#tables.command.delete("state <> 'open' AND settledAt < ?", [before]);
    this.#tables.answer.delete('cti NOT IN (SELECT cti FROM command)', []);
  }
}

function commandCells(command: SentCommand): readonly Cell[] {
  const { cti, sentAt, audience, stream, sequence, expires, kind, about, topic, awaits, bytes } = command;
  const list = JSON.stringify(awaits);
  return [
    cti,
    'open',
    0,
    sentAt,
    audience,
    stream,
    sequence,
    expires,
    kind,
    about,
    topic,
    list,
    Uint8Array.from(bytes),
  ];
}

// The three below read rows that proved to be what was written, so their form needs no second check.

function asCommand(cells: readonly Cell[]): SentCommand {
  const [cti, , , sentAt, audience, stream, sequence, expires, kind, about, topic, awaits, bytes] = cells;
  return {
    cti: cti as Cti,
    audience: audience as string,
    topic: topic as string,
    bytes: bytes as Uint8Array,
    stream: stream as string,
    sequence: sequence as number,
    sentAt: unixTime(sentAt as number),
    expires: unixTime(expires as number),
    kind: kind as CommandBody['kind'],
    about: about as string,
    awaits: JSON.parse(awaits as string) as GatewayId[],
  };
}

function asLedgerCommand(cells: readonly Cell[]): LedgerCommand {
  const [, how, at] = cells;
  const settled = how === 'open' ? {} : { settled: { how: how as Settlement, at: unixTime(at as number) } };
  return { command: asCommand(cells), ...settled };
}

function asAnswer([cti, gateway, at, receipt]: readonly Cell[]): Answer {
  return {
    cti: cti as Cti,
    gateway: gateway as GatewayId,
    at: unixTime(at as number),
    receipt: JSON.parse(receipt as string) as ReceiptBody,
  };
}

function asRecord([, stream, sequence, at, body]: readonly Cell[]): UplinkRecord {
  return {
    stream: stream as StreamName,
    sequence: sequence as number,
    at: unixTime(at as number),
    body: JSON.parse(body as string) as RecordBody,
  };
}
