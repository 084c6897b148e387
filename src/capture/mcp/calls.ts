/** Calls of tools in one session: decided, sent, and followed to their end, whatever that is. */
import { createHash } from 'node:crypto';
import type { Outcome } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import { readTraceparent } from '../../core/trace-context.ts';
import { refusedLine } from './answers.ts';
import type { LongMessage } from './long.ts';
import { type Id, type Message, withoutEnd } from './message.ts';
import { bounded, toolName } from './names.ts';
import { openRequests } from './open-requests.ts';
import { abortedOutcome, aboutResult, outcomeOf, payloadOf } from './outcome.ts';
import type { SessionOptions, Sink } from './session-options.ts';
import type { Asked, Refusal, Verdict } from './verdict.ts';

type CallMessage = Message & { kind: 'request' | 'notification' };
type Members = Readonly<Record<string, unknown>>;

export interface CallsOptions extends SessionOptions {
  /** Of the server, once it has said so. */
  readonly version: () => string | undefined;
}

export interface Calls {
  /** What may be sent now: the line itself, or nothing. Never rejects. */
  decide(message: CallMessage, line: Buffer, sink: Sink): Promise<Buffer | undefined>;
  /** False: nobody waits for it here. */
  answered(message: Message & { kind: 'response' }, line: Buffer): boolean;
  /** An answer that was too long to be read, whatever it says. */
  unread(message: LongMessage): void;
  cancelled(params: unknown): void;
  progressed(params: unknown): void;
  /** Nobody takes answers any more: what waits for its decision, or for a person, is not sent. */
  withdraw(): void;
  end(why: { readonly kind: string; readonly words: string }): void;
  readonly open: () => number;
}

interface Call {
  readonly id: Id | undefined;
  readonly name: string;
  readonly bytes: number;
  readonly progressToken: unknown;
  readonly gone: AbortController;
  readonly sink: Sink;
  done?: true;
  /** Its pre_exec, once it may go on. */
  entry?: string;
  sentAt?: number;
  progress: number;
  timer?: NodeJS.Timeout;
  cancelledWith?: { readonly reason: string | undefined };
}

