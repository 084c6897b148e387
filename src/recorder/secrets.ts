/**
 * Accesses to secrets: who asks, whether the policy lets them, and the entry that is durable before anything is fetched.
 *
 * The policy is about agents. A credential that it names is the broker's: a program that runs inside a recorded run, that
 * brings a token, or that a coding agent started gets its value only where the policy puts it into environments
 * (`styles: [env_inject]`). The same holds for what a person puts into a program's environment. What the policy does not
 * name is the machine's own, and a person may look at everything; kill switches, membership, rules and limits are for everybody.
 */
import type { Actor, Event, SecretAccess } from '../core/entry.ts';
import { actorFor, actorQuality } from '../core/policy/principal.ts';
import { placeOf } from '../core/policy/subject.ts';
import type { DecisionRequest, Identity } from '../core/policy/types.ts';
import type { Producer } from './api.ts';
import { actorOf, reportedBy, said } from './asked.ts';
import type { Guard } from './guard.ts';
import type { Client, Handlers, OpParams } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';
import type { SecretResults } from './secret-ops.ts';

type Wanted = OpParams<'secret.access'>;

/** They change what others will get, so they are the operator's. */
const WRITES: ReadonlySet<Wanted['operation']> = new Set(['set', 'delete', 'import']);

export function secretHandlers(recorder: LocalRecorder, guard: Guard): Pick<Handlers, 'secret.access'> {
  return {
    async 'secret.access'(wanted, client) {
      const identity = recorder.identify(claimsOf(wanted, client));
      const event = eventOf(recorder, identity, wanted, client);
      // Reported: it is the client that fetches and writes, right after this.
      const producer = reportedBy(client);
      if (wanted.refused !== undefined) return refuse(recorder, event, wanted.refused, producer);
      if (WRITES.has(wanted.operation)) {
        await guard.require('secret.change', wanted, client);
        const { id } = await recorder.record(event, producer);
        return { id, outcome: 'allow' };
      }
      const request = requestOf(recorder, identity, wanted, client);
      return decide(recorder, request, identity, event, { ...producer, assurance: 'observed' });
    },
  };
}

function claimsOf(wanted: Wanted, { agent_token, ...client }: Client) {
  const { project_id, environment, run_token = client.run_token } = wanted;
  return {
    ...(run_token === undefined ? {} : { run_token }),
    ...(agent_token === undefined ? {} : { agent_token }),
    ...(project_id === undefined ? {} : { project_id }),
    ...(environment === undefined ? {} : { environment }),
  };
}

/** What the entry says of the access itself. */
export function secretOf(wanted: Wanted): SecretAccess {
  const { operation, key, keys, key_count, profile, provider, command } = wanted;
  return {
    operation,
    ...(key === undefined ? {} : { key }),
    ...(keys === undefined ? {} : { keys }),
    ...(key_count === undefined ? {} : { key_count }),
    ...(profile === undefined ? {} : { profile }),
    ...(provider === undefined ? {} : { provider }),
    ...(command === undefined ? {} : { command }),
  };
}

function eventOf(recorder: LocalRecorder, identity: Identity, wanted: Wanted, client: Client): Event {
  const { reason, caller, operation } = wanted;
  const principal = recorder.principal(identity);
  const told = actorOf(client);
  const actor: Actor = { ...told, ...actorFor(recorder.policy().compiled, identity, principal) };
  const { run_id } = identity;
  return {
    type: 'secret.access',
    phase: 'pre_exec',
    ...placeOf(identity, wanted),
    ...(run_id === undefined ? {} : { run_id }),
    action: { name: `secret.${operation}` },
    secret: secretOf(wanted),
    ...(reason === undefined ? {} : { reason }),
    actor,
    quality: {
      ...said(client),
      ...actorQuality(identity, principal),
      ...(wanted.project_id === undefined || identity.project_id !== undefined
        ? {}
        : { project_id: 'asserted' }),
    },
    ...(caller === undefined ? {} : { metadata: { caller } }),
  };
}

function requestOf(
  recorder: LocalRecorder,
  identity: Identity,
  wanted: Wanted,
  client: Client,
): DecisionRequest {
  const { compiled } = recorder.policy();
  const named = [...(wanted.key === undefined ? [] : [wanted.key]), ...(wanted.keys ?? [])];
  const isAgent = client.detected !== undefined || identity.level !== 'anonymous';
  // A check hands out nothing, and what is put into a program's environment is bound whoever does it.
  const bound = wanted.operation === 'run' || (isAgent && wanted.operation !== 'check');
  return {
    tenant_id: recorder.tenant,
    ...placeOf(identity, wanted),
    ...(identity.run_id === undefined ? {} : { run_id: identity.run_id }),
    action: { name: `secret.${wanted.operation}` },
    reason_given: wanted.reason !== undefined,
    credentials: bound
      ? named
          .filter((ref) => Object.hasOwn(compiled.credentials, ref))
          .map((ref) => ({ ref, injection_style: 'env_inject' }))
      : [],
  };
}

async function decide(
  recorder: LocalRecorder,
  request: DecisionRequest,
  identity: Identity,
  event: Event,
  producer: Producer,
): Promise<SecretResults['secret.access']> {
  // What an approval binds to: these secrets, for this profile and program.
  const args = event.secret;
  const { decision, receipt, approval } = await recorder.act(
    { request, identity, args },
    () => event,
    producer,
  );
  const { outcome, reason, message, enforced, retry_after_ms } = decision;
  if (outcome === 'allow' || enforced === false) return { id: receipt.id, outcome: 'allow' };
  const pending = outcome === 'approval_required';
  await recorder.record(
    {
      type: 'secret.access',
      phase: 'post_exec',
      parent_id: receipt.id,
      ...(event.secret === undefined ? {} : { secret: { ...event.secret, found: 'error' } }),
      outcome: {
        status: pending ? 'pending' : 'blocked',
        error_kind: pending ? 'approval_required' : 'stopped',
      },
    },
    producer,
  );
  return {
    id: receipt.id,
    outcome,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(approval === undefined ? {} : { approval: approval.id }),
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
  };
}

async function refuse(
  recorder: LocalRecorder,
  event: Event,
  error_kind: NonNullable<Wanted['refused']>,
  producer: Producer,
): Promise<SecretResults['secret.access']> {
  const { secret } = event;
  const { id } = await recorder.record(
    {
      ...event,
      phase: 'point',
      ...(secret === undefined ? {} : { secret: { ...secret, found: 'error' } }),
      outcome: { status: error_kind === 'reason_required' ? 'blocked' : 'error', error_kind },
    },
    producer,
  );
  return { id, outcome: 'stop', reason: error_kind };
}
