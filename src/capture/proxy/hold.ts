/** A caller that waits for a person: held for as long as the policy says. What then becomes of it is the caller's to do. */
import { LIMITS } from '../../core/limits.ts';
import type { Acted, ApprovalState, Recorder } from '../../recorder/api.ts';
import { ABORTED, type Failure } from './failure.ts';
import type { Flight } from './flight.ts';
import type { Exchange } from './reply.ts';

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

/** What of a connection says that its caller has left. */
export interface Leaving {
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

/** How a wait ended. Neither member: nobody has answered yet, and the caller is told where it stands. */
export interface Waited {
  /** Its request is settled, and the call is to be decided anew. */
  readonly resumed?: Exclude<ApprovalState, 'pending'>;
  /** The caller has left, or it was switched off meanwhile. */
  readonly failure?: Failure;
  readonly heldMs: number;
}

export const NOT_HELD: Waited = { heldMs: 0 };

/** RFC 7240 section 4.1. */
const ASYNC = /(?:^|,)\s*respond-async\s*(?:$|[,;])/i;

/** What a forwarded request prefers is said to its upstream. */
export function wouldNotWait({ request, arrival }: Exchange): boolean {
  const { prefer } = request.headers;
  return arrival.kind === 'addressed' && typeof prefer === 'string' && ASYNC.test(prefer);
}

export async function waitFor(
  deps: HoldDeps,
  { id }: NonNullable<Acted['approval']>,
  caller: Leaving,
  flight: Flight,
): Promise<Waited> {
  const release = deps.holds.take();
  if (release === undefined) return NOT_HELD;
  const ms = deps.recorder.policy().compiled.approvals?.hold_ms ?? LIMITS.approvalHoldMs;
  const started = performance.now();
  const over = new AbortController();
  let failure: Failure | undefined;
  const fail = (why: Failure): void => {
    failure ??= why;
    over.abort();
  };
  const onGone = (): void => fail(ABORTED);
  caller.once('close', onGone);
  // Told where it stands, as after the time: the request waits on, and may be answered when we are back.
  const closing = deps.whileOpen(() => over.abort());
  flight.onKill(fail);
  try {
    const status = await deps.recorder.waitForApproval(id, ms, over.signal);
    return {
      ...(failure === undefined ? {} : { failure }),
      ...(status === undefined || status === 'pending' ? {} : { resumed: status }),
      heldMs: Math.round(performance.now() - started),
    };
  } finally {
    closing();
    caller.off('close', onGone);
    release();
  }
}
