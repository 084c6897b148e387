/**
 * Look-ups of a compiled policy, built once per policy. `decide` stays a function of plain values: the cache is keyed
 * by the compiled object, holds nothing that is not derived from it, and is never handed out.
 */
import type { DecisionOutcome } from '../entry.ts';
import type { AllowedHost, CompiledPolicy, CredentialRule, TierRules, TunnelHost } from './compiled.ts';
import { belowWhat, type HostSet, hostSet, isWild } from './host-set.ts';
import { type PathPattern, pathPattern } from './path-pattern.ts';
import { indexRules, type RuleIndex } from './rule-index.ts';

export interface AllowedLine {
  readonly line: AllowedHost;
  readonly methods: ReadonlySet<string> | undefined;
  readonly paths: readonly PathPattern[] | undefined;
}

export interface CredentialIndex {
  readonly rule: CredentialRule;
  readonly hosts: HostSet | undefined;
  readonly agents: ReadonlySet<string> | undefined;
  readonly methods: ReadonlyMap<string, DecisionOutcome> | undefined;
}

export interface PolicyIndex {
  /** Maps, not objects: a host or credential named "constructor" must not find Object's. */
  readonly hosts: ReadonlyMap<string, readonly AllowedLine[]>;
  /** "*.example.com" under "example.com". */
  readonly below: ReadonlyMap<string, readonly AllowedLine[]>;
  /** Whether any line names certificates of its own. */
  readonly privateRoots: boolean;
  /** Hosts of `tunnel`, "*.example.com" as it is written. */
  readonly tunnels: ReadonlyMap<string, readonly TunnelHost[]>;
  readonly credentials: ReadonlyMap<string, CredentialIndex>;
  /** Agents whose name has to be proved. */
  readonly issuedAgents: ReadonlySet<string>;
  /** Hosts of the agents' contracts. */
  readonly agentHosts: ReadonlyMap<string, HostSet>;
  readonly rules: RuleIndex;
  /** Whether a line lets calls go on before their intent is durable. */
  readonly relaxed: boolean;
  /** Whether anything bounds how often somebody calls. */
  readonly rated: boolean;
}

function indexLines(policy: CompiledPolicy): Pick<PolicyIndex, 'hosts' | 'below'> {
  const hosts = new Map<string, AllowedLine[]>();
  const below = new Map<string, AllowedLine[]>();
  for (const line of policy.allowlist) {
    const wild = isWild(line.host);
    const [map, key] = wild ? [below, belowWhat(line.host)] : [hosts, line.host];
    const indexed = {
      line,
      methods: line.methods === undefined ? undefined : new Set(line.methods),
      paths: line.paths?.map(pathPattern),
    };
    const lines = map.get(key);
    if (lines === undefined) map.set(key, [indexed]);
    else lines.push(indexed);
  }
  return { hosts, below };
}

function indexTunnels({ tunnel = [] }: CompiledPolicy): PolicyIndex['tunnels'] {
  const tunnels = new Map<string, TunnelHost[]>();
  for (const one of tunnel) {
    const same = tunnels.get(one.host);
    if (same === undefined) tunnels.set(one.host, [one]);
    else same.push(one);
  }
  return tunnels;
}

function indexCredentials(policy: CompiledPolicy): PolicyIndex['credentials'] {
  const credentials = new Map<string, CredentialIndex>();
  for (const [ref, rule] of Object.entries(policy.credentials)) {
    credentials.set(ref, {
      rule,
      hosts: rule.hosts === undefined ? undefined : hostSet(rule.hosts),
      agents: rule.agents === undefined ? undefined : new Set(rule.agents),
      methods: rule.methods === undefined ? undefined : new Map(Object.entries(rule.methods)),
    });
  }
  return credentials;
}

function indexAgents(policy: CompiledPolicy): Pick<PolicyIndex, 'issuedAgents' | 'agentHosts'> {
  const issuedAgents = new Set<string>();
  const agentHosts = new Map<string, HostSet>();
  for (const [agentId, agent] of Object.entries(policy.agents)) {
    if (agent.requires === 'issued') issuedAgents.add(agentId);
    if (agent.hosts !== undefined) agentHosts.set(agentId, hostSet(agent.hosts));
  }
  return { issuedAgents, agentHosts };
}

function hasRate(tiers: TierRules | undefined): boolean {
  for (const tier in tiers) if (tiers[tier as keyof TierRules]?.rate !== undefined) return true;
  return false;
}

function isRated({ limits, defaults, tools = {}, users = {} }: CompiledPolicy): boolean {
  if (limits !== undefined || hasRate(defaults)) return true;
  for (const name in tools) if (hasRate(tools[name]?.tiers)) return true;
  for (const id in users) {
    const user = users[id];
    if (hasRate(user?.tiers)) return true;
    for (const name in user?.tools) if (hasRate(user?.tools?.[name])) return true;
  }
  return false;
}

function build(policy: CompiledPolicy): PolicyIndex {
  return {
    ...indexLines(policy),
    privateRoots: policy.allowlist.some(({ ca }) => ca !== undefined),
    tunnels: indexTunnels(policy),
    credentials: indexCredentials(policy),
    ...indexAgents(policy),
    rules: indexRules(policy),
    relaxed: policy.allowlist.some(({ durability }) => durability !== undefined),
    rated: isRated(policy),
  };
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
