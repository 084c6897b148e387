/** Requests about approvals. Answering is for people: the caller has checked that it is no agent that answers. */
import type { Event } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import type { Approval } from '../core/governance/approvals.ts';
import { approverHint, approverRefusal } from '../core/governance/approvers.ts';
import { LIMITS } from '../core/limits.ts';
import type { ReasonCode } from '../core/policy/reasons.ts';
import type { Principal } from '../core/policy/types.ts';
import type { Producer, Receipt } from './api.ts';
import { listedApproval } from './approval-listed.ts';
import { aboutApproval } from './approvals.ts';
import { doneFor, operatorEvent } from './asked.ts';
import type { Client, Handlers } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';
import { recordStop, stopDecision } from './stopped.ts';

export type Answer = 'grant' | 'deny';

/** A person who answers: at a terminal, by a token, by a link that was sent to them. */
export interface Answering {
  readonly by: Principal | undefined;
  /** What the entry says of them. */
  readonly event: (type: string, metadata: Record<string, unknown>) => Event;
  readonly producer: Producer;
  /** Puts a refusal on record. */
  readonly refused: (event: Pick<Event, 'type' | 'run_id' | 'metadata'>, stop: Refusal) => Promise<void>;
}

export interface Refusal {
  readonly reason: ReasonCode;
  readonly why: string;
}

const BEFORE: { readonly [status in Approval['status']]?: string } = {
  granted: 'approved',
  used: 'approved and used',
};
const VERB: Readonly<Record<Answer, string>> = { grant: 'approved', deny: 'denied' };

/**
 * One answer to one request. Refused, and recorded as refused, for a request that nobody made, that has been settled or
 * ran out, and for a person who may not. Throws NOT_FOUND or STOPPED then; durable when it resolves.
 */
export async function answerApproval(
  recorder: LocalRecorder,
  answer: Answer,
  { id, reason }: { readonly id: string; readonly reason?: string | undefined },
  person: Answering,
): Promise<Receipt & { readonly approver: string; readonly expires_at: string }> {
  const { approvals } = recorder;
  const type = `approval.${answer}`;

  async function refuse(code: 'NOT_FOUND' | 'STOPPED', stop: Refusal, hint: string, of?: Approval) {
    const run = of?.run_id === undefined ? {} : { run_id: of.run_id };
    await person.refused({ type, ...run, metadata: { approval: id } }, stop);
    return new TallyError(code, stop.why, { hint });
  }

  const refuseSettled = (of: Approval, status: Approval['status']) =>
    refuse(
      'STOPPED',
      {
        reason: status === 'expired' ? 'approval_expired' : 'policy_denied',
        why:
          status === 'expired'
            ? ranOut(of)
            : `it was ${BEFORE[status] ?? status} before; it cannot be ${VERB[answer]} again`,
      },
      'the caller has to ask again',
      of,
    );

  const asked = approvals.find(id);
  if (asked === undefined) {
    const stop = { reason: 'policy_denied', why: `nobody asked for an approval ${id}` } as const;
    throw await refuse('NOT_FOUND', stop, 'tally approvals list shows those that wait');
  }
  const status = approvals.status(asked);
  // Who may answer is no question any more.
  if (status !== 'pending') throw await refuseSettled(asked, status);
  const why = approverRefusal(recorder.policy().compiled, asked, person.by);
  if (why !== undefined)
    throw await refuse(
      'STOPPED',
      { reason: 'role_denied', why },
      approverHint(recorder.policy().compiled, asked, person.by),
      asked,
    );
  const approver = person.by?.id ?? '';
  // The call would be decided by the policy of now, for which this was not asked.
  if (answer === 'grant' && asked.policy_hash !== recorder.policy().hash) {
    const stop = { reason: 'policy_denied', why: 'the policy has changed since it was asked' } as const;
    throw await refuse('STOPPED', stop, 'the caller has to ask again, under the policy of now', asked);
  }
  let expires_at = '';
  const receipt = await approvals.answer(
    id,
    (approval) => {
      const metadata = { approval: id, approver, was: approval.status };
      // From now on, and not from when it was asked: whoever was told to come back needs the time for it.
      expires_at = new Date(recorder.now() + approval.ttl_ms).toISOString();
      return {
        ...person.event(type, answer === 'grant' ? { ...metadata, expires_at } : metadata),
        ...aboutApproval(type, approval),
        ...(reason === undefined ? {} : { reason }),
      };
    },
    person.producer,
  );
  if (receipt === undefined) {
    const now = approvals.find(id) ?? asked;
    throw await refuseSettled(now, approvals.status(now));
  }
  return { ...receipt, approver, expires_at };
}

const ranOut = ({ approver, expires_at }: Approval): string =>
  approver === undefined
    ? `nobody answered it in time: it ran out at ${expires_at}`
    : `it was approved by ${approver} and not used in time: that ran out at ${expires_at}`;

/** The client as the person who answers. */
export function clientAnswers(recorder: LocalRecorder, client: Client): Answering {
  return {
    by: personOf(recorder, client),
    event: (type, metadata) => operatorEvent(type, client, metadata),
    producer: doneFor(client),
    refused: (event, { reason, why }) =>
      recordStop(
        recorder,
        client,
        event,
        stopDecision(recorder, 'approval.grant', { layer: 'approval', reason, why }),
      ),
  };
}

/**
 * Who a client is, is not for it to say: a name that is only claimed could be that of another person who may answer. So
 * it is the user of its token, or the machine's own user, whom the policy has to know where it names users.
 */
function personOf(recorder: LocalRecorder, { checked }: Client): Principal | undefined {
  return checked === undefined ? recorder.principal({ level: 'anonymous' }) : checked.principal;
}

export function approvalHandlers(
  recorder: LocalRecorder,
): Pick<Handlers, 'approval.list' | 'approval.grant' | 'approval.deny'> {
  const { approvals } = recorder;
  return {
    async 'approval.list'({ id, all }) {
      const asked = approvals.list().filter((one) => {
        if (id !== undefined) return one.id === id;
        return all === true || approvals.status(one) === 'pending';
      });
      if (id !== undefined && asked.length === 0)
        throw new TallyError('NOT_FOUND', `nobody asked for an approval ${id}`, {
          hint: 'tally approvals list --all shows those that are known',
        });
      const newest = asked.slice(0, LIMITS.approvalsListed);
      const entries = await approvals.entries(newest);
      return {
        approvals: newest.map((one) =>
          listedApproval(one, approvals.status(one), entries.get(one.id), id !== undefined),
        ),
        ...(asked.length === newest.length ? {} : { more: asked.length - newest.length }),
      };
    },
    async 'approval.grant'(params, client) {
      const answered = await answerApproval(recorder, 'grant', params, clientAnswers(recorder, client));
      return { id: answered.id, approver: answered.approver, expires_at: answered.expires_at };
    },
    async 'approval.deny'(params, client) {
      const answered = await answerApproval(recorder, 'deny', params, clientAnswers(recorder, client));
      return { id: answered.id, approver: answered.approver };
    },
  };
}
