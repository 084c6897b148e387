import type { Outcome } from '../../../core/entry.ts';
import { secretErrorKind } from '../../../core/secret-errors.ts';
import type { Session } from '../../../open.ts';
import type { Ran } from './ran.ts';

/** Records how the run ended. A recorder that was restarted meanwhile still knows the run: it reads it from the log. */
export async function recordEnd(session: Session, ran: Ran): Promise<void> {
  const { run_id, token } = ran.started;
  await session.ask('run.end', { run_id, run_token: token, outcome: outcomeOf(ran) });
}

function outcomeOf({ end, durationMs: duration_ms }: Ran): Outcome {
  switch (end.kind) {
    case 'exit':
      return { status: end.code === 0 ? 'ok' : 'error', duration_ms, exit_code: end.code };
    case 'signal':
      return { status: 'aborted', duration_ms, signal: end.signal };
    case 'unstartable': {
      const error_kind = end.code === 127 ? 'not_found' : 'not_executable';
      return { status: 'error', duration_ms, exit_code: end.code, error_kind };
    }
  }
}

/** How a run ends whose command was never started. */
export function notStarted(error: unknown): { status: 'error' | 'blocked'; error_kind: string } {
  const kind = secretErrorKind(error);
  const blocked = kind === 'reason_required' || kind === 'stopped' || kind === 'approval_required';
  return { status: blocked ? 'blocked' : 'error', error_kind: kind };
}
