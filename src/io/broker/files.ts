/**
 * The files that the way to a broker names: password, authority, certificate and its key. Read when they are needed and
 * not kept, so that a certificate can be renewed while the program runs. What does not fit together is told here, in
 * words, and not by the first handshake.
 */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ok, refused } from '../../base/assert.ts';
import type { Result } from '../../base/assert.ts';
import type { BROKER_FILES, BrokerConfig } from '../../model/mod.ts';

/** What a connection takes of them; certificates and key are PEM texts. */
export interface BrokerFiles {
  readonly password?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Which of the files is at fault. */
export type BrokerFileRefusal = (typeof BROKER_FILES)[number];

/** Reads what `broker` names, and holds each against the others. The detail of a refusal says what is wrong with it. */
export function readBrokerFiles(broker: BrokerConfig): Result<BrokerFiles, BrokerFileRefusal> {
  const texts: { -readonly [F in BrokerFileRefusal]?: string } = {};
  for (const field of ['passwordFile', 'caFile', 'certFile', 'keyFile'] as const) {
    const path = broker[field];
    if (path === undefined) continue;
    try {
      texts[field] = readFileSync(path, 'utf8');
    } catch (error) {
      return refused(field, WHY_UNREADABLE[codeOf(error)] ?? String(error));
    }
  }
  const fault = faultOf(texts);
  if (fault !== undefined) return fault;
  return ok({
    ...(texts.passwordFile === undefined ? {} : { password: texts.passwordFile.trimEnd() }),
    ...(texts.caFile === undefined ? {} : { ca: texts.caFile }),
    ...(texts.certFile === undefined ? {} : { cert: texts.certFile }),
    ...(texts.keyFile === undefined ? {} : { key: texts.keyFile }),
  });
}

const WHY_UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a folder, not a file',
};

type Texts = { readonly [F in BrokerFileRefusal]?: string };

function faultOf({ caFile, certFile, keyFile }: Texts) {
  if (caFile !== undefined && certificateOf(caFile) === undefined)
    return refused('caFile', 'is no certificate in PEM');
  if (certFile === undefined || keyFile === undefined) return undefined;
  const [certificate, key] = [certificateOf(certFile), keyOf(keyFile)];
  if (certificate === undefined) return refused('certFile', 'is no certificate in PEM');
  if (key === undefined) return refused('keyFile', 'is no private key in PEM without a passphrase');
  if (!certificate.checkPrivateKey(key)) return refused('keyFile', 'is the key of another certificate');
  return undefined;
}

/** The first certificate of a PEM text. */
function certificateOf(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function keyOf(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