export function createCalls(options: CallsOptions): Calls {
  const { recording } = options;
  const open = openRequests<Call>();
  const byProgress = new Map<unknown, Call>();

  function forget(call: Call): void {
    clearTimeout(call.timer);
    if (call.id !== undefined) open.remove(call.id, call);
    if (byProgress.get(call.progressToken) === call) byProgress.delete(call.progressToken);
  }

  function finish(call: Call, outcome: Outcome, more: { result?: unknown; metadata?: Members } = {}): void {
    forget(call);
    if (call.entry === undefined || call.done === true) return;
    call.done = true;
    const { sentAt, progress } = call;
    const mcp = { ...(progress === 0 ? {} : { progress }), ...more.metadata };
    recording.end(call.entry, {
      outcome: {
        ...outcome,
        bytes_out: call.bytes,
        ...(sentAt === undefined ? {} : { duration_ms: Math.round(performance.now() - sentAt) }),
      },
      ...(Object.keys(mcp).length === 0 ? {} : { metadata: { mcp } }),
      ...(more.result === undefined ? {} : { payload: payloadOf(more.result) }),
    });
  }

  function wait(call: Call): void {
    clearTimeout(call.timer);
    call.timer = setTimeout(
      () => finish(call, { status: 'timeout', error_kind: 'no_answer', error: 'the server gave no answer' }),
      LIMITS.mcpAnswerMs,
    );
    call.timer.unref();
  }

  /** From here on the server may have it. */
  function send(call: Call, entry: string | undefined, line: Buffer): Buffer | undefined {
    if (entry !== undefined) call.entry = entry;
    if (call.gone.signal.aborted) {
      finish(call, abortedOutcome(call));
      call.sink.dropped?.();
      return undefined;
    }
    call.sentAt = performance.now();
    if (call.id === undefined)
      finish(call, {
        status: 'unknown',
        error_kind: 'notification',
        error: 'it was sent without an id, so nothing answers it',
      });
    else wait(call);
    call.sink.sent?.((outcome) => finish(call, outcome));
    return line;
  }

  function refuse(call: Call, refusal: Refusal): undefined {
    forget(call);
    // A caller that has given up takes no answer any more.
    if (call.id === undefined || call.cancelledWith !== undefined) call.sink.dropped?.();
    else call.sink.answer(refusedLine(call.id, call.name, refusal));
    return undefined;
  }

  function settle(call: Call, verdict: Verdict, line: Buffer, turn: boolean): Buffer | undefined {
    if (verdict.go) {
      const bytes = send(call, verdict.entry, line);
      if (turn || bytes === undefined) return bytes;
      call.sink.later(bytes);
      return undefined;
    }
    if ('refusal' in verdict) return refuse(call, verdict.refusal);
    // What comes after it does not wait for a person.
    void verdict.held.then((next) => settle(call, next, line, false));
    return undefined;
  }

  return {
    async decide(message, line, sink) {
      const asked = askedOf(message, options);
      const id = message.kind === 'request' ? (message.id ?? undefined) : undefined;
      const progressToken = metaOf(message.params)?.progressToken;
      const call: Call = {
        id,
        name: asked.name,
        bytes: withoutEnd(line).length,
        progressToken,
        gone: new AbortController(),
        sink,
        progress: 0,
      };
      if (open.size() >= LIMITS.mcpOpenCalls) return refuse(call, tooMany(asked, recording));
      sink.gone?.addEventListener('abort', () => {
        if (call.sentAt === undefined) call.gone.abort();
      });
      if (id !== undefined) open.add(id, call);
      if (progressToken !== undefined) byProgress.set(progressToken, call);
      return settle(call, await recording.begin(asked, call.gone.signal), line, true);
    },

    answered({ id, error, result }, line) {
      const call = open.answered(id);
      if (call === undefined) return false;
      const bytes = withoutEnd(line);
      const of = { bytes_in: bytes.length, result_hash: createHash('sha256').update(bytes).digest('hex') };
      finish(
        call,
        { ...outcomeOf(result, error), ...of },
        { result: error ?? result, metadata: aboutResult(result) },
      );
      return true;
    },

    unread({ id, bytes, sha256 }) {
      const call = id === undefined ? undefined : open.answered(id);
      if (call === undefined) return;
      const of = { bytes_in: bytes, result_hash: sha256 };
      finish(call, {
        status: 'unknown',
        error_kind: 'answer_unread',
        error: 'the answer was too long to be read',
        ...of,
      });
    },

    cancelled(params) {
      if (!isObject(params)) return;
      const { requestId, reason } = params;
      const call =
        typeof requestId === 'string' || typeof requestId === 'number' ? open.newest(requestId) : undefined;
      if (call === undefined || call.cancelledWith !== undefined) return;
      call.cancelledWith = { reason: typeof reason === 'string' ? reason : undefined };
      call.gone.abort();
      if (call.sentAt !== undefined) finish(call, abortedOutcome(call));
    },

    progressed(params) {
      const call = isObject(params) ? byProgress.get(params.progressToken) : undefined;
      if (call?.sentAt === undefined) return;
      call.progress++;
      wait(call);
    },

    withdraw() {
      for (const call of open.all()) if (call.sentAt === undefined) call.gone.abort();
    },

    end({ kind, words }) {
      for (const call of open.all()) {
        call.gone.abort();
        if (call.sentAt !== undefined) finish(call, { status: 'aborted', error_kind: kind, error: words });
      }
    },
    open: open.size,
  };
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function metaOf(params: unknown): Members | undefined {
  const meta = isObject(params) ? params._meta : undefined;
  return isObject(meta) ? meta : undefined;
}

/** `params` has a name: whoever read the message looked. */
function askedOf(
  { params }: CallMessage,
  { server, tier, session, target, credentials, version }: CallsOptions,
): Asked {
  const { name, arguments: args, task } = params as Members & { readonly name: string };
  const { traceparent } = metaOf(params) ?? {};
  const trace = traceparent === undefined ? undefined : readTraceparent([String(traceparent)]);
  const said = version();
  const mcp = {
    tool: bounded(name),
    ...(trace?.kind === 'malformed' ? { trace: 'malformed' } : {}),
    ...(task === undefined ? {} : { task: true }),
  };
  return {
    name: toolName(server, name),
    server,
    tool: name,
    args: args ?? {},
    metadata: { mcp },
    ...(said === undefined ? {} : { version: said }),
    ...(tier === undefined ? {} : { tier }),
    ...(session === undefined ? {} : { session }),
    ...(target === undefined ? {} : { target }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(trace?.kind === 'valid' ? { trace: trace.context } : {}),
  };
}

/** Not put to the policy: it is our own bound. */
function tooMany({ name, server }: Asked, recording: CallsOptions['recording']): Refusal {
  const reason = 'too_many_open_calls';
  recording.tell({
    type: 'tool.call',
    phase: 'point',
    action: { name, tool: { name, server } },
    outcome: { status: 'blocked', error_kind: reason },
  });
  return {
    kind: 'stop',
    reason,
    message: `${LIMITS.mcpOpenCalls} calls of this session wait for the server's answer`,
    hint: 'wait for answers, or cancel calls that are not needed any more',
  };
}
