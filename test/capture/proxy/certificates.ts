/** Certificates made at run time by the openssl command: none is ever stored. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './stage.ts';

export interface Authority {
  readonly ca: string;
  /** `names` as in subjectAltName: "DNS:a.test,IP:127.0.0.1". A negative number of days is over already. `more`: lines of extensions. */
  issue(names: string, days?: number, more?: string): Certificate;
}

/** Signed by its own key. `names` as above. */
export function selfSigned(t: { after(fn: () => void): void }, names: string): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'self-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-new',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
      ],
      ...[
        '-subj',
        '/CN=self',
        '-addext',
        `subjectAltName=${names}`,
        '-keyout',
        'key.pem',
        '-out',
        'cert.pem',
      ],
    ],
    { cwd: directory, stdio: 'pipe' },
  );
  const read = (file: string) => readFileSync(join(directory, file), 'utf8');
  return { key: read('key.pem'), cert: read('cert.pem') };
}

export function makeAuthority(t: { after(fn: () => void): void }): Authority {
  const directory = mkdtempSync(join(tmpdir(), 'ca-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const newKey = (file: string) =>
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file);
  const read = (file: string) => readFileSync(join(directory, file), 'utf8');
  newKey('ca.key');
  openssl(
    'req',
    '-x509',
    '-new',
    '-key',
    'ca.key',
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
    '-out',
    'ca.pem',
  );
  let count = 0;
  return {
    ca: read('ca.pem'),
    issue(names, days = 2, more = '') {
      const name = `leaf${count++}`;
      newKey(`${name}.key`);
      openssl('req', '-new', '-key', `${name}.key`, '-subj', '/CN=leaf', '-out', `${name}.csr`);
      writeFileSync(join(directory, `${name}.ext`), `subjectAltName=${names}\n${more}`);
      openssl(
        ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
        ...['-extfile', `${name}.ext`, '-days', String(days), '-out', `${name}.pem`],
      );
      return { key: read(`${name}.key`), cert: read(`${name}.pem`) };
    },
  };
}
