/**
 * Who is calling, and for whom: a token that was presented has to be good and to belong where the call says it comes
 * from, the policy says who may come without one, and where it names users somebody has to stand behind the call.
 */
import type { CompiledPolicy } from '../compiled.ts';
import { shown } from '../hosts.ts';
import { fail, type Layer, type LayerAnswer, type LayerContext, PASS } from '../layer.ts';
import { REASONS } from '../reasons.ts';
import type { DecisionRequest, Identity } from '../types.ts';

const differ = (claimed: string | undefined, bound: string | undefined): boolean =>
  claimed !== undefined && bound !== undefined && claimed !== bound;

/** What the token is bound to, against where the call says it comes from. One that is silent contradicts nothing. */
function misplaced(request: DecisionRequest, identity: Identity): LayerAnswer | undefined {
  const { project_id: project, environment, run_id: run } = identity;
  if (differ(request.project_id, project))
    return fail(
      'agent_project_mismatch',
      `the token is for the project ${shown(project ?? '')}, and the call is in ${shown(request.project_id ?? '')}`,
    );
  if (differ(request.environment, environment))
    return fail(
      'agent_environment_mismatch',
      `the token is for the environment ${shown(environment ?? '')}, and the call is in ${shown(request.environment ?? '')}`,
    );
  if (differ(request.run_id, run))
    return fail('token_invalid', `the token is for another run than ${shown(request.run_id ?? '')}`);
  return undefined;
}

function unproved(
  { identity: who }: CompiledPolicy,
  { level, agent_id: agent }: Identity,
  proves: boolean,
): LayerAnswer {
  if (proves)
    return fail(
      'identity_not_issued',
      `the agent ${shown(agent ?? '')} has to prove its name; give it a token: tally agent token issue NAME`,
    );
  if (level === 'issued' || who[level] === 'allow') return PASS;
  return level === 'declared'
    ? fail(
        'identity_not_issued',
        `the policy wants a checked token and ${shown(agent ?? '')} only gave a name; give it one: tally agent token issue NAME`,
      )
    : fail('identity_missing', 'the policy wants to know who is calling, and the caller gave no identity');
}

function nobodyBehind({ policy, inputs }: LayerContext): LayerAnswer | undefined {
  if (policy.users === undefined || inputs.principal !== undefined) return undefined;
  return fail(
    'identity_missing',
    'the policy names users, and nobody is known to stand behind this call; give the agent a token of a user: tally agent token issue NAME --user USER',
  );
}

export const identityLayer: Layer = {
  name: 'identity',
  evaluate(context) {
    const { request, policy, index } = context;
    const { identity } = context.inputs;
    // A bad token is never treated as no token: the caller meant to prove something and failed.
    if (identity.failure !== undefined)
      return fail(identity.failure, `the identity was refused: ${REASONS[identity.failure].means}`);
    const elsewhere = misplaced(request, identity);
    if (elsewhere !== undefined) return elsewhere;
    if (identity.level !== 'issued') {
      const proves = identity.agent_id !== undefined && index.issuedAgents.has(identity.agent_id);
      const answer = unproved(policy, identity, proves);
      if (answer.result === 'fail') return answer;
    }
    return nobodyBehind(context) ?? PASS;
  },
};
