/** What is recorded of a CONNECT: an http.call whose action is http.connect, with the host and port and nothing more. */
import type { Decision, Event, Outcome, Target } from '../../core/entry.ts';
import { CONNECT_ACTION } from '../../core/policy/connect.ts';
import { actorFor, actorQuality, type CalledBy } from '../../core/policy/principal.ts';
import type { DecisionRequest, Identity } from '../../core/policy/types.ts';
import type { Ask, Recorder } from '../../recorder/api.ts';
import type { Authority } from './authority.ts';
import type { Caller } from './caller.ts';
import { withProcess } from './events.ts';

/** Who connects, and where to. */
export interface Connection {
  /** Undefined: what was asked for is no authority. */
  readonly to: Authority | undefined;
  readonly identity: Identity;
  readonly actor: CalledBy;
  readonly quality: NonNullable<Event['quality']>;
  /** The process behind the connection, once it is known, and the one that started the run. */
  readonly caller?: Caller;
  readonly runPid?: number | undefined;
  readonly tenant: string;
  readonly project: string | undefined;
  readonly environment: string | undefined;
}

export interface Place {
  readonly project: string | undefined;
  readonly environment: string | undefined;
}

export function connectionOf(
  recorder: Pick<Recorder, 'identify' | 'principal' | 'policy' | 'runPid' | 'tenant'>,
  place: Place,
  to: Authority | undefined,
  identity: Identity,
  caller: Caller | undefined,
): Connection {
  const principal = recorder.principal(identity);
  return {
    to,
    identity,
    actor: actorFor(recorder.policy().compiled, identity, principal),
    quality: actorQuality(identity, principal),
    ...(caller === undefined ? {} : { caller }),
    ...(identity.run_id === undefined ? {} : { runPid: recorder.runPid(identity.run_id) }),
    tenant: recorder.tenant,
    project: identity.project_id ?? place.project,
    environment: identity.environment ?? place.environment,
  };
}

function placeOf({ project, environment }: Connection): { project_id?: string; environment?: string } {
  return {
    ...(project === undefined ? {} : { project_id: project }),
    ...(environment === undefined ? {} : { environment }),
  };
}

function actionOf({ to }: Connection): { name: string; target?: Target } {
  if (to === undefined) return { name: CONNECT_ACTION };
  return { name: CONNECT_ACTION, target: { host: to.host, port: to.port, method: 'CONNECT' } };
}

function about(
  connection: Connection,
): Pick<Event, 'project_id' | 'environment' | 'actor' | 'run_id' | 'quality'> {
  const { identity, actor, quality } = connection;
  return {
    ...placeOf(connection),
    actor,
    ...(identity.run_id === undefined ? {} : { run_id: identity.run_id }),
    ...(Object.keys(quality).length === 0 ? {} : { quality }),
    ...withProcess(connection),
  };
}

export function connectAsk(connection: Connection): Ask {
  const { to, identity, tenant } = connection;
  const request: DecisionRequest = {
    tenant_id: tenant,
    ...placeOf(connection),
    ...(identity.run_id === undefined ? {} : { run_id: identity.run_id }),
    action: actionOf(connection),
    args: 'whole',
    credentials: [],
  };
  const host = to === undefined ? '' : `${to.host}:${to.port}`;
  return { request, identity, args: { method: 'CONNECT', host } };
}

/** Its action is the one that was decided on: the recorder puts it in. */
export function connectPre(connection: Connection, decision: Decision): Event {
  return { type: 'http.call', phase: 'pre_exec', ...about(connection), decision };
}

/** Of a connection that ended before anything was decided about it, or whose TLS came to nothing. */
export function connectPoint(
  connection: Connection,
  outcome: Outcome,
  metadata?: Record<string, unknown>,
): Event {
  return {
    type: 'http.call',
    phase: 'point',
    ...about(connection),
    action: actionOf(connection),
    outcome,
    ...(metadata === undefined ? {} : { metadata }),
  };
}
