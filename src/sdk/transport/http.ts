/**
 * The recorder over HTTP (spec/api.md). A run is what this program calls one: its events are its own word, and of an
 * action the recorder decides, and does not see who heeds it (`observed`).
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Event } from '../../core/entry.ts';
import { ERROR_CODES, type ErrorCode, TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { BatchResult } from '../../recorder/act-ops.ts';
import type { ActBegin, RecorderClient, StartedRun } from '../client.ts';

export interface HttpClientOptions {
  readonly url: string;
  readonly token: string | undefined;
  /** Of a run that this program runs in: its events are that run's. */
  readonly runToken: string | undefined;
  readonly outerRun: string | undefined;
  readonly runId: () => string;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export function httpClient(options: HttpClientOptions): RecorderClient {
  const base = baseOf(options.url);
  const token = options.runToken ?? options.token;

  function ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const send = base.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = send(
        new URL(path, base),
        {
          method,
          timeout: LIMITS.socketAnswerMs,
          headers: {
            ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
            ...(text === undefined
              ? {}
              : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', (error) => reject(away(base, error)));
          response.on('end', () => {
            try {
              const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
              resolve({ status: response.statusCode ?? 0, body: parsed as Answer['body'] });
            } catch (error) {
              reject(away(base, error));
            }
          });
        },
      );
      request.on('timeout', () =>
        request.destroy(new Error(`no answer within ${LIMITS.socketAnswerMs / 1000} s`)),
      );
      request.on('error', (error) => reject(away(base, error)));
      request.end(text);
    });
  }

  async function good(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer['body']> {
    const answer = await ask(method, path, body);
    if (answer.status === 200) return answer.body;
    throw failureOf(answer);
  }

  async function record(run: StartedRun, events: readonly Event[]): Promise<readonly BatchResult[]> {
    const { results } = (await good('POST', '/v1/events', {
      events: events.map((event) => ({
        ...event,
        ...(run.run_id === '' ? {} : { run_id: run.run_id }),
        ...(run.actor === undefined || event.phase === 'post_exec' ? {} : { actor: run.actor }),
      })),
    })) as { readonly results: readonly { readonly status: number; readonly body: Answer['body'] }[] };
    return results.map(({ status, body }) =>
      status === 200
        ? (body as unknown as BatchResult)
        : { refused: { code: 'BAD_EVENT', ...(body.error as { message: string }) } },
    );
  }

  return {
    kind: 'http',
    async startRun({ agent_id, reason, session_id, project_id, environment, workflow, ...start }) {
      const { metadata, risk, within, command } = start;
      // The run of a token is on record already; what happens here is part of it.
      if (options.runToken !== undefined) return { run_id: options.outerRun ?? '', id: '' };
      const chain = within?.chain ?? [];
      const actor = {
        ...(agent_id === undefined ? {} : { agent_id }),
        ...(chain.length === 0 ? {} : { delegation_chain: [...chain] }),
      };
      const run: StartedRun = { run_id: options.runId(), id: '', actor };
      const about = {
        ...(workflow === undefined ? {} : { workflow_name: workflow }),
        ...(command === undefined ? {} : { command }),
        ...(within === undefined ? {} : { within_run: within.run_id }),
        ...(metadata === undefined ? {} : { about: metadata }),
      };
      const [answer] = await record(run, [
        {
          type: 'run.start',
          phase: 'point',
          ...(reason === undefined ? {} : { reason }),
          ...(session_id === undefined ? {} : { session_id }),
          ...(project_id === undefined ? {} : { project_id }),
          ...(environment === undefined ? {} : { environment }),
          ...(risk === undefined ? {} : { risk }),
          ...(Object.keys(about).length === 0 ? {} : { metadata: about }),
        },
      ]);
      if (answer === undefined || 'refused' in answer)
        throw new TallyError(
          'BAD_EVENT',
          `the run is not started: ${answer?.refused.message ?? 'no answer'}`,
        );
      return { ...run, id: answer.id };
    },
    async endRun(run, endId, outcome) {
      if (options.runToken !== undefined) return;
      const [answer] = await record(run, [{ id: endId, type: 'run.end', phase: 'point', outcome }]);
      if (answer !== undefined && 'refused' in answer)
        throw new TallyError('BAD_EVENT', answer.refused.message);
    },
    record,
    async begin(run, action) {
      const body = await good('POST', '/v1/decisions', decisionOf(run, action));
      return {
        ...(body as unknown as Awaited<ReturnType<RecorderClient['begin']>>),
        hold_ms: LIMITS.approvalHoldMs,
      };
    },
    async end(_run, { id, end_id, outcome }) {
      const { status, error_kind, error, ...rest } = outcome;
      const answer = await ask('POST', '/v1/outcomes', {
        decision_id: id,
        id: end_id,
        outcome: {
          ...rest,
          status: status === 'blocked' || status === 'pending' || status === 'started' ? 'unknown' : status,
          ...(error_kind === undefined ? {} : { error_kind: error_kind.slice(0, LIMITS.idChars) }),
          ...(error === undefined ? {} : { error: error.slice(0, 2_048) }),
        },
      });
      if (answer.status !== 200) throw failureOf(answer);
    },
    async approval(_run, id, ms) {
      const { status } = await good('GET', `/v1/approvals/${id}?wait_ms=${Math.floor(ms)}`);
      return status as Awaited<ReturnType<RecorderClient['approval']>>;
    },
    // Nothing is issued over HTTP; the chain is this program's word.
    delegate: async (_run, chain) => ({ chain }),
    async gap(gap) {
      const { id, ...metadata } = gap;
      await record({ run_id: '', id: '' }, [{ id, type: 'log.gap', phase: 'point', metadata }]);
    },
    lastWords: () => ({ ended: false, all: false }),
    lastClose: () => undefined,
    // Learned with the next request: nothing is told over HTTP.
    onKilled: () => undefined,
    rest: async () => undefined,
  };
}

