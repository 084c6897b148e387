/**
 * What is likely not meant in a policy that compiles: a yes that nobody can give, a tool that nobody may use. Nothing of
 * it is refused, since people come and go; `tally policy check` tells it. Linear in the size of the policy.
 */
import { agentIdOf } from '../agent-id.ts';
import { TIERS } from '../entry.ts';
import { isAmong } from '../governance/approvers.ts';
import { compileCel } from './cel/compile.ts';
import { evaluateCel } from './cel/evaluate.ts';
import type { CompiledPolicy } from './compiled.ts';
import { shown } from './hosts.ts';
import { rolesOf } from './principal.ts';

/** Of many of one kind the first say it; the others are counted. */
const TOLD = 20;
const APPROVERS: readonly string[] = ['role:owner', 'role:admin'];

interface Held {
  readonly roles: readonly string[];
  hasScope(name: string): boolean;
}

function heldByAnybody(policy: CompiledPolicy): Held {
  const roles = new Set<string>();
  const scopes = new Set<string>();
  for (const [id, user] of Object.entries(policy.users ?? {})) {
    for (const role of rolesOf(policy, { id, source: 'token' })) roles.add(role);
    for (const scope of user.scopes ?? []) scopes.add(scope);
  }
  for (const role of roles)
    if (policy.roles !== undefined && Object.hasOwn(policy.roles, role))
      for (const scope of policy.roles[role]?.scopes ?? []) scopes.add(scope);
  return { roles: [...roles], hasScope: (name) => scopes.has(name) };
}

function wantsApproval(policy: CompiledPolicy): boolean {
  const wants = (tiers: object | undefined): boolean =>
    Object.values(tiers ?? {}).some(
      (rule: { permission?: string }) => rule.permission === 'approval_required',
    );
  return (
    policy.rules?.some((rule) => rule.decision === 'approval_required' && rule.approvers === undefined) ===
      true ||
    wants(policy.defaults) ||
    Object.values(policy.tools ?? {}).some(({ tiers }) => wants(tiers)) ||
    Object.values(policy.users ?? {}).some(
      ({ tiers, tools }) => wants(tiers) || Object.values(tools ?? {}).some(wants),
    ) ||
    Object.values(policy.credentials).some(({ methods }) =>
      Object.values(methods ?? {}).includes('approval_required'),
    )
  );
}

function* unanswered(policy: CompiledPolicy, { roles }: Held): Generator<string> {
  const users = policy.users ?? {};
  const somebody = (approvers: readonly string[]): boolean =>
    isAmong(approvers, { id: '', source: 'token' }, roles) ||
    approvers.some((one) => one.startsWith('user:') && Object.hasOwn(users, one.slice(5)));
  for (const { id, approvers } of policy.rules ?? [])
    if (approvers !== undefined && !somebody(approvers))
      yield `nobody may approve what the rule ${shown(id)} asks for: no user is ${approvers.join(' or ')}`;
  const others = policy.approvals?.approvers ?? APPROVERS;
  if (!somebody(others) && wantsApproval(policy))
    yield `nobody may approve what no rule says it of: no user is ${others.join(' or ')}`;
}

function* unusable({ tools = {} }: CompiledPolicy, { roles, hasScope }: Held): Generator<string> {
  for (const [name, { required_scopes = [], roles: wanted }] of Object.entries(tools)) {
    const missing = required_scopes.find((scope) => !hasScope(scope));
    if (missing !== undefined) yield `nobody may use ${shown(name)}: no user has the scope ${shown(missing)}`;
    else if (wanted !== undefined && !wanted.some((role) => roles.includes(role)))
      yield `nobody may use ${shown(name)}: no user has the role ${wanted.join(' or ')}`;
  }
}

/** Hosts that a rule is tried with: enough for one that is about a host, few enough for ten thousand rules. */
const TRIED_HOSTS = 8;

/** A rule that reads a fact which a plain read of a page does not bring fails for it, and what fails stops. */
function* factless({ allowlist, facts = {}, rules = [] }: CompiledPolicy): Generator<string> {
  const known = new Set(Object.keys(facts));
  const hosts = allowlist.slice(0, TRIED_HOSTS).map(({ host }) => host.replace(/^\*\./, 'www.'));
  for (const { id, when, decision } of rules) {
    const compiled = compileCel(when, known);
    if (!('program' in compiled)) continue;
    for (const host of hosts.length === 0 ? ['example.com'] : hosts) {
      const action = {
        name: 'http.call',
        tool: 'http.call',
        scheme: 'https',
        host,
        port: 443,
        path: '/',
        method: 'GET',
      };
      const said = evaluateCel(compiled.program, { action, actor: {}, facts: {} });
      if (!('missing' in said) || said.missing === undefined) continue;
      const fact = said.missing;
      yield `the rule ${shown(id)} stops even a GET of ${host}, which has no fact ${shown(fact)}: begin it with has(facts.${fact}) && … where it is to ${decision === 'stop' ? 'stop' : 'ask about'} less`;
      break;
    }
  }
}

/** Tiers that `defaults` is silent about are not held by it. */
function* silentTiers({ defaults }: CompiledPolicy): Generator<string> {
  if (defaults === undefined || !TIERS.some((tier) => defaults[tier]?.permission !== undefined)) return;
  const silent = TIERS.filter((tier) => defaults[tier]?.permission === undefined);
  if (silent.length > 0)
    yield `defaults says nothing of ${silent.join(', ')}: calls of ${silent.length === 1 ? 'this tier' : 'these tiers'} are allowed unless something else stops them`;
}

/** A contract under a name that no agent has holds nobody. */
function* nobodys({ agents }: CompiledPolicy): Generator<string> {
  for (const name of Object.keys(agents)) {
    const id = agentIdOf(name);
    if (id === name) continue;
    const meant =
      id === undefined
        ? 'an id begins with a letter or a digit, and has those and . _ : @ / - only'
        : `an agent of this name has the id ${shown(id)}${Object.hasOwn(agents, id) ? ', which is there too' : ''}`;
    yield `agents: no agent can have the id ${shown(name)}, so what it says holds for none: ${meant}`;
  }
}

function few(all: Iterable<string>): readonly string[] {
  const told: string[] = [];
  let more = 0;
  for (const one of all)
    if (told.length < TOLD) told.push(one);
    else more++;
  return more === 0 ? told : [...told, `and ${more} more of this kind`];
}

/** One line each. Of a policy that names no users it is not doubted what they may: one person is everybody. */
export function policyDoubts(policy: CompiledPolicy): readonly string[] {
  const said = [...few(nobodys(policy)), ...few(factless(policy)), ...silentTiers(policy)];
  if (policy.users === undefined) return said;
  const held = heldByAnybody(policy);
  return [...few(unanswered(policy, held)), ...few(unusable(policy, held)), ...said];
}
