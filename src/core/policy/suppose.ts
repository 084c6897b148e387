/**
 * Decides a call that nobody made. Without a recorder nothing was counted, spent, switched off or approved before it,
 * but for what is taken for granted; with one, it is put to what the recorder knows (recorder/explain.ts).
 */

import type { Decision, Target } from '../entry.ts';
import { TallyError } from '../error.ts';
import { readFacts } from '../governance/facts.ts';
import { emptyGovernance, readFor } from '../governance/state.ts';
import { oneToolName } from '../tool-name.ts';
import type { CompiledPolicy, PolicyInForce } from './compiled.ts';
import { decide } from './decide.ts';
import { shown } from './hosts.ts';
import { killScopesOf } from './kill-scopes.ts';
import { type MachineOwner, principalOf } from './principal.ts';
import { policyInForce } from './snapshot.ts';
import { countedOf } from './subject.ts';
import type { SupposedCall, SupposedState } from './supposed.ts';
import type { BudgetRead, DecisionInputs, DecisionRequest, GrantRead, Identity } from './types.ts';
import { windowsOf } from './windows.ts';

/** What the broker calls a plain call. */
const PLAIN_CALL = 'http.call';
const SOMEBODY = 'somebody';

function targetOf({ url, method }: SupposedCall): Target | undefined {
  if (url === undefined) return undefined;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `https://${url}`;
  if (!URL.canParse(text))
    throw new TallyError('USAGE', `${shown(url)} is no URL`, {
      hint: 'for example https://api.stripe.com/v1/charges',
    });
  const { protocol, hostname, port, pathname } = new URL(text);
  const scheme = protocol.slice(0, -1);
  return {
    scheme,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (scheme === 'http' ? 80 : 443) : Number(port),
    path: pathname,
    method: (method ?? 'GET').toUpperCase(),
  };
}

/** The values where the policy's facts would be read from. */
function argsOf({ args, facts }: SupposedCall, policy: CompiledPolicy): unknown {
  if (facts === undefined) return args;
  const root: { [name: string]: unknown } = structuredClone(args ?? {});
  for (const [name, value] of Object.entries(facts)) {
    const path =
      policy.facts !== undefined && Object.hasOwn(policy.facts, name) ? policy.facts[name] : undefined;
    if (path === undefined)
      throw new TallyError('USAGE', `the policy names no fact ${shown(name)}`, {
        hint: `it names: ${Object.keys(policy.facts ?? {}).join(', ') || 'none (facts: in the policy)'}`,
      });
    put(root, path, value);
  }
  return root;
}

function put(root: { [name: string]: unknown }, path: readonly string[], value: unknown): void {
  let here = root;
  for (const step of path.slice(0, -1)) {
    const next = Object.hasOwn(here, step) ? here[step] : undefined;
    const below = typeof next === 'object' && next !== null ? (next as { [name: string]: unknown }) : {};
    // `defineProperty`: a step may be called "__proto__".
    Object.defineProperty(here, step, { value: below, enumerable: true, configurable: true, writable: true });
    here = below;
  }
  const last = path.at(-1) ?? '';
  Object.defineProperty(here, last, { value, enumerable: true, configurable: true, writable: true });
}

const credentialsOf = ({ credentials = [] }: SupposedCall): DecisionRequest['credentials'] =>
  credentials.map((one) =>
    typeof one === 'string'
      ? { ref: one, injection_style: 'bearer' }
      : { ref: one.ref, injection_style: one.style ?? 'bearer' },
  );

export function requestOf(call: SupposedCall, tenant: string): DecisionRequest {
  const target = targetOf(call);
  if (call.action === undefined && target === undefined)
    throw new TallyError('USAGE', 'what is called?', {
      hint: 'name a tool, or a URL: --tool refund.create, --url https://…',
    });
  const { project, environment, run, tier, capability } = call;
  const hasArgs = call.args !== undefined || call.facts !== undefined;
  return {
    tenant_id: tenant,
    ...(project === undefined ? {} : { project_id: project }),
    ...(environment === undefined ? {} : { environment }),
    ...(run === undefined ? {} : { run_id: run }),
    action: {
      name: oneToolName(call.action ?? PLAIN_CALL),
      ...(target === undefined ? {} : { target }),
      ...(call.action === undefined ? {} : { tool: { name: oneToolName(call.action) } }),
      ...(tier === undefined ? {} : { tier }),
      ...(capability === undefined ? {} : { capability }),
    },
    ...(call.streamed === true ? { args: 'streamed' as const } : hasArgs ? { args: 'whole' as const } : {}),
    ...(call.reason === true ? { reason_given: true } : {}),
    credentials: credentialsOf(call),
  };
}

