/**
 * Every way an envelope can be refused, by name: one cause, one name. The names are part of the contract with
 * the head end (a signed receipt carries them), so a name is added, never given another meaning.
 *
 * They stand in the order of the checks: what comes earlier is cheaper, and is all a stranger can make us do.
 */

/** The bytes are not the one CBOR encoding this program accepts. */
export type ScanRefusal =
  | 'too-large'
  | 'truncated'
  | 'trailing-bytes'
  | 'reserved-encoding'
  | 'not-shortest'
  | 'indefinite-length'
  | 'bare-break'
  | 'tag-inside'
  | 'float'
  | 'float-not-finite'
  | 'simple-value'
  | 'integer-range'
  | 'invalid-utf8'
  | 'key-type'
  | 'unsorted-keys'
  | 'duplicate-key'
  | 'too-deep'
  | 'too-many-items';

/** Good CBOR, but not the one COSE_Sign1 frame this program accepts. */
export type FrameRefusal =
  | 'not-tag-18'
  | 'not-sign1'
  | 'alg-unprotected'
  | 'kid-unprotected'
  | 'header-unprotected'
  | 'header-critical'
  | 'header-unknown'
  | 'alg-missing'
  | 'alg-unknown'
  | 'kid-missing'
  | 'kid-invalid'
  | 'payload-not-map'
  /** Scan and codec read the bytes differently. No known bytes do this; if some do, nobody acts on them. */
  | 'not-canonical';

/** The key is unknown, was trusted for another algorithm, or is not valid now, or its root is not. */
export type KeyUseRefusal =
  | 'key-unknown'
  | 'alg-mismatch'
  | 'key-not-yet-valid'
  | 'key-expired'
  | 'root-expired';

/** Read before the signature is checked, so that a stranger's replay of an old command costs no signature. */
export type AddressRefusal =
  | 'topic-unknown'
  | 'topic-mismatch'
  | 'window-inverted'
  | 'not-yet-valid'
  | 'expired';

/** The signature is not one that every implementation would call valid. */
export type SignatureRefusal =
  | 'signature-length'
  | 'signature-malleable'
  | 'signature-not-canonical'
  | 'signature-small-order'
  | 'signature-invalid';

/** A trusted key signed something that this contract has no meaning for. */
export type ContentRefusal =
  | 'claim-missing'
  | 'claim-unknown'
  | 'claim-invalid'
  | 'issuer-mismatch'
  | 'key-epoch-mismatch'
  | 'kind-unknown'
  | 'kind-on-wrong-topic'
  | 'body-missing-key'
  | 'body-unknown-key'
  | 'body-invalid'
  | 'axis-unknown'
  | 'axis-range';

/** A trusted key signed something it may not. */
export type ScopeRefusal =
  | 'operation-out-of-scope'
  | 'class-exceeded'
  | 'primacy-out-of-scope'
  | 'group-out-of-scope'
  | 'gateway-out-of-scope'
  | 'delivery-out-of-scope'
  | 'bounds-exceeded';

export type EnvelopeRefusal =
  | ScanRefusal
  | FrameRefusal
  | KeyUseRefusal
  | AddressRefusal
  | SignatureRefusal
  | ContentRefusal
  | ScopeRefusal;
