/**
 * What programs of `tally run` are to trust: the roots that this machine trusts anyway, because hosts that are tunnelled
 * show their own certificates, and our authority.
 *
 * The system's roots and not Node's own list: an operator who removed a root, or added the one of a company, did it
 * there. Node reads SSL_CERT_FILE and SSL_CERT_DIR for them, so what the user had set is still trusted. Only where the
 * system has none (images without certificates) Node's list stands in.
 */
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import type { Authority, CaHome } from './authority.ts';
import { caPaths, replacePublic } from './files.ts';

export function systemRoots(): readonly string[] {
  const system = getCACertificates('system');
  return [...new Set(system.length > 0 ? system : getCACertificates('bundled'))];
}

/**
 * Writes the file and returns its path; about 20 ms, since the system's roots are read anew. `extra`: PEM texts that the
 * programs trusted besides (NODE_EXTRA_CA_CERTS of the user); a bundle with them has a name of its own.
 */
export function caBundle(home: CaHome, authority: Authority, extra: readonly string[] = []): string {
  const { directory } = caPaths(home);
  const added = extra.map((pem) => pem.trim()).filter((pem) => pem !== '');
  const name =
    added.length === 0 ? 'bundle.pem' : `bundle-${hash('sha256', added.join('\n'), 'hex').slice(0, 12)}.pem`;
  const path = join(directory, name);
  const all = [authority.certificate, ...added, ...systemRoots()].map((pem) => `${pem.trim()}\n`);
  replacePublic(path, all.join(''));
  return path;
}
