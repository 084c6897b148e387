/**
 * What a credential may be used for: its own hosts, agents, styles and methods. A credential without a line in the
 * policy may go to every host of the allowlist, except into a child's environment, where no host bounds it.
 */
import { formatHostPort, shown } from '../hosts.ts';
import { fail, type Layer, type LayerAnswer, type LayerContext, PASS, SKIP } from '../layer.ts';
import type { DecisionRequest } from '../types.ts';

type Use = DecisionRequest['credentials'][number];

/** True when every credential of the call goes into the environment of a child process. */
export function isEnvironmentOnly(request: DecisionRequest): boolean {
  return (
    request.credentials.length > 0 && request.credentials.every((c) => c.injection_style === 'env_inject')
  );
}

function check(use: Use, { inputs: { identity }, index, to }: LayerContext): LayerAnswer {
  const known = index.credentials.get(use.ref);
  if (to === undefined && known?.rule.styles?.includes(use.injection_style) !== true)
    return fail(
      'credential_not_allowed',
      `${shown(use.ref)} may go into a program's environment only when the policy says so: credentials: { ${shown(use.ref)}: { styles: [env_inject] } }`,
    );
  if (known === undefined) return PASS;
  const { rule, hosts, agents, methods } = known;
  if (rule.requires === 'issued' && identity.level !== 'issued')
    return fail('identity_not_issued', `${shown(use.ref)} is only for callers with a checked token`);
  if (agents !== undefined && (identity.agent_id === undefined || !agents.has(identity.agent_id)))
    return fail(
      'credential_not_allowed',
      identity.agent_id === undefined
        ? `${shown(use.ref)} is only for certain agents, and the caller named none`
        : `${shown(use.ref)} is not for the agent ${shown(identity.agent_id)}`,
    );
  if (rule.styles !== undefined && !rule.styles.includes(use.injection_style))
    return fail(
      'credential_not_allowed',
      `${shown(use.ref)} may not be injected as ${shown(use.injection_style)}`,
    );
  if (to === undefined) return PASS;
  const { host = '', port, target } = to;
  // A bare host stands for every port that the allowlist opens on it.
  if (hosts !== undefined && !hosts.has(formatHostPort(host)) && !hosts.has(formatHostPort(host, port)))
    return fail(
      'credential_not_allowed',
      `${shown(use.ref)} may not be sent to ${formatHostPort(host, port)}`,
    );
  if (methods !== undefined && methods.get(target.method?.toUpperCase() ?? '') !== 'allow')
    return fail(
      'method_not_allowed',
      `${shown(use.ref)} may not be used with ${shown(target.method ?? 'no method')}`,
    );
  return PASS;
}

export const credentialLayer: Layer = {
  name: 'credential',
  evaluate(context) {
    if (context.request.credentials.length === 0) return SKIP;
    for (const use of context.request.credentials) {
      const answer = check(use, context);
      if (answer.result === 'fail') return answer;
    }
    return PASS;
  },
};
