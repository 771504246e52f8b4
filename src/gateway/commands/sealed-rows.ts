/**
 * What came sealed, as a gateway keeps it: boxes not yet open, hashes of codes, messages for the display. Data only;
 * sealed.ts says what becomes of it.
 */
import type { UnixTime } from '../../base/time.ts';
import type { Command, Cti, MRID } from '../../model/mod.ts';
import type { StoredRow } from '../ports.ts';

/** A box on its way through the door, as its row keeps it. */
export interface Waiting {
  readonly cti: Cti;
  readonly issuer: string;
  readonly kid: Command['kid'];
  readonly expires: UnixTime;
  readonly box: string;
  readonly mRID?: MRID;
}

export interface Code {
  readonly issuer: string;
  readonly mRID?: MRID;
  /** `scrypt$…`. */
  readonly hash: string;
  /** When it goes, unless its event is still known. A customer's code stays until the next one. */
  readonly expires: UnixTime;
}

export interface Message {
  readonly issuer: string;
  readonly at: UnixTime;
  readonly expires: UnixTime;
  readonly text: string;
  readonly mRID?: MRID;
}

/** Everything sealed that a gateway keeps. */
export interface Sealed {
  /** By `commandKey`; `asked`: the door was asked since this start. */
  readonly waiting: Map<string, { readonly row: Waiting; asked: boolean }>;
  /** By event key, or `<issuer>/` for the customer's own. */
  readonly codes: Map<string, Code>;
  /** By `commandKey`, oldest first. */
  readonly messages: Map<string, Message>;
}

/** What the rows of the store say. */
export function sealedFromRows(rows: readonly StoredRow[]): Sealed {
  const of = <T>(kind: StoredRow['kind']): [string, T][] =>
    rows.filter(row => row.kind === kind).map(({ key, value }) => [key, value as T]);
  const messages = of<Message>('message').sort(([, a], [, b]) => a.at - b.at);
  return {
    waiting: new Map(of<Waiting>('sealed').map(([key, row]) => [key, { row, asked: false }])),
    codes: new Map(of<Code>('code')),
    messages: new Map(messages),
  };
}
