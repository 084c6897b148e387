/**
 * One run: its events in their order, its actions, and its end. Steps are counted when something is reported, so their
 * numbers have no gap but where something was lost; both halves of a pair have the same one.
 */
// reason for length: everything that can be said of a run, in one place
import type { Event, Outcome } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { StartedRun } from './client.ts';
import { here, type ProgramEnd, shared } from './context.ts';
import { mayPass, unrecorded } from './errors.ts';
import { idText, leftOutOf, statusOf, usageOf } from './parts.ts';
import { createQueue, type Handed, type Queue } from './queue.ts';
import type { Shell } from './shell.ts';
import type { Common, Ended, Noted, Receipt, Run } from './types.ts';

/** What `act` and `delegate` are built on. */
export interface RunBase {
  readonly shell: Shell;
  readonly started: StartedRun;
  readonly queue: Queue;
  readonly chain: readonly string[];
  readonly agent: string | undefined;
  readonly controller: AbortController;
  readonly acting: Set<(how: ProgramEnd) => void>;
  step(): string;
  /** The entry that what happens now belongs to. */
  parent(): string;
  /** Of what the caller says about an event. */
  common(about: Common): Pick<Event, 'parent_id' | 'metadata' | 'risk' | 'reason'>;
}

export interface LiveRun {
  readonly base: RunBase;
  /** In it, `tally.current()` is this run. */
  within<T>(run: Run, fn: () => T): T;
  /** Ends what is open in it, and it. Never rejects. */
  close(outcome: Outcome, patienceMs?: number): Promise<void>;
  lastWords(outcome: Outcome): void;
  readonly isOpen: () => boolean;
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

export interface Events
  extends Omit<Run, 'act' | 'delegate' | 'delegateToken' | 'id' | 'agent' | 'delegationChain' | 'signal'> {}

export function openRun(
  shell: Shell,
  started: StartedRun,
  about: { readonly agent: string | undefined; readonly chain: readonly string[] },
): { readonly live: LiveRun; readonly events: Events } {
  const { world, make } = shell;
  const queue = createQueue({
    client: shell.client,
    run: started,
    room: shell.room,
    onLost: shell.lost,
    onOutage: shell.outage.began,
    onBack() {
      shell.outage.ended();
      void shell.tellLost();
    },
    pause,
  });
  const controller = new AbortController();
  const acting = new Set<(how: ProgramEnd) => void>();
  /** Calls that were told to begin, by their entry. */
  const begun = new Map<string, Begun>();
  let steps = 0;
  let closed: Promise<void> | undefined;
  /** Its end is in the log, or known not to be. */
  let isEnded = false;
  const began = world.now();

  const step = (): string => String(++steps);
  const parent = (): string => {
    const at = here();
    return at?.run.id === started.run_id ? at.parentId : started.id;
  };

  function common({ parent: named, metadata, risk, reason }: Common): ReturnType<RunBase['common']> {
    const parent_id = typeof named === 'string' ? named : (named?.id ?? parent());
    const free = make.free(metadata);
    const risks = make.free(risk);
    const purpose = make.reason(reason);
    return {
      ...(ENTRY_ID.test(parent_id) ? { parent_id } : {}),
      ...(free === undefined ? {} : { metadata: free }),
      ...(risks === undefined ? {} : { risk: risks }),
      ...(purpose === undefined ? {} : { reason: purpose }),
    };
  }

  function note(
    type: string,
    phase: Event['phase'],
    about: Common,
    more: Partial<Event>,
    payload: { readonly class: string; readonly value: unknown },
    of?: Begun,
  ): Noted {
    const id = world.entryId();
    const stepId = of?.stepId ?? step();
    const made = make.payload(payload.class, payload.value, about.subject);
    const said = common(about);
    const metadata = {
      ...said.metadata,
      ...more.metadata,
      ...(made?.leftOut !== undefined && made.leftOut.leftOutCount > 0
        ? { payload_left_out: leftOutOf(made.leftOut) }
        : {}),
    };
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
    if (phase === 'pre_exec') begun.set(id, { type, stepId, at: performance.now() });
    return noted(settled(queue.push(event), type, { id, stepId }), { id, stepId });
  }

  /** What became of an event, as its caller is told. */
  async function settled(
    handed: Promise<Handed>,
    what: string,
    receipt: Receipt,
  ): Promise<Receipt | undefined> {
    const answer = await shell.outage.within(handed);
    if ('id' in answer) return receipt;
    const why =
      'outage' in answer ? answer.outage : new Error('lost' in answer ? answer.lost : answer.refused.message);
    // A refusal is ours, not the recorder's being away: it is counted and said, and is no reason to stop the agent.
    if ('refused' in answer || (await shell.mode()) === 'open') return undefined;
    throw unrecorded(`${what} is not in the log`, why);
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

  const events: Events = {
    userMessage: (content, about = {}) =>
      note('user.message', 'point', about, {}, { class: 'prompt', value: content }),
    systemInstruction: (content, about = {}) =>
      note('system.instruction', 'point', about, {}, { class: 'prompt', value: content }),
    note: (content, about = {}) => note('step.note', 'point', about, {}, { class: 'note', value: content }),
    modelCall: ({ provider, model, input, params, ...about }) =>
      note(
        'model.call',
        'pre_exec',
        about,
        {
          action: { name: idText(model, 'unnamed') },
          metadata: {
            ...(provider === undefined ? {} : { provider: idText(provider, 'unnamed') }),
            model: idText(model, 'unnamed'),
            ...(params === undefined ? {} : { params: make.free(params) }),
          },
        },
        { class: 'prompt', value: input },
      ),
    modelResponse: ended,
    toolCall: ({ name, version, server, args, ...about }) =>
      note(
        'tool.call',
        'pre_exec',
        about,
        {
          action: {
            name: idText(name, 'unnamed'),
            tool: {
              name: idText(name, 'unnamed'),
              ...(version === undefined ? {} : { version: idText(version, 'unnamed') }),
              ...(server === undefined ? {} : { server: idText(server, 'unnamed') }),
            },
            ...hashed(args),
          },
        },
        { class: 'arguments', value: args },
      ),
    toolResult: ended,
    retrievalQuery: ({ source, query, ...about }) =>
      note(
        'retrieval.query',
        'pre_exec',
        about,
        { action: { name: idText(source, 'unnamed'), ...hashed(query) } },
        { class: 'arguments', value: query },
      ),
    retrievalResult: ended,
    policyCheck: ({ name, result, details, ...about }) =>
      note(
        'policy.check',
        'point',
        about,
        { action: { name: idText(name, 'unnamed') }, metadata: { result: idText(result, 'unknown') } },
        { class: 'details', value: details },
      ),
    humanApproval: ({ what, approved, by, ...about }) =>
      note(
        'custom',
        'point',
        about,
        {
          action: { name: 'human.approval' },
          metadata: {
            what: idText(what, 'unnamed'),
            approved: approved === true,
            ...(by === undefined ? {} : { by: idText(by, 'unnamed') }),
          },
        },
        NOTHING,
      ),
    decision: ({ what, chosen, why, ...about }) =>
      note(
        'custom',
        'point',
        { ...about, ...(why === undefined ? {} : { reason: why }) },
        { action: { name: 'agent.decision' }, metadata: { what: idText(what, 'unnamed') } },
        { class: 'result', value: chosen },
      ),
    error: (error, about = {}) =>
      note('error', 'point', about, { outcome: { status: 'error', ...make.failure(error) } }, NOTHING),
    custom: (name, data, about = {}) =>
      note(
        'custom',
        'point',
        about,
        { action: { name: idText(name, 'unnamed') } },
        { class: 'event', value: data },
      ),
    flush: () => queue.idle(),
  };

  function hashed(args: unknown): { readonly args?: unknown; readonly args_note?: string } {
    if (args === undefined) return {};
    const { value, whole } = make.args(args);
    return { args: value, ...(whole ? {} : { args_note: 'partial' }) };
  }

  /** Every call that was told to begin ends in the log, also when nobody told how. */
  function endOpen(outcome: Outcome): void {
    const why =
      outcome.status === 'ok'
        ? 'the run ended and nobody told how this did'
        : 'the run ended before this did';
    for (const id of [...begun.keys()])
      ended(id, { status: outcome.status === 'ok' ? 'unknown' : 'aborted', error: why });
  }

  async function close(outcome: Outcome, patienceMs?: number): Promise<void> {
    if (!controller.signal.aborted) controller.abort(new DOMException('the run has ended', 'AbortError'));
    const told: Outcome = { duration_ms: round(world.now() - began), ...outcome };
    endOpen(told);
    await bounded(shell.outage.within(queue.idle()), patienceMs);
    if (queue.waiting() > 0) queue.give('nothing could be recorded until the run was over');
    const endId = world.entryId();
    const last = await bounded(
      retried(() => shell.client.endRun(started, endId, told), shell),
      patienceMs,
    );
    isEnded = true;
    if (last instanceof Error || last === TOO_LONG) {
      shell.lost(
        `run.end of ${started.run_id}`,
        last instanceof TallyError ? last.code : 'there was no time left',
      );
      shell.rememberLost();
    } else await bounded(shell.tellLost(), patienceMs);
  }

  return {
    events,
    live: {
      base: {
        shell,
        started,
        queue,
        chain: about.chain,
        agent: about.agent,
        controller,
        acting,
        step,
        parent,
        common,
      },
      within: (run, fn) => shared.storage.run({ run, parentId: started.id, started }, fn),
      close: (outcome, patienceMs) => (closed ??= close(outcome, patienceMs)),
      lastWords(outcome) {
        if (isEnded) return;
        if (closed === undefined) endOpen(outcome);
        closed ??= Promise.resolve();
        const { events: left, ends } = queue.drain();
        const told = shell.client.lastWords(started, left, ends, outcome);
        if (!told.all) {
          for (const { type } of left) shell.lost(type, 'the process ended');
          for (const _ of ends) shell.lost('the end of an action', 'the process ended');
        }
        if (!told.ended) shell.lost(`run.end of ${started.run_id}`, 'the process ended');
        shell.rememberLost();
      },
      isOpen: () => closed === undefined,
    },
  };
}

const ENTRY_ID = /^log_[0-9A-HJKMNP-TV-Z]{26}$/;
const NOTHING = { class: 'event', value: undefined } as const;
const TOO_LONG = Symbol('too long');

const round = (ms: number): number => Math.max(0, Math.round(ms * 1000) / 1000);

function validDuration(ms: unknown): number | undefined {
  return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

/** A promise that nobody has to await: its rejection is looked at here, and told to those who do. */
function noted(promise: Promise<Receipt | undefined>, told: Receipt): Noted {
  promise.catch(() => undefined);
  return Object.assign(promise, told);
}

/** Does not hold the process: whoever waits for an answer does, by the time limit of the outage. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

/** Again and again while the recorder is away, for `LIMITS.sdkRetryMs`; gives the error then. */
export async function retried<T>(ask: () => Promise<T>, shell: Shell): Promise<T | Error> {
  for (;;) {
    try {
      const answer = await ask();
      shell.outage.ended();
      return answer;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!mayPass(error)) return error;
      shell.outage.began(error);
      const told = await shell.outage.within(sleep(LIMITS.sdkRetryEveryMs));
      if (told !== undefined) return error;
    }
  }
}

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), ms);
  });
}

/** As `promise`, or TOO_LONG after this long. Never rejects. */
async function bounded<T>(promise: Promise<T>, ms: number | undefined): Promise<T | Error | typeof TOO_LONG> {
  const told = promise.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  if (ms === undefined) return told;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof TOO_LONG>((resolve) => {
    timer = setTimeout(() => resolve(TOO_LONG), ms);
  });
  try {
    return await Promise.race([told, late]);
  } finally {
    clearTimeout(timer);
  }
}
