/** What the layers are given, worked out once for all of them. */
import { type Target, TIERS } from '../entry.ts';
import type { PolicyInForce } from './compiled.ts';
import { normalizeHost } from './hosts.ts';
import { indexOf } from './index-of.ts';
import type { KnownTarget, LayerContext, Want } from './layer.ts';
import { own } from './own.ts';
import { type Effective, EVERYTHING } from './scopes.ts';
import type { DecisionInputs, DecisionRequest } from './types.ts';

export function knownTarget(target: Target | undefined): KnownTarget | undefined {
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

const isMaybe = (value: unknown, type: 'string' | 'boolean' | 'number'): boolean =>
  value === undefined || typeof value === type;

/** What the types promise and a caller in plain JavaScript, or a parser, may not have kept. */
export function isRequest(request: Partial<DecisionRequest> | undefined | null): request is DecisionRequest {
  const { tenant_id, project_id, environment, run_id, args, reason_given, action, credentials } =
    request ?? {};
  return (
    typeof tenant_id === 'string' &&
    isMaybe(project_id, 'string') &&
    isMaybe(environment, 'string') &&
    isMaybe(run_id, 'string') &&
    isMaybe(reason_given, 'boolean') &&
    (args === undefined || args === 'whole' || args === 'streamed') &&
    isAction(action) &&
    Array.isArray(credentials) &&
    credentials.every((c) => typeof c.ref === 'string' && typeof c.injection_style === 'string')
  );
}

function isAction(action: Partial<DecisionRequest['action']> | undefined | null): boolean {
  const { name, tool, tier, capability, key, args_hash, target } = action ?? {};
  return (
    typeof name === 'string' &&
    (tool === undefined || typeof tool?.name === 'string') &&
    (tier === undefined || TIERS.includes(tier)) &&
    isMaybe(capability, 'string') &&
    isMaybe(key, 'string') &&
    isMaybe(args_hash, 'string') &&
    (target === undefined || (typeof target === 'object' && target !== null)) &&
    isMaybe(target?.port, 'number') &&
    isMaybe(target?.method, 'string') &&
    isMaybe(target?.path, 'string')
  );
}

function effectiveScopes(
  { roles, users }: PolicyInForce['compiled'],
  user: LayerContext['user'],
  { identity }: DecisionInputs,
): Effective {
  const { scopes, delegation } = identity;
  if (users === undefined && scopes === undefined && delegation === undefined) return EVERYTHING;
  // A user who is none of the policy's holds nothing.
  const held =
    users === undefined
      ? undefined
      : [...(user?.roles ?? []).map((role) => own(roles, role)?.scopes ?? []), user?.scopes ?? []];
  const passedOn: (readonly string[])[] = [];
  for (const hand of delegation ?? []) if (hand.scopes !== undefined) passedOn.push(hand.scopes);
  if (scopes !== undefined) passedOn.push(scopes);
  return { held, passedOn };
}

/** `want` is filled in on the way. */
export function contextOf(
  request: DecisionRequest,
  inForce: PolicyInForce,
  inputs: DecisionInputs,
): LayerContext & { want: Want | undefined } {
  const { compiled } = inForce;
  const user = own(compiled.users, inputs.principal?.id);
  return {
    request,
    inputs,
    policy: compiled,
    inForce,
    index: indexOf(compiled),
    to: knownTarget(request.action.target),
    user,
    scopes: effectiveScopes(compiled, user, inputs),
    want: undefined,
  };
}
