/** What the tool requires of whoever stands behind the call. A role by itself gives nothing that the tool refuses. */
import { shown } from '../hosts.ts';
import { fail, type Layer, PASS, SKIP } from '../layer.ts';
import { own } from '../own.ts';
import { rolesOf } from '../principal.ts';
import { isEffective } from '../scopes.ts';
import { toolOf } from '../subject.ts';

export const scopesLayer: Layer = {
  name: 'scopes',
  evaluate({ request, inputs: { principal }, policy, scopes }) {
    const name = toolOf(request);
    const tool = own(policy.tools, name);
    if (tool === undefined || (tool.required_scopes === undefined && tool.roles === undefined)) return SKIP;
    for (const scope of tool.required_scopes ?? [])
      if (!isEffective(scopes, scope))
        return fail(
          'scope_missing',
          `${shown(name)} requires the scope ${shown(scope)}, which this call does not have`,
        );
    if (tool.roles === undefined) return PASS;
    // A machine whose policy names no users has one person, who is everything there is.
    if (policy.users === undefined && principal?.source === 'owner') return PASS;
    const roles = rolesOf(policy, principal);
    return tool.roles.some((role) => roles.includes(role))
      ? PASS
      : fail(
          'role_denied',
          `${shown(name)} is for the roles ${tool.roles.join(', ')}, and this call has ${roles.length === 0 ? 'none' : roles.join(', ')}`,
        );
  },
};
