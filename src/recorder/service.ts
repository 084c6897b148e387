/**
 * Carries out what clients of the writer ask: the CLI in the same process, and other processes through the socket. The
 * writer decides, redacts and sequences; a client brings requests and facts, and what it says about itself is marked as
 * said.
 */
import { invariant, TallyError } from '../core/error.ts';
import { listAgents, listTokens } from '../core/identity/list.ts';
import { mintToken, TOKEN_RANDOM_BYTES } from '../core/identity/token.ts';
import { LIMITS } from '../core/limits.ts';
import { compilePolicy } from '../core/policy/load.ts';
import type { Random } from '../core/ports.ts';
import { actorOf, doneFor, operatorEvent, reportedBy, said } from './asked.ts';
import {
  type BrokerAddress,
  type Client,
  OPERATOR_OPS,
  OPS,
  type Op,
  type OpParams,
  type OpResults,
  type RecorderStatus,
} from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

export interface ServiceOptions {
  readonly recorder: LocalRecorder;
  readonly random: Random;
  readonly version: string;
  readonly vkey: string;
  readonly pid: number;
  /** Where the broker listens, when it runs. */
  readonly broker: () => BrokerAddress;
  /** Replaces the policy file. Called after the change is on record. */
  readonly writePolicy: (text: string) => Promise<void>;
  /** Whether this token is the operator's; `protected`: without one, operator requests are refused. */
  readonly operator: { isProtected(): Promise<boolean>; check(token: string): Promise<boolean> };
}

export type Handle = <O extends Op>(op: O, params: unknown, client: Client) => Promise<OpResults[O]>;

/** Types that only the recorder itself, or an operator's request, may write. */
const RESERVED =
  /^(policy|allowlist|role|agent|token|key|killswitch|config|log|anchor|sink|alert|approval)\./;

