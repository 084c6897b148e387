/**
 * The local authority: signs for the hosts whose TLS ends in the broker, and is trusted by the programs of `tally run`
 * only, through their environment. Whoever has its key can pass for any host towards those programs, so the key never
 * leaves its file and this process, and nothing installs the certificate in a system's store.
 *
 * Made on first need. Two processes that race end up with one: the file is linked into place, and who comes second
 * reads what is there.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { statSync } from 'node:fs';
import { isTallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import {
  createPrivate,
  makePrivateDirectory,
  readPrivate,
  replacePrivate,
  withWriterLock,
} from '../secrets/vault-files.ts';
import { caError, caPaths, replacePublic } from './files.ts';

export interface Authority {
  /** Common name; the leaves say it as their issuer. */
  readonly name: string;
  /** PEM. */
  readonly certificate: string;
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
  /** SHA-256 of the certificate, hex. */
  readonly fingerprint: string;
}

export interface CaHome {
  /** The state directory. */
  readonly state: string;
}

/** Milliseconds since 1970. */
export type Clock = () => number;

const DAY_MS = 24 * 60 * 60 * 1000;
const RENEW = 'tally ca renew makes a new one; programs that run now have to be started again';
const COMMON_NAME = /^CN=(.*)$/m;

function parse(path: string, pem: string): Authority {
  const start = pem.indexOf('-----BEGIN CERTIFICATE-----');
  try {
    if (start < 0) throw new TypeError('no certificate in it');
    const key = createPrivateKey(pem.slice(0, start));
    const certificate = pem.slice(start);
    const x509 = new X509Certificate(certificate);
    if (!x509.checkPrivateKey(key)) throw new TypeError('its key and its certificate do not belong together');
    return {
      name: COMMON_NAME.exec(x509.subject)?.[1] ?? '',
      certificate,
      key,
      publicKey: createPublicKey(key),
      from: x509.validFromDate.getTime(),
      until: x509.validToDate.getTime(),
      fingerprint: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
    };
  } catch (error) {
    throw caError(`${path} is no key with its certificate`, error, RENEW);
  }
}

/** Undefined: there is none yet. Throws CA_UNREADABLE, also for a file that others could have read or written. */
export function readCa(home: CaHome): Authority | undefined {
  const path = caPaths(home).authority;
  let bytes: Buffer | undefined;
  try {
    bytes = readPrivate(path, LIMITS.operatorFileBytes);
  } catch (error) {
    throw caError('the local certificate authority cannot be used', error, RENEW);
  }
  return bytes === undefined ? undefined : parse(path, bytes.toString('latin1'));
}

/** Changes when the file is another one. Undefined: there is none. */
export function caMark(home: CaHome): string | undefined {
  const stat = statSync(caPaths(home).authority, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? undefined : `${stat.ino}:${stat.mtimeNs}`;
}

async function make(now: number): Promise<Buffer> {
  const { authorityCertificate } = await import('./certificate.ts');
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // Stores of certificates find issuers by their name, so no two authorities have the same.
  const name = `Tallystick local CA ${randomBytes(4).toString('hex')}`;
  const span = { from: new Date(now - DAY_MS), until: new Date(now + LIMITS.caDays * DAY_MS) };
  const certificate = authorityCertificate({ name, key: privateKey, publicKey }, span, randomBytes(16));
  return Buffer.from(`${privateKey.export({ type: 'pkcs8', format: 'pem' })}${certificate}`);
}

async function stored(home: CaHome, write: (path: string) => void | Promise<void>): Promise<Authority> {
  const { directory, authority, certificate } = caPaths(home);
  try {
    makePrivateDirectory(directory);
    await write(authority);
  } catch (error) {
    if (isTallyError(error) && error.code === 'CA_UNREADABLE') throw error;
    throw caError(
      'the local certificate authority cannot be stored',
      error,
      `see who may write ${directory}, and how much room there is`,
    );
  }
  const found = readCa(home);
  if (found === undefined) throw caError(`${authority} was removed at once`, undefined, RENEW);
  replacePublic(certificate, found.certificate);
  return found;
}

/**
 * The authority of this machine, made if there is none or if the one there is about to expire. Its certificate file is
 * there when this resolves. Safe to be called by several processes at once.
 */
export async function ensureCa(home: CaHome, now: Clock): Promise<Authority> {
  const found = readCa(home);
  if (found === undefined) {
    const bytes = await make(now());
    return stored(home, (path) => createPrivate(path, bytes));
  }
  if (expires(found, now)) return renewCa(home, now, (other) => expires(other, now));
  replacePublic(caPaths(home).certificate, found.certificate);
  return found;
}

function expires({ until }: Authority, now: Clock): boolean {
  return until - now() < LIMITS.caRenewDays * DAY_MS;
}

/** A new one in place of whatever is there, if `only` says so of it. Brokers that run take it up by themselves. */
export async function renewCa(
  home: CaHome,
  now: Clock,
  only?: (there: Authority) => boolean,
): Promise<Authority> {
  const bytes = await make(now());
  return stored(home, (path) =>
    withWriterLock(path, () => {
      const there = only === undefined ? undefined : readCa(home);
      if (there === undefined || only?.(there) === true) replacePrivate(path, bytes);
    }),
  );
}
