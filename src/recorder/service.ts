/**
 * Carries out what clients of the writer ask: the CLI in the same process, and other processes through the socket. The
 * writer decides, redacts and sequences; a client brings requests and facts, and what it says about itself is marked as
 * said.
 */
import type { Random } from '../core/ports.ts';
import { createActFlights } from './act-flights.ts';
import { actHandlers } from './acts.ts';
import { agentHandlers } from './agents.ts';
import { alertHandlers } from './alerts.ts';
import { anchorHandlers } from './anchors.ts';
import { approvalHandlers } from './approval-handlers.ts';
import { actorOf, doneFor, operatorEvent, reportedBy, said, secretEvent } from './asked.ts';
import { delegateHandlers } from './delegate.ts';
import { disclosureHandlers } from './disclosures.ts';
import { gapHandlers } from './gaps.ts';
import { createGuard, type OperatorGate } from './guard.ts';
import { importHandlers } from './imports.ts';
import { keyHandlers } from './key-handlers.ts';
import { killHandlers, refuseKilledRun } from './kill.ts';
import type { Handlers } from './ops.ts';
import { type PolicyPort, policyHandlers } from './policy.ts';
import { createPrograms, type ProgramsOptions } from './programs.ts';
import { recordHandlers } from './record.ts';
import { createPrepare } from './reported.ts';
import { createRequests, type Handle } from './requests.ts';
import { retentionHandlers } from './retention.ts';
import { runHandlers } from './runs.ts';
import { secretHandlers } from './secrets.ts';
import { type StatusOptions, statusHandlers } from './status.ts';

export interface ServiceOptions extends PolicyPort, StatusOptions, ProgramsOptions {
  readonly random: Random;
  readonly operator: OperatorGate;
}

export function createService(options: ServiceOptions): Handle {
  const { recorder } = options;

  const prepare = createPrepare(recorder);
  const guard = createGuard(recorder, options.operator);
  const flights = createActFlights(recorder);
  const programs = createPrograms(options);
  const runs = runHandlers(recorder, options.random, guard, flights, programs);
  const handlers: Handlers = {
    ...recordHandlers(recorder, prepare),
    ...runs,
    ...actHandlers(recorder, prepare, flights, runs['run.end']),
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
    ...statusHandlers(options),
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

  const handle = createRequests(recorder, guard, {
    ...handlers,
    async 'run.start'(params, client) {
      await refuseKilledRun(recorder, params, client);
      return handlers['run.start'](params, client);
    },
  });
  return (op, params, client) => {
    programs.heard(params, client);
    return handle(op, params, client);
  };
}
