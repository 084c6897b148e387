/**
 * A session's side of the recorder: each call is decided, and its pre_exec durable, before `begin` lets it go; how it ended
 * and what else was seen follows behind. What cannot be recorded does not go on, unless whoever runs the machine said so.
 */
import type { CredentialUse, Event } from '../../core/entry.ts';
import { isTallyError, wordsOf } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { isOutage } from '../../core/outage.ts';
import type { ActResults } from '../../recorder/act-ops.ts';
import type { Ask, OpParams } from '../../recorder/ops.ts';
import { condense } from './condense.ts';
import { createQueue } from './queue.ts';
import type { RunHandle } from './run.ts';
import type { Asked, Ended, Refusal, Verdict } from './verdict.ts';

export interface Recording {
  /** Never throws. `signal`: whoever waits for a person waits no longer. */
  begin(asked: Asked, signal: AbortSignal): Promise<Verdict>;
  end(entry: string, ended: Ended): void;
  tell(event: Event): void;
  /** An id for an entry, so that a later event can name it. */
  id(): string;
  /** Everything is on record, or was lost and said. */
  close(): Promise<void>;
}

export interface RecordingOptions {
  readonly ask: Ask;
  readonly run: RunHandle;
  /** "log_" and a ULID. */
  readonly makeId: () => string;
  /** Takes values out of what is stored that the recorder cannot know: those of the server's environment. */
  readonly hide: (text: string) => string;
  /** Decides without a record, and remembers it; or throws: then the call does not go on. */
  readonly without: (asked: Asked, cause: unknown) => Promise<Verdict>;
  readonly lost: (count: number) => void;
  readonly warn: (line: string) => void;
}

/** Reasons of a token that was good once: the run is over, and the session is not. */
const OVER: ReadonlySet<string> = new Set(['token_expired', 'token_revoked']);

export function createRecording(options: RecordingOptions): Recording {
  const { ask, run, makeId, hide } = options;
  let held = 0;
  /** The token that began an action ends it, also when the session has another one by then. */
  const begunWith = new Map<string, string>();

  const queue = createQueue({
    async end(end) {
      const run_token = begunWith.get(end.id) ?? (await run.token());
      await ask('act.end', { ...end, run_token });
      begunWith.delete(end.id);
    },
    async record(events) {
      const { results } = await ask('record.batch', { run_token: await run.token(), events });
      for (const [i, result] of results.entries())
        if ('refused' in result) refused(events[i]?.type ?? 'an event', new Error(result.refused.message));
    },
    refused,
    lost: options.lost,
  });

  function refused(what: string, error: unknown): void {
    options.warn(`${what} is not on record: ${wordsOf(error)}`);
  }

  async function act(
    asked: Asked,
    again: boolean,
  ): Promise<{ begun: ActResults['act.begin']; token: string }> {
    const token = await run.token();
    const begun = await ask('act.begin', { ...beginOf(asked, hide), run_token: token, step_id: makeId() });
    const isOver = !begun.proceed && OVER.has(begun.decision.reason ?? '');
    return isOver && again && run.renew() ? act(asked, false) : { begun, token };
  }

  async function begin(asked: Asked, signal: AbortSignal): Promise<Verdict> {
    try {
      const { begun, token } = await act(asked, true);
      if (begun.proceed) {
        begunWith.set(begun.id, token);
        return { go: true, entry: begun.id };
      }
      const refusal = refusalOf(begun);
      const { approval, hold_ms } = begun;
      if (approval === undefined || hold_ms <= 0 || held >= LIMITS.mcpHeldCalls)
        return { go: false, refusal };
      return { go: false, held: hold(asked, { approval: approval.id, token, hold_ms, refusal }, signal) };
    } catch (error) {
      if (!isOutage(error)) return { go: false, refusal: unrecorded(error) };
      return options.without(asked, error).catch(
        (cause: unknown): Verdict => ({
          go: false,
          refusal: unrecorded(cause),
        }),
      );
    }
  }

  async function hold(asked: Asked, waiting: Waiting, signal: AbortSignal): Promise<Verdict> {
    held++;
    try {
      const settled = await settledWithin(waiting, signal);
      // Whatever was answered: the decision that counts is the next one, with it.
      return settled && !signal.aborted
        ? await begin(asked, signal)
        : { go: false, refusal: waiting.refusal };
    } finally {
      held--;
    }
  }

  async function settledWithin({ approval, token, hold_ms }: Waiting, signal: AbortSignal): Promise<boolean> {
    const until = performance.now() + hold_ms;
    for (;;) {
      const left = Math.floor(until - performance.now());
      if (left <= 0 || signal.aborted) return false;
      const ms = Math.min(left, LIMITS.sdkApprovalPollMs);
      try {
        const { status } = await ask('act.wait', { run_token: token, approval, ms });
        if (status !== 'pending') return true;
      } catch (error) {
        // A recorder that went away while a person thinks comes back, or the time is over.
        if (!isOutage(error)) return false;
        await new Promise((resolve) => setTimeout(resolve, Math.min(left, LIMITS.mcpRetryMs)));
      }
    }
  }

  return {
    begin,
    id: makeId,
    end(entry, { outcome, metadata, payload }) {
      queue.end({
        id: entry,
        end_id: makeId(),
        outcome: outcome.error === undefined ? outcome : { ...outcome, error: hide(outcome.error) },
        ...(metadata === undefined ? {} : { metadata }),
        ...(payload === undefined ? {} : { payload: { ...payload, data: hide(payload.data) } }),
      });
    },
    tell(event) {
      const { payload, ...rest } = event;
      const plain = hidden(rest, hide) as Event;
      queue.event(
        payload === undefined ? plain : { ...plain, payload: { ...payload, data: hide(payload.data) } },
      );
    },
    close: () => queue.close(LIMITS.mcpEndMs),
  };
}

