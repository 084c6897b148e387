/**
 * `POST /v1/decisions`: may this be done? The decision and its entry are made in one turn, and the entry is durable
 * before the answer. `decision.made` is the pre_exec of a pair; what is not allowed ends at once, blocked or pending, and
 * what is allowed ends with its outcome.
 */
import type { Event } from '../../core/entry.ts';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { actorFor, actorQuality } from '../../core/policy/principal.ts';
import { REASONS } from '../../core/policy/reasons.ts';
import { placeOf } from '../../core/policy/subject.ts';
import type { DecisionRequest, Identity } from '../../core/policy/types.ts';
import type { Producer } from '../../recorder/api.ts';
import { notBegun, proceeds } from '../../recorder/not-begun.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';
import type { Caller } from './caller.ts';
import type { OpenDecisions } from './open.ts';
import { problemOf } from './read-shape.ts';
import { ApiError, type Reply } from './reply.ts';
import { type DecisionRequestBody, DecisionRequestShape } from './shapes.ts';

/** We decide, and whether the caller heeds it is its own: nothing is enforced from here. */
export const DECIDED: Producer = { surface: 'http', assurance: 'observed' };
export const REPORTED: Producer = { surface: 'http', assurance: 'self_reported' };

export const DECISION_MADE = 'decision.made';

export type DecisionRecorder = Pick<
  LocalRecorder,
  'act' | 'record' | 'identify' | 'principal' | 'policy' | 'tenant' | 'registry'
>;

/** Answers whatever comes; throws when nothing can be recorded, and `ApiError`. */
export async function decideOne(
  recorder: DecisionRecorder,
  open: OpenDecisions,
  caller: Caller,
  body: unknown,
): Promise<Reply> {
  const parsed = DecisionRequestShape.safeParse(body);
  if (!parsed.success) throw await refused(recorder, caller, body, problemOf(parsed.error.issues[0]));
  const wanted = parsed.data;
  const identity = recorder.identify({
    ...caller.claims,
    ...texts(wanted, ['agent_id', 'project_id', 'environment']),
  });
  const problem = runProblem(recorder, identity, wanted.run_id);
  if (problem !== undefined) throw await refused(recorder, caller, body, problem);
  const request = requestOf(recorder, identity, wanted);
  try {
    return await decided(recorder, open, identity, wanted, request);
  } catch (error) {
    if (!(error instanceof TallyError) || (error.code !== 'BAD_EVENT' && error.code !== 'ENTRY_TOO_LARGE'))
      throw error;
    throw await refused(recorder, caller, body, error.message, error.hint);
  }
}

async function decided(
  recorder: DecisionRecorder,
  open: OpenDecisions,
  identity: Identity,
  wanted: DecisionRequestBody,
  request: DecisionRequest,
): Promise<Reply> {
  const { decision, receipt, approval } = await recorder.act(
    { request, identity, ...(wanted.args === undefined ? {} : { args: wanted.args }) },
    (_decision, asked) => eventOf(recorder, identity, wanted, asked),
    DECIDED,
  );
  const proceed = proceeds(decision);
  if (proceed) await open.opened(receipt.id);
  else {
    await recorder.record(notBegun(DECISION_MADE, receipt.id, decision), DECIDED);
  }
  const { id, index, ts } = receipt;
  const { retry_after_ms } = decision;
  const answer = {
    id,
    index,
    ts,
    proceed,
    decision,
    ...(approval === undefined ? {} : { approval, approval_id: approval.id }),
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
  };
  if (identity.failure === undefined || decision.reason !== identity.failure || proceed)
    return { status: 200, body: answer };
  const { message = REASONS[identity.failure].means } = decision;
  return {
    status: 401,
    headers: { 'WWW-Authenticate': 'Bearer realm="tally", error="invalid_token"' },
    body: { error: { code: identity.failure, message, hint: TOKEN_HINT }, ...answer },
  };
}

const TOKEN_HINT = '`tally agent token list` shows which tokens are good; the refusal is in the log';

function texts<K extends keyof DecisionRequestBody>(from: DecisionRequestBody, names: readonly K[]) {
  return Object.fromEntries(
    names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])),
  ) as { readonly [P in K]?: Extract<DecisionRequestBody[P], string> };
}

/** A run that was started on the record belongs to who holds its token: another one must not use up its budget. */
function runProblem(
  { registry }: DecisionRecorder,
  identity: Identity,
  run: string | undefined,
): string | undefined {
  if (run === undefined || run === identity.run_id) return undefined;
  if (identity.run_id !== undefined) return `run_id: the token is of the run ${identity.run_id}`;
  if (!registry.current().runs.has(run)) return undefined;
  return 'run_id: this run was started on the record; its own token has to be presented';
}

