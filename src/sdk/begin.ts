/** Asks whether an action may begin, and waits for a person where one has to say so. */
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { isOutage } from '../core/outage.ts';
import { type Asked, requestOf } from './act-request.ts';
import type { RunBase } from './base.ts';
import type { Cutting } from './cutting.ts';
import { ApprovalPendingError, StoppedError, unrecorded } from './errors.ts';
import { retried } from './patience.ts';

/** In place of an entry's id, where the machine lets an action go on that nobody records. */
export const UNGOVERNED = 'unrecorded';

export interface Entered {
  readonly id: string;
  readonly stepId: string;
}

/**
 * Resolves when it may begin, and that is durable. Throws what keeps it from beginning. `mostMs`: longest wait for a
 * person, whatever the action and the policy say.
 */
export async function begin(
  base: RunBase,
  action: Asked,
  cutting: Cutting,
  mostMs = Number.POSITIVE_INFINITY,
): Promise<Entered> {
  const { shell } = base;
  const request = requestOf(base, action);
  const deadline = action.approvalTimeoutMs;
  // Nothing of a run is on record that began without a recorder: one that is back does not know it.
  if (base.started.id === '' && base.started.token === undefined && shell.client.kind !== 'http')
    return ungoverned(base, action, beganWithout());
  for (let again = false; ; again = true) {
    const step_id = base.step();
    // What was told before it stands before it.
    await shell.outage.within(base.queue.told());
    const answer = await retried(() => shell.client.begin(base.started, { ...request, step_id }), shell);
    if (answer instanceof Error) return ungoverned(base, action, answer);
    if (answer.proceed) return { id: answer.id, stepId: step_id };
    const { outcome, reason, message, rule, layer, retry_after_ms } = answer.decision;
    const about = { decisionId: answer.id, reason, rule, layer };
    if (outcome !== 'approval_required') {
      const stopped = new StoppedError(action.name, message, { ...about, retryAfterMs: retry_after_ms });
      base.under.stopped(stopped);
      throw stopped;
    }
    const { approval } = answer;
    const over = base.under.add(answer.id, { kill: cutting.kill });
    try {
      const ms = Math.min(deadline ?? answer.hold_ms, mostMs);
      if (again || approval === undefined || !(await answered(base, approval.id, ms, cutting)))
        throw new ApprovalPendingError(action.name, approval, about);
    } finally {
      over();
    }
  }
}

function beganWithout(): TallyError {
  return new TallyError('RECORDER_UNAVAILABLE', 'the run began while nothing was recorded', {
    hint: 'start the run again, with the recorder running: tally up',
  });
}

/** True when a person has answered, whatever they said, or a switch was thrown: it is then decided anew. */
async function answered(base: RunBase, id: string, ms: number, cutting: Cutting): Promise<boolean> {
  const until = performance.now() + ms;
  try {
    for (;;) {
      cutting.refuse();
      const left = Math.floor(until - performance.now());
      if (left <= 0) return false;
      const most = Math.min(left, LIMITS.sdkApprovalPollMs);
      const waiting = retried(() => base.shell.client.approval(base.started, id, most), base.shell);
      const status = await cutting.until(waiting);
      if (status instanceof Error) throw unrecorded('nothing was done', status);
      if (status !== 'pending') return true;
    }
  } catch (error) {
    if (cutting.killed() === undefined) throw error;
    return true;
  }
}

/** Nobody records: closed, nothing is done; open, the policy decides from its files, and word is left of what is done. */
async function ungoverned(base: RunBase, action: Asked, cause: Error): Promise<Entered> {
  const { shell } = base;
  if (!isOutage(cause)) throw cause;
  if ((await shell.mode()) !== 'open') throw unrecorded(`${action.name} is not done`, cause);
  const decider = await shell.ungoverned();
  if (decider === undefined) throw unrecorded(`${action.name} is not done`, cause);
  const { action: wanted, args } = requestOf(base, action);
  const decided = await decider.decide({
    ...wanted,
    ...(args === undefined ? {} : { args }),
    ...(base.agent === undefined ? {} : { agent_id: base.agent }),
    ...(base.started.token === undefined ? {} : { run_token: base.started.token }),
  });
  const about = { decisionId: UNGOVERNED, reason: decided.reason, rule: decided.rule, layer: decided.layer };
  if (decided.proceed) return { id: UNGOVERNED, stepId: base.step() };
  if (decided.outcome === 'approval_required') throw new ApprovalPendingError(action.name, undefined, about);
  throw new StoppedError(action.name, decided.message, about);
}
