/**
 * `decide(request, policy, inputs)`: pure and total. The layers run in their order, the first that fails decides, and
 * the decision records exactly those that ran. Whatever goes wrong is a stop: a malformed request, an unreadable
 * policy, a bug of ours. The same three values give the same decision for ever (replay).
 */
import type { Decision, LayerResult } from '../entry.ts';
import type { JsonObject } from '../json.ts';
import type { PolicyInForce } from './compiled.ts';
import { contextOf, isRequest } from './context.ts';
import { ENGINES, type EngineName, type Stage } from './engines.ts';
import { inputsFit, readInputs, recordInputs } from './inputs.ts';
import type { LayerAnswer, LayerContext, Want } from './layer.ts';
import type { LayerName, ReasonCode } from './reasons.ts';
import type { Decide, DecisionInputs, DecisionRequest } from './types.ts';

/** Changes whenever the same three values could give another decision. */
export const ENGINE: EngineName = 'tally-policy/3';

/** What a decision tells of a failure: the first lines of it. */
const WHY_CHARS = 500;

type Cited = Pick<Decision, 'policy' | 'snapshot'>;

function cite({ compiled, hash }: PolicyInForce, decidedAt: string): Cited {
  return {
    // The hash of the file as it stands on disk, which anybody can recompute; the snapshot is what was evaluated.
    policy: { id: compiled.id, version: compiled.version, hash: compiled.source_hash },
    snapshot: { hash, captured_at: decidedAt },
  };
}

type Stop = (layer: LayerName, reason: ReasonCode, message: string, rest: Partial<Decision>) => Decision;

const stopOf =
  (engine: EngineName): Stop =>
  (layer, reason, message, rest) => ({
    outcome: 'stop',
    reason,
    message,
    layer,
    layers: [{ layer, result: 'fail', reason }],
    ...rest,
    engine,
    enforced: true,
  });

/** What a walk through the layers leaves. */
interface Walk {
  readonly layers: LayerResult[];
  read: JsonObject | undefined;
  want: Want | undefined;
  rule: string | undefined;
  approval: Decision['approval'];
  failed: Extract<LayerAnswer, { result: 'fail' }> | undefined;
  at: LayerName | undefined;
}

function walk(stages: readonly Stage[], context: LayerContext & { want: Want | undefined }): Walk {
  const out: Walk = {
    layers: [],
    read: undefined,
    want: undefined,
    rule: undefined,
    approval: undefined,
    failed: undefined,
    at: undefined,
  };
  for (const { layer, passed, skipped } of stages) {
    const answer = layer.evaluate(context);
    if (answer.result === 'skip') {
      out.layers.push(skipped);
      continue;
    }
    if (answer.read !== undefined) out.read = { ...out.read, ...answer.read };
    if (answer.result === 'fail') {
      out.layers.push({ layer: layer.name, result: 'fail', reason: answer.reason });
      out.failed = answer;
      out.at = layer.name;
      return out;
    }
    const { want, rule, approval } = answer;
    if (rule !== undefined) out.rule = rule;
    if (approval !== undefined) out.approval = approval;
    if (want === undefined) {
      out.layers.push(passed);
      continue;
    }
    // Passed for now, and the record says on what condition.
    out.layers.push({ layer: layer.name, result: 'pass', reason: want.reason });
    context.want = want;
  }
  return out;
}

/** What a layer that failed adds to the decision. */
function refusalOf({ failed, at }: Walk): Partial<Decision> | undefined {
  if (failed === undefined || at === undefined) return undefined;
  const { reason, message, rule, wanted, retry_after_ms } = failed;
  return {
    reason,
    message,
    layer: at,
    ...(rule === undefined ? {} : { rule }),
    ...(wanted === undefined ? {} : { wanted }),
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
  };
}

function evaluate(
  engine: EngineName,
  request: DecisionRequest,
  policy: PolicyInForce,
  inputs: DecisionInputs,
): Decision {
  const stop = stopOf(engine);
  const cited = cite(policy, inputs.decided_at);
  const unreadable = policy.unreadable ?? policy.compiled.unreadable;
  if (unreadable !== undefined) {
    const message = `the policy in force cannot be used: ${unreadable.slice(0, WHY_CHARS)}`;
    return stop('policy', 'policy_unreadable', message, {
      ...cited,
      inputs: recordInputs(inputs, undefined),
    });
  }
  if (!isRequest(request))
    return stop('engine', 'internal_error', 'the request is malformed', {
      ...cited,
      inputs: recordInputs(inputs, undefined),
    });

  const walked = walk(ENGINES[engine], contextOf(request, policy, inputs));
  const { failed, at, rule, approval, layers, read } = walked;
  const decision: Decision = {
    outcome: failed === undefined ? 'allow' : (failed.outcome ?? 'stop'),
    ...refusalOf(walked),
    layers,
    ...cited,
    inputs: recordInputs(inputs, read),
    engine,
    // A kill switch is the operator's word and not the policy's: observing does not let its calls go on.
    enforced: at === 'kill_switch' || !(policy.compiled.mode === 'observe' && inputs.allow_observe === true),
  };
  if (failed === undefined && rule !== undefined) decision.rule = rule;
  if (approval !== undefined) decision.approval = approval;
  return decision;
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message.slice(0, WHY_CHARS) : 'an unknown error';
  } catch {
    // A thrown object whose own `message` throws: there is nothing more to tell.
    return 'an unknown error';
  }
}

/** As the engine of that name decides: for replay. */
export function decideAs(
  engine: EngineName,
  request: DecisionRequest,
  policy: PolicyInForce,
  inputs: DecisionInputs,
): Decision {
  const stop = stopOf(engine);
  try {
    const known = readInputs(inputs);
    if (known === undefined)
      return stop('engine', 'internal_error', 'what was read for this decision is malformed', {});
    const decision = evaluate(engine, request, policy, known);
    if (decision.inputs === undefined || inputsFit(decision.inputs)) return decision;
    // Without all of its inputs a decision cannot be replayed, so what cannot be recorded is not decided on.
    return stop('engine', 'inputs_too_large', 'too much was read for this decision to record it', {
      ...cite(policy, known.decided_at),
      inputs: { decided_at: known.decided_at },
    });
  } catch (error) {
    // Total by contract: whoever asks gets a stop with its reason, never an exception that a caller might let pass.
    return stop('engine', 'internal_error', `the decision failed: ${messageOf(error)}`, {});
  }
}

export const decide: Decide = (request, policy, inputs) => decideAs(ENGINE, request, policy, inputs);
