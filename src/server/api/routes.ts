/** The routes of the API, each with what it takes. */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { type ApprovalOptions, approvalRoutes } from './approvals.ts';
import { refuseOperator } from './caller.ts';
import { decideOne, unread } from './decisions.ts';
import { createEvents } from './events.ts';
import { createOpenDecisions } from './open.ts';
import { openApi } from './openapi.ts';
import { createOutcomes } from './outcomes.ts';
import { readShape } from './read-shape.ts';
import { errorReply, isUnavailable, type Reply } from './reply.ts';
import type { Asked, Route } from './resource.ts';

export interface ApiOptions extends ApprovalOptions {
  readonly version: string;
}

export function apiRoutes(options: ApiOptions): readonly Route[] {
  const { recorder } = options;
  const open = createOpenDecisions(recorder);
  const outcomes = createOutcomes(recorder, open);
  const events = createEvents(recorder, options.self);
  const described = openApi(options.version);
  return [
    {
      method: 'GET',
      path: '/v1/openapi.json',
      public: true,
      handle: async () => ({ status: 200, body: described }),
    },
    {
      method: 'POST',
      path: '/v1/decisions',
      async handle({ caller, body }) {
        refuseOperator(caller);
        return decideOne(recorder, open, caller, body);
      },
      unread: (caller, error) => unread(recorder, caller, error),
    },
    {
      method: 'POST',
      path: '/v1/decisions/batch',
      most: LIMITS.apiBatchBytes,
      async handle(asked) {
        refuseOperator(asked.caller);
        return batch(asked, (body) => decideOne(recorder, open, asked.caller, body));
      },
      unread: (caller, error) => unread(recorder, caller, error),
    },
    {
      method: 'POST',
      path: '/v1/outcomes',
      handle: ({ caller, body }) => outcomes.closeOne(caller, body),
    },
    {
      method: 'POST',
      path: '/v1/outcomes/batch',
      most: LIMITS.apiBatchBytes,
      handle: (asked) => batch(asked, (body) => outcomes.closeOne(asked.caller, body)),
    },
    {
      method: 'POST',
      path: '/v1/events',
      most: LIMITS.apiBatchBytes,
      handle: ({ caller, body }) => events.record(caller, body),
    },
    ...approvalRoutes(options),
  ];
}

const BatchShape = z.strictObject({ requests: z.array(z.unknown()).min(1).max(LIMITS.apiBatchItems) });

/**
 * Each has its own result, in their order; entries get their places in that order too. A log that cannot be written
 * fails the batch as a whole: what was recorded before is recorded, and none of it is a permission.
 */
async function batch({ body }: Asked, one: (body: unknown) => Promise<Reply>): Promise<Reply> {
  const { requests } = readShape(
    BatchShape,
    body,
    `a batch is {"requests": […]} with at most ${LIMITS.apiBatchItems}`,
  );
  const results = await Promise.all(
    requests.map(async (request) => {
      try {
        return await one(request);
      } catch (error) {
        if (isUnavailable(error)) throw error;
        const reply = errorReply(error);
        if (reply === undefined) throw error;
        return reply;
      }
    }),
  );
  return {
    status: 200,
    body: { results: results.map(({ status, body: result }) => ({ status, body: result })) },
  };
}
