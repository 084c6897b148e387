/**
 * The hooks of Claude Code: each post of an event becomes its entries, and is answered once they are durable. Posts come
 * twice, out of order, from many sessions at once, and from versions that this one does not know; none of it is refused.
 */
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { field, listAt, textAt } from '../../core/query/fields.ts';
import { rememberTranscript } from './agent-transcripts.ts';
import { denied, GO_ON, PRE_TOOL_USE } from './answer.ts';
import { compare } from './compare.ts';
import { type HookInput, pick, readInput, short, surroundings } from './input.ts';
import { carriedText } from './payload.ts';
import { createRuns } from './runs.ts';
import { createSessions, type Session } from './sessions.ts';
import { abandon, afterTool, beforeTool, endTool } from './tools.ts';
import { readOn } from './transcript.ts';
import { isVersion } from './version.ts';
import { facts, type HookInstall, type HookPorts, hooked, recordSeen } from './wiring.ts';

export interface HookState {
  readonly sessions: number;
  readonly open_calls: number;
  /** Milliseconds since the epoch of the newest post; absent before the first. */
  readonly last_ms?: number;
}

export interface ClaudeHooks {
  /** Throws what the recorder throws: nothing was recorded, so nothing may be taken for a permission. */
  answer(value: JsonObject, install: HookInstall, signal: AbortSignal): Promise<JsonObject>;
  /** A post that could not be read as a whole: on record, and a call is stopped, since nobody could decide on it. */
  unread(event: string, code: string): Promise<JsonObject | undefined>;
  state(): HookState;
  /** What still compares with a transcript is waited for. */
  close(): Promise<void>;
}

