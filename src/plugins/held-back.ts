/** A call of a tool that was stopped, or waits for a person: known by its code, which is the same in every copy of the SDK. */
import type { ApprovalPendingError, StoppedError } from '../sdk/errors.ts';

export type HeldBack = StoppedError | ApprovalPendingError;

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

export const isStopped = (error: unknown): error is StoppedError => codeOf(error) === 'STOPPED';
export const isPending = (error: unknown): error is ApprovalPendingError =>
  codeOf(error) === 'APPROVAL_PENDING';
export const isHeldBack = (error: unknown): error is HeldBack => isStopped(error) || isPending(error);

/** What the model is told, as any other answer of the tool: it may find another way. */
export function wordsOf(error: HeldBack): string {
  const { reason, message } = error;
  return JSON.stringify(
    isPending(error)
      ? { waiting: reason ?? 'approval_required', approval: error.approvalId, message }
      : { stopped: reason ?? 'stopped', message },
  );
}
