/**
 * What an agent may use at most, whoever it acts for: its own contract, that of everybody who passed the task on, and
 * what the token and the run leave. A name that is denied is denied, wherever it is allowed.
 */
import type { Contract } from '../compiled.ts';
import { CONNECT_ACTION } from '../connect.ts';
import { type HostSet, hostSet } from '../host-set.ts';
import { formatHostPort, shown } from '../hosts.ts';
import { fail, type Layer, type LayerAnswer, type LayerContext, PASS, SKIP } from '../layer.ts';
import { covers } from '../names.ts';
import { own } from '../own.ts';
import { isPlain, toolOf } from '../subject.ts';

const denied = (message: string): LayerAnswer => fail('capability_denied', message);

function check(
  whose: string,
  { credentials, tools, hosts }: Contract,
  allowed: HostSet | undefined,
  { request, to }: LayerContext,
  plain: typeof isPlain,
): LayerAnswer {
  for (const { ref } of request.credentials) {
    if (credentials?.deny !== undefined && covers(credentials.deny, ref))
      return denied(`the contract of ${whose} denies the credential ${shown(ref)}`);
    if (credentials?.allow !== undefined && !covers(credentials.allow, ref))
      return denied(`the contract of ${whose} does not name the credential ${shown(ref)}`);
  }
  // A call that is nothing but a call is kept by its host and its credentials.
  if (tools !== undefined && !plain(request) && !covers(tools, toolOf(request)))
    return denied(`the contract of ${whose} does not name the tool ${shown(toolOf(request))}`);
  if (hosts === undefined || to === undefined) return PASS;
  if (to.host === undefined || !(allowed ?? hostSet(hosts)).has(to.host, to.port))
    return denied(
      `the contract of ${whose} does not name the host ${to.host === undefined ? '' : formatHostPort(to.host, to.port)}`,
    );
  return PASS;
}

const bounds = ({ credentials, tools, hosts }: Contract): boolean =>
  credentials !== undefined || tools !== undefined || hosts !== undefined;

function judge(context: LayerContext, plain: typeof isPlain): LayerAnswer {
  const { inputs, policy, index } = context;
  const { identity } = inputs;
  let answer = SKIP;
  const ofAgent = (agent: string | undefined): void => {
    const contract = own(policy.agents, agent);
    if (agent === undefined || contract === undefined || !bounds(contract)) return;
    answer = check(`the agent ${shown(agent)}`, contract, index.agentHosts.get(agent), context, plain);
  };
  ofAgent(identity.agent_id);
  // A delegated token is named by its delegator: a name that may more gives no more.
  for (const { agent_id } of identity.delegation ?? []) {
    if (answer.result === 'fail') return answer;
    ofAgent(agent_id);
  }
  if (answer.result === 'fail' || identity.contract === undefined || !bounds(identity.contract))
    return answer;
  return check('the token or the run', identity.contract, undefined, context, plain);
}

/** A CONNECT is kept by its host, as a call is. */
const isPlainOrConnect = (request: LayerContext['request']): boolean =>
  isPlain(request) || (request.action.tool === undefined && request.action.name === CONNECT_ACTION);

export const capabilityLayer: Layer = {
  name: 'capability',
  evaluate: (context) => judge(context, isPlainOrConnect),
};

/** As engine 2 had it: there were no tunnels. */
export const capabilityLayer2: Layer = {
  name: 'capability',
  evaluate: (context) => judge(context, isPlain),
};
