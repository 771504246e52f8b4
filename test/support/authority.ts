/** Certificates for tests, made by openssl. */
import { join } from 'node:path';
import { mustRun } from './run.ts';

/**
 * An authority of its own, and what it signed: `<who>-cert.pem` and `<who>-key.pem` in `folder`. A certificate names
 * its holder, and `ip` where one is given.
 */
export async function authority(
  folder: string,
  name: string,
  signs: readonly string[],
  ip?: string,
): Promise<void> {
  const file = (what: string) => join(folder, what);
  const newKey = (who: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    file(`${who}-key.pem`),
  ];
  const ca = ['-x509', '-days', '2', '-subj', `/CN=${name}`, '-out', file(`${name}-cert.pem`)];
  await mustRun('openssl', ['req', ...newKey(name), ...ca]);
  for (const who of signs) {
    const by = ['-CA', file(`${name}-cert.pem`), '-CAkey', file(`${name}-key.pem`)];
    const names = [`DNS:${who}`, ...(ip === undefined ? [] : [`IP:${ip}`])].join(',');
    const subject = ['-subj', `/CN=${who}`, '-addext', `subjectAltName=${names}`];
    const out = ['-x509', '-days', '2', '-out', file(`${who}-cert.pem`)];
    await mustRun('openssl', ['req', ...newKey(who), ...subject, ...by, ...out]);
  }
}