/** Named agents and users are taken to have shown a good token, unless it is said otherwise. */
export function identityOf(call: SupposedCall): Identity {
  const { agent, user, role, scopes, delegation, run } = call;
  const named = agent !== undefined || user !== undefined || role !== undefined || delegation !== undefined;
  const how = call.identity ?? (named ? 'checked' : 'none');
  const agent_id = agent === undefined || how === 'none' ? {} : { agent_id: agent };
  if (how === 'none') return { level: 'anonymous' };
  if (how === 'claimed') return { level: 'declared', ...agent_id };
  const user_id = user ?? (role === undefined ? undefined : SOMEBODY);
  return {
    level: 'issued',
    ...agent_id,
    ...(user_id === undefined ? {} : { user_id }),
    ...(run === undefined ? {} : { run_id: run }),
    ...(scopes === undefined ? {} : { scopes }),
    delegation: (delegation ?? []).map((by) => ({ agent_id: by })),
  };
}

/** With somebody in it who has the role that is asked about. */
function withSomebody(policy: PolicyInForce, { role, user }: SupposedCall): PolicyInForce {
  if (role === undefined) return policy;
  const { compiled } = policy;
  if (user !== undefined)
    throw new TallyError('USAGE', 'a user has the roles that the policy gives', {
      hint: 'name a user, or a role',
    });
  if (compiled.users === undefined)
    throw new TallyError(
      'USAGE',
      'the policy names no users, so nobody has a role in it but the owner of the machine',
      {
        hint: 'name users: in the policy, or leave --role out',
      },
    );
  return policyInForce({ ...compiled, users: { ...compiled.users, [SOMEBODY]: { roles: [role] } } });
}

const KEY = '0'.repeat(32);
const ARGS_HASH = '0'.repeat(64);
const NO_ENTRY = `log_${'0'.repeat(26)}`;
const HOUR_MS = 3_600_000;

function grantFor(status: GrantRead['status'], policy: PolicyInForce, nowMs: number): GrantRead {
  const at = (ms: number): string => new Date(ms).toISOString();
  return {
    id: NO_ENTRY,
    status,
    action_key: KEY,
    args_hash: ARGS_HASH,
    policy_hash: policy.hash,
    ...(status === 'granted' || status === 'used' ? { approver: SOMEBODY, approved_at: at(nowMs) } : {}),
    expires_at: at(nowMs + HOUR_MS),
  };
}

function stateOf(
  state: SupposedState,
  request: DecisionRequest,
  identity: Identity,
  owner: MachineOwner | undefined,
  policy: PolicyInForce,
  nowMs: number,
): Partial<DecisionInputs> {
  const principal = principalOf(policy.compiled, identity, owner);
  const none = readFor(emptyGovernance(), request, identity, principal, policy, nowMs);
  const windows: { [key: string]: { count: number; free_in_ms?: number } } = { ...none.windows };
  const { calls = 0 } = state;
  for (const { key, rate } of windowsOf(
    policy.compiled,
    countedOf(request, { identity, ...(principal === undefined ? {} : { principal }) }),
  )) {
    const full = calls >= rate.count;
    windows[key] = { count: Math.min(calls, rate.count), ...(full ? { free_in_ms: rate.window_ms } : {}) };
  }
  const scopes = killScopesOf(request, identity, policy.compiled);
  const { steps = 0, seconds = 0, tool_calls = 0, usd = 0, repeats = 0 } = state;
  const spent = [steps, seconds, tool_calls, usd, repeats].some((n) => n > 0);
  const budget: BudgetRead = { steps, elapsed_ms: seconds * 1000, tool_calls, usd, repeats };
  return {
    ...(principal === undefined ? {} : { principal }),
    ...none,
    ...(none.windows === undefined ? {} : { windows }),
    ...(spent || none.budget !== undefined ? { budget } : {}),
    ...(state.killed === undefined
      ? {}
      : {
          kill: scopes
            .filter((scope) => state.killed?.includes(scope))
            .map((scope) => ({ scope, id: NO_ENTRY })),
        }),
    ...(state.approval === undefined ? {} : { grant: grantFor(state.approval, policy, nowMs) }),
  };
}

export interface Supposed {
  readonly decision: Decision;
  readonly request: DecisionRequest;
  readonly policy: CompiledPolicy;
}

/** Throws USAGE for a call that says too little, or what the policy does not know. */
export function suppose(
  given: PolicyInForce,
  call: SupposedCall,
  {
    state = {},
    owner,
    nowMs,
  }: { readonly state?: SupposedState; readonly owner?: MachineOwner; readonly nowMs: number },
): Supposed {
  const policy = withSomebody(given, call);
  const identity = identityOf(call);
  const spent = ['steps', 'seconds', 'tool_calls', 'usd', 'repeats'].some((key) => key in state);
  const asked = requestOf(
    call.run === undefined && spent ? { ...call, run: 'supposed' } : call,
    policy.compiled.id,
  );
  const request = { ...asked, action: { ...asked.action, key: KEY, args_hash: ARGS_HASH } };
  const args = argsOf(call, policy.compiled);
  const facts = call.streamed === true ? undefined : readFacts(policy.compiled, args);
  const decision = decide(request, policy, {
    decided_at: new Date(nowMs).toISOString(),
    identity,
    ...(call.addresses === undefined ? {} : { addresses: call.addresses }),
    ...(facts === undefined ? {} : { facts }),
    ...stateOf(state, request, identity, owner, policy, nowMs),
  });
  return { decision, request, policy: policy.compiled };
}

/** What the facts are read from when a recorder is asked. */
export const supposedArgs = argsOf;