function decisionOf(
  run: StartedRun,
  {
    type: _type,
    args_partial,
    args,
    shown: _shown,
    payload: _payload,
    trace: _trace,
    risk: _risk,
    metadata: _metadata,
    ...rest
  }: ActBegin,
) {
  return {
    ...rest,
    // What could not be taken whole must not look like all of it to whoever approves.
    ...(args === undefined ? {} : { args: args_partial === true ? { $partial: args } : args }),
    ...(run.run_id === '' ? {} : { run_id: run.run_id }),
    ...(run.actor?.agent_id === undefined ? {} : { agent_id: run.actor.agent_id }),
  };
}

function baseOf(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base !== undefined && (base.protocol === 'http:' || base.protocol === 'https:')) return base;
  throw new TallyError('USAGE', `${JSON.stringify(url)} is no address of a recorder`, {
    hint: 'TALLY_URL is what `tally up --json` prints as api_url, such as http://127.0.0.1:7700',
  });
}

function away(base: URL, cause: unknown): TallyError {
  const { code, message } = cause as { readonly code?: string; readonly message?: string };
  return new TallyError(
    'RECORDER_UNAVAILABLE',
    `${base.origin} does not answer: ${message || code || String(cause)}`,
    {
      hint: 'start the recorder: tally up; TALLY_URL says where it is',
      cause,
    },
  );
}

/** Codes of the API as those of errors. */
function failureOf({ status, body }: Answer): TallyError {
  const {
    code = '',
    message = `status ${status}`,
    hint,
  } = (body.error ?? {}) as {
    readonly code?: string;
    readonly message?: string;
    readonly hint?: string;
  };
  const known: ErrorCode =
    status === 503 || status === 429
      ? 'RECORDER_UNAVAILABLE'
      : status === 401
        ? 'TOKEN_INVALID'
        : status === 413
          ? 'ENTRY_TOO_LARGE'
          : status === 404
            ? 'NOT_FOUND'
            : Object.hasOwn(ERROR_CODES, code)
              ? (code as ErrorCode)
              : 'BAD_EVENT';
  return new TallyError(known, message, hint === undefined ? {} : { hint });
}
