/** The recorder, as the broker uses it: nothing rejects, what is lost is counted, and `close` waits for what is not durable. */
import type { Decision, Event } from '../../core/entry.ts';
import { isTallyError } from '../../core/error.ts';
import type { Ask, Recorder } from '../../recorder/api.ts';
import type { ActedOn } from './call.ts';
import { PROXY } from './events.ts';
import { codeOf } from './failure.ts';
import type { Journal, Recorded } from './refuse.ts';
import { ENTRY_REFUSED, LOG_UNAVAILABLE, type Reply } from './reply.ts';

export interface BrokerJournal extends Journal {
  readonly act: (ask: Ask, event: (decision: Decision) => Event) => Promise<ActedOn>;
  /** The last entry could not be made durable. */
  readonly failing: () => boolean;
  /** Entries that could not be made durable, since the start. */
  readonly lost: () => number;
  /** Resolves when every entry so far is durable or lost. */
  settled(): Promise<void>;
}

export function createJournal(
  recorder: Pick<Recorder, 'record' | 'act'>,
  onError: (error: unknown) => void,
): BrokerJournal {
  let failing = false;
  let lost = 0;
  let outstanding = 0;
  let waiting: (() => void)[] = [];

  function leave(): void {
    if (--outstanding > 0) return;
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }

  /** True: it is this entry that is not taken. False: the log cannot be written. */
  function refused(error: unknown): boolean {
    const refusal = isRefusal(error);
    if (refusal) onError(error);
    else failing = true;
    return refusal;
  }

  async function record(
    event: Event,
    onLost?: (reply: Reply) => void,
    how?: Parameters<Recorder['record']>[2],
  ): Promise<Recorded> {
    outstanding++;
    try {
      const receipt = await recorder.record(event, PROXY, how);
      failing = false;
      return receipt;
    } catch (error) {
      const unrecorded = isRefusal(error) ? ENTRY_REFUSED : LOG_UNAVAILABLE;
      onLost?.(unrecorded);
      const end = refused(error) ? refusedEnd(event) : undefined;
      if (end === undefined) lost++;
      else await record(end);
      return { unrecorded };
    } finally {
      leave();
    }
  }

  return {
    record,
    async act(ask, event) {
      outstanding++;
      try {
        const acted = await recorder.act(ask, event, PROXY);
        failing = false;
        acted.durable?.catch(() => {
          failing = true;
          lost++;
        });
        return acted;
      } catch (error) {
        lost++;
        return { unrecorded: refused(error) ? ENTRY_REFUSED : LOG_UNAVAILABLE };
      } finally {
        leave();
      }
    },
    failing: () => failing,
    lost: () => lost,
    async settled() {
      while (outstanding > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

/** The log is well; it is this entry that the recorder does not take, which only a bug of ours or its can cause. */
function isRefusal(error: unknown): boolean {
  if (isTallyError(error)) return error.code === 'BAD_EVENT' || error.code === 'ENTRY_TOO_LARGE';
  return codeOf(error) === 'UNKNOWN';
}

/** What can be said of a call whose own end is not taken; undefined when it is not an end, or says no more already. */
function refusedEnd({ type, phase, parent_id, outcome }: Event): Event | undefined {
  const error_kind = ENTRY_REFUSED.body.reason;
  if (phase !== 'post_exec' || parent_id === undefined || outcome?.error_kind === error_kind)
    return undefined;
  return { type, phase, parent_id, outcome: { status: 'error', error_kind } };
}
