/** What an entry says about the client that asked for it. Everything a client says of itself is marked as said. */
import type { Actor, Event, SecretAccess } from '../core/entry.ts';
import { OPERATOR_SCOPE } from '../core/identity/rights.ts';
import { actorQuality } from '../core/policy/principal.ts';
import type { Identity } from '../core/policy/types.ts';
import type { Producer } from './api.ts';
import type { Client } from './ops.ts';

/** The writer carried this out itself, at the request of that surface. */
export function doneFor(client: Client): Producer {
  return { surface: client.surface, assurance: 'enforced' };
}

/** As far as it shows: a person may carry a token too, one that was issued for asking as the operator. */
function isAgent({ detected, run_token, checked }: Client): boolean {
  const holder = checked?.identity;
  return (
    detected !== undefined ||
    run_token !== undefined ||
    (holder?.token_id !== undefined && holder.scopes?.includes(OPERATOR_SCOPE) !== true)
  );
}

export function reportedBy(client: Client): Producer {
  return { surface: client.surface, assurance: 'self_reported' };
}

/** The person at the terminal, as their own process reports them. */
export function actorOf(client: Client): Actor {
  const os = {
    ...(client.user === undefined ? {} : { user: client.user }),
    ...(client.uid === undefined ? {} : { uid: client.uid }),
    ...(client.pid === undefined ? {} : { pid: client.pid }),
    ...(client.ppid === undefined ? {} : { ppid: client.ppid }),
    ...(client.ancestors === undefined ? {} : { ancestors: client.ancestors }),
    ...(client.host === undefined ? {} : { host: client.host }),
  };
  return {
    ...(client.user === undefined ? {} : { user: { id: client.user } }),
    ...(client.detected === undefined ? {} : { detected: client.detected }),
    is_agent: isAgent(client),
    os,
    ...client.checked?.actor,
  };
}

/** What a client says of the actor, without what only a check may say. */
export function saidActor(client: Client, event: Event): Actor {
  const { agent_token_id: _token, identity_level: _level, role: _role, ...rest } = event.actor ?? {};
  return { ...actorOf(client), ...rest };
}

/** What was said, or inferred from an environment, rather than checked: nothing that a client says is verified. */
export function said(client: Client, event?: Event, checked?: Identity): NonNullable<Event['quality']> {
  const claims = Object.entries(event?.quality ?? {}).map(
    ([of, quality]) => [of, quality === 'verified' ? 'asserted' : quality] as const,
  );
  const members = Object.keys(event?.actor ?? {})
    .filter((member) => !CHECKED.has(member) && (member !== 'agent_id' || checked?.level !== 'issued'))
    .map((member) => [`actor.${member}`, 'asserted'] as const);
  return {
    ...Object.fromEntries([...claims, ...members]),
    'actor.os': 'asserted',
    ...userQuality(client),
    ...(client.detected === undefined ? {} : { 'actor.detected': 'inferred' }),
    ...(event?.run_id === undefined || checked?.run_id !== undefined ? {} : { run_id: 'asserted' }),
  };
}

/** What a token proves is not only said. */
function userQuality({ user, checked }: Client): NonNullable<Event['quality']> {
  return {
    ...(user === undefined || checked?.principal !== undefined ? {} : { 'actor.user': 'asserted' }),
    ...(checked === undefined ? {} : actorQuality(checked.identity, checked.principal)),
  };
}

/** Replaced by what the registry says, or dropped. */
const CHECKED: ReadonlySet<string> = new Set(['agent_token_id', 'identity_level', 'role']);

export function secretEvent(
  operation: SecretAccess['operation'],
  key: string | undefined,
): Required<Pick<Event, 'secret' | 'action'>> {
  return {
    action: { name: `secret.${operation}` },
    secret: { ...(key === undefined ? {} : { key }), operation, provider: 'vault' },
  };
}

/** The user of this machine is its owner; a token's user has the role that the policy gives. */
export function roleOf({ checked }: Client): Pick<Actor, 'role'> {
  return checked === undefined ? { role: 'owner' } : {};
}

export function operatorEvent(type: string, client: Client, metadata: Record<string, unknown>): Event {
  return {
    type,
    phase: 'point',
    actor: { ...actorOf(client), ...roleOf(client) },
    quality: said(client),
    metadata,
    outcome: { status: 'ok' },
  };
}
