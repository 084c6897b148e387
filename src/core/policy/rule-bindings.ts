/** What a rule gets to read of a call (cel/bindings.ts). Lists that few rules read are made when one does. */
import type { CelAction, CelActor, CelBindings } from './cel/bindings.ts';
import type { LayerContext } from './layer.ts';
import { rolesOf, userOf } from './principal.ts';
import { listEffective } from './scopes.ts';
import { environmentOf, projectOf, runOf, tierOf, toolOf } from './subject.ts';

type Defined<T> = { readonly [K in keyof T]?: T[K] | undefined };

function actionOf({ request, to }: LayerContext): Defined<CelAction> {
  const { name, capability } = request.action;
  return {
    name,
    tool: toolOf(request),
    tier: tierOf(request),
    capability,
    scheme: to?.scheme,
    host: to?.host,
    port: to?.port,
    path: to?.target.path,
    method: to?.target.method?.toUpperCase(),
    get credentials() {
      return request.credentials.map(({ ref }) => ref);
    },
  };
}

function actorOf(context: LayerContext): Defined<CelActor> {
  const { request, policy } = context;
  const { identity, principal } = context.inputs;
  return {
    tenant_id: request.tenant_id,
    project_id: projectOf(request, identity),
    environment: environmentOf(request, identity),
    run_id: runOf(request, identity),
    agent_id: identity.agent_id,
    identity_level: identity.level,
    user_id: principal?.id,
    // Of the policy, so that it stands in the snapshot and not in every record.
    email: principal === undefined ? undefined : userOf(policy, principal.id)?.email,
    get roles() {
      return rolesOf(policy, principal);
    },
    get scopes() {
      return listEffective(context.scopes);
    },
    get delegation_chain() {
      return identity.delegation?.map(({ agent_id }) => agent_id) ?? [];
    },
  };
}

const NO_FACTS: { readonly [name: string]: unknown } = {};

export function bindingsOf(context: LayerContext): CelBindings {
  const { request, inputs } = context;
  return {
    action: actionOf(context) as CelAction,
    actor: actorOf(context) as CelActor,
    // Arguments that could not be read are not the same as none: `has()` would say that a fact is not there.
    facts: request.args === 'streamed' ? undefined : (inputs.facts ?? NO_FACTS),
  };
}
