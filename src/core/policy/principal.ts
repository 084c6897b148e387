/**
 * Who stands behind a call, and what a record says of it. Pure: the policy says who is known, the identity what was
 * checked for this very call, and the machine who its own user is.
 *
 * A policy that says nothing of users is of an embedded machine: its own user is the owner, and a laptop needs no
 * set-up. Where the policy names users, a call is for the user of its token; the machine's own user stands behind a call
 * without one only under the very name that the policy lists.
 */
import { type Actor, ROLES, type Role } from '../entry.ts';
import type { CompiledPolicy, UserRule } from './compiled.ts';
import type { Identity, Principal } from './types.ts';

/** The operating system's user that the recorder runs as. Absent on a recorder that others call. */
export interface MachineOwner {
  readonly id: string;
}

/** Never what an object inherits: a user may be called "constructor". */
export function userOf(policy: CompiledPolicy, id: string): UserRule | undefined {
  return policy.users !== undefined && Object.hasOwn(policy.users, id) ? policy.users[id] : undefined;
}

/**
 * Undefined: nobody that is known. A user whom the policy does not list (any more) is still who the call is for: that
 * it is no member is for the membership layer to say, and for the record to show.
 */
export function principalOf(
  policy: CompiledPolicy,
  { user_id }: Identity,
  owner: MachineOwner | undefined,
): Principal | undefined {
  if (user_id !== undefined) return named(policy, user_id, 'token');
  if (owner === undefined) return undefined;
  const known = policy.users === undefined || userOf(policy, owner.id) !== undefined;
  return known ? named(policy, owner.id, 'owner') : undefined;
}

function named(policy: CompiledPolicy, id: string, source: Principal['source']): Principal {
  const email = userOf(policy, id)?.email;
  return email === undefined ? { id, source } : { id, email, source };
}

/** Names of roles, built in or the policy's own. The owner of a machine whose policy names no users has "owner". */
export function rolesOf(policy: CompiledPolicy, principal: Principal | undefined): readonly string[] {
  if (principal === undefined) return [];
  if (policy.users === undefined) return principal.source === 'owner' ? ['owner'] : [];
  const user = userOf(policy, principal.id);
  if (user === undefined) return [];
  return user.service === true && !user.roles.includes('service') ? [...user.roles, 'service'] : user.roles;
}

/** What a user's roles and the user alone hold. Undefined: everything, where the policy says nothing of users. */
export function scopesHeld(
  policy: CompiledPolicy,
  principal: Principal | undefined,
): readonly string[] | undefined {
  if (policy.users === undefined) return undefined;
  const own = principal === undefined ? undefined : userOf(policy, principal.id)?.scopes;
  const roles = policy.roles ?? {};
  return [
    ...(own ?? []),
    ...rolesOf(policy, principal).flatMap((role) =>
      Object.hasOwn(roles, role) ? (roles[role]?.scopes ?? []) : [],
    ),
  ];
}

/** The strongest of the built-in roles that somebody has; whoever the policy lists is at least a member. */
export function roleOf(policy: CompiledPolicy, principal: Principal | undefined): Role | undefined {
  const held = rolesOf(policy, principal);
  const listed = principal !== undefined && userOf(policy, principal.id) !== undefined;
  return ROLES.find((role) => held.includes(role)) ?? (listed ? 'member' : undefined);
}

export type CalledBy = Pick<
  Actor,
  'agent_id' | 'identity_level' | 'agent_token_id' | 'user' | 'on_behalf_of' | 'role' | 'delegation_chain'
>;

/** The actor of any call, of a stopped one too. The chain is always there: [] for a direct call. */
export function actorFor(
  policy: CompiledPolicy,
  identity: Identity,
  principal: Principal | undefined,
): CalledBy {
  const { level, agent_id, token_id, delegation = [] } = identity;
  const role = roleOf(policy, principal);
  return {
    identity_level: level,
    ...(agent_id === undefined ? {} : { agent_id }),
    ...(token_id === undefined ? {} : { agent_token_id: token_id }),
    ...(principal === undefined ? {} : behind(policy, principal)),
    ...(role === undefined ? {} : { role }),
    delegation_chain: delegation.map((hand) => hand.agent_id),
  };
}

function behind(policy: CompiledPolicy, { id, email }: Principal): Pick<CalledBy, 'user' | 'on_behalf_of'> {
  const type = userOf(policy, id)?.service === true ? 'service' : 'user';
  return { user: email === undefined ? { id } : { id, email }, on_behalf_of: { type, id } };
}

/** What of that was not checked for this very call: a claimed name, and a user that only the machine stands for. */
export function actorQuality(
  { level, agent_id, failure }: Identity,
  principal: Principal | undefined,
): { readonly [path: string]: 'asserted' | 'inferred' } {
  const user =
    principal === undefined || (principal.source === 'token' && failure === undefined)
      ? undefined
      : principal.source === 'owner'
        ? ('inferred' as const)
        : ('asserted' as const);
  return {
    ...(agent_id === undefined || level === 'issued' ? {} : { 'actor.agent_id': 'asserted' as const }),
    ...(user === undefined ? {} : { 'actor.user': user, 'actor.on_behalf_of': user }),
  };
}

/** Both, as an event of a call has them. */
export function calledBy(
  policy: CompiledPolicy,
  identity: Identity,
  principal: Principal | undefined,
): { readonly actor: CalledBy; readonly quality?: ReturnType<typeof actorQuality> } {
  const actor = actorFor(policy, identity, principal);
  const quality = actorQuality(identity, principal);
  return Object.keys(quality).length === 0 ? { actor } : { actor, quality };
}
