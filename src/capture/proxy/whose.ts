/** Whose a call or a connection is: who asks and for whom, in which process, and where it belongs. Both say it alike. */
import type { Event } from '../../core/entry.ts';
import { actorFor, actorQuality, type CalledBy } from '../../core/policy/principal.ts';
import { placeOf } from '../../core/policy/subject.ts';
import type { DecisionRequest, Identity } from '../../core/policy/types.ts';
import type { Recorder } from '../../recorder/api.ts';
import type { Caller } from './caller.ts';

/** What belongs to nothing else belongs here. */
export interface Place {
  readonly project: string | undefined;
  readonly environment: string | undefined;
}

export interface Whose {
  readonly tenant: string;
  readonly place: Pick<DecisionRequest, 'project_id' | 'environment'>;
  readonly identity: Identity;
  /** Who calls and on whose behalf, and what of that was not checked for this call. */
  readonly actor: CalledBy;
  readonly quality: NonNullable<Event['quality']>;
  /** The process behind the connection, once it is known. */
  readonly caller?: Caller;
  /** Of the process that started the run. */
  readonly runPid?: number | undefined;
}

export function whoseOf(
  recorder: Pick<Recorder, 'principal' | 'policy' | 'runPid' | 'tenant'>,
  { project, environment }: Place,
  identity: Identity,
  caller: Caller | undefined,
): Whose {
  const principal = recorder.principal(identity);
  return {
    tenant: recorder.tenant,
    place: placeOf(identity, { project_id: project, environment }),
    identity,
    actor: actorFor(recorder.policy().compiled, identity, principal),
    quality: actorQuality(identity, principal),
    ...(caller === undefined ? {} : { caller }),
    ...(identity.run_id === undefined ? {} : { runPid: recorder.runPid(identity.run_id) }),
  };
}

/** Of what is to be decided. */
export function requestBy({
  tenant,
  place,
  identity: { run_id },
}: Whose): Pick<DecisionRequest, 'tenant_id' | 'project_id' | 'environment' | 'run_id'> {
  return { tenant_id: tenant, ...place, ...(run_id === undefined ? {} : { run_id }) };
}

/** Of what is recorded. */
export function eventBy(
  whose: Whose,
): Pick<Event, 'project_id' | 'environment' | 'actor' | 'run_id' | 'quality'> {
  const { place, identity, actor, quality } = whose;
  return {
    ...place,
    actor,
    ...(identity.run_id === undefined ? {} : { run_id: identity.run_id }),
    ...(Object.keys(quality).length === 0 ? {} : { quality }),
    ...withProcess(whose),
  };
}

/** The actor, if its process is known by now: the system inferred it from who holds the other end of the connection. */
export function withProcess({
  actor,
  quality,
  caller,
  runPid,
}: Pick<Whose, 'actor' | 'quality' | 'caller' | 'runPid'>): Pick<Event, 'actor' | 'quality'> {
  const os = caller?.(runPid);
  if (os === undefined) return {};
  return { actor: { ...actor, os: { ...os } }, quality: { ...quality, 'actor.os': 'inferred' } };
}
