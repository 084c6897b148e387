/** What a rule gets to read of a call (cel/bindings.ts). */
import type { CelAction, CelActor, CelBindings } from './cel/bindings.ts';
import type { LayerContext } from './layer.ts';
import { rolesOf } from './principal.ts';
import { type Effective, listEffective } from './scopes.ts';
import { environmentOf, projectOf, runOf, tierOf, toolOf } from './subject.ts';

type Defined<T> = { readonly [K in keyof T]?: T[K] | undefined };

const NONE: readonly string[] = [];

function actionOf({ request, to }: LayerContext): Defined<CelAction> {
  const { action, credentials } = request;
  return {
    name: action.name,
    tool: toolOf(request),
    tier: tierOf(request),
    capability: action.capability,
    scheme: to?.scheme,
    host: to?.host,
    port: to?.port,
    path: to?.target.path,
    method: to?.target.method?.toUpperCase(),
    credentials: credentials.length === 0 ? NONE : credentials.map(({ ref }) => ref),
  };
}

/** A class, because a getter that every object has of its own costs more than everything else here. */
class Actor implements Defined<CelActor> {
  readonly tenant_id: string;
  readonly project_id: string | undefined;
  readonly environment: string | undefined;
  readonly run_id: string | undefined;
  readonly agent_id: string | undefined;
  readonly identity_level: string;
  readonly user_id: string | undefined;
  /** Of the policy, so that it stands in the snapshot and not in every record. */
  readonly email: string | undefined;
  readonly roles: readonly string[];
  readonly delegation_chain: readonly string[];
  readonly #effective: Effective;
  readonly #named: readonly string[];

  constructor({ request, policy, inputs, user, scopes, index }: LayerContext) {
    const { identity, principal } = inputs;
    const { delegation } = identity;
    this.tenant_id = request.tenant_id;
    this.project_id = projectOf(request, identity);
    this.environment = environmentOf(request, identity);
    this.run_id = runOf(request, identity);
    this.agent_id = identity.agent_id;
    this.identity_level = identity.level;
    this.user_id = principal?.id;
    this.email = user?.email;
    this.roles = rolesOf(policy, principal);
    this.delegation_chain =
      delegation === undefined || delegation.length === 0 ? NONE : delegation.map((hand) => hand.agent_id);
    this.#effective = scopes;
    this.#named = index.rules.scopes;
  }

  /** Those that are left after the delegation. Few rules read them, and few calls are put to these. */
  get scopes(): readonly string[] {
    return listEffective(this.#effective, this.#named);
  }
}

const NO_FACTS: { readonly [name: string]: unknown } = {};

export function bindingsOf(context: LayerContext): CelBindings {
  const { request, inputs } = context;
  return {
    action: actionOf(context) as CelAction,
    actor: new Actor(context) as CelActor,
    // Arguments that could not be read are not the same as none: `has()` would say that a fact is not there.
    facts: request.args === 'streamed' ? undefined : (inputs.facts ?? NO_FACTS),
  };
}
