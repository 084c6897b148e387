/**
 * The operator secret of this machine (policy.md section 4): made at the first start, put under a passphrase by a
 * person, unlocked per terminal for some minutes. The writer decides; this only says truthfully what the caller holds.
 */
import { requirePrivateDirectory } from '../capture/secrets/vault-files.ts';
import { TallyError } from '../core/error.ts';
import { sha256Hex } from '../core/hash.ts';
import { LIMITS } from '../core/limits.ts';
import { operatorPath } from '../home.ts';
import type { Paths } from '../paths.ts';
import {
  ensureOperatorFile,
  type ProtectedFile,
  protectOperatorFile,
  readOperatorFile,
  sealContext,
  unprotectOperatorFile,
} from './operator/file.ts';
import { unsealToken } from './operator/seal.ts';
import { terminalId } from './operator/terminal.ts';
import { readUnlock, removeUnlock, type Unlocked, unlockPath, writeUnlock } from './operator/unlock.ts';

export type OperatorState =
  | { readonly kind: 'none' }
  | { readonly kind: 'open' }
  | { readonly kind: 'locked' }
  | { readonly kind: 'unlocked'; readonly until: number };

export interface Operator {
  state(): OperatorState;
  /** What the client may present; undefined while it is locked, or before the first start. */
  token(): string | undefined;
  /** Makes an open secret unless there is one. */
  ensure(): void;
  /** OPERATOR_REQUIRED when the passphrase is not the one. */
  unlock(passphrase: string): Promise<Unlocked>;
  /** Forgets the unlock of this terminal. */
  lock(): void;
  /** Sets a passphrase, or another one. The caller has made sure that it may: a protected secret is unlocked. */
  protect(passphrase: string): Promise<void>;
  unprotect(): void;
}

export function openOperator(
  paths: Pick<Paths, 'keys' | 'runtime'>,
  options: { readonly now?: () => number; readonly terminal?: () => string } = {},
): Operator {
  const now = options.now ?? Date.now;
  const path = operatorPath(paths);
  // Asked for only when a passphrase is set: most machines never read it.
  const cache = (): string => unlockPath(paths.runtime, (options.terminal ?? terminalId)());

  function unlocked(file: ProtectedFile): Unlocked | undefined {
    requirePrivateDirectory(paths.runtime);
    const found = readUnlock(cache(), now());
    // Another passphrase was set meanwhile: the remembered token opens nothing any more.
    return found !== undefined && sha256Hex(found.token) === file.token_hash ? found : undefined;
  }

  function requireFile(): NonNullable<ReturnType<typeof readOperatorFile>> {
    const file = readOperatorFile(path);
    if (file !== undefined) return file;
    throw new TallyError('BAD_CONFIG', 'this machine has no operator secret yet', {
      hint: 'make one: tally init',
    });
  }

  return {
    state() {
      const file = readOperatorFile(path);
      if (file === undefined) return { kind: 'none' };
      if (!file.protected) return { kind: 'open' };
      const found = unlocked(file);
      return found === undefined ? { kind: 'locked' } : { kind: 'unlocked', until: found.until };
    },
    token() {
      const file = readOperatorFile(path);
      if (file === undefined) return undefined;
      return file.protected ? unlocked(file)?.token : file.token;
    },
    ensure() {
      ensureOperatorFile(path, paths.keys);
    },
    async unlock(passphrase) {
      const file = requireFile();
      if (!file.protected)
        throw new TallyError('USAGE', 'no operator passphrase is set, so there is nothing to unlock', {
          hint: 'set one: tally operator protect',
        });
      const token = await unsealToken(file.sealed, passphrase, file.kdf, sealContext(file.token_hash));
      if (token === undefined || sha256Hex(token) !== file.token_hash)
        throw new TallyError('OPERATOR_REQUIRED', 'that is not the operator passphrase', {
          hint: 'try again: tally operator unlock',
        });
      return writeUnlock(paths.runtime, cache(), token, now());
    },
    lock() {
      removeUnlock(cache());
    },
    async protect(passphrase) {
      requireFile();
      if (passphrase.length < LIMITS.passphraseMinChars)
        throw new TallyError('USAGE', `a passphrase has at least ${LIMITS.passphraseMinChars} characters`, {
          hint: 'four random words are easy to type and hard to guess',
        });
      await protectOperatorFile(path, passphrase);
      removeUnlock(cache());
    },
    unprotect() {
      requireFile();
      unprotectOperatorFile(path);
      removeUnlock(cache());
    },
  };
}
