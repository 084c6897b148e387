/** Who may make the requests of the operator. A refused one leaves a record, like every other stopped action. */
import type { Event } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { actorOf, doneFor, said, secretEvent } from './asked.ts';
import type { Client, Op, OpParams } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

export interface OperatorGate {
  /** A passphrase is set: without the operator token, operator requests are refused. */
  isProtected(): Promise<boolean>;
  check(token: string): Promise<boolean>;
}

export interface Guard {
  /** Records the refusal, durable, and throws OPERATOR_REQUIRED, unless this client may act as the operator. */
  require(op: Op, params: unknown, client: Client): Promise<void>;
  /** Why this client may not act as the operator; undefined when it may. */
  refusal(client: Client): Promise<string | undefined>;
}

export function createGuard(recorder: LocalRecorder, operator: OperatorGate): Guard {
  async function refusal(client: Client): Promise<string | undefined> {
    if (client.run_token !== undefined) return 'it was asked from inside a recorded run';
    if (client.detected !== undefined) return `it was asked by a coding agent (${client.detected.agent})`;
    if (!(await operator.isProtected())) return undefined;
    if (client.operator_token === undefined) return 'the operator passphrase was not given';
    return (await operator.check(client.operator_token)) ? undefined : 'the operator token is not good';
  }

  /** Run and agent of a token whose secret is right, also of one that has ended; nothing for any other. */
  function whose({ run_token }: Client): Pick<Event, 'actor' | 'run_id'> {
    if (run_token === undefined) return { actor: { identity_level: 'anonymous' } };
    const { level, agent_id, token_id, run_id } = recorder.identify({ run_token });
    return {
      actor: {
        identity_level: level,
        ...(agent_id === undefined ? {} : { agent_id }),
        ...(token_id === undefined ? {} : { agent_token_id: token_id }),
      },
      ...(run_id === undefined ? {} : { run_id }),
    };
  }

  return {
    refusal,
    async require(op, params, client) {
      const why = await refusal(client);
      if (why === undefined) return;
      const { compiled, hash } = recorder.policy();
      const at = new Date(recorder.now()).toISOString();
      const { actor, ...run } = whose(client);
      await recorder.record(
        {
          type: TYPE_OF[op] ?? 'error',
          phase: 'point',
          ...run,
          ...aboutSecret(op, params),
          actor: { ...actorOf(client), ...actor },
          quality: said(client),
          decision: {
            outcome: 'stop',
            reason: 'role_denied',
            message: why,
            layer: 'identity',
            layers: [{ layer: 'identity', result: 'fail', reason: 'role_denied' }],
            policy: { id: compiled.id, version: compiled.version, hash: compiled.source_hash },
            snapshot: { hash, captured_at: at },
            inputs: { decided_at: at, request: op },
            enforced: true,
          },
          outcome: { status: 'blocked' },
        },
        doneFor(client),
      );
      throw new TallyError('OPERATOR_REQUIRED', `${op} is for the operator: ${why}`, {
        hint: 'run it yourself in a terminal outside of any agent; `tally operator unlock` first when a passphrase is set',
      });
    },
  };
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
  'policy.set': 'policy.change',
  'operator.change': 'config.change',
  'secret.change': 'secret.access',
  'log.acknowledge': 'log.recover',
  'anchor.change': 'config.change',
  'alert.change': 'config.change',
  'alert.ack': 'alert.close',
  'alert.test': 'alert.raise',
  'alert.retry': 'config.change',
  'key.rotate': 'key.rotate',
  'retain.apply': 'log.prune',
  'log.erase': 'log.erase',
  'hold.add': 'hold.add',
  'hold.release': 'hold.release',
  'import.begin': 'log.import',
  'import.rows': 'log.import',
  'import.end': 'log.import',
};