export function createClaudeHooks(ports: HookPorts): ClaudeHooks {
  const { recorder } = ports;
  const { begun, endAgent, endRuns } = createRuns(recorder);
  const sessions = createSessions((session) => void behind(forget(session)));
  const running = new Set<Promise<void>>();
  let lastMs: number | undefined;
  let closing = false;

  /** Goes on behind the answer; what goes wrong there is told, and changes no answer. */
  function behind(work: Promise<void>): void {
    const settled = work.catch(ports.onError).finally(() => running.delete(settled));
    running.add(settled);
  }

  /** The silent one made room for another: what was open in it ends as unknown, and so does its run. */
  async function forget(session: Session): Promise<void> {
    for (const call of session.calls.values()) await abandon(ports, call, 'nothing more came of its session');
    if (session.begun !== undefined)
      await endRuns(session, inputOf(session), { status: 'unknown', error: 'nothing more came of it' }, {});
  }

  const inputOf = (session: Session): HookInput =>
    readInput(session.id === undefined ? {} : { session_id: session.id });

  function learn(session: Session, { value, event }: HookInput): void {
    if (event !== 'SessionStart') return;
    const told = field(value, 'tally');
    const version = textAt(told, 'version');
    if (version !== undefined && isVersion(version)) session.version = version;
    session.entrypoint = short(textAt(told, 'entrypoint')) ?? session.entrypoint;
    // Nobody sits at it: the program itself says so.
    if (field(told, 'attended') === false) session.tier = 'background';
  }

  /** A transcript is written behind the back of its session: an end waits until nothing more comes. */
  async function compareLater(session: Session, input: HookInput, install: HookInstall): Promise<void> {
    const until = performance.now() + LIMITS.hookTranscriptMs;
    for (let before = -1; performance.now() < until && !closing; ) {
      const size =
        input.transcript === undefined ? undefined : await ports.transcripts.size(input.transcript);
      if ((size ?? 0) === before) break;
      before = size ?? 0;
      await new Promise((resolve) => setTimeout(resolve, LIMITS.hookTranscriptEveryMs));
    }
    await compared(session, input, install, true);
    for (const call of session.calls.values())
      await abandon(ports, call, 'its session ended, and nobody told how it ended');
  }

  function compared(session: Session, input: HookInput, install: HookInstall, final: boolean): Promise<void> {
    session.compared = session.compared
      .catch(() => undefined)
      .then(() => compare(ports, session, input, install, final));
    return session.compared;
  }

  /** What `tally doctor` posts: the answer says where it stands. */
  async function tested(session: Session, input: HookInput): Promise<JsonObject> {
    const { id, index } = await recordSeen(recorder, session, input, {
      type: 'step.note',
      phase: 'point',
      metadata: surroundings(input),
    });
    return { recorded: { id, index } };
  }

  async function note(session: Session, input: HookInput, more: JsonObject = {}): Promise<void> {
    await recordSeen(recorder, session, input, {
      type: 'step.note',
      phase: 'point',
      ...(input.step === undefined ? {} : { step_id: input.step }),
      metadata: {
        ...surroundings(input),
        ...(input.tool === undefined ? {} : { tool: input.tool }),
        ...more,
      },
    });
  }

  async function said(
    session: Session,
    input: HookInput,
    type: string,
    kind: string,
    text: string | undefined,
  ) {
    const { payload, cut } = carriedText(kind, text);
    await recordSeen(recorder, session, input, {
      type,
      phase: 'point',
      ...(payload === undefined ? {} : { payload }),
      ...(type === 'model.response' ? { outcome: { status: 'ok' as const } } : {}),
      metadata: { ...surroundings(input), ...(cut === undefined ? {} : { cut: [kind] }) },
    });
  }

  async function seen(
    session: Session,
    input: HookInput,
    install: HookInstall,
    isFirst: boolean,
  ): Promise<void> {
    const { value } = input;
    switch (input.event) {
      case 'SessionStart':
        if (!isFirst) await note(session, input, pick(value, ['source']));
        return;
      case 'UserPromptSubmit':
        return said(session, input, 'user.message', 'prompt', textAt(value, 'prompt'));
      case 'PostToolUse':
      case 'PostToolUseFailure':
        return afterTool(ports, session, input);
      case 'PermissionDenied': {
        const call = session.calls.get(input.call);
        await note(session, input, pick(value, ['reason']));
        if (call !== undefined)
          await endTool(
            ports,
            call,
            { status: 'blocked', error_kind: 'denied_by_client' },
            surroundings(input),
          );
        return;
      }
      case 'PermissionRequest':
        return note(session, input, { suggestions: listAt(value, 'permission_suggestions').length });
      case 'SubagentStart':
        return;
      case 'SubagentStop':
        if (input.agent !== undefined) await endAgent(session, input, input.agent.id, { status: 'ok' });
        return;
      case 'Stop':
        await said(session, input, 'model.response', 'result', textAt(value, 'last_assistant_message'));
        return behind(compared(session, input, install, false));
      case 'SessionEnd':
        sessions.drop(session);
        await endRuns(session, input, { status: 'ok' }, pick(value, ['reason']));
        return behind(compareLater(session, input, install));
      default:
        return note(
          session,
          input,
          pick(value, ['message', 'title', 'notification_type', 'error', 'trigger']),
        );
    }
  }

  return {
    async answer(value, install, signal) {
      const input = readInput(value);
      const session = sessions.of(input.session);
      lastMs = recorder.now();
      learn(session, input);
      rememberTranscript(session, input);
      const isFirst = session.begun === undefined;
      await begun(session, input);
      if (input.event === TEST_EVENT) return tested(session, input);
      if (input.event !== PRE_TOOL_USE) {
        await seen(session, input, install, isFirst);
        return GO_ON;
      }
      // Where the program did not say it at its start: its transcript does.
      if (session.version === undefined && install.blocks) {
        await readOn(session.transcript, ports.transcripts, input.transcript);
        session.version = session.transcript.version;
      }
      return beforeTool(ports, session, input, install, signal);
    },
    async unread(event, code) {
      const isCall = event === PRE_TOOL_USE;
      const { actor, quality } = facts(recorder, sessions.of(undefined), readInput({}));
      await recorder.record(
        {
          type: isCall ? 'tool.call' : 'step.note',
          phase: 'point',
          actor,
          quality,
          outcome: { status: isCall ? 'blocked' : 'error', error_kind: code },
          metadata: { hook: event, unread: true },
        },
        hooked('observed'),
      );
      if (!isCall) return undefined;
      return denied(`This call could not be read as a whole (${code}), so it could not be decided on.`);
    },
    state() {
      const all = sessions.all().filter((session) => session.begun !== undefined);
      const open = all.flatMap(({ calls }) => [...calls.values()].filter(({ ended }) => !ended));
      return {
        sessions: all.length,
        open_calls: open.length,
        ...(lastMs === undefined ? {} : { last_ms: lastMs }),
      };
    },
    async close() {
      closing = true;
      await Promise.all(running);
    },
  };
}

/** No event of any version of the program. */
export const TEST_EVENT = 'TallyTest';
