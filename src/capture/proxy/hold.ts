/** A caller that waits for a person: held for as long as the policy says, then told where it stands. */
import { LIMITS } from '../../core/limits.ts';
import type { Acted, Recorder } from '../../recorder/api.ts';
import { type Exchange, isGone, type Reply, sendReply } from './reply.ts';
import { acceptedReply } from './stop.ts';

export interface Holds {
  /** Undefined: too many are held already. Otherwise what gives the place back. */
  take(): (() => void) | undefined;
  held(): number;
}

export function createHolds(most: number): Holds {
  let held = 0;
  return {
    take() {
      if (held >= most) return undefined;
      held++;
      return () => {
        held--;
      };
    },
    held: () => held,
  };
}

export interface HoldDeps {
  readonly recorder: Pick<Recorder, 'policy' | 'waitForApproval'>;
  readonly holds: Holds;
  readonly whileOpen: (abort: () => void) => () => void;
}

/** RFC 7240 section 4.1. */
const ASYNC = /(?:^|,)\s*respond-async\s*(?:$|[,;])/i;

/** True: it was answered, and the call is to be decided anew. False: the caller has its reply, or is gone. */
export async function hold(
  deps: HoldDeps,
  exchange: Exchange,
  { id }: NonNullable<Acted['approval']>,
  reply: Reply,
  entry: string,
): Promise<boolean> {
  const { request, response, arrival } = exchange;
  const { prefer } = request.headers;
  // What a forwarded request prefers is said to its upstream.
  if (arrival.kind === 'addressed' && typeof prefer === 'string' && ASYNC.test(prefer)) {
    sendReply(exchange, acceptedReply(reply), entry);
    return false;
  }
  const release = deps.holds.take();
  if (release === undefined) {
    sendReply(exchange, reply, entry);
    return false;
  }
  const ms = deps.recorder.policy().compiled.approvals?.hold_ms ?? LIMITS.approvalHoldMs;
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  response.once('close', leave);
  const closing = deps.whileOpen(leave);
  try {
    const status = await deps.recorder.waitForApproval(id, ms, gone.signal);
    if (status === 'pending' || status === undefined || gone.signal.aborted) {
      sendReply(exchange, reply, entry);
      return false;
    }
    return !isGone(exchange);
  } finally {
    closing();
    response.off('close', leave);
    release();
  }
}
