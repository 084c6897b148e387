/** Everything that can be told of a run besides its actions: each gives its event to the queue, in the order of the calls. */
import type { Event, Outcome } from '../core/entry.ts';
import { LIMITS } from '../core/limits.ts';
import type { Kept, RunBase } from './base.ts';
import { LostNoted, noted } from './noted.ts';
import { idText, leftOutOf, statusOf, usageOf } from './parts.ts';
import type { Common, Ended, Noted, Run } from './types.ts';

export interface Events
  extends Omit<Run, 'act' | 'delegate' | 'delegateToken' | 'id' | 'agent' | 'delegationChain' | 'signal'> {}

export interface Telling {
  readonly events: Events;
  /** Every call that was told to begin ends in the log, also when nobody told how: one at each step of this. */
  endOpen(outcome: Outcome): Generator<void>;
  readonly tell: RunBase['tell'];
}

interface Begun {
  readonly type: string;
  readonly stepId: string;
  readonly at: number;
}

const ENDS: Readonly<Record<string, string>> = {
  'model.call': 'model.response',
  'tool.call': 'tool.result',
  'retrieval.query': 'retrieval.result',
};

const NOTHING = { class: 'event', value: undefined } as const;

export function tellingOf(base: RunBase): Telling {
  const { shell, queue, controller } = base;
  const { world, make } = shell;
  /** Calls that were told to begin, by their entry. */
  const begun = new Map<string, Begun>();

  function note(
    type: string,
    phase: Event['phase'],
    about: Common,
    more: Partial<Event>,
    payload: Kept,
    of?: Begun,
  ): Noted {
    // Before anything is made of it: what has no room must cost next to nothing.
    const why = queue.full();
    if (why !== undefined) {
      shell.lost(type, why);
      return new LostNoted(shell, type, why, of?.stepId ?? base.step());
    }
    const made = make.payload(payload.class, payload.value, about.subject);
    const said = base.common(about);
    const metadata = {
      ...said.metadata,
      ...more.metadata,
      ...(made?.leftOut !== undefined && made.leftOut.leftOutCount > 0
        ? { payload_left_out: leftOutOf(made.leftOut) }
        : {}),
    };
    const id = world.entryId();
    const stepId = of?.stepId ?? base.step();
    const event: Event = {
      ...said,
      ...more,
      id,
      type,
      phase,
      step_id: stepId,
      ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
      ...(made === undefined ? {} : { payload: made.payload }),
    };
    if (phase === 'pre_exec') remember(id, { type, stepId, at: performance.now() });
    return noted(shell, queue.push(event), type, { id, stepId });
  }

  /** A program that never tells how anything ended is told of itself: the oldest ends as unknown. */
  function remember(id: string, call: Begun): void {
    begun.set(id, call);
    const [oldest] = begun.keys();
    if (begun.size > LIMITS.sdkOpenCalls && oldest !== undefined)
      ended(oldest, { status: 'unknown', error: 'too many were open at once to wait for its end' });
  }

  function ended(call: Noted | string, told: Ended = {}): Noted {
    const id = typeof call === 'string' ? call : (call?.id ?? '');
    const of = begun.get(id);
    if (of === undefined)
      return note(
        'custom',
        'point',
        { ...told },
        { action: { name: 'ended.unknown' }, metadata: { of: idText(id, 'nothing') } },
        NOTHING,
      );
    begun.delete(id);
    const { output, error, status, usage, durationMs, ...rest } = told;
    const outcome: Outcome = {
      status: status ?? (error === undefined ? 'ok' : statusOf(error, controller.signal)),
      duration_ms: validDuration(durationMs) ?? round(performance.now() - of.at),
      ...(error === undefined ? {} : make.failure(error)),
      ...usageOf(usage),
    };
    return note(
      ENDS[of.type] ?? of.type,
      'post_exec',
      { ...rest, parent: id },
      { outcome },
      { class: 'result', value: output },
      of,
    );
  }

  function hashed(args: unknown): { readonly args?: unknown; readonly args_note?: string } {
    if (args === undefined) return {};
    const { value, whole } = make.args(args);
    return { args: value, ...(whole ? {} : { args_note: 'partial' }) };
  }

  /** What is handed over may be anything, and its members code that throws: then it is lost, which is counted and said. */
  const told =
    <A extends unknown[]>(type: string, tell: (...given: A) => Noted) =>
    (...given: A): Noted => {
      try {
        return tell(...given);
      } catch {
        const why = 'it could not be read';
        shell.lost(type, why);
        return new LostNoted(shell, type, why, base.step());
      }
    };

  const point: RunBase['tell'] = (type, about, more, kept) => note(type, 'point', about, more, kept);
  const begin: RunBase['tell'] = (type, about, more, kept) => note(type, 'pre_exec', about, more, kept);

  const events: Events = {
    userMessage: told('user.message', (content, about = {}) =>
      point('user.message', about, {}, { class: 'prompt', value: content }),
    ),
    systemInstruction: told('system.instruction', (content, about = {}) =>
      point('system.instruction', about, {}, { class: 'prompt', value: content }),
    ),
    note: told('step.note', (content, about = {}) =>
      point('step.note', about, {}, { class: 'note', value: content }),
    ),
    modelCall: told('model.call', ({ provider, model, input, params, ...about }) => {
      const metadata = {
        ...(provider === undefined ? {} : { provider: idText(provider, 'unnamed') }),
        model: idText(model, 'unnamed'),
        ...(params === undefined ? {} : { params: make.free(params) }),
      };
      const more = { action: { name: idText(model, 'unnamed') }, metadata };
      return begin('model.call', about, more, { class: 'prompt', value: input });
    }),
    modelResponse: told('model.response', ended),
    toolCall: told('tool.call', ({ name, version, server, args, ...about }) => {
      const tool = {
        name: idText(name, 'unnamed'),
        ...(version === undefined ? {} : { version: idText(version, 'unnamed') }),
        ...(server === undefined ? {} : { server: idText(server, 'unnamed') }),
      };
      const more = { action: { name: tool.name, tool, ...hashed(args) } };
      return begin('tool.call', about, more, { class: 'arguments', value: args });
    }),
    toolResult: told('tool.result', ended),
    retrievalQuery: told('retrieval.query', ({ source, query, ...about }) => {
      const more = { action: { name: idText(source, 'unnamed'), ...hashed(query) } };
      return begin('retrieval.query', about, more, { class: 'arguments', value: query });
    }),
    retrievalResult: told('retrieval.result', ended),
    policyCheck: told('policy.check', ({ name, result, details, ...about }) => {
      const more = {
        action: { name: idText(name, 'unnamed') },
        metadata: { result: idText(result, 'unknown') },
      };
      return point('policy.check', about, more, { class: 'details', value: details });
    }),
    humanApproval: told('custom', ({ what, approved, by, ...about }) => {
      const metadata = {
        what: idText(what, 'unnamed'),
        approved: approved === true,
        ...(by === undefined ? {} : { by: idText(by, 'unnamed') }),
      };
      return point('custom', about, { action: { name: 'human.approval' }, metadata }, NOTHING);
    }),
    decision: told('custom', ({ what, chosen, why, ...about }) => {
      const said = { ...about, ...(why === undefined ? {} : { reason: why }) };
      const more = { action: { name: 'agent.decision' }, metadata: { what: idText(what, 'unnamed') } };
      return point('custom', said, more, { class: 'result', value: chosen });
    }),
    error: told('error', (error, about = {}) =>
      point('error', about, { outcome: { status: 'error', ...make.failure(error) } }, NOTHING),
    ),
    custom: told('custom', (name, data, about = {}) =>
      point('custom', about, { action: { name: idText(name, 'unnamed') } }, { class: 'event', value: data }),
    ),
    room: () => base.room(),
    flush: () => queue.idle(),
  };

  return {
    events,
    tell: point,
    *endOpen(outcome) {
      const why =
        outcome.status === 'ok'
          ? 'the run ended and nobody told how this did'
          : 'the run ended before this did';
      for (const id of [...begun.keys()]) {
        ended(id, { status: outcome.status === 'ok' ? 'unknown' : 'aborted', error: why });
        yield;
      }
    },
  };
}

export const round = (ms: number): number => Math.max(0, Math.round(ms * 1000) / 1000);

function validDuration(ms: unknown): number | undefined {
  return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}
