/** What was stopped before it was done: recorded field by field, like every other stopped action. */
import type { Decision, Event } from '../core/entry.ts';
import { LIMITS } from '../core/limits.ts';
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

/** Durable when it resolves. `about`: what was asked for; of more than an entry has room for, its size. */
export async function recordStop(
  recorder: LocalRecorder,
  client: Client,
  about: Pick<Event, 'type' | 'run_id' | 'actor' | 'action' | 'secret' | 'metadata'>,
  decision: Decision,
): Promise<void> {
  await recorder.record(
    {
      ...about,
      ...(about.metadata === undefined ? {} : { metadata: bounded(about.metadata) }),
      phase: 'point',
      actor: { ...actorOf(client), ...about.actor },
      quality: said(client),
      decision,
      outcome: { status: 'blocked' },
    },
    doneFor(client),
  );
}

/** A stop is on record however much was asked for. */
function bounded(metadata: NonNullable<Event['metadata']>): NonNullable<Event['metadata']> {
  const told: Record<string, unknown> = {};
  let left = LIMITS.freeObjectBytes / 2;
  for (const [name, value] of Object.entries(metadata)) {
    const bytes = Buffer.byteLength(JSON.stringify(value) ?? '');
    left -= bytes;
    told[name] = left < 0 ? { left_out_bytes: bytes } : value;
  }
  return told;
}
