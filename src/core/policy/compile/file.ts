/** From what a policy file says, in its shape, to the compiled policy. What the shape cannot tell is told here. */
import { type AlertsFile, compileAlerts } from '../../alert/file.ts';
import type { AlertPolicy } from '../../alert/rule.ts';
import { sha256Hex } from '../../hash.ts';
import type { CompiledPolicy, UserRule } from '../compiled.ts';
import { shown } from '../hosts.ts';
import type { PolicyFile } from '../schema.ts';
import { didYouMean } from '../suggest.ts';
import { compileApprovals, compileLimits } from './bounds.ts';
import { type Complain, present } from './complain.ts';
import { compileAllowlist, compileCredential, compileTunnel } from './hosts.ts';
import { checkKept } from './kept.ts';
import { type Known, knownNames } from './known.ts';
import { withOneToolNames } from './one-name.ts';
import { compileRoles } from './roles.ts';
import { compileFacts, compileRules } from './rules.ts';
import { compileAgent, compileTiers, compileTool, compileUser } from './who.ts';

function compileAlertsPart(file: AlertsFile, complain: Complain): AlertPolicy {
  return compileAlerts(file, ({ path, problem, hint, meant }) => {
    const guess = meant === undefined ? undefined : didYouMean(meant.name, meant.known);
    const told = guess === undefined ? hint : `did you mean ${JSON.stringify(guess)}?`;
    const fallback = meant === undefined ? undefined : `there are: ${meant.known.join(', ')}`;
    complain(['alerts', ...path], { problem, ...present({ hint: told ?? fallback }) });
  });
}

type Section<T> = { readonly [name: string]: T } | null | undefined;

/** Each member by itself; `fromEntries` defines its members, whatever they are called. */
function each<From, To>(
  section: Section<From>,
  compile: (name: string, from: From) => To,
): { readonly [name: string]: To } | undefined {
  if (section === null || section === undefined) return undefined;
  return Object.fromEntries(Object.entries(section).map(([name, from]) => [name, compile(name, from)]));
}

function compileUsers(file: PolicyFile['users'], known: Known, complain: Complain): CompiledPolicy['users'] {
  const byEmail = new Map<string, string>();
  return each(file, (id, user): UserRule => {
    const email = user.email?.toLowerCase();
    const other = email === undefined ? undefined : byEmail.get(email);
    if (other !== undefined)
      complain(['users', id, 'email'], {
        problem: `the users ${shown(other)} and ${shown(id)} have one e-mail address`,
        hint: 'a person is one user',
      });
    if (email !== undefined) byEmail.set(email, id);
    return compileUser(id, user, known, complain);
  });
}

const given = <T>(value: T | null | undefined): T | undefined => value ?? undefined;

/** Every problem goes to `complain`; with one, what comes back is not to be used. */
export function compileFile(
  said: PolicyFile,
  meta: { readonly id: string; readonly text: string },
  told: Complain,
): CompiledPolicy {
  const { file, complain } = withOneToolNames(said, told);
  const known = knownNames(file);
  checkKept('user', file.users, complain);
  checkKept('agent', file.agents, complain);
  checkKept('tool', file.tools, complain);
  const tunnel = given(file.tunnel);
  const facts = given(file.facts);
  const roles = given(file.roles);
  const limits = given(file.limits);
  const budgets = given(file.budgets);
  const approvals = given(file.approvals);
  const rules = given(file.rules);
  const alerts = given(file.alerts);
  return {
    format: 1,
    id: meta.id,
    version: file.version,
    source_hash: sha256Hex(meta.text),
    mode: file.mode ?? 'enforce',
    identity: {
      anonymous: file.identity?.anonymous ?? 'allow',
      declared: file.identity?.declared ?? 'allow',
    },
    allowlist: compileAllowlist(file.allowlist, complain),
    credentials: each(file.credentials, (ref, one) => compileCredential(ref, one, complain)) ?? {},
    agents: each(file.agents, (id, agent) => compileAgent(id, agent, known, complain)) ?? {},
    ...present({
      unlisted: file.unlisted === 'tunnel' ? file.unlisted : undefined,
      tunnel: tunnel === undefined ? undefined : compileTunnel(tunnel, complain),
      roles: roles === undefined ? undefined : compileRoles(roles, known, complain),
      users: compileUsers(file.users, known, complain),
      tools: each(file.tools, (name, tool) => compileTool(name, tool, known, complain)),
      defaults:
        file.defaults === null || file.defaults === undefined ? undefined : compileTiers(file.defaults),
      facts: facts === undefined ? undefined : compileFacts(facts, complain),
      rules: rules === undefined ? undefined : compileRules(rules, known, complain),
      limits: limits === undefined ? undefined : compileLimits(limits),
      budgets: budgets === undefined ? undefined : present(budgets),
      approvals: approvals === undefined ? undefined : compileApprovals(approvals, known, complain),
      alerts: alerts === undefined ? undefined : compileAlertsPart(alerts, complain),
    }),
  };
}
