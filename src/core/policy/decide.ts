/**
 * `decide(request, policy, inputs)`: pure and total. The layers run in their order, the first that fails decides, and
 * the decision records exactly those that ran. Whatever goes wrong is a stop: a malformed request, an unreadable
 * policy, a bug of ours. The same three values give the same decision for ever (replay).
 */
import type { Decision, LayerResult, Target } from '../entry.ts';
import type { Json } from '../json.ts';
import type { PolicyInForce } from './compiled.ts';
import { normalizeHost } from './hosts.ts';
import { indexOf } from './index-of.ts';
import { inputsFit, readInputs, recordInputs } from './inputs.ts';
import type { KnownTarget, Layer, LayerContext } from './layer.ts';
import { allowlistLayer } from './layers/allowlist.ts';
import { credentialLayer } from './layers/credential.ts';
import { identityLayer } from './layers/identity.ts';
import type { LayerName, ReasonCode } from './reasons.ts';
import type { Decide, DecisionInputs, DecisionRequest } from './types.ts';

/** Changes whenever the same three values could give another decision. */
export const ENGINE = 'tally-policy/1';

/** In the order of the design; a layer that is not here is not evaluated, and `layers` then says so by its absence. */
const LAYERS: readonly Layer[] = [identityLayer, allowlistLayer, credentialLayer];

/** What a decision tells of a failure: the first lines of it. */
const WHY_CHARS = 500;

type Cited = Pick<Decision, 'policy' | 'snapshot'>;

function cite(policy: PolicyInForce, decidedAt: string): Cited {
  const { compiled, hash } = policy;
  return {
    // The hash of the file as it stands on disk, which anybody can recompute; the snapshot is what was evaluated.
    policy: { id: compiled.id, version: compiled.version, hash: compiled.source_hash },
    snapshot: { hash, captured_at: decidedAt },
  };
}

function stopBefore(
  layer: LayerName,
  reason: ReasonCode,
  message: string,
  rest: Partial<Decision>,
): Decision {
  return {
    outcome: 'stop',
    reason,
    message,
    layer,
    layers: [{ layer, result: 'fail', reason }],
    ...rest,
    engine: ENGINE,
    enforced: true,
  };
}

function knownTarget(target: Target | undefined): KnownTarget | undefined {
  if (target === undefined) return undefined;
  const { host: text, scheme, port } = target;
  const result = typeof text === 'string' ? normalizeHost(text) : undefined;
  const known = scheme === 'https' || scheme === 'http' ? scheme : undefined;
  return {
    target,
    host: result !== undefined && 'host' in result ? result.host : undefined,
    scheme: known,
    port: port ?? (known === undefined ? undefined : known === 'https' ? 443 : 80),
  };
}

/** What the types promise and a caller in plain JavaScript, or a parser, may not have kept. */
function isRequest(request: Partial<DecisionRequest> | undefined | null): request is DecisionRequest {
  const { action, credentials } = request ?? {};
  const target = action?.target;
  return (
    typeof action?.name === 'string' &&
    Array.isArray(credentials) &&
    credentials.every((c) => typeof c.ref === 'string' && typeof c.injection_style === 'string') &&
    (target === undefined || (typeof target === 'object' && target !== null)) &&
    (target?.port === undefined || typeof target.port === 'number') &&
    (target?.method === undefined || typeof target.method === 'string')
  );
}

function evaluate(request: DecisionRequest, policy: PolicyInForce, inputs: DecisionInputs): Decision {
  const cited = cite(policy, inputs.decided_at);
  const unreadable = policy.unreadable ?? policy.compiled.unreadable;
  if (unreadable !== undefined) {
    const message = `the policy in force cannot be used: ${unreadable.slice(0, WHY_CHARS)}`;
    return stopBefore('policy', 'policy_unreadable', message, {
      ...cited,
      inputs: recordInputs(inputs, {}),
    });
  }
  if (!isRequest(request))
    return stopBefore('engine', 'internal_error', 'the request is malformed', {
      ...cited,
      inputs: recordInputs(inputs, {}),
    });

  const context: LayerContext = {
    request,
    inputs,
    policy: policy.compiled,
    index: indexOf(policy.compiled),
    to: knownTarget(request.action.target),
  };
  const layers: LayerResult[] = [];
  const read: Record<string, Json | undefined> = {};
  let failed: Pick<Decision, 'reason' | 'message' | 'layer'> | undefined;
  for (const layer of LAYERS) {
    const answer = layer.evaluate(context);
    if (answer.result !== 'skip' && answer.read !== undefined) Object.assign(read, answer.read);
    if (answer.result !== 'fail') {
      layers.push({ layer: layer.name, result: answer.result });
      continue;
    }
    const { reason, message } = answer;
    layers.push({ layer: layer.name, result: 'fail', reason });
    failed = { reason, message, layer: layer.name };
    break;
  }

  return {
    outcome: failed === undefined ? 'allow' : 'stop',
    ...failed,
    layers,
    ...cited,
    inputs: recordInputs(inputs, read),
    engine: ENGINE,
    enforced: !(policy.compiled.mode === 'observe' && inputs.allow_observe === true),
  };
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message.slice(0, WHY_CHARS) : 'an unknown error';
  } catch {
    // A thrown object whose own `message` throws: there is nothing more to tell.
    return 'an unknown error';
  }
}

export const decide: Decide = (request, policy, inputs) => {
  try {
    const known = readInputs(inputs);
    if (known === undefined)
      return stopBefore('engine', 'internal_error', 'what was read for this decision is malformed', {});
    const decision = evaluate(request, policy, known);
    if (decision.inputs === undefined || inputsFit(decision.inputs)) return decision;
    // Without all of its inputs a decision cannot be replayed, so what cannot be recorded is not decided on.
    return stopBefore('engine', 'inputs_too_large', 'too much was read for this decision to record it', {
      ...cite(policy, known.decided_at),
      inputs: { decided_at: known.decided_at },
    });
  } catch (error) {
    // Total by contract: whoever asks gets a stop with its reason, never an exception that a caller might let pass.
    return stopBefore('engine', 'internal_error', `the decision failed: ${messageOf(error)}`, {});
  }
};