const styled = ({ ref, injection_style = 'bearer' }: CredentialUse) => ({ ref, injection_style });

interface Waiting {
  readonly approval: string;
  readonly token: string;
  readonly hold_ms: number;
  readonly refusal: Refusal;
}

function beginOf(
  asked: Asked,
  hide: (text: string) => string,
): Omit<OpParams<'act.begin'>, 'run_token' | 'step_id'> {
  const { name, server, version, tier, args, trace, session, metadata, target, credentials } = asked;
  const taken = condense(args, LIMITS.mcpArgumentsBytes);
  const stored = hidden(condense(args, LIMITS.mcpPayloadBytes).value, hide);
  return {
    type: 'tool.call',
    action: {
      name,
      tool: { name, server, ...(version === undefined ? {} : { version }) },
      ...(tier === undefined ? {} : { tier }),
      ...(target === undefined ? {} : { target }),
    },
    ...(credentials === undefined ? {} : { credentials: credentials.map(styled) }),
    ...(args === undefined ? {} : { args: taken.value, shown: stored }),
    ...(asked.partial === true || !taken.whole ? { args_partial: true } : {}),
    ...(session === undefined ? {} : { session_id: session }),
    ...(trace === undefined ? {} : { trace }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(args === undefined
      ? {}
      : { payload: { media_type: 'application/json', class: 'arguments', data: JSON.stringify(stored) } }),
  };
}

/** A value that spans members of an object leaves no JSON behind: then nothing of it is shown. */
function hidden(value: unknown, hide: (text: string) => string): unknown {
  const text = JSON.stringify(value ?? null);
  const plain = hide(text);
  if (plain === text) return value ?? null;
  try {
    return JSON.parse(plain) as unknown;
  } catch {
    return '[REDACTED:environment]';
  }
}

function refusalOf({ id, decision, approval }: ActResults['act.begin']): Refusal {
  const { outcome, reason, message, layer, rule, retry_after_ms } = decision;
  return {
    kind: outcome === 'approval_required' ? 'approval' : 'stop',
    reason: reason ?? 'policy_denied',
    message: message ?? 'the policy does not allow it',
    entry: id,
    ...(layer === undefined ? {} : { layer }),
    ...(rule === undefined ? {} : { rule }),
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
    ...(approval === undefined ? {} : { approval }),
  };
}

function unrecorded(error: unknown): Refusal {
  const hint = isTallyError(error) ? error.hint : undefined;
  return {
    kind: 'unrecorded',
    reason: 'audit_unavailable',
    message: wordsOf(error),
    ...(hint === undefined ? {} : { hint }),
  };
}
