/**
 * The files of the authority, in `ca/` under the state directory, 0700. Key and certificate are one file, so that no
 * crash and no second process can leave a key beside the certificate of another one. The certificate alone lies beside
 * it, 0644, for programs to trust; it follows from the other file and is written again when it differs.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isTallyError, TallyError } from '../../core/error.ts';
import { codeOf } from '../proxy/failure.ts';

const PUBLIC_MODE = 0o644;

export interface CaPaths {
  readonly directory: string;
  /** Key and certificate, 0600. */
  readonly authority: string;
  /** The certificate alone, for programs to trust. */
  readonly certificate: string;
}

export function caPaths({ state }: { readonly state: string }): CaPaths {
  const directory = join(state, 'ca');
  return { directory, authority: join(directory, 'authority.pem'), certificate: join(directory, 'ca.pem') };
}

export function caError(what: string, cause: unknown, hint: string): TallyError {
  const why = isTallyError(cause) ? cause.message : codeOf(cause);
  return new TallyError('CA_UNREADABLE', `${what}: ${why}`, { hint, cause });
}

/** A reader sees the old file, the new one, or none; never a part. Does nothing when it says `text` already. */
export function replacePublic(path: string, text: string): void {
  if (readText(path) === text) return;
  const beside = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = openSync(beside, flags, PUBLIC_MODE);
    try {
      fchmodSync(handle, PUBLIC_MODE);
      writeFileSync(handle, text);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw caError(`cannot write ${path}`, error, 'check the free space, and who may write its directory');
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Whatever stands in the way of reading it, it is to be written; if that fails too, it is told there.
    return undefined;
  }
}
