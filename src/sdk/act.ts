/**
 * An action that is held until it is decided: decide → pre_exec durable → do it → post_exec. What is not recorded is not
 * done, unless the machine's configuration says otherwise; what was done is given to the caller whatever becomes of its
 * record.
 */
import type { Outcome } from '../core/entry.ts';
import type { Asked } from './act-request.ts';
import type { RunBase } from './base.ts';
import { begin, type Entered, UNGOVERNED } from './begin.ts';
import { type ProgramEnd, shared } from './context.ts';
import { type Cutting, cuttingOf } from './cutting.ts';
import { leftOutOf, type Made, statusOf, usageOf } from './parts.ts';
import { followed, isInPieces } from './pieces.ts';
import type { Acting, Action, Run } from './types.ts';
import { isFromKill, killedOutcome } from './under-way.ts';

/** An action that may begin; whoever holds it says how it ended. */
export interface Held extends Entered {
  /** Aborted with the action or its run, or by a kill switch. */
  readonly signal: AbortSignal;
  /** Durable when it resolves, or on its way while nothing can be recorded. Once: what comes later is dropped. */
  end(outcome: Outcome, made?: Made, metadata?: Record<string, unknown>): Promise<void>;
}

/**
 * Decides, and records that durably. Throws what keeps it from beginning. `mostMs`: longest wait for a person, whatever
 * the action and the policy say.
 */
export async function hold(
  base: RunBase,
  action: Asked,
  cutting: Cutting = cuttingOf(base, action.signal),
  mostMs?: number,
): Promise<Held> {
  // What a switch stops is asked for all the same: that it was stopped belongs on record.
  if (base.under.killed() === undefined) cutting.refuse();
  const { id, stepId } = await begin(base, action, cutting, mostMs);
  const started = performance.now();
  let settled = false;

  function end(outcome: Outcome, made?: Made, metadata?: Record<string, unknown>): Promise<void> {
    if (settled) return Promise.resolve();
    settled = true;
    over();
    if (id === UNGOVERNED) return Promise.resolve();
    return recordEnd(base, id, { duration_ms: took(started), ...outcome }, made, metadata);
  }
  const over = base.under.add(id, {
    cut: ({ kind }: ProgramEnd) =>
      void end({ status: 'aborted', error_kind: kind, error: 'the program ended before this did' }),
    kill: cutting.kill,
  });
  return {
    id,
    stepId,
    get signal() {
      return cutting.signal;
    },
    end,
  };
}

export async function act<T>(
  base: RunBase,
  run: Run,
  asked: Action | string,
  fn: (acting: Acting) => T | PromiseLike<T>,
): Promise<T> {
  const action = typeof asked === 'string' ? { name: asked } : asked;
  const cutting = cuttingOf(base, action.signal);
  const held = await hold(base, action, cutting);
  const { id, stepId } = held;
  const here = { run, parentId: id === UNGOVERNED ? base.parent() : id, started: base.started };
  const inside = <R>(step: () => R): R => shared.storage.run(here, step);
  const done = (given: unknown): Promise<void> => {
    const made =
      action.payloads === false ? undefined : base.shell.make.payload('result', given, action.subject);
    return held.end({ status: 'ok', ...usageOf(usageFrom(action, given)) }, made);
  };
  let result: T;
  try {
    // Something may have ended it while it was decided.
    cutting.refuse();
    const acting: Acting = {
      id,
      stepId,
      get signal() {
        return cutting.signal;
      },
    };
    result = await inside(() => fn(acting));
  } catch (error) {
    await held.end(failed(base, cutting, error));
    throw error;
  }
  if (isInPieces(result))
    return followed(result, inside, (how) =>
      how.kind === 'ok' ? done(how.result) : held.end(failed(base, cutting, how.error)),
    );
  await done(result);
  return result;
}

function failed(base: RunBase, cutting: Cutting, error: unknown): Outcome {
  const killed = cutting.killed();
  if (killed !== undefined && isFromKill(error, killed)) return killedOutcome(killed);
  return { status: statusOf(error, cutting.signal), ...base.shell.make.failure(error) };
}

/** Waits until it is durable, for as long as that may take; what was done is done either way. */
async function recordEnd(
  base: RunBase,
  id: string,
  outcome: Outcome,
  made: Made | undefined,
  said: Record<string, unknown> | undefined,
): Promise<void> {
  const { shell } = base;
  const left = made?.leftOut;
  const metadata = {
    ...said,
    ...(left === undefined || left.leftOutCount === 0 ? {} : { payload_left_out: leftOutOf(left) }),
  };
  const handed = await shell.outage.within(
    base.queue.end({
      id,
      end_id: shell.world.entryId(),
      outcome,
      ...(made === undefined ? {} : { payload: made.payload }),
      ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    }),
  );
  if ('outage' in handed)
    shell.warn(`how the action ${id} ended is not in the log yet: it was done, and waits to be told`);
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
