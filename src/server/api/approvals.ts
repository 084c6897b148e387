/** `GET /v1/approvals`, `GET` and `POST /v1/approvals/ID`, `GET` and `POST /v1/kill`: people's words, over HTTP. */

import { isTallyError } from '../../core/error.ts';
import { isSameRequester } from '../../core/governance/approvals.ts';
import { requesterOf } from '../../core/governance/state.ts';
import { mayAsk, OPERATOR_SCOPE } from '../../core/identity/rights.ts';
import { LIMITS } from '../../core/limits.ts';
import { roleOf } from '../../core/policy/principal.ts';
import type { ListedApproval } from '../../recorder/governance-ops.ts';
import type { Handle } from '../../recorder/requests.ts';
import type { Caller } from './caller.ts';
import { type OperatorOptions, operatorClient } from './operator.ts';
import { readShape } from './read-shape.ts';
import { ApiError, type Reply } from './reply.ts';
import type { Asked, Route } from './resource.ts';
import { AnswerRequestShape, KillRequestShape } from './shapes-operator.ts';

export interface ApprovalOptions extends OperatorOptions {
  readonly handle: Handle;
}

const SCHEMA = 'GET /v1/openapi.json is the schema';

export function approvalRoutes(options: ApprovalOptions): readonly Route[] {
  const { recorder, handle } = options;

  /** An agent sees what it asked for itself; a person who may look at all sees all. */
  function seenBy(caller: Caller): (approval: ListedApproval) => boolean {
    if (caller.claims.agent_token === undefined && caller.claims.run_token === undefined) return () => true;
    const identity = recorder.identify(caller.claims);
    if (identity.failure !== undefined)
      throw new ApiError(
        401,
        identity.failure,
        'the token is not good',
        '`tally agent token list` shows which are',
      );
    const role = roleOf(recorder.policy().compiled, recorder.principal(identity));
    if (
      identity.user_id !== undefined &&
      role !== undefined &&
      identity.scopes?.includes(OPERATOR_SCOPE) === true &&
      mayAsk(role, 'approval.list')
    )
      return () => true;
    const own = requesterOf(identity, recorder.principal(identity)?.id);
    return ({ requester }) => requester.agent_id !== undefined && isSameRequester(requester, own);
  }

  async function requireGood({ operator }: Caller): Promise<void> {
    if (operator !== undefined && !(await options.checkOperator(operator)))
      throw new ApiError(401, 'token_invalid', 'the operator token is not good', 'tally operator unlock');
  }

  async function listed(caller: Caller, params: { id?: string; all?: boolean }) {
    const sees = seenBy(caller);
    await requireGood(caller);
    // Who may see what was settled above: the request itself is the recorder's own.
    const { approvals } = await handle('approval.list', params, { surface: 'http' });
    return approvals.filter(sees);
  }

  async function show({ caller, id, query }: Asked): Promise<Reply> {
    const waitMs = Number(query.get('wait_ms') ?? 0);
    if (!Number.isInteger(waitMs) || waitMs < 0 || waitMs > LIMITS.apiWaitMs)
      throw new ApiError(
        400,
        'bad_request',
        `wait_ms is not from 0 to ${LIMITS.apiWaitMs}`,
        'ask again for longer',
      );
    const one = async (): Promise<ListedApproval> => {
      const [found] = await listed(caller, { id: entryIdOf(id) });
      if (found !== undefined) return found;
      throw new ApiError(404, 'not_found', 'there is no such approval for this caller', 'GET /v1/approvals');
    };
    const now = await one();
    if (waitMs === 0 || now.status !== 'pending') return { status: 200, body: now };
    await recorder.approvals.wait(now.id, waitMs);
    return { status: 200, body: await one() };
  }

  async function answer({ caller, id, body }: Asked): Promise<Reply> {
    const { decision, reason } = readShape(AnswerRequestShape, body, SCHEMA);
    const op = `approval.${decision}` as const;
    const client = await operatorClient(options, caller, op, op);
    const params = { id: entryIdOf(id), ...(reason === undefined ? {} : { reason }) };
    try {
      return { status: 200, body: { decision, ...(await handle(op, params, client)) } };
    } catch (error) {
      throw isTallyError(error) && error.code === 'STOPPED'
        ? (settled(params.id, error.message) ?? error)
        : error;
    }
  }

  function settled(id: string, message: string): ApiError | undefined {
    const approval = recorder.approvals.find(id);
    const status = approval === undefined ? undefined : recorder.approvals.status(approval);
    if (status === undefined || status === 'pending') return undefined;
    const hint = 'the caller has to ask again';
    return status === 'expired'
      ? new ApiError(410, 'approval_expired', message, hint)
      : new ApiError(409, 'already_answered', message, hint);
  }

  return [
    {
      method: 'GET',
      path: '/v1/approvals',
      async handle({ caller, query }) {
        const approvals = await listed(caller, query.get('all') === 'true' ? { all: true } : {});
        return { status: 200, body: { approvals } };
      },
    },
    { method: 'GET', path: '/v1/approvals/:id', handle: show },
    { method: 'POST', path: '/v1/approvals/:id', handle: answer },
    {
      method: 'GET',
      path: '/v1/kill',
      async handle({ caller }) {
        seenBy(caller);
        await requireGood(caller);
        return { status: 200, body: await handle('kill.list', {}, { surface: 'http' }) };
      },
    },
    {
      method: 'POST',
      path: '/v1/kill',
      async handle({ caller, body }) {
        const wanted = readShape(KillRequestShape, body, SCHEMA);
        const client = await operatorClient(options, caller, 'kill.set', 'killswitch.change');
        return { status: 200, body: await handle('kill.set', wanted, client) };
      },
    },
  ];
}

function entryIdOf(id: string): string {
  if (/^log_[0-9A-HJKMNP-TV-Z]{26}$/.test(id)) return id;
  throw new ApiError(404, 'not_found', 'that is no id of an approval', 'GET /v1/approvals lists them');
}
