/** What the program, its model and its user are told in place of a permission. */
import { waitWords } from '../../capture/hook/answer.ts';
import { isTallyError } from '../../core/error.ts';
import type { JsonObject } from '../../core/json.ts';
import { ApprovalPendingError, StoppedError } from '../../sdk/errors.ts';

export function wordsOf(error: unknown): string {
  if (error instanceof StoppedError)
    return `Stopped by the policy of this machine: ${error.message}. tally log show ${error.decisionId}`;
  if (error instanceof ApprovalPendingError) {
    const { approvalId: id, expiresAt: expires_at, reason = 'the policy wants an approval' } = error;
    return waitWords(
      { reason },
      id === undefined || expires_at === undefined ? undefined : { id, expires_at },
      undefined,
    );
  }
  if (isTallyError(error))
    return `This was not done: ${error.message}.${error.hint === undefined ? '' : ` ${error.hint}`}`;
  return `This was not done, because nobody could decide on it: ${error instanceof Error ? error.message : String(error)}`;
}

/** A prompt that cannot be recorded is not taken: nothing that follows from it could be. */
export function blockedPrompt(error: unknown): JsonObject {
  return { decision: 'block', reason: wordsOf(error) };
}

/** What is over already cannot be held back: whoever sits there is told. */
export function unrecordedNote(error: unknown): JsonObject {
  return {
    systemMessage: `tally: this was not recorded: ${error instanceof Error ? error.message : String(error)}`,
  };
}
