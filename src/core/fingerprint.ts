/**
 * What ties two records of the same action together: `args_hash` and `action.key` (entry.md §1). Both are computed on
 * the arguments BEFORE redaction, in memory only: two card numbers must give two hashes, and an approval binds to
 * exactly these arguments. The arguments themselves go no further.
 *
 * `args_hash` is a MAC, because arguments are often guessable (an amount, a yes or no): whoever reads the log must not
 * be able to confirm a guess by hashing it.
 */

import { encodeHex } from './bytes.ts';
import { writeTarget } from './canonical/entry.ts';
import { canonicalize } from './canonical.ts';
import type { Target } from './entry.ts';
import { TallyError } from './error.ts';
import { hkdfSha256, hmacSha256, sha256Hex } from './hash.ts';

/** HKDF labels of the keys made from a tenant's master key. One label, one use. `wrap` wraps payload data keys. */
export const KEY_LABELS = { args: 'args', argsId: 'args-id', wrap: 'wrap', subject: 'subject' } as const;

const MASTER_KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
/** Hex digits of 16 bytes. */
const ACTION_KEY_CHARS = 32;

export interface ActionPrint {
  readonly key: string;
  readonly args_hash?: string;
  readonly args_hash_alg?: string;
}

export interface Fingerprint {
  /** "hmac-sha256:<keyid>", or "sha256". */
  readonly alg: string;
  /**
   * Hashes for one action. `args` undefined: there is no `args_hash`. `note` (such as "body=streamed") says what the
   * hash does not cover and is appended to the alg after ";". Throws `BAD_EVENT` when `args` is not plain JSON.
   */
  action(
    tenant: string,
    action: { readonly name: string; readonly target?: Target | undefined },
    args: unknown,
    note?: string,
  ): ActionPrint;
}

export type FingerprintOptions =
  | {
      /** The tenant's master key; at least 32 bytes. */
      readonly masterKey: Uint8Array;
      /** Names the key in `args_hash_alg`. Absent: derived from the key, which it does not reveal. */
      readonly keyId?: string;
    }
  /** Plain SHA-256: guessable arguments can be found by trying. Only by a tenant's explicit configuration. */
  | { readonly plain: true };

export function createFingerprint(options: FingerprintOptions): Fingerprint {
  const { alg, digest } = 'plain' in options ? { alg: 'sha256', digest: sha256Hex } : keyedDigest(options);
  return {
    alg,
    action(tenant, action, args, note) {
      const hash = args === undefined ? undefined : digest(canonicalize(args));
      const identity = `[${canonicalize(tenant)},${canonicalize(action.name)},${targetText(action.target)},${
        hash === undefined ? 'null' : `"${hash}"`
      }]`;
      const key = sha256Hex(identity).slice(0, ACTION_KEY_CHARS);
      if (hash === undefined) return { key };
      return { key, args_hash: hash, args_hash_alg: note === undefined ? alg : `${alg};${note}` };
    },
  };
}

/** A query is hashed on its own: it must not make two actions of one. */
function targetText(target: Target | undefined): string {
  if (target === undefined) return 'null';
  const { query_hash, ...rest } = target;
  const counted = query_hash === undefined ? target : rest;
  // The fixed shape keeps no track of places; the general path says where something is wrong.
  return writeTarget(counted) ?? canonicalize(counted);
}

/** HMAC-SHA256 under the tenant's key for arguments, and how entries call it. */
export function keyedDigest(options: { readonly masterKey: Uint8Array; readonly keyId?: string }) {
  const { masterKey } = options;
  if (masterKey.length < MASTER_KEY_BYTES) {
    throw new TallyError(
      'KEY_MALFORMED',
      `the master key has ${masterKey.length} bytes; it needs ${MASTER_KEY_BYTES}`,
      { hint: 'restore the key file from a backup' },
    );
  }
  const keyId = options.keyId ?? encodeHex(hkdfSha256(masterKey, KEY_LABELS.argsId, KEY_ID_BYTES));
  return { alg: `hmac-sha256:${keyId}`, digest: hmacSha256(hkdfSha256(masterKey, KEY_LABELS.args)) };
}
