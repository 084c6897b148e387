/** What a data key is called, and whom it is about, without the key itself. */
import { KEY_LABELS } from '../fingerprint.ts';
import { hkdfSha256, hmacSha256 } from '../hash.ts';

export const KEY_ID = /^key_[0-9A-HJKMNP-TV-Z]{26}$/;

/** Lower-case hex. Keyed, because a person's address is easily guessed. */
export function subjectHasher(masterKey: Uint8Array): (subject: string) => string {
  return hmacSha256(hkdfSha256(masterKey, KEY_LABELS.subject));
}
