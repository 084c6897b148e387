/** Whether one receipt is what it claims to be, by its kind. */
import { isTallyError } from '../core/error.ts';
import { cosignaturesOn, cosignatureVerifier } from '../core/tlog/cosignature.ts';
import { type Note, parseNote } from '../core/tlog/note.ts';
import type { CheckedReceipt } from '../core/tlog/verify-anchors.ts';
import { readCheckpoint } from './earlier.ts';
import type { StoredReceipt } from './receipts.ts';
import type { AnchorSetting } from './setting.ts';

export type ReceiptCheck = Pick<CheckedReceipt, 'type' | 'status' | 'time' | 'witness' | 'why'>;

/**
 * What a receipt without a signature proves by itself is nothing: it counts as verified for what it is, a note that the
 * anchor took the checkpoint, and carries no time. A configured certificate
 * that cannot be read leaves a time stamp unverified.
 */
export async function checkReceipt(
  stored: StoredReceipt,
  setting: AnchorSetting | undefined,
): Promise<ReceiptCheck> {
  const type = setting?.type ?? typeBySuffix(stored.suffix);
  if (readCheckpoint(stored.note)?.size !== stored.size)
    return { type, status: 'invalid', why: 'the checkpoint beside it is not of its size' };
  if (type === 'rfc3161') return checkTimeStamp(stored, setting?.type === 'rfc3161' ? setting.ca : undefined);
  if (type === 'witness')
    return checkCosignature(stored, setting?.type === 'witness' ? setting.vkey : undefined);
  if (setting === undefined)
    return { type, status: 'unverified', why: 'this machine has no anchor of that name' };
  return { type, status: 'verified' };
}

/** Of an anchor that is no longer configured; what else there is came from a place that signs nothing. */
function typeBySuffix(suffix: string): string {
  if (suffix === 'tsr') return 'rfc3161';
  return suffix === 'note' ? 'witness' : 'other';
}

async function checkTimeStamp({ bytes, note }: StoredReceipt, ca: string | undefined): Promise<ReceiptCheck> {
  const type = 'rfc3161';
  const [{ loadTrust }, { checkToken }] = await Promise.all([
    import('./rfc3161/driver.ts'),
    import('./rfc3161/token.ts'),
  ]);
  try {
    const token = checkToken({ response: bytes, data: note, trust: await loadTrust(ca) });
    if (!token.ok) return { type, status: 'invalid', why: `the time stamp is not good: ${token.why}` };
    if (token.trusted) return { type, status: 'verified', time: token.time };
    return {
      type,
      status: 'unverified',
      why: `no certificate is configured for it: who signed ${token.time} is not known`,
    };
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return { type, status: 'unverified', why: error.message };
  }
}

function checkCosignature({ bytes, note }: StoredReceipt, vkey: string | undefined): ReceiptCheck {
  const type = 'witness';
  if (vkey === undefined) return { type, status: 'unverified', why: 'no key is configured for this witness' };
  let cosigned: Note;
  let witness: ReturnType<typeof cosignatureVerifier>;
  try {
    witness = cosignatureVerifier(vkey);
    cosigned = parseNote(bytes);
    // The signatures of the log may have come to be others: what was cosigned is the text.
    if (cosigned.text !== parseNote(note).text)
      return { type, status: 'invalid', why: 'the cosignature is on another checkpoint' };
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return { type, status: 'invalid', why: error.message };
  }
  const { verified, failed } = cosignaturesOn(cosigned, [witness]);
  const [first] = [...verified].sort((a, b) => a.time - b.time);
  if (first === undefined || failed.length > 0)
    return { type, status: 'invalid', why: 'there is no cosignature on it by the configured key that holds' };
  return {
    type,
    status: 'verified',
    time: new Date(first.time * 1000).toISOString(),
    witness: witness.publicKey,
  };
}
