/** What was stopped before it was done: recorded field by field, like every other stopped action. */
import type { Decision, Event } from '../core/entry.ts';
import type { LayerName, ReasonCode } from '../core/policy/reasons.ts';
import type { Identity } from '../core/policy/types.ts';
import { actorOf, doneFor, said } from './asked.ts';
import type { Client, Op } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

export interface Stop {
  readonly layer: LayerName;
  readonly reason: ReasonCode;
  /** For a person. */
  readonly why: string;
  /** Whose it was held against. */
  readonly identity?: Identity;
}

/** A decision that the recorder makes itself, about a request to it. No `engine`: it is not one that can be replayed. */
export function stopDecision(recorder: LocalRecorder, op: Op, stop: Stop): Decision {
  const { layer, reason, why, identity } = stop;
  const { compiled, hash } = recorder.policy();
  const at = new Date(recorder.now()).toISOString();
  return {
    outcome: 'stop',
    reason,
    message: why,
    layer,
    layers: [{ layer, result: 'fail', reason }],
    policy: { id: compiled.id, version: compiled.version, hash: compiled.source_hash },
    snapshot: { hash, captured_at: at },
    inputs: { decided_at: at, request: op, ...(identity === undefined ? {} : { identity }) },
    enforced: true,
  };
}

/** Durable when it resolves. `about`: what was asked for. */
export async function recordStop(
  recorder: LocalRecorder,
  client: Client,
  about: Pick<Event, 'type' | 'run_id' | 'actor' | 'action' | 'secret' | 'metadata'>,
  decision: Decision,
): Promise<void> {
  await recorder.record(
    {
      ...about,
      phase: 'point',
      actor: { ...actorOf(client), ...about.actor },
      quality: said(client),
      decision,
      outcome: { status: 'blocked' },
    },
    doneFor(client),
  );
}