export function createService(options: ServiceOptions): Handle {
  const { recorder } = options;

  async function status(): Promise<RecorderStatus & BrokerAddress> {
    const { compiled, hash, unreadable } = recorder.policy();
    const failure = recorder.failure();
    return {
      tenant: recorder.tenant,
      origin: recorder.origin,
      vkey: options.vkey,
      recorder_id: recorder.recorderId,
      version: options.version,
      pid: options.pid,
      size: recorder.size(),
      signed: recorder.signed(),
      open_actions: recorder.openActions(),
      policy: { version: compiled.version, hash, ...(unreadable === undefined ? {} : { unreadable }) },
      ...(failure === undefined ? {} : { failure: failure.message }),
      ...options.broker(),
    };
  }

  const handlers: { [O in Op]: (params: OpParams<O>, client: Client) => Promise<OpResults[O]> } = {
    hello: status,
    status,
    async checkpoint() {
      return { size: await recorder.checkpoint() };
    },
    async record({ event }, client) {
      if (RESERVED.test(event.type)) {
        throw new TallyError('BAD_EVENT', `events of type ${event.type} are written by the recorder itself`, {
          hint: 'use the command or request that causes it; custom events have the type "custom"',
        });
      }
      const claimed = event.actor?.agent_id;
      const identity = recorder.identify({
        ...(client.run_token === undefined ? {} : { run_token: client.run_token }),
        ...(claimed === undefined ? {} : { agent_id: claimed }),
      });
      if (identity.failure !== undefined) {
        throw new TallyError('TOKEN_INVALID', `the run token is not good: ${identity.failure}`, {
          hint: 'start the program again under `tally run`',
        });
      }
      const { decision: _decidedByTheClient, actor: saidActor, ...facts } = event;
      const { agent_token_id: _unchecked, ...saidToBe } = saidActor ?? {};
      const actor = {
        ...actorOf(client),
        ...saidToBe,
        identity_level: identity.level,
        ...(identity.token_id === undefined ? {} : { agent_token_id: identity.token_id }),
        ...(identity.agent_id === undefined ? {} : { agent_id: identity.agent_id }),
      };
      const run = identity.run_id === undefined ? {} : { run_id: identity.run_id };
      // An end that says nothing of its actor repeats the actor of its beginning.
      const who = event.phase === 'post_exec' && saidActor === undefined ? {} : { actor };
      return recorder.record({ ...facts, ...run, ...who, quality: said(client, event) }, reportedBy(client));
    },
    async 'run.start'(params, client) {
      // A run token speaks for the agent it names: whoever may start such a run may act as that agent.
      const named =
        params.agent_id === undefined ? undefined : recorder.policy().compiled.agents[params.agent_id];
      if (named?.requires === 'issued') await refuseUnlessOperator('run.start', client);
      const token = mintToken('run', options.random(TOKEN_RANDOM_BYTES), recorder.now());
      const { agent_id, command, reason, ...rest } = params;
      const receipt = await recorder.record(
        {
          type: 'run.start',
          phase: 'point',
          run_id: token.id,
          ...rest,
          ...(reason === undefined ? {} : { reason }),
          actor: {
            ...actorOf(client),
            identity_level: agent_id === undefined ? 'anonymous' : 'declared',
            ...(agent_id === undefined ? {} : { agent_id }),
          },
          quality: said(client),
          metadata: {
            token_id: token.id,
            token_hash: token.hash,
            expires_at: new Date(recorder.now() + LIMITS.runTokenMs).toISOString(),
            ...(command === undefined ? {} : { command }),
          },
        },
        doneFor(client),
      );
      return { run_id: token.id, token: token.token, id: receipt.id };
    },
    async 'run.end'({ run_id, run_token, outcome }, client) {
      const identity = recorder.identify({ run_token });
      if (identity.failure !== undefined || identity.run_id !== run_id) {
        throw new TallyError('TOKEN_INVALID', 'this token is not of that run', {
          hint: 'a run is ended by the program that started it',
        });
      }
      const agent = identity.agent_id === undefined ? {} : { agent_id: identity.agent_id };
      const receipt = await recorder.record(
        {
          type: 'run.end',
          phase: 'point',
          run_id,
          actor: { ...actorOf(client), ...agent },
          quality: said(client),
          outcome,
        },
        doneFor(client),
      );
      return { id: receipt.id };
    },
    async 'agent.register'({ agent_id, description }, client) {
      const metadata = { agent_id, ...(description === undefined ? {} : { description }) };
      const { id } = await recorder.record(
        operatorEvent('agent.register', client, metadata),
        doneFor(client),
      );
      return { agent_id, id };
    },
    async 'token.issue'(params, client) {
      const { agent_id, expires_in_s, ...rest } = params;
      if (
        !listAgents(recorder.registry.current(), recorder.now()).some((agent) => agent.agent_id === agent_id)
      ) {
        throw new TallyError('NOT_FOUND', `no agent is registered as ${agent_id}`, {
          hint: `tally agent register ${agent_id}`,
        });
      }
      const token = mintToken('agent', options.random(TOKEN_RANDOM_BYTES), recorder.now());
      const expires =
        expires_in_s === undefined
          ? {}
          : { expires_at: new Date(recorder.now() + expires_in_s * 1000).toISOString() };
      const metadata = {
        kind: 'agent',
        agent_id,
        token_id: token.id,
        token_hash: token.hash,
        ...rest,
        ...expires,
      };
      const { id } = await recorder.record(operatorEvent('token.issue', client, metadata), doneFor(client));
      return { token_id: token.id, token: token.token, ...expires, id };
    },
    async 'token.revoke'({ token_id, reason }, client) {
      const tokens = listTokens(recorder.registry.current(), recorder.now());
      if (!tokens.some((token) => token.token_id === token_id)) {
        throw new TallyError('NOT_FOUND', `no token has the id ${token_id}`, { hint: 'tally agent list' });
      }
      const event = operatorEvent('token.revoke', client, { token_id });
      const { id } = await recorder.record(
        reason === undefined ? event : { ...event, reason },
        doneFor(client),
      );
      return { token_id, id };
    },
    async 'agent.list'() {
      const state = recorder.registry.current();
      const now = recorder.now();
      return {
        agents: listAgents(state, now),
        tokens: listTokens(state, now).filter(({ kind }) => kind === 'agent'),
      };
    },
    async 'policy.set'({ text, reason }, client) {
      const before = recorder.policy();
      const policy = compilePolicy(text, { id: recorder.tenant });
      const { version } = policy.compiled;
      if (policy.hash === before.hash && before.unreadable === undefined)
        return { version, hash: policy.hash, changed: false };
      const event = operatorEvent('policy.change', client, {
        before: { version: before.compiled.version, hash: before.hash },
        after: { version, hash: policy.hash },
      });
      await recorder.record(reason === undefined ? event : { ...event, reason }, doneFor(client));
      await options.writePolicy(text);
      await recorder.usePolicy(policy);
      return { version, hash: policy.hash, changed: true };
    },
    async 'operator.change'({ change }, client) {
      const { id } = await recorder.record(
        operatorEvent('config.change', client, { operator: change }),
        doneFor(client),
      );
      return { id };
    },
    async 'log.acknowledge'({ name, reason }, client) {
      const event = operatorEvent('log.recover', client, { acknowledges: name });
      const { id } = await recorder.record({ ...event, reason }, doneFor(client));
      return { id };
    },
  };

  /** A refused request leaves a record, like every other stopped action. */
  async function refuseUnlessOperator(op: Op, client: Client): Promise<void> {
    const why = await refusal(client);
    if (why === undefined) return;
    const { compiled, hash } = recorder.policy();
    const at = new Date(recorder.now()).toISOString();
    await recorder.record(
      {
        type: TYPE_OF[op] ?? 'error',
        phase: 'point',
        actor: actorOf(client),
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
  }

  async function refusal(client: Client): Promise<string | undefined> {
    if (client.run_token !== undefined) return 'it was asked from inside a recorded run';
    if (client.detected !== undefined) return `it was asked by a coding agent (${client.detected.agent})`;
    if (!(await options.operator.isProtected())) return undefined;
    if (client.operator_token === undefined) return 'the operator passphrase was not given';
    return (await options.operator.check(client.operator_token))
      ? undefined
      : 'the operator token is not good';
  }

  return async <O extends Op>(op: O, params: unknown, client: Client): Promise<OpResults[O]> => {
    const parsed = OPS[op].safeParse(params);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      invariant(issue !== undefined, 'zod reports at least one issue');
      throw new TallyError('USAGE', `${op}: ${issue.path.join('.') || 'request'}: ${issue.message}`, {
        hint: `tally help`,
      });
    }
    if (OPERATOR_OPS.has(op)) await refuseUnlessOperator(op, client);
    return handlers[op](parsed.data as OpParams<O>, client);
  };
}

const TYPE_OF: { readonly [op in Op]?: string } = {
  'run.start': 'run.start',
  'agent.register': 'agent.register',
  'token.issue': 'token.issue',
  'token.revoke': 'token.revoke',
  'policy.set': 'policy.change',
  'operator.change': 'config.change',
  'log.acknowledge': 'log.recover',
};
