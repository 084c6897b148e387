/**
 * What stands (a tunnel, a WebSocket) began with a token that was good then. Calls are checked each time; this is looked
 * at now and then, so that nothing of a run passes for long after the run has ended or its token was revoked.
 */
import type { Claims } from '../../recorder/api.ts';
import type { Failure } from './failure.ts';

export interface AliveDeps {
  readonly isGood: (claims: Claims) => boolean;
  readonly tokenCheckMs: number;
}

export const TOKEN_DEAD: Failure = {
  status: 'aborted',
  kind: 'token_revoked',
  text: 'the token that the connection began with is no longer good: its run has ended, or it was revoked',
};

/** Calls `end` when the token is no longer good. Returns what stops looking. */
export function whileGood(deps: AliveDeps, claims: Claims, end: (failure: Failure) => void): () => void {
  const timer = setInterval(() => {
    if (!deps.isGood(claims)) end(TOKEN_DEAD);
  }, deps.tokenCheckMs);
  timer.unref();
  return () => clearInterval(timer);
}
