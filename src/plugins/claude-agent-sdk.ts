/**
 * `tallystick/claude-agent-sdk`: records agents of the Claude Agent SDK, and decides their tool calls (docs/frameworks.md).
 *
 *     import { query } from '@anthropic-ai/claude-agent-sdk';
 *     import { withTally } from 'tallystick/claude-agent-sdk';
 *     for await (const message of query({ prompt, options: withTally({ model: '…' }) })) { … }
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { denied, GO_ON, PRE_TOOL_USE } from '../capture/hook/answer.ts';
import { type HookInput, readInput } from '../capture/hook/input.ts';
import type { Transcripts } from '../capture/hook/transcript.ts';
import type { Tier } from '../core/entry.ts';
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { field, isObject, textAt } from '../core/query/fields.ts';
import { standardTally } from '../open/sdk.ts';
import type { Tally } from '../sdk/types.ts';
import { blockedPrompt, unrecordedNote, wordsOf } from './claude-agent/answers.ts';
import { type Ended, type Ending, type Programs, watchPrograms } from './claude-agent/programs.ts';
import { createSession, type Session } from './claude-agent/session.ts';
import type { Callback, CanUseTool, Hooked, Hooks, Matcher, Spawn } from './claude-agent/types.ts';
import { createWords, inputIn } from './claude-agent/words.ts';

export interface TallyHooks {
  /** Absent: the process's own, as `tallystick/sdk` has it. */
  readonly tally?: Tally;
  /** What the agent is called in the log and in the policy. Absent: `claude-agent-sdk`. */
  readonly agent?: string;
  /** Who waits for its calls. Absent: as the policy has it for those that say nothing. */
  readonly tier?: Tier;
}

/**
 * Events that ours answer, with how long they may take, in seconds. Not those by which a hook takes something over from
 * the program (worktrees, elicitations), and none whose answer nobody waits for.
 */
const EVENTS = {
  PreToolUse: Math.ceil(LIMITS.hookHoldMs / 1000) + 60,
  PostToolUse: 60,
  PostToolUseFailure: 60,
  UserPromptSubmit: 60,
  Stop: 60,
  StopFailure: 60,
  SubagentStart: 60,
  SubagentStop: 60,
  PermissionRequest: 60,
  PermissionDenied: 60,
  Notification: 60,
  PreCompact: 60,
  SessionStart: 60,
  SessionEnd: 30,
} as const satisfies Readonly<Record<string, number>>;

/** Whose failure blocks: what we cannot decide on, or record, does not go on. Everything else is over when it is told. */
const BLOCKING: ReadonlySet<string> = new Set([PRE_TOOL_USE, 'UserPromptSubmit']);

/** What reads files is loaded when there is one to be read. */
const transcripts: Transcripts = {
  size: async (path) => (await reading()).size(path),
  read: async (path, from, onLine) => (await reading()).read(path, from, onLine),
};

async function reading(): Promise<Transcripts> {
  return (await import('../open/hooks/transcripts.ts')).fileTranscripts;
}

/** One for all queries of this process: which program is whose is told by which of them have one. */
let programs: Programs | undefined;

/**
 * The same options of `query()`, with our hooks behind yours. Your callbacks are called as ever, with what they are called
 * with, and their answers go to the program as they are; what you handed over is not changed. Nothing is opened before
 * the first session begins.
 */
