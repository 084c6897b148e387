/**
 * An action that is held until it is decided: decide → pre_exec durable → do it → post_exec. What is not recorded is not
 * done, unless the machine's configuration says otherwise; what was done is given to the caller whatever becomes of its
 * record.
 */
import type { Outcome } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { ActBegin } from './client.ts';
import { type ProgramEnd, shared } from './context.ts';
import { ApprovalPendingError, isOutage, StoppedError, unrecorded } from './errors.ts';
import { cutBytes, idText, leftOutOf, type Made, statusOf, usageOf } from './parts.ts';
import { type RunBase, retried } from './run.ts';
import type { Acting, Action, Run } from './types.ts';

type ActType = ActBegin['type'];

const TYPES = {
  tool: 'tool.call',
  model: 'model.call',
  retrieval: 'retrieval.query',
  custom: 'custom',
} as const satisfies Record<string, ActType>;

const UNGOVERNED = 'unrecorded';

export async function act<T>(
  base: RunBase,
  run: Run,
  asked: Action | string,
  fn: (acting: Acting) => T | PromiseLike<T>,
): Promise<T> {
  const action = typeof asked === 'string' ? { name: asked } : asked;
  const signal = withSignal(base.controller.signal, action.signal);
  refuseAborted(signal);
  const begun = await begin(base, action, signal);
  const { id, stepId } = begun;
  const started = performance.now();
  let settled = false;

  function end(outcome: Outcome, made?: Made): Promise<void> {
    if (settled || id === UNGOVERNED) return Promise.resolve();
    settled = true;
    base.acting.delete(cut);
    return recordEnd(base, id, { duration_ms: took(started), ...outcome }, made);
  }
  /** The program ends, and nobody will tell how this did. */
  const cut = ({ kind }: ProgramEnd): void =>
    void end({ status: 'aborted', error_kind: kind, error: 'the program ended before this did' });
  base.acting.add(cut);

  let result: T;
  try {
    refuseAborted(signal);
    result = await shared.storage.run(
      { run, parentId: id === UNGOVERNED ? base.parent() : id, started: base.started },
      () => fn({ id, stepId, signal }),
    );
  } catch (error) {
    await end({ status: statusOf(error, signal), ...base.shell.make.failure(error) });
    throw error;
  }
  const made =
    action.payloads === false ? undefined : base.shell.make.payload('result', result, action.subject);
  await end({ status: 'ok', ...usageOf(usageFrom(action, result)) }, made);
  return result;
}

function beganWithout(): TallyError {
  return new TallyError('RECORDER_UNAVAILABLE', 'the run began while nothing was recorded', {
    hint: 'start the run again, with the recorder running: tally up',
  });
}

interface Entered {
  readonly id: string;
  readonly stepId: string;
}

/** Resolves when it may begin, and that is durable. Throws what keeps it from beginning. */
async function begin(base: RunBase, action: Action, signal: AbortSignal): Promise<Entered> {
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
    if (outcome !== 'approval_required')
      throw new StoppedError(action.name, message, { ...about, retryAfterMs: retry_after_ms });
    const { approval } = answer;
    if (
      again ||
      approval === undefined ||
      !(await answered(base, approval.id, deadline ?? answer.hold_ms, signal))
    )
      throw new ApprovalPendingError(action.name, approval, about);
  }
}

/** True when a person has answered, whatever they said: it is then decided anew. */
async function answered(base: RunBase, id: string, ms: number, signal: AbortSignal): Promise<boolean> {
  const until = performance.now() + ms;
  for (;;) {
    refuseAborted(signal);
    const left = Math.floor(until - performance.now());
    if (left <= 0) return false;
    const most = Math.min(left, LIMITS.sdkApprovalPollMs);
    const waiting = retried(() => base.shell.client.approval(base.started, id, most), base.shell);
    const status = await untilAborted(waiting, signal);
    if (status instanceof Error) throw unrecorded('nothing was done', status);
    if (status !== 'pending') return true;
  }
}

/** Nobody records: closed, nothing is done; open, the policy decides from its files, and word is left of what is done. */
async function ungoverned(base: RunBase, action: Action, cause: Error): Promise<Entered> {
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

/** Waits until it is durable, for as long as that may take; what was done is done either way. */
async function recordEnd(base: RunBase, id: string, outcome: Outcome, made: Made | undefined): Promise<void> {
  const { shell } = base;
  const left = made?.leftOut;
  const handed = await shell.outage.within(
    base.queue.end({
      id,
      end_id: shell.world.entryId(),
      outcome,
      ...(made === undefined ? {} : { payload: made.payload }),
      ...(left === undefined || left.leftOutCount === 0
        ? {}
        : { metadata: { payload_left_out: leftOutOf(left) } }),
    }),
  );
  if ('outage' in handed)
    shell.warn(`how the action ${id} ended is not in the log yet: it was done, and waits to be told`);
}

function requestOf(
  base: RunBase,
  action: Action,
): Omit<ActBegin, 'step_id'> & { readonly action: { args?: unknown } } {
  const { make } = base.shell;
  const name = idText(action.name, 'unnamed');
  const kind = action.kind ?? 'tool';
  const said = base.common(action);
  const args = action.args === undefined ? undefined : make.args(action.args);
  const shown = args === undefined ? undefined : make.shown(args.value);
  const made = action.payloads === false ? undefined : make.payload('arguments', action.args, action.subject);
  const tool = action.tool ?? (kind === 'tool' ? { name } : undefined);
  const metadata = {
    ...said.metadata,
    ...(args === undefined || args.leftOutCount === 0 ? {} : { args_left_out: leftOutOf(args) }),
  };
  return {
    type: TYPES[kind] ?? 'custom',
    action: {
      name,
      ...(tool === undefined ? {} : { tool: toolOf(tool) }),
      ...(action.target === undefined ? {} : { target: action.target }),
      ...(action.tier === undefined ? {} : { tier: action.tier }),
      ...(action.capability === undefined ? {} : { capability: idText(action.capability, 'unnamed') }),
    },
    ...(args === undefined ? {} : { args: args.value }),
    ...(args === undefined || args.whole ? {} : { args_partial: true as const }),
    ...(shown === undefined ? {} : { shown }),
    ...(action.credentials === undefined ? {} : { credentials: [...action.credentials] }),
    ...(said.reason === undefined ? {} : { reason: said.reason }),
    ...(said.parent_id === undefined ? {} : { parent_id: said.parent_id }),
    ...(said.risk === undefined ? {} : { risk: said.risk }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(made === undefined ? {} : { payload: made.payload }),
  };
}

function toolOf({ name, version, server }: NonNullable<Action['tool']>) {
  return {
    name: idText(name, 'unnamed'),
    ...(version === undefined ? {} : { version: cutBytes(String(version), 256) }),
    ...(server === undefined ? {} : { server: cutBytes(String(server), 256) }),
  };
}

function usageFrom({ usage }: Action, result: unknown) {
  try {
    return usage?.(result);
  } catch {
    // A count that cannot be made is no count; what was done is done.
    return undefined;
  }
}

const took = (started: number): number => Math.round((performance.now() - started) * 1000) / 1000;

function withSignal(run: AbortSignal, own: AbortSignal | undefined): AbortSignal {
  return own === undefined ? run : AbortSignal.any([run, own]);
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw signal.reason ?? new DOMException('aborted', 'AbortError');
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
  }
}
