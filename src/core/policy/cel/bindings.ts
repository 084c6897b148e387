/**
 * What a rule may read: `action.*`, `actor.*`, and the facts that the policy names. The table is the vocabulary: the
 * checker refuses any other name, and the evaluator reads nothing else.
 *
 * A member of `action` or `actor` that is not known for a call reads as "" (0, or an empty list), and `has()` tells:
 * as in a protocol buffer message. A fact that is missing is an error, and so a stop.
 */
export interface CelAction {
  readonly name: string;
  readonly tier?: string;
  readonly tool?: string;
  readonly capability?: string;
  readonly scheme?: string;
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  /** Upper case. */
  readonly method?: string;
  /** Names of the credentials that the call asks for. */
  readonly credentials?: readonly string[];
}

export interface CelActor {
  readonly tenant_id?: string;
  readonly project_id?: string;
  readonly environment?: string;
  readonly run_id?: string;
  readonly agent_id?: string;
  /** anonymous | declared | issued */
  readonly identity_level?: string;
  readonly user_id?: string;
  readonly email?: string;
  readonly roles?: readonly string[];
  /** Those that are left after the delegation. */
  readonly scopes?: readonly string[];
  /** Agent ids, first delegator first. */
  readonly delegation_chain?: readonly string[];
}

export interface CelBindings {
  readonly action: CelAction;
  readonly actor: CelActor;
  /**
   * Numbers, booleans and text; anything else, null for one, is there and none of them, and whatever depends on it is a
   * failure. Undefined: the arguments could not be read, and whatever depends on a fact, `has()` too, is a failure that says
   * so.
   */
  readonly facts: { readonly [name: string]: unknown } | undefined;
}

export type FieldKind = 'text' | 'double' | 'list';

export const ACTION_FIELDS = {
  name: 'text',
  tier: 'text',
  tool: 'text',
  capability: 'text',
  scheme: 'text',
  host: 'text',
  port: 'double',
  path: 'text',
  method: 'text',
  credentials: 'list',
} as const satisfies { readonly [K in keyof Required<CelAction>]: FieldKind };

export const ACTOR_FIELDS = {
  tenant_id: 'text',
  project_id: 'text',
  environment: 'text',
  run_id: 'text',
  agent_id: 'text',
  identity_level: 'text',
  user_id: 'text',
  email: 'text',
  roles: 'list',
  scopes: 'list',
  delegation_chain: 'list',
} as const satisfies { readonly [K in keyof Required<CelActor>]: FieldKind };

/** The names that an expression may begin with. */
export const ROOTS = ['action', 'actor', 'facts'] as const;