export function withTally<O extends object>(options: O, settings: TallyHooks = {}): O {
  const { tally = standardTally(), agent = 'claude-agent-sdk', tier } = settings;
  programs ??= watchPrograms();
  const running = programs;
  const words = createWords();
  const sessions = new Map<string, Session>();
  let blocks = false;
  /** The program that the newest session began in, while it runs. */
  let newest: Ending | undefined;
  // A session belongs to the run that it was made in, wherever its callbacks are called from.
  const here = AsyncLocalStorage.snapshot();

  function sessionOf({ session = '' }: HookInput): Session {
    const known = sessions.get(session);
    if (known !== undefined) return known;
    const made = createSession({ tally, agent, tier, transcripts, blocks: () => blocks });
    sessions.set(session, made);
    const ending = programOf();
    // A turn that is complete is not cut short by what follows; one that is not may be told how it ended.
    let isComplete = false;
    void ending?.silent.then(async () => {
      isComplete = made.isAtRest();
      // A call without an end may have one in the transcript by the time that the program is over.
      if (isComplete && (await made.calls.endTold())) await over(session, made);
    });
    void ending?.ended.then((ended) => over(session, made, isComplete ? undefined : ended));
    return made;
  }

  /** A session may follow another one in the same program. */
  function programOf(): Ending | undefined {
    const found = running.ofSession();
    if (found === undefined) return newest;
    newest = found;
    void found.ended.then(() => {
      if (newest === found) newest = undefined;
    });
    return found;
  }

  /** Its run ends. Twice is the same as once. */
  async function over(id: string, session: Session, ended?: Ended): Promise<void> {
    if (sessions.get(id) === session) sessions.delete(id);
    await here(() => session.end(ended));
  }

  async function answer(input: HookInput, signal: AbortSignal): Promise<JsonObject> {
    const session = sessionOf(input);
    if (input.event === PRE_TOOL_USE) {
      const said = await unlessAborted(words.heard(input.step), signal);
      if (said === undefined) return denied('Nobody waited for the decision any more.');
      return session.calls.before(input, said, signal);
    }
    try {
      switch (input.event) {
        case 'PostToolUse':
        case 'PostToolUseFailure':
          await session.calls.after(input);
          break;
        case 'SessionEnd':
          await over(input.session ?? '', session);
          break;
        default:
          await session.told(input);
      }
      return GO_ON;
    } catch (error) {
      return input.event === 'UserPromptSubmit' ? blockedPrompt(error) : unrecordedNote(error);
    }
  }

  const ours: Callback = async (value, _id, { signal }) =>
    here(() => answer(readInput(isObject(value) ? value : {}), signal));

  /** A hook of the user's that is asked for a permission may refuse, or let the call run with another input. */
  function judged(theirs: Callback): Callback {
    return async (value, id, context) => {
      const said = await theirs(value, id, context);
      const call = id ?? (isObject(value) ? textAt(value, 'tool_use_id') : undefined);
      const decision = isObject(said) ? field(said, 'hookSpecificOutput', 'decision') : undefined;
      const why = await here(() => settled(call, decision, context.signal));
      return why === undefined
        ? said
        : {
            hookSpecificOutput: {
              hookEventName: 'PermissionRequest',
              decision: { behavior: 'deny', message: why },
            },
          };
    };
  }

  function permission(theirs: CanUseTool): CanUseTool {
    return async (tool, input, context) => {
      const said = await theirs(tool, input, context);
      const { toolUseID, signal = new AbortController().signal } = context;
      const why = await here(() => settled(toolUseID, said, signal));
      return why === undefined ? said : { behavior: 'deny', message: why };
    };
  }

  /** What was said of a permission, and why the call may not run after all. Calls have names of their own in all sessions. */
  async function settled(
    call: string | undefined,
    said: unknown,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (call === undefined || !isObject(said)) return undefined;
    const isRefused = textAt(said, 'behavior') === 'deny';
    const changed = inputIn(said);
    try {
      for (const { calls } of sessions.values()) {
        if (isRefused) await calls.refused(call);
        const why = changed === undefined ? undefined : await calls.changed(call, changed, signal);
        if (why !== undefined) return why;
      }
      return undefined;
    } catch (error) {
      return wordsOf(error);
    }
  }

  const { hooks = {}, canUseTool, spawnClaudeCodeProcess: spawn } = options as Hooked;
  const yours = hooks as Hooks;
  const merged: Record<string, readonly Matcher[] | undefined> = { ...yours };
  for (const [event, timeout] of Object.entries(EVENTS)) {
    const before = yours[event] ?? [];
    merged[event] = [...listened(event, before), matcherOf(event, timeout)];
  }

  function seen(theirs: Spawn): Spawn {
    return (asked) => {
      const program = theirs(asked);
      running.started(program);
      return program;
    };
  }

  /**
   * The SDK that asks what a failure of ours does has its program block then, and starts none that cannot; older ones, which
   * go on, do not ask.
   */
  function matcherOf(event: string, timeout: number): Matcher {
    if (!BLOCKING.has(event)) return { hooks: [ours], timeout };
    return {
      hooks: [ours],
      timeout,
      get onFailure() {
        if (event === PRE_TOOL_USE) blocks = true;
        return 'block' as const;
      },
    };
  }

  function listened(event: string, matchers: readonly Matcher[]): readonly Matcher[] {
    if (event === PRE_TOOL_USE) return words.listened(matchers);
    if (event !== 'PermissionRequest') return matchers;
    return matchers.map((one) => ({ ...one, hooks: one.hooks.map(judged) }));
  }

  return {
    ...options,
    hooks: merged,
    ...(typeof canUseTool === 'function' ? { canUseTool: permission(canUseTool as CanUseTool) } : {}),
    ...(typeof spawn === 'function' ? { spawnClaudeCodeProcess: seen(spawn as Spawn) } : {}),
  };
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const aborted = Promise.withResolvers<undefined>();
  const stop = (): void => aborted.resolve(undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
