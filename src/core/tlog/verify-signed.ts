/** What the log's checkpoint says, and who says it. */
import { isTallyError } from '../error.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { type Verifier, verifierFromVkey } from './key.ts';
import { parseNote } from './note.ts';
import type { SignaturesVerdict } from './verify-report.ts';

export interface Signed {
  /** Absent when there is none or it does not parse. */
  readonly checkpoint?: Checkpoint;
  /** A key signed it: entries can be held against its root. The verdict says whose key. */
  readonly authentic: boolean;
  readonly verdict: SignaturesVerdict;
}

/** Keys named by the log itself prove nothing about who made it; one that does not parse is left out. */
export function declaredVerifiers(vkeys: readonly string[]): Verifier[] {
  return vkeys.flatMap((vkey) => attempt(() => [verifierFromVkey(vkey)]) ?? []);
}

/** The value, or `undefined` when the input was refused. Bugs pass through. */
export function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (isTallyError(error)) return undefined;
    throw error;
  }
}

function failed(note: string, checkpoint?: Checkpoint, authentic = false): Signed {
  return {
    ...(checkpoint === undefined ? {} : { checkpoint }),
    authentic,
    verdict: { status: 'fail', signed_by: [], note },
  };
}

/** `pinned`: keys the caller trusts. `declared`: keys that log.json names. */
export function readSigned(
  bytes: Uint8Array | undefined,
  origin: string,
  pinned: readonly Verifier[],
  declared: readonly Verifier[],
): Signed {
  if (bytes === undefined)
    return {
      authentic: false,
      verdict: { status: 'incomplete', signed_by: [], note: 'there is no checkpoint: nothing is signed' },
    };
  const byPinned = attempt(() => openCheckpoint(bytes, pinned));
  const opened = byPinned ?? attempt(() => openCheckpoint(bytes, declared));
  if (opened === undefined) {
    const parsed = attempt(() => parseCheckpoint(parseNote(bytes).text));
    // Nobody to hold it against, as with a published log whose reader has no key: no pass, and no tampering either.
    if (parsed?.origin === origin && pinned.length + declared.length === 0)
      return {
        checkpoint: parsed,
        authentic: false,
        verdict: {
          status: 'neutral',
          signed_by: [],
          note: `no key is known for ${origin}, so anybody could have signed`,
        },
      };
    return failed(
      parsed === undefined
        ? 'the checkpoint does not parse'
        : `no valid signature of ${pinned.length > 0 ? 'a trusted key' : 'a key of the log'} is on the checkpoint`,
      parsed,
    );
  }
  if (opened.origin !== origin)
    return failed(`the checkpoint speaks for ${opened.origin}, the log is ${origin}`, opened);
  const signedBy = opened.signatures.map(({ name, keyId }) => `${name}+${keyId}`);
  if (byPinned !== undefined)
    return {
      checkpoint: opened,
      authentic: true,
      verdict: { status: 'pass', key: 'pinned', signed_by: signedBy },
    };
  if (pinned.length > 0)
    return failed(
      'the checkpoint is signed by a key that the log names itself, not by a trusted key',
      opened,
      true,
    );
  return {
    checkpoint: opened,
    authentic: true,
    verdict: {
      status: 'neutral',
      key: 'self-declared',
      signed_by: signedBy,
      note: 'self-declared: the key is known from the log itself only, so anybody could have signed',
    },
  };
}
