/**
 * Certificates that one host alone may be signed by (`ca` of a line of the allowlist). Files, read when a call needs
 * them and again when they have changed: an operator who renews one does not restart the broker.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { LIMITS } from '../../core/limits.ts';
import { codeOf, type Failure } from './failure.ts';

export type PrivateRoots = { readonly pem: string } | { readonly failure: Failure };

/** `files`: as the policy names them, none twice. */
export type ReadRoots = (files: readonly string[], host: string) => PrivateRoots;

interface Kept {
  readonly mark: string;
  readonly pem: string;
}

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Only certificates, whatever else stands in the file. Throws when there is none, or one that is not readable. */
function certificatesIn(text: string): string {
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length === 0) throw new Error('it has no certificate');
  for (const block of blocks) new X509Certificate(block);
  return `${blocks.join('\n')}\n`;
}

/** `directory`: what relative paths start from. */
export function readRootsFrom(directory: string): ReadRoots {
  const kept = new Map<string, Kept>();

  function read(file: string): string {
    const path = resolve(directory, file);
    const { size, mtimeMs, ino } = statSync(path);
    if (size > LIMITS.caBundleBytes) throw new Error(`it has more than ${LIMITS.caBundleBytes} bytes`);
    const mark = `${ino} ${size} ${mtimeMs}`;
    const known = kept.get(path);
    if (known?.mark === mark) return known.pem;
    const pem = certificatesIn(readFileSync(path, 'latin1'));
    if (kept.size >= LIMITS.privateRoots) kept.delete(kept.keys().next().value ?? '');
    kept.set(path, { mark, pem });
    return pem;
  }

  return (files, host) => {
    const pems: string[] = [];
    for (const file of files)
      try {
        pems.push(read(file));
      } catch (error) {
        const code = codeOf(error);
        const why = /^E[A-Z]+$/.test(code) ? code : 'it holds no readable certificate';
        const text = `the certificates for ${host} cannot be read from ${JSON.stringify(file)}, which the policy names (ca): ${why}`;
        return { failure: { status: 'error', kind: 'ca_unreadable', text } };
      }
    return { pem: pems.join('') };
  };
}