function requestOf(
  recorder: DecisionRecorder,
  identity: Identity,
  wanted: DecisionRequestBody,
): DecisionRequest {
  const { name, tool, target, tier, capability } = wanted.action;
  const run_id = identity.run_id ?? wanted.run_id;
  return {
    tenant_id: wanted.tenant_id ?? recorder.tenant,
    ...placeOf(identity, wanted),
    ...(run_id === undefined ? {} : { run_id }),
    action: {
      name,
      ...(tool === undefined ? {} : { tool: { name: tool.name } }),
      ...(target === undefined ? {} : { target }),
      ...(tier === undefined ? {} : { tier }),
      ...(capability === undefined ? {} : { capability }),
    },
    ...(wanted.args === undefined ? {} : { args: 'whole' }),
    ...(wanted.reason === undefined ? {} : { reason_given: true }),
    credentials: wanted.credentials ?? [],
  };
}

function eventOf(
  recorder: DecisionRecorder,
  identity: Identity,
  wanted: DecisionRequestBody,
  { tenant_id, run_id }: DecisionRequest,
): Event {
  const principal = recorder.principal(identity);
  return {
    type: DECISION_MADE,
    phase: 'pre_exec',
    ...placeOf(identity, wanted),
    ...texts(wanted, ['session_id', 'step_id', 'parent_id', 'reason']),
    actor: actorFor(recorder.policy().compiled, identity, principal),
    quality: {
      ...actorQuality(identity, principal),
      ...(run_id === undefined || run_id === identity.run_id ? {} : { run_id: 'asserted' as const }),
      ...onlySaid('project_id', identity, wanted),
      ...onlySaid('environment', identity, wanted),
    },
    action: {
      name: wanted.action.name,
      ...(wanted.action.tool === undefined ? {} : { tool: wanted.action.tool }),
    },
    ...(wanted.credentials === undefined ? {} : { credentials: wanted.credentials }),
    // Whose tenant the caller named; the entry's own is the recorder's.
    ...(tenant_id === recorder.tenant ? {} : { metadata: { tenant_named: tenant_id } }),
  };
}

/** A place that the caller names and its token is not bound to. */
function onlySaid(
  of: 'project_id' | 'environment',
  identity: Identity,
  wanted: DecisionRequestBody,
): NonNullable<Event['quality']> {
  return wanted[of] === undefined || identity[of] !== undefined ? {} : { [of]: 'asserted' };
}

/** A request that named an action leaves a record, also where nothing could be decided about it. */
async function refused(
  recorder: DecisionRecorder,
  caller: Caller,
  body: unknown,
  message: string,
  hint = 'spec/api.md describes the request; GET /v1/openapi.json is its schema',
): Promise<ApiError> {
  const error = new ApiError(400, 'bad_request', message, hint);
  const name = actionNamed(body);
  return name === undefined ? error : onRecord(recorder, caller, error, { action: { name } });
}

/** A body that was not read to its end may have named an action: it leaves a record too. */
export function unread(recorder: DecisionRecorder, caller: Caller, error: ApiError): Promise<ApiError> {
  return onRecord(recorder, caller, error, {});
}

async function onRecord(
  recorder: DecisionRecorder,
  caller: Caller,
  { status, code, message, hint, headers }: ApiError,
  about: Pick<Event, 'action'>,
): Promise<ApiError> {
  const identity = recorder.identify(caller.claims);
  const principal = recorder.principal(identity);
  const { id } = await recorder.record(
    {
      type: DECISION_MADE,
      phase: 'point',
      actor: actorFor(recorder.policy().compiled, identity, principal),
      quality: actorQuality(identity, principal),
      ...about,
      outcome: { status: 'error', status_code: status, error_kind: code, error: message.slice(0, WORDS) },
    },
    DECIDED,
  );
  return new ApiError(status, code, message, hint, { headers, beside: { id } });
}

/** Of a refusal, what its entry says. */
const WORDS = 500;

function actionNamed(body: unknown): string | undefined {
  const action = typeof body === 'object' && body !== null && 'action' in body ? body.action : undefined;
  const name = typeof action === 'object' && action !== null && 'name' in action ? action.name : undefined;
  return typeof name === 'string' && name !== '' && name.length <= LIMITS.idChars && name.isWellFormed()
    ? name
    : undefined;
}
