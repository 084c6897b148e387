/** `roles`, `users`, `tools`, `agents`. */
import { ROLES, TIERS } from '../../entry.ts';
import type { AgentRule, TierRule, TierRules, ToolRule, UserRule } from '../compiled.ts';
import { shown } from '../hosts.ts';
import { type FileTiers, rateOf } from '../schema-parts.ts';
import type { FileAgent, FileTool, FileUser } from '../schema-who.ts';
import { type Complain, present, unknownName } from './complain.ts';
import { compileHosts } from './hosts.ts';
import type { Known } from './known.ts';

export function compileTiers(file: FileTiers): TierRules | undefined {
  const tiers: { -readonly [tier in keyof TierRules]: TierRule } = {};
  for (const tier of TIERS) {
    const said = file[tier];
    if (said === undefined) continue;
    const rate = said.rate === undefined ? undefined : rateOf(said.rate);
    tiers[tier] = present({ permission: said.permission, rate });
  }
  return Object.keys(tiers).length === 0 ? undefined : tiers;
}

function checkRoles(
  roles: readonly string[] | undefined,
  path: readonly PropertyKey[],
  known: Known,
  complain: Complain,
): void {
  for (const [i, role] of (roles ?? []).entries())
    if (!known.roles.has(role))
      complain(
        [...path, i],
        unknownName('role', role, known.roles, `name it under roles:, or use one of ${ROLES.join(', ')}`),
      );
}

export function compileUser(id: string, file: FileUser, known: Known, complain: Complain): UserRule {
  checkRoles(file.roles, ['users', id, 'roles'], known, complain);
  const tools = new Map<string, TierRules>();
  for (const [tool, tiers] of Object.entries(file.tools ?? {})) {
    if (known.tools !== undefined && !known.tools.has(tool))
      complain(
        ['users', id, 'tools', tool],
        unknownName('tool', tool, known.tools, `name it under tools: as well, ${shown(tool)}: {}`),
      );
    tools.set(tool, compileTiers(tiers) ?? {});
  }
  return {
    roles: file.roles ?? [],
    ...present({
      email: file.email,
      service: file.service === true ? true : undefined,
      scopes: file.scopes,
      projects: file.projects,
      environments: file.environments,
      tiers: compileTiers(file),
      tools: tools.size === 0 ? undefined : Object.fromEntries(tools),
    }),
  };
}

export function compileTool(name: string, file: FileTool, known: Known, complain: Complain): ToolRule {
  checkRoles(file.roles, ['tools', name, 'roles'], known, complain);
  return present({
    required_scopes: file.required_scopes,
    roles: file.roles,
    sensitivity: file.sensitivity,
    writes: file.writes,
    reason: file.reason,
    tiers: compileTiers(file),
  });
}

/** A name that ends in "*" stands for all that begin so; elsewhere a star stands for itself, which nobody means. */
function checkBeginnings(
  names: readonly string[] | undefined,
  path: readonly PropertyKey[],
  complain: Complain,
): void {
  for (const [i, name] of (names ?? []).entries())
    if (name.slice(0, -1).includes('*'))
      complain([...path, i], {
        problem: `${shown(name)} has a "*" that is not at its end`,
        hint: 'a name may end in "*": crm.*',
      });
}

export function compileAgent(id: string, file: FileAgent, known: Known, complain: Complain): AgentRule {
  const path = ['agents', id];
  const { credentials, tools } = file;
  checkBeginnings(credentials?.allow, [...path, 'credentials', 'allow'], complain);
  checkBeginnings(credentials?.deny, [...path, 'credentials', 'deny'], complain);
  checkBeginnings(tools, [...path, 'tools'], complain);
  for (const [i, tool] of (tools ?? []).entries()) {
    const meant = known.misspelt(tool);
    if (meant !== undefined)
      complain([...path, 'tools', i], {
        problem: `tools: has no ${shown(tool)}`,
        hint: `did you mean ${shown(meant)}? If not, name it under tools: as well`,
      });
  }
  return present({
    requires: file.requires,
    credentials: credentials === undefined ? undefined : present(credentials),
    tools,
    hosts: compileHosts(file.hosts, [...path, 'hosts'], complain),
  });
}
