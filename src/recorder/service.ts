/**
 * Carries out what clients of the writer ask: the CLI in the same process, and other processes through the socket. The
 * writer decides, redacts and sequences; a client brings requests and facts, and what it says about itself is marked as
 * said.
 */
import { invariant, TallyError } from '../core/error.ts';
import type { Random } from '../core/ports.ts';
import { actHandlers } from './acts.ts';
import { agentHandlers } from './agents.ts';
import { type AlertsPort, alertHandlers } from './alerts.ts';
import { type AnchorsPort, anchorHandlers } from './anchors.ts';
import { approvalHandlers } from './approval-handlers.ts';
import { actorOf, doneFor, operatorEvent, reportedBy, said, secretEvent } from './asked.ts';
import { asking } from './asking.ts';
import { delegateHandlers } from './delegate.ts';
import { disclosureHandlers } from './disclosures.ts';
import { gapHandlers } from './gaps.ts';
import { createGuard, type OperatorGate } from './guard.ts';
import { importHandlers } from './imports.ts';
import { keyHandlers } from './key-handlers.ts';
import { killHandlers, refuseKilledRun } from './kill.ts';
import {
  type BrokerAddress,
  type Client,
  type Handlers,
  OPERATOR_OPS,
  OPS,
  type Op,
  type OpParams,
  type OpResults,
  type RecorderStatus,
  type TailAddress,
} from './ops.ts';
import { type PolicyPort, policyHandlers } from './policy.ts';
import type { LocalRecorder } from './recorder.ts';
import { createPrepare } from './reported.ts';
import { type RetentionPort, retentionHandlers } from './retention.ts';
import { runHandlers } from './runs.ts';
import { secretHandlers } from './secrets.ts';

export interface ServiceOptions extends PolicyPort {
  readonly recorder: LocalRecorder;
  readonly random: Random;
  readonly version: string;
  readonly pid: number;
  /** Where the broker listens, when it runs, and where the log is followed. */
  readonly broker: () => BrokerAddress & TailAddress;
  readonly operator: OperatorGate;
  /** What knows how long things are kept. */
  readonly retention?: RetentionPort;
  /** What shows checkpoints to the outside, where anything is configured to. */
  readonly anchors?: AnchorsPort;
  /** What tells of alerts, where anything does. */
  readonly alerts?: AlertsPort;
}

export type Handle = <O extends Op>(op: O, params: unknown, client: Client) => Promise<OpResults[O]>;

export function createService(options: ServiceOptions): Handle {
  const { recorder } = options;

  async function status(): Promise<RecorderStatus & BrokerAddress & TailAddress> {
    const { compiled, hash, unreadable } = recorder.policy();
    const failure = recorder.failure();
    const sealing = recorder.sealFailure();
    const alerts = options.alerts?.state();
    const kill = recorder.kills.list();
    const { approvals } = recorder;
    const waiting = approvals.list().filter((one) => approvals.status(one) === 'pending').length;
    return {
      tenant: recorder.tenant,
      origin: recorder.origin,
      vkey: recorder.vkey(),
      recorder_id: recorder.recorderId,
      version: options.version,
      pid: options.pid,
      size: recorder.size(),
      signed: recorder.signed(),
      open_actions: recorder.openActions(),
      open_by_source: recorder.openBySource(),
      policy: { version: compiled.version, hash, ...(unreadable === undefined ? {} : { unreadable }) },
      ...(failure === undefined ? {} : { failure: failure.message }),
      ...(kill.length === 0 ? {} : { kill }),
      ...(waiting === 0 ? {} : { approvals_waiting: waiting }),
      ...(sealing === undefined ? {} : { sealing: sealing.message }),
      ...(options.anchors === undefined ? {} : { anchors: options.anchors.states() }),
      ...(alerts === undefined ? {} : { alerts }),
      ...(options.retention === undefined ? {} : { retention: options.retention.state() }),
      ...options.broker(),
    };
  }

  const prepare = createPrepare(recorder);
  const guard = createGuard(recorder, options.operator);
  const runs = runHandlers(recorder, options.random, guard, prepare);
  const handlers: Handlers = {
    ...runs,
    ...actHandlers(recorder, prepare, runs['run.end']),
    ...agentHandlers(recorder, options.random),
    ...delegateHandlers(recorder, options.random),
    ...keyHandlers(recorder),
    ...retentionHandlers(recorder, options.random, options.retention),
    ...disclosureHandlers(recorder),
    ...anchorHandlers(recorder, options.anchors),
    ...alertHandlers(recorder, options.alerts),
    ...importHandlers(recorder),
    ...approvalHandlers(recorder),
    ...gapHandlers(recorder),
    ...killHandlers(recorder, guard),
    ...policyHandlers(recorder, options),
    ...secretHandlers(recorder, guard),
    hello: status,
    status,
    async checkpoint() {
      return { size: await recorder.checkpoint() };
    },
    async 'secret.change'({ operation, key, reason }, client) {
      const event = { type: 'secret.access', phase: 'pre_exec', ...secretEvent(operation, key) } as const;
      // Reported: it is the client that writes the vault, right after this.
      const { id } = await recorder.record(
        {
          ...event,
          ...(reason === undefined ? {} : { reason }),
          actor: { ...actorOf(client), identity_level: 'anonymous' },
          quality: said(client),
        },
        reportedBy(client),
      );
      return { id };
    },
    async 'operator.change'({ change }, client) {
      const { id } = await recorder.record(
        operatorEvent('config.change', client, { operator: change }),
        doneFor(client),
      );
      return { id };
    },
    async 'hook.change'({ change, file, closed }, client) {
      const event = operatorEvent('config.change', client, {
        hooks: change,
        of: 'claude-code',
        file,
        closed,
      });
      const { id } = await recorder.record(event, doneFor(client));
      return { id };
    },
    async 'ca.change'({ was, reason }, client) {
      const event = operatorEvent('config.change', client, {
        authority: 'renew',
        ...(was === undefined ? {} : { was }),
      });
      const { id } = await recorder.record(
        reason === undefined ? event : { ...event, reason },
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

  return async <O extends Op>(op: O, params: unknown, client: Client): Promise<OpResults[O]> => {
    const parsed = OPS[op].safeParse(params);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      invariant(issue !== undefined, 'zod reports at least one issue');
      throw new TallyError('USAGE', `${op}: ${issue.path.join('.') || 'request'}: ${issue.message}`, {
        hint: `tally help`,
      });
    }
    const known = asking(recorder, client);
    if (OPERATOR_OPS.has(op)) await guard.require(op, parsed.data, known);
    else await guard.requireRole(op, known);
    if (op === 'run.start') await refuseKilledRun(recorder, parsed.data as OpParams<'run.start'>, known);
    return handlers[op](parsed.data as OpParams<O>, known);
  };
}
