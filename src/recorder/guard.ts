/** Who may make the requests of the operator. A refused one leaves a record, like every other stopped action. */
import type { Decision, Event } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { secretEvent } from './asked.ts';
import { checkedFor, operatorRefusal, roleRefusal } from './asking.ts';
import type { Client, Op, OpParams } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';
import { recordStop, stopDecision } from './stopped.ts';

export interface OperatorGate {
  /** A passphrase is set: without the operator token, operator requests are refused. */
  isProtected(): Promise<boolean>;
  check(token: string): Promise<boolean>;
}

export interface Guard {
  /** Records the refusal, durable, and throws OPERATOR_REQUIRED, unless this client may act as the operator. */
  require(op: Op, params: unknown, client: Client): Promise<void>;
  /** Why this client may not act as the operator; undefined when it may. */
  refusal(client: Client, op: Op): Promise<string | undefined>;
  /** Records the refusal, durable, and throws STOPPED, where a user's role may not ask for this. */
  requireRole(op: Op, client: Client): Promise<void>;
}

export function createGuard(recorder: LocalRecorder, operator: OperatorGate): Guard {
  async function refusal(client: Client, op: Op, params?: unknown): Promise<string | undefined> {
    if (client.run_token !== undefined) return 'it was asked from inside a recorded run';
    if (client.detected !== undefined) return `it was asked by a coding agent (${client.detected.agent})`;
    const refused = operatorRefusal(recorder, client, op);
    if (refused !== undefined) return refused;
    if (isOwnWord(op, params, client) || !(await operator.isProtected())) return undefined;
    if (client.operator_token === undefined) return 'the operator passphrase was not given';
    return (await operator.check(client.operator_token)) ? undefined : 'the operator token is not good';
  }

  /** Run and agent of a token whose secret is right, also of one that has ended; nothing for any other. */
  function whose({ run_token, checked }: Client): Pick<Event, 'actor' | 'run_id'> {
    if (run_token === undefined) return { actor: checked?.actor ?? { identity_level: 'anonymous' } };
    const identity = recorder.identify({ run_token });
    const { run_id } = identity;
    return {
      actor: checkedFor(recorder, identity).actor,
      ...(run_id === undefined ? {} : { run_id }),
    };
  }

  const denied = (op: Op, why: string): Decision =>
    stopDecision(recorder, op, { layer: 'identity', reason: 'role_denied', why });

  return {
    refusal,
    async require(op, params, client) {
      const why = await refusal(client, op, params);
      if (why === undefined) return;
      const about = { type: TYPE_OF[op] ?? 'error', ...whose(client), ...aboutSecret(op, params) };
      await recordStop(recorder, client, about, denied(op, why));
      throw new TallyError('OPERATOR_REQUIRED', `${op} is for the operator: ${why}`, {
        hint: 'run it yourself in a terminal outside of any agent; `tally operator unlock` first when a passphrase is set',
      });
    },
    async requireRole(op, client) {
      const why = roleRefusal(recorder, client, op);
      if (why === undefined) return;
      await recordStop(recorder, client, { type: TYPE_OF[op] ?? 'error', ...whose(client) }, denied(op, why));
      throw new TallyError('STOPPED', `${op} is stopped: ${why}`, {
        hint: 'the policy says which roles a user has; unset TALLY_AGENT_TOKEN to ask as the user of this machine',
      });
    },
  };
}

/**
 * What people say for themselves, each by a token that the operator gave to them, passphrase and all: the passphrase is
 * one person's, and whoever approves what that person's agents ask for is another one. To stop something takes none.
 */
function isOwnWord(op: Op, params: unknown, { checked }: Client): boolean {
  if (checked === undefined) return false;
  if (op === 'approval.grant' || op === 'approval.deny') return true;
  return op === 'kill.set' && (params as OpParams<'kill.set'> | undefined)?.on === true;
}

function aboutSecret(op: Op, params: unknown): Pick<Event, 'secret' | 'action'> {
  if (op !== 'secret.change') return {};
  const { operation, key } = params as OpParams<'secret.change'>;
  return secretEvent(operation, key);
}

const TYPE_OF: { readonly [op in Op]?: string } = {
  'run.start': 'run.start',
  'agent.register': 'agent.register',
  'token.issue': 'token.issue',
  'token.revoke': 'token.revoke',
  'token.delegate': 'token.issue',
  'policy.set': 'policy.change',
  'operator.change': 'config.change',
  'secret.change': 'secret.access',
  'log.acknowledge': 'log.recover',
  'anchor.change': 'config.change',
  'alert.change': 'config.change',
  'hook.change': 'config.change',
  'ca.change': 'config.change',
  'alert.ack': 'alert.close',
  'alert.test': 'alert.raise',
  'alert.retry': 'config.change',
  'key.rotate': 'key.rotate',
  'retain.apply': 'log.prune',
  'log.erase': 'log.erase',
  'hold.add': 'hold.add',
  'hold.release': 'hold.release',
  'approval.grant': 'approval.grant',
  'approval.deny': 'approval.deny',
  'kill.set': 'killswitch.change',
  'import.begin': 'log.import',
  'import.rows': 'log.import',
  'import.end': 'log.import',
};
