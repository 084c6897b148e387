/** What is recorded of a CONNECT: an http.call whose action is http.connect, with the host and port and nothing more. */
import type { Decision, Event, Outcome, Target } from '../../core/entry.ts';
import { CONNECT_ACTION } from '../../core/policy/connect.ts';
import type { DecisionRequest } from '../../core/policy/types.ts';
import type { Ask } from '../../recorder/api.ts';
import type { Authority } from './authority.ts';
import { eventBy, requestBy, type Whose } from './whose.ts';

/** Who connects, and where to. */
export interface Connection extends Whose {
  /** Undefined: what was asked for is no authority. */
  readonly to: Authority | undefined;
}

function actionOf({ to }: Connection): { name: string; target?: Target } {
  if (to === undefined) return { name: CONNECT_ACTION };
  return { name: CONNECT_ACTION, target: { host: to.host, port: to.port, method: 'CONNECT' } };
}

export function connectAsk(connection: Connection): Ask {
  const { to, identity } = connection;
  const request: DecisionRequest = {
    ...requestBy(connection),
    action: actionOf(connection),
    args: 'whole',
    credentials: [],
  };
  const host = to === undefined ? '' : `${to.host}:${to.port}`;
  return { request, identity, args: { method: 'CONNECT', host } };
}

/** Its action is the one that was decided on: the recorder puts it in. */
export function connectPre(connection: Connection, decision: Decision): Event {
  return { type: 'http.call', phase: 'pre_exec', ...eventBy(connection), decision };
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
    ...eventBy(connection),
    action: actionOf(connection),
    outcome,
    ...(metadata === undefined ? {} : { metadata }),
  };
}
