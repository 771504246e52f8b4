/**
 * Kind trust: documents that say whom to trust. They authenticate themselves (see the trust room); here they are
 * bytes. Who carries them is a postman, so no scope is asked of that key.
 */
import { ok } from '../../../base/assert.ts';
import type { TrustBody } from '../../../model/mod.ts';
import { KEY, always } from './kind.ts';
import type { Kind } from './kind.ts';

/** A chain of roots, every delegation of a utility and its revocations fit; each costs some signatures. */
export const MAX_DOCUMENTS = 32;

export const trust: Kind<TrustBody> = {
  number: 12,
  rows: [always(KEY.documents, 'documents', isDocuments)],
  read: body => ok({ kind: 'trust', documents: body.get(KEY.documents) as Uint8Array[] }),
  write: ({ documents }) => [[KEY.documents, documents]],
};

function isDocuments(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= MAX_DOCUMENTS &&
    value.every(document => document instanceof Uint8Array && document.length > 0)
  );
}
