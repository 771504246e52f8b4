/**
 * A document with its signatures: COSE_Sign (RFC 9052, 4.1), one signature a person. The context string of the
 * standard, `Signature` and not `Signature1`, keeps a signature under a command from ever counting here.
 *
 * Says which of given keys signed; how many must is another's question.
 */
import type { KeyObject } from 'node:crypto';
import { assert, ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import { fromHex, toHex } from '../../base/bytes.ts';
import type { KeyId } from '../../model/mod.ts';
import { decodeCanonical, decodeTagged, encodeCanonical, encodeTagged } from '../envelope/codec.ts';
import { signatureTrouble } from '../envelope/ed25519.ts';
import type { Signer } from '../envelope/mod.ts';
import type { SignatureRefusal } from '../envelope/refusals.ts';
import { DOCUMENT_PROFILE, MAX_ROOT_KEYS, readDocument, writeDocument } from './documents.ts';
import type { DocumentRefusal, TrustDocument } from './documents.ts';

/** Old and new root keys together sign a rotation. */
const MAX_SIGNATURES = 2 * MAX_ROOT_KEYS;

export interface DocumentSignature {
  readonly kid: KeyId;
  readonly signature: Uint8Array;
  readonly toBeSigned: Uint8Array;
}

export interface SignedDocument<D extends TrustDocument = TrustDocument> {
  readonly bytes: Uint8Array;
  readonly payload: Uint8Array;
  readonly document: D;
  readonly signatures: readonly DocumentSignature[];
}

/** `signer-twice`: one key signed it twice, which counts no more than once anywhere. */
export type SignedRefusal = DocumentRefusal | 'signer-twice';

/** Takes a document apart. No signature has been checked. */
export function openDocument(bytes: Uint8Array): Result<SignedDocument, SignedRefusal> {
  const item = decodeTagged(98, bytes, DOCUMENT_PROFILE);
  if (!item.ok) return refused('document-form', item.refusal);
  const parts = item.value;
  if (!Array.isArray(parts) || parts.length !== 4) return refused('document-form', 'no COSE_Sign');
  const [header, unprotected, payload, list] = parts as unknown[];
  if (!isEmptyBytes(header) || !isEmptyMap(unprotected))
    return refused('document-form', 'the header of the body is not empty');
  if (!(payload instanceof Uint8Array)) return refused('document-form', 'no payload');
  if (!Array.isArray(list) || list.length > MAX_SIGNATURES)
    return refused('document-form', `at most ${MAX_SIGNATURES} signatures`);
  const document = readDocument(payload);
  if (!document.ok) return document;
  const signatures: DocumentSignature[] = [];
  for (const one of list as unknown[]) {
    const signature = readSignature(one, payload);
    if (signature === undefined) return refused('document-form', 'a signature is none');
    if (signatures.some(({ kid }) => kid === signature.kid)) return refused('signer-twice', signature.kid);
    signatures.push(signature);
  }
  return ok({ bytes, payload, document: document.value, signatures });
}

/** How many of `keys` signed. Who is none of them is passed over; a bad signature by one of them is a refusal. */
export function signersAmong(
  { signatures }: SignedDocument,
  keys: ReadonlyMap<KeyId, KeyObject>,
): Result<number, SignatureRefusal> {
  let count = 0;
  for (const { kid, signature, toBeSigned } of signatures) {
    const key = keys.get(kid);
    if (key === undefined) continue;
    const trouble = signatureTrouble(toBeSigned, signature, key);
    if (trouble !== undefined) return refused(trouble, `signature by ${kid}`);
    count++;
  }
  return ok(count);
}

/** `document` under the signatures of `signers`; at most one each. */
export function signDocument(document: TrustDocument, signers: readonly Signer[]): Uint8Array {
  const payload = writeDocument(document);
  return assemble(
    payload,
    signers.map(signer => signatureBy(signer, payload)),
  );
}

/** The same document with one signature more. */
export function addSignature(signed: SignedDocument, signer: Signer): Uint8Array {
  const { payload, signatures } = signed;
  assert(!signatures.some(({ kid }) => kid === signer.kid), 'a key signs a document once');
  const kept = signatures.map(({ kid, signature }) => [headerOf(kid), new Map(), signature]);
  return assemble(payload, [...kept, signatureBy(signer, payload)]);
}

function assemble(payload: Uint8Array, signatures: readonly unknown[]): Uint8Array {
  return encodeTagged(98, [new Uint8Array(), new Map(), payload, signatures]);
}

function signatureBy(signer: Signer, payload: Uint8Array): unknown {
  assert(signer.alg === ALG, 'documents are signed with algorithm -19');
  const header = headerOf(signer.kid);
  return [header, new Map(), signer.sign(structure(header, payload))];
}

/** Ed25519 (RFC 9864): documents are younger than the older number. */
const ALG = -19;

function headerOf(kid: KeyId): Uint8Array {
  return encodeCanonical(
    new Map<number, unknown>([
      [1, ALG],
      [4, fromHex(kid)],
    ]),
  );
}

/** Sig_structure of COSE_Sign (RFC 9052, 4.4): nothing in the body's header, no external data. */
function structure(header: Uint8Array, payload: Uint8Array): Uint8Array {
  const none = new Uint8Array();
  return encodeCanonical(['Signature', none, header, none, payload]);
}

function readSignature(value: unknown, payload: Uint8Array): DocumentSignature | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [header, unprotected, signature] = value as unknown[];
  if (!(header instanceof Uint8Array) || !isEmptyMap(unprotected)) return undefined;
  if (!(signature instanceof Uint8Array)) return undefined;
  const labels = decodeCanonical(header, DOCUMENT_PROFILE);
  if (!labels.ok || !(labels.value instanceof Map) || labels.value.size !== 2) return undefined;
  const kid: unknown = labels.value.get(4);
  if (labels.value.get(1) !== ALG || !(kid instanceof Uint8Array) || kid.length !== 8) return undefined;
  return { kid: toHex(kid) as KeyId, signature, toBeSigned: structure(header, payload) };
}

function isEmptyBytes(value: unknown): boolean {
  return value instanceof Uint8Array && value.length === 0;
}

function isEmptyMap(value: unknown): boolean {
  return value instanceof Map && value.size === 0;
}
