/**
 * Look-ups of a compiled policy, built once per policy. `decide` stays a function of plain values: the cache is keyed
 * by the compiled object, holds nothing that is not derived from it, and is never handed out.
 */
import type { DecisionOutcome } from '../entry.ts';
import type { AllowedHost, CompiledPolicy, CredentialRule } from './compiled.ts';

export interface CredentialIndex {
  readonly rule: CredentialRule;
  readonly hosts: ReadonlySet<string> | undefined;
  readonly agents: ReadonlySet<string> | undefined;
  readonly methods: ReadonlyMap<string, DecisionOutcome> | undefined;
}

export interface PolicyIndex {
  /** Maps, not objects: a host or credential named "constructor" must not find Object's. */
  readonly hosts: ReadonlyMap<string, readonly AllowedHost[]>;
  readonly credentials: ReadonlyMap<string, CredentialIndex>;
  /** Agents whose name has to be proved. */
  readonly issuedAgents: ReadonlySet<string>;
}

function build(policy: CompiledPolicy): PolicyIndex {
  const hosts = new Map<string, AllowedHost[]>();
  for (const line of policy.allowlist) {
    const lines = hosts.get(line.host);
    if (lines === undefined) hosts.set(line.host, [line]);
    else lines.push(line);
  }
  const credentials = new Map<string, CredentialIndex>();
  for (const [ref, rule] of Object.entries(policy.credentials)) {
    credentials.set(ref, {
      rule,
      hosts: rule.hosts === undefined ? undefined : new Set(rule.hosts),
      agents: rule.agents === undefined ? undefined : new Set(rule.agents),
      methods: rule.methods === undefined ? undefined : new Map(Object.entries(rule.methods)),
    });
  }
  const issuedAgents = new Set<string>();
  for (const [agentId, agent] of Object.entries(policy.agents))
    if (agent.requires === 'issued') issuedAgents.add(agentId);
  return { hosts, credentials, issuedAgents };
}

const built = new WeakMap<CompiledPolicy, PolicyIndex>();

export function indexOf(policy: CompiledPolicy): PolicyIndex {
  let index = built.get(policy);
  if (index === undefined) {
    index = build(policy);
    built.set(policy, index);
  }
  return index;
}
