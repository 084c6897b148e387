/**
 * `POST /v1/events`: what a program says happened, many at a time and in their order. It is the program's own word
 * (`self_reported`), with what a token proves of who says it. One that is refused does not keep the others back.
 */
import { z } from 'zod';
import type { Event } from '../../core/entry.ts';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { recordReported } from '../../recorder/acts.ts';
import { GAP_OPS } from '../../recorder/gap-ops.ts';
import type { Client } from '../../recorder/ops.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';
import { createPrepare, type Prepared } from '../../recorder/reported.ts';
import { type Caller, clientOf, refuseOperator } from './caller.ts';
import { problemOf, readShape } from './read-shape.ts';
import { ApiError, type Reply } from './reply.ts';
import { EventRequestShape } from './shapes-events.ts';

const BatchShape = z.strictObject({ events: z.array(z.unknown()).min(1).max(LIMITS.apiBatchItems) });

const HINT = 'spec/api.md, section 9, describes events; GET /v1/openapi.json is their schema';

export interface Events {
  /** Throws `ApiError`, and when nothing can be recorded. */
  record(caller: Caller, body: unknown): Promise<Reply>;
}

export function createEvents(
  recorder: LocalRecorder,
  self: { readonly user?: string; readonly uid?: number },
): Events {
  const prepare = createPrepare(recorder);

  async function prepared(caller: Caller, client: Client, body: unknown): Promise<Prepared> {
    const parsed = EventRequestShape.safeParse(body);
    if (!parsed.success) throw new TallyError('BAD_EVENT', problemOf(parsed.error.issues[0]), { hint: HINT });
    refuseOthersRun(recorder, caller, parsed.data.run_id);
    requireSense(parsed.data);
    const event = parsed.data as Event;
    return prepare(event.type === 'log.gap' ? gapOf(event) : event, client, caller.claims, true);
  }

  return {
    async record(caller, body) {
      refuseOperator(caller);
      const { events } = readShape(
        BatchShape,
        body,
        `a batch is {"events": […]} with at most ${LIMITS.apiBatchItems}`,
      );
      requireGood(recorder, caller);
      const client = clientOf(caller, self);
      const results = await recordReported(recorder, events as readonly Event[], (event) =>
        prepared(caller, client, event),
      );
      return {
        status: 200,
        body: {
          results: results.map((one) =>
            'refused' in one
              ? { status: 400, body: { error: refusalOf(one.refused) } }
              : { status: 200, body: one },
          ),
        },
      };
    },
  };
}

function refusalOf({ message, hint = HINT }: { readonly message: string; readonly hint?: string }) {
  return { code: 'bad_request', message, hint };
}

/** What a program could not have recorded, in the form in which every gap is said. */
function gapOf({ metadata, ...event }: Event): Event {
  const parsed = GAP_OPS['gap.report'].omit({ id: true }).safeParse(metadata);
  if (!parsed.success)
    throw new TallyError('BAD_EVENT', `metadata: ${problemOf(parsed.error.issues[0])}`, { hint: HINT });
  return {
    ...event,
    phase: 'point',
    metadata: { ...parsed.data, ungoverned: true },
    quality: { metadata: 'asserted' },
  };
}

/** A token that is not good is refused as a whole, before anything is recorded under it. */
function requireGood(recorder: LocalRecorder, { claims }: Caller): void {
  const { failure } = recorder.identify(claims);
  if (failure === undefined) return;
  throw new ApiError(401, failure, 'the token is not good', TOKEN_HINT, {
    headers: { 'WWW-Authenticate': 'Bearer realm="tally", error="invalid_token"' },
  });
}

const TOKEN_HINT =
  '`tally agent token list` shows which tokens are good; without one events are a name’s own word';

/** A run that was started on the record belongs to who holds its token. */
function refuseOthersRun(recorder: LocalRecorder, { claims }: Caller, run: string | undefined): void {
  if (run === undefined) return;
  const { run_id } = recorder.identify(claims);
  if (run === run_id) return;
  const why =
    run_id !== undefined
      ? `run_id: the token is of the run ${run_id}`
      : recorder.registry.current().runs.has(run)
        ? 'run_id: this run was started on the record; its own token has to be presented'
        : undefined;
  if (why !== undefined) throw new TallyError('BAD_EVENT', why, { hint: HINT });
}

function requireSense({ type, phase, run_id, parent_id, outcome }: z.infer<typeof EventRequestShape>): void {
  const why =
    (type === 'run.start' || type === 'run.end') && run_id === undefined
      ? `${type}: run_id is missing`
      : (type === 'run.start' || type === 'run.end') && phase !== 'point'
        ? `${type}: phase is point`
        : phase === 'post_exec' && (parent_id === undefined || outcome === undefined)
          ? 'post_exec: parent_id names what it ends, and outcome says how'
          : undefined;
  if (why !== undefined) throw new TallyError('BAD_EVENT', why, { hint: HINT });
}
