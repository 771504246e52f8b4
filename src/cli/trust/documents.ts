/**
 * Trust documents in files, as the commands of `trust` make, sign and judge them. A refusal leaves the disk as it was:
 * a document is judged whole before its file is written.
 */
import { refused } from '../../base/assert.ts';
import type { Refused } from '../../base/assert.ts';
import { isoSeconds, unixTime } from '../../base/time.ts';
import type { UnixTime } from '../../base/time.ts';
import { offlineSignerOf } from '../../io/keys.ts';
import { readTrustFile, writeTrustFile } from '../../io/trust.ts';
import type { TrustFileRefusal } from '../../io/trust.ts';
import {
  addSignature,
  digestOf,
  isComplete,
  judgeDraft,
  openDocument,
  rootFrom,
  signDocument,
} from '../../wan/trust/mod.ts';
import type { Progress, Root, SignedDocument, TrustDocument } from '../../wan/trust/mod.ts';
import { Trouble } from '../exit.ts';
import { openKeys } from '../key-files.ts';
import type { Say } from '../local/say.ts';
import { Passphrases } from '../secret.ts';
import type { MakingOptions } from './options.ts';

/** A document that was judged, and how far it is signed. */
export interface Judged {
  readonly signed: SignedDocument;
  readonly progress: readonly Progress[];
}

/** Signs `document` with the keys of `--by`, judges it, writes it to `file` and tells of it. */
export async function make(
  file: string,
  document: TrustDocument,
  {
    root,
    options,
    say,
  }: { readonly root?: Root | undefined; readonly options: MakingOptions; readonly say: Say },
): Promise<void> {
  if (document.kind === 'root' && document.expires <= now())
    throw refusal(file, refused('root-expired', 'it would have expired already'));
  const bytes = signDocument(document, []);
  const signed = await signBy(opened(bytes, file), options);
  const judged = judge(signed, root, file);
  if (options.force === true) await refuseRollback(file, signed);
  await save(file, signed.bytes, { replace: options.force === true });
  tell({ file, ...judged }, { json: options.json === true, say });
}

/** The document with one signature more of each key of `--by`. */
export async function signBy(
  signed: SignedDocument,
  { by = [], passphraseFile }: Pick<MakingOptions, 'by' | 'passphraseFile'>,
): Promise<SignedDocument> {
  let result = signed;
  for (const key of await openKeys(by, new Passphrases(passphraseFile))) {
    if (result.signatures.some(({ kid }) => kid === key.kid))
      throw new Trouble(
        `${key.kid} has signed already: one key counts once, whatever the threshold (signer-twice)`,
      );
    result = opened(addSignature(result, { ...offlineSignerOf(key), alg: -19 }), 'the document');
  }
  return result;
}

/** Throws {@link Trouble} with the name of what would be refused of it. Missing signatures are not refused. */
export function judge(signed: SignedDocument, root: Root | undefined, file: string): Judged {
  const progress = judgeDraft(signed, root, now());
  if (!progress.ok) throw refusal(file, progress);
  return { signed, progress: progress.value };
}

export async function readSigned(file: string): Promise<SignedDocument> {
  const read = await readTrustFile(file);
  if (!read.ok) throw fileTrouble(file, read);
  return opened(read.value, file);
}

/** A root that is signed by enough of its own keys. It may have expired: that is the judge's question. */
export async function readRoot(file: string): Promise<Root> {
  const signed = await readSigned(file);
  const root = rootFrom({ ok: true, value: signed }, signed.document);
  if (!root.ok) throw refusal(file, root);
  return root.value;
}

function opened(bytes: Uint8Array, what: string): SignedDocument {
  const document = openDocument(bytes);
  if (!document.ok) throw refusal(what, document);
  return document.value;
}

/** Whatever `--force` says, a newer document is not replaced by an older one. */
async function refuseRollback(file: string, { document }: SignedDocument): Promise<void> {
  const read = await readTrustFile(file);
  if (!read.ok) return;
  const old = openDocument(read.value);
  if (!old.ok) throw new Trouble(`${file}: is not replaced: there is no trust document in it (exists)`);
  const { kind, version } = old.value.document;
  if (kind === document.kind && version > document.version)
    throw new Trouble(
      `${file}: is not replaced: it holds version ${version}, and this is ${document.version} (version-rollback)`,
    );
}

export async function save(
  file: string,
  bytes: Uint8Array,
  options: { readonly replace: boolean },
): Promise<void> {
  const written = await writeTrustFile(file, bytes, options);
  if (!written.ok) throw fileTrouble(file, written);
}

const FILE_REMEDIES: Readonly<Record<Exclude<TrustFileRefusal, 'io'>, string>> = {
  missing: 'there is no such file',
  'too-large': 'is too large to be anything signed',
  'not-hexadecimal': 'is not in hexadecimal',
  exists: 'there is such a file already; --force replaces it',
};

export function fileTrouble(file: string, { refusal: name, detail }: Refused<TrustFileRefusal>): Trouble {
  return new Trouble(`${name === 'io' ? (detail ?? file) : `${file}: ${FILE_REMEDIES[name]}`} (${name})`);
}

export function refusal(what: string, { refusal: name, detail }: Refused<string>): Trouble {
  const why = [detail, REMEDIES[name]].filter(Boolean).join('; ');
  return new Trouble(`${what}: ${why === '' ? 'refused' : why} (${name})`);
}

/** What to do about it, where the name alone does not say it. */
const REMEDIES: Readonly<Record<string, string>> = {
  'document-form': 'it is no trust document',
  'root-expired': 'underglass trust rotate makes the next root',
  'threshold-not-met': 'underglass trust sign adds a signature',
  'no-root': '--root names the root that judges it',
  'signer-unknown': 'only keys of the root sign it, and for the next root those of the one before (--root)',
  'version-skipped': 'versions go up one at a time',
  'version-rollback': 'versions only go up',
  'root-key-delegated': 'a root key speaks of trust only; underglass keys new makes another',
  'key-refused': 'underglass keys new makes one that is sound',
  'root-key-refused': 'underglass keys new makes one that is sound',
};

interface Told extends Judged {
  readonly file: string;
}

export function tell(
  { file, signed, progress }: Told,
  { json, say }: { readonly json: boolean; readonly say: Say },
): void {
  const { kind, utility, version } = signed.document;
  const complete = isComplete(progress);
  if (json)
    return say.json({
      file,
      kind,
      utility,
      version,
      digest: digestOf(signed),
      complete,
      thresholds: progress,
    });
  const counts = progress.map(({ by, signed: count, needed }) => `${count} of ${needed} by ${by}`).join(', ');
  say.out(`${file}: ${kind} ${version} of ${utility}, signed ${counts}`);
  if (!complete) say.talk(`it does not count yet: underglass trust sign ${file} --by <key> adds a signature`);
}

export function now(): UnixTime {
  return unixTime(Math.floor(Date.now() / 1000) * 1000);
}

export function day(at: UnixTime): string {
  return isoSeconds(at);
}
