import type { Outcome } from '../../../core/entry.ts';
import { isTallyError } from '../../../core/error.ts';
import type { BrokerHandle } from '../../broker.ts';
import type { Context } from '../../context.ts';
import type { Ran } from './ran.ts';

/** Records how the run ended. A recorder that was restarted meanwhile still knows the run: it reads it from the log. */
export async function recordEnd(context: Context, broker: BrokerHandle, ran: Ran): Promise<void> {
  const { run_id, token } = ran.started;
  const params = { run_id, run_token: token, outcome: outcomeOf(ran) };
  try {
    await broker.session.ask('run.end', params);
  } catch (error) {
    if (!isTallyError(error) || error.code !== 'RECORDER_UNAVAILABLE' || broker.own) throw error;
    const again = await context.openSession();
    try {
      await again.ask('run.end', params);
    } catch (late) {
      // The first one was carried out and only its answer was lost: the token of an ended run is no longer good.
      if (!isTallyError(late) || late.code !== 'TOKEN_INVALID') throw late;
    } finally {
      await again.close();
    }
  }
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
