/** Nobody passes on what they lack: every hand's scopes are among those of the hands before it, and of the user. */

import { LIMITS } from '../../limits.ts';
import { shown } from '../hosts.ts';
import { fail, type Layer, PASS, SKIP } from '../layer.ts';
import { exceeded } from '../scopes.ts';

export const delegationLayer: Layer = {
  name: 'delegation',
  evaluate({ inputs: { identity }, scopes }) {
    const { delegation } = identity;
    if (delegation === undefined || delegation.length === 0) return SKIP;
    if (delegation.length > LIMITS.delegationDepth)
      return fail(
        'delegation_exceeded',
        `the task went through ${delegation.length} hands, and ${LIMITS.delegationDepth} are the most`,
      );
    const beyond = exceeded(scopes);
    if (beyond === undefined) return PASS;
    return fail('delegation_exceeded', `the scope ${shown(beyond)} was passed on by a hand that lacks it`);
  },
};
