/**
 * Certificates for broker and gateways, by the openssl program: an authority, and what it signs. Keys are P-256,
 * which every broker takes; a key file has mode 0600, and no file that exists is touched.
 *
 * Makes files only. Whom a broker lets in by which certificate is the broker's own configuration.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, link, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { ok, refused } from '../base/assert.ts';
import type { Result } from '../base/assert.ts';

/** `exists`: a file stands there. `no-authority`: no `ca.crt` and `ca.key`. `no-openssl`: the program is not there. */
export type AuthorityRefusal = 'exists' | 'no-authority' | 'no-openssl' | 'openssl' | 'io';

/** What is made: names of files without their ending, in a folder. */
export type Wanted =
  | { readonly what: 'authority'; readonly name: string }
  /** For a broker at these hosts, names or addresses. */
  | { readonly what: 'server'; readonly hosts: readonly [string, ...string[]] }
  /** For a gateway or a head end, by its id. */
  | { readonly what: 'client'; readonly id: string };

export interface Made {
  readonly cert: string;
  readonly key: string;
}

/** Longer than any openssl needs on a slow machine; a program that hangs is ended. */
const MAX_RUN_MS = 60_000;
const EXTENSIONS = {
  authority: [
    'basicConstraints=critical,CA:TRUE,pathlen:0',
    'keyUsage=critical,keyCertSign,cRLSign',
    'subjectKeyIdentifier=hash',
  ],
  server: [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth',
  ],
  client: [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=clientAuth',
  ],
} as const;

/**
 * Makes a key and its certificate in `folder`, valid for `days` from now. Names are 1 to 64 of letters, digits,
 * hyphen, dot, colon and blank; the caller has seen to it. The authority is `ca.key` and `ca.crt` of the same folder.
 */
export async function makeCertificate(
  folder: string,
  wanted: Wanted,
  days: number,
): Promise<Result<Made, AuthorityRefusal>> {
  const name = wanted.what === 'authority' ? 'ca' : wanted.what === 'server' ? wanted.hosts[0] : wanted.id;
  const made: Made = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  for (const path of [made.cert, made.key])
    if (await exists(path)) return refused('exists', `${path} exists: it is not overwritten`);
  const authority: Made = { cert: join(folder, 'ca.crt'), key: join(folder, 'ca.key') };
  if (wanted.what !== 'authority')
    for (const path of [authority.cert, authority.key])
      if (!(await exists(path)))
        return refused('no-authority', `there is no ${path}; utility ca authority makes it`);
  let work: string | undefined;
  try {
    // In the same folder, so that a link is enough; mode 0700, so that no key is ever open to others.
    work = await mkdtemp(join(folder, '.making-'));
    const fault = await inFolder(work, wanted, { days, authority });
    if (fault !== undefined) return fault;
    await chmod(join(work, 'key.pem'), 0o600);
    // A link does not overwrite: whoever was faster is left as they are.
    await link(join(work, 'key.pem'), made.key);
    await link(join(work, 'cert.pem'), made.cert).catch(async (error: unknown) => {
      await rm(made.key);
      throw error;
    });
    return ok(made);
  } catch (error) {
    return refused('io', error instanceof Error ? error.message : String(error));
  } finally {
    if (work !== undefined) await rm(work, { recursive: true, force: true });
  }
}

async function inFolder(
  work: string,
  wanted: Wanted,
  { days, authority }: { readonly days: number; readonly authority: Made },
): Promise<ReturnType<typeof refused<AuthorityRefusal>> | undefined> {
  const config = join(work, 'openssl.cnf');
  const subject =
    wanted.what === 'authority' ? wanted.name : wanted.what === 'server' ? wanted.hosts[0] : wanted.id;
  const names =
    wanted.what === 'server'
      ? [`subjectAltName=${wanted.hosts.map(host => `${isIP(host) === 0 ? 'DNS' : 'IP'}:${host}`).join(',')}`]
      : [];
  const lines = [
    '[req]',
    'prompt=no',
    'distinguished_name=dn',
    '[dn]',
    `CN=${subject}`,
    '[ext]',
    ...EXTENSIONS[wanted.what],
    ...names,
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  const serial = `0x00${randomBytes(16).toString('hex')}`;
  const at = (name: string): string => join(work, name);
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', at('key.pem')];
  const common = ['-config', config, ...fresh];
  if (wanted.what === 'authority')
    return openssl(
      [
        'req',
        '-x509',
        ...common,
        '-extensions',
        'ext',
        '-days',
        `${days}`,
        '-set_serial',
        serial,
        '-out',
      ].concat(at('cert.pem')),
    );
  const asked = await openssl(['req', '-new', ...common, '-out', at('request.pem')]);
  if (asked !== undefined) return asked;
  const by = ['-CA', authority.cert, '-CAkey', authority.key, '-set_serial', serial, '-days', `${days}`];
  const ext = ['-extfile', config, '-extensions', 'ext'];
  const signed = await openssl([
    'x509',
    '-req',
    '-in',
    at('request.pem'),
    ...by,
    ...ext,
    '-out',
    at('cert.pem'),
  ]);
  if (signed !== undefined) return signed;
  return undefined;
}

/** Runs the program without a shell; what is wrong, or `undefined`. */
function openssl(args: readonly string[]): Promise<ReturnType<typeof refused<AuthorityRefusal>> | undefined> {
  return new Promise(resolve => {
    execFile('openssl', args, { timeout: MAX_RUN_MS }, (error, _out, err) => {
      if (error === null) resolve(undefined);
      else if ('code' in error && error.code === 'ENOENT')
        resolve(refused('no-openssl', 'there is no program openssl: install it (apt install openssl)'));
      else resolve(refused('openssl', err.trim().split('\n').at(-1) ?? error.message));
    });
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
