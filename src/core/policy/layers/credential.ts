/**
 * What a credential may be used for: its own hosts, agents, styles and methods. A credential without a line in the
 * policy may go to every host of the allowlist, except into a child's environment, where no host bounds it.
 */
import type { DecisionOutcome } from '../../entry.ts';
import { formatHostPort, shown } from '../hosts.ts';
import { fail, type Layer, type LayerAnswer, type LayerContext, PASS, SKIP } from '../layer.ts';
import type { DecisionRequest, Identity } from '../types.ts';

type Use = DecisionRequest['credentials'][number];

/** True when every credential of the call goes into the environment of a child process. */
export function isEnvironmentOnly(request: DecisionRequest): boolean {
  return (
    request.credentials.length > 0 && request.credentials.every((c) => c.injection_style === 'env_inject')
  );
}

/** Everybody whose hands the call went through: a delegated token is named by its delegator, so that name gives nothing. */
function* handsOf({ agent_id, delegation = [] }: Identity): Generator<string | undefined> {
  yield agent_id;
  for (const hand of delegation) yield hand.agent_id;
}

function ofAgents(use: Use, agents: ReadonlySet<string>, identity: Identity): LayerAnswer {
  for (const agent of handsOf(identity)) {
    if (agent !== undefined && agents.has(agent)) continue;
    return fail(
      'credential_not_allowed',
      agent === undefined
        ? `${shown(use.ref)} is only for certain agents, and the caller named none`
        : `${shown(use.ref)} is not for the agent ${shown(agent)}`,
    );
  }
  return PASS;
}

function ofMethod(use: Use, word: DecisionOutcome | undefined, method: string | undefined): LayerAnswer {
  if (word === 'allow') return PASS;
  const how = `with ${shown(method ?? 'no method')}`;
  if (word !== 'approval_required')
    return fail('method_not_allowed', `${shown(use.ref)} may not be used ${how}`);
  const message = `${shown(use.ref)} may be used ${how} only after an approval`;
  return { result: 'pass', want: { reason: 'policy_approval_required', message } };
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
  const forCaller = agents === undefined ? PASS : ofAgents(use, agents, identity);
  if (forCaller.result === 'fail') return forCaller;
  if (rule.styles !== undefined && !rule.styles.includes(use.injection_style))
    return fail(
      'credential_not_allowed',
      `${shown(use.ref)} may not be injected as ${shown(use.injection_style)}`,
    );
  if (to === undefined) return PASS;
  const { host = '', port, target } = to;
  if (hosts?.has(host, port) === false)
    return fail(
      'credential_not_allowed',
      `${shown(use.ref)} may not be sent to ${formatHostPort(host, port)}`,
    );
  return methods === undefined
    ? PASS
    : ofMethod(use, methods.get(target.method?.toUpperCase() ?? ''), target.method);
}

export const credentialLayer: Layer = {
  name: 'credential',
  evaluate(context) {
    let answer = SKIP;
    for (const use of context.request.credentials) {
      const one = check(use, context);
      if (one.result === 'fail') return one;
      // Of several that want an approval the first one says it.
      if (answer === SKIP || (answer === PASS && one !== PASS)) answer = one;
    }
    return answer;
  },
};
