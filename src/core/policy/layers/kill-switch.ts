/** What was switched off. It stands before everything else, and no mode of a policy lifts it. */
import { shown } from '../hosts.ts';
import { killScopesOf } from '../kill-scopes.ts';
import { fail, type Layer, PASS, SKIP } from '../layer.ts';
import type { ReasonCode } from '../reasons.ts';

const REASON_OF: Readonly<Record<string, ReasonCode>> = {
  global: 'killed_global',
  tenant: 'killed_tenant',
  agent: 'killed_agent',
  tool: 'tool_disabled',
  writes: 'writes_disabled',
};

/** What calls are stopped with while a scope is switched off. */
export function killReason(scope: string): ReasonCode {
  return REASON_OF[scope.split(':', 1)[0] ?? ''] ?? 'killed_global';
}

const WHAT: Readonly<Record<string, string>> = {
  global: 'everything is',
  tenant: 'this tenant is',
  agent: 'the agent',
  tool: 'the tool',
  writes: 'calls that change something are',
};

/** Text of the caller never stands in a command that a person may paste. */
const mendable = (scope: string): string => (/^[a-z]+(:[\w.@-]+)?$/i.test(scope) ? scope : 'SCOPE');

export const killSwitchLayer: Layer = {
  name: 'kill_switch',
  evaluate({ request, inputs: { kill, identity }, policy }) {
    // Nobody looked: that is not the same as none being on.
    if (kill === undefined) return SKIP;
    if (kill.length === 0) return PASS;
    for (const scope of killScopesOf(request, identity, policy)) {
      if (!kill.some((on) => on.scope === scope)) continue;
      const colon = scope.indexOf(':');
      const kind = colon === -1 ? scope : scope.slice(0, colon);
      const name = colon === -1 ? '' : ` ${shown(scope.slice(colon + 1))} is`;
      return fail(
        killReason(scope),
        `${WHAT[kind] ?? ''}${name} switched off; to switch on again: tally kill off --scope ${mendable(scope)}`,
      );
    }
    return PASS;
  },
};
