/**
 * What is the operator's: answering approvals, and the kill switch. Behind a socket file a process shows its environment
 * and the terminal it was started from; over HTTP it shows nothing, so here nobody is taken for the operator without a
 * proof: the operator's token, or the token of a user whose role says so.
 */
import { asking, operatorRefusal } from '../../recorder/asking.ts';
import type { Client, Op } from '../../recorder/ops.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';
import { recordStop, stopDecision } from '../../recorder/stopped.ts';
import { type Caller, clientOf } from './caller.ts';
import { ApiError } from './reply.ts';

export interface OperatorOptions {
  readonly recorder: LocalRecorder;
  /** Whether this is the operator's token. */
  readonly checkOperator: (token: string) => Promise<boolean>;
  /** The user that this recorder runs as. */
  readonly self: { readonly user?: string; readonly uid?: number };
}

/** The caller as a client whose request the guard lets through, if its role does. Records a refusal, and throws it. */
export async function operatorClient(
  { recorder, checkOperator, self }: OperatorOptions,
  caller: Caller,
  op: Op,
  type: string,
): Promise<Client> {
  const client = clientOf(caller, self);
  const why = await refusal();
  if (why === undefined) return client;
  const decision = stopDecision(recorder, op, { layer: 'identity', reason: 'role_denied', why });
  await recordStop(recorder, asking(recorder, client), { type }, decision);
  throw new ApiError(
    403,
    'operator_required',
    `${op} is for the operator: ${why}`,
    'present the operator token, or the token of a user with the role for it and the scope tally.operator; or do it in a terminal',
  );

  async function refusal(): Promise<string | undefined> {
    if (caller.operator !== undefined)
      return (await checkOperator(caller.operator)) ? undefined : 'the operator token is not good';
    if (caller.claims.run_token !== undefined) return 'it was asked from inside a recorded run';
    if (caller.claims.agent_token === undefined) return 'the caller proved nothing';
    const { checked, ...rest } = asking(recorder, client);
    if (checked === undefined) return 'the token is of an agent, and of no user';
    return operatorRefusal(recorder, { ...rest, checked }, op);
  }
}
