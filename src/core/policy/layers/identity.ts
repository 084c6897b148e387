/** Who is calling: a token that was presented has to be good, and the policy says who may come without one. */
import { shown } from '../hosts.ts';
import { fail, type Layer, PASS } from '../layer.ts';
import { REASONS } from '../reasons.ts';

export const identityLayer: Layer = {
  name: 'identity',
  evaluate({ inputs: { identity }, policy, index }) {
    // A bad token is never treated as no token: the caller meant to prove something and failed.
    if (identity.failure !== undefined)
      return fail(identity.failure, `the identity was refused: ${REASONS[identity.failure].means}`);
    if (identity.level === 'issued') return PASS;
    const { agent_id: agent } = identity;
    if (agent !== undefined && index.issuedAgents.has(agent))
      return fail(
        'identity_not_issued',
        `the agent ${shown(agent)} has to prove its name; give it a token: tally agent token issue NAME`,
      );
    if (policy.identity[identity.level] === 'allow') return PASS;
    return identity.level === 'declared'
      ? fail(
          'identity_not_issued',
          `the policy wants a checked token and ${shown(agent ?? '')} only gave a name; give it one: tally agent token issue NAME`,
        )
      : fail('identity_missing', 'the policy wants to know who is calling, and the caller gave no identity');
  },
};
