/** What the policy says of the tool, the user and the tier: the most specific word stands, and nothing else is asked. */
import type { DecisionOutcome } from '../../entry.ts';
import { shown } from '../hosts.ts';
import { fail, type Layer, type LayerContext, PASS, SKIP } from '../layer.ts';
import { own } from '../own.ts';
import { tierOf, toolOf } from '../subject.ts';

function wordOf({ request, policy, user }: LayerContext): [word: DecisionOutcome, of: string] | undefined {
  const tier = tierOf(request);
  const name = toolOf(request);
  const both = own(user?.tools, name)?.[tier]?.permission;
  if (both !== undefined) return [both, `${shown(name)} and this user`];
  const users = user?.tiers?.[tier]?.permission;
  if (users !== undefined) return [users, 'this user'];
  const tools = own(policy.tools, name)?.tiers?.[tier]?.permission;
  if (tools !== undefined) return [tools, shown(name)];
  const anything = policy.defaults?.[tier]?.permission;
  return anything === undefined ? undefined : [anything, 'whatever nothing else is said of'];
}

export const permissionLayer: Layer = {
  name: 'permission',
  evaluate(context) {
    const said = wordOf(context);
    if (said === undefined) return SKIP;
    const [word, of] = said;
    if (word === 'allow') return PASS;
    const tier = tierOf(context.request);
    if (word === 'stop') return fail('policy_denied', `the policy says stop for ${of} (${tier})`);
    return {
      result: 'pass',
      want: {
        reason: 'policy_approval_required',
        message: `the policy wants an approval for ${of} (${tier})`,
      },
    };
  },
};
