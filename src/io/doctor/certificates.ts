/** For how long the certificates that a configuration names are still good. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { UnixTime } from '../../base/time.ts';
import { watch, well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

const DAY_MS = 86_400_000;
/** Renewal by hand takes weeks in a large house. */
export const SOON_DAYS = 30;

/** `what`: the field that names it, as in `broker.certFile`. */
export function checkCertificate(what: string, path: string, now: UnixTime): Finding {
  const check = 'certificate';
  const where = `${what}: ${path}`;
  const renew = `renew it (underglass utility ca, or whoever signed it), and put it in the place of ${path}`;
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(readFileSync(path));
  } catch (error) {
    const why =
      error instanceof Error && 'code' in error && error.code === 'ENOENT'
        ? 'is not there'
        : 'cannot be read';
    return wrong(check, `${where} ${why}`, `put a certificate in PEM there, which this user may read`);
  }
  const days = Math.floor((Date.parse(certificate.validTo) - now) / DAY_MS);
  if (Date.parse(certificate.validFrom) > now)
    return wrong(
      check,
      `${where} is not valid before ${certificate.validFrom}`,
      'set the clock right, or wait',
    );
  if (days < 0) return wrong(check, `${where} has expired on ${certificate.validTo}`, renew);
  const says = `${where}: ${days} days left`;
  return days < SOON_DAYS ? watch(check, says, renew) : well(check, says);
}
