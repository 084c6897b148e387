/** What an entry says about the client that asked for it. Everything a client says of itself is marked as said. */
import type { Actor, Event } from '../core/entry.ts';
import type { Producer } from './api.ts';
import type { Client } from './ops.ts';

/** The writer carried this out itself, at the request of that surface. */
export function doneFor(client: Client): Producer {
  return { surface: client.surface, assurance: 'enforced' };
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
    ...(client.host === undefined ? {} : { host: client.host }),
  };
  return {
    ...(client.user === undefined ? {} : { user: { id: client.user } }),
    ...(client.detected === undefined ? {} : { detected: client.detected }),
    is_agent: client.detected !== undefined || client.run_token !== undefined,
    os,
  };
}

/** What in the actor was said, or inferred from an environment, rather than checked. */
export function said(client: Client, event?: Event): NonNullable<Event['quality']> {
  return {
    ...event?.quality,
    'actor.os': 'asserted',
    ...(client.user === undefined ? {} : { 'actor.user': 'asserted' }),
    ...(client.detected === undefined ? {} : { 'actor.detected': 'inferred' }),
  };
}

export function operatorEvent(type: string, client: Client, metadata: Record<string, unknown>): Event {
  return {
    type,
    phase: 'point',
    actor: { ...actorOf(client), role: 'owner' },
    quality: said(client),
    metadata,
    outcome: { status: 'ok' },
  };
}
