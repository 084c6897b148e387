/** The runs of a session: its own, and one for each subagent. */
import type { Outcome } from '../../core/entry.ts';
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { PRE_TOOL_USE } from './answer.ts';
import { type HookInput, short, surroundings } from './input.ts';
import type { Session } from './sessions.ts';
import { facts, type HookRecorder, hooked, recordSeen, subrunOf } from './wiring.ts';

/** What a session, or a part of it, may begin with. */
const BEGINNINGS: ReadonlySet<string> = new Set([
  'SessionStart',
  'UserPromptSubmit',
  PRE_TOOL_USE,
  'SubagentStart',
]);

export interface Runs {
  /** The run of this input, and of its subagent, are on record when it resolves. */
  begun(session: Session, input: HookInput): Promise<void>;
  /** Of a subagent whose run is open. */
  endAgent(session: Session, input: HookInput, id: string, outcome: Outcome): Promise<void>;
  endRuns(session: Session, input: HookInput, outcome: Outcome, more: JsonObject): Promise<void>;
}

export function createRuns(recorder: HookRecorder): Runs {
  async function begin(session: Session, input: HookInput): Promise<void> {
    const { value } = input;
    const source = short(value.source);
    const metadata = {
      ...surroundings(input),
      ...(source === undefined ? {} : { source }),
      ...(short(value.model) === undefined ? {} : { model: short(value.model) }),
      ...(session.entrypoint === undefined ? {} : { entrypoint: session.entrypoint }),
      // Its own beginning was not told: to an earlier recorder, or to none.
      ...(input.event === 'SessionStart' ? {} : { first_seen: true }),
    };
    const main = { ...input, agent: undefined };
    if (session.id !== undefined)
      await recordSeen(recorder, session, main, { type: 'run.start', phase: 'point', metadata });
  }

  /**
   * A run begins once, whatever comes first and however much comes at once. What tells of an end begins none: an earlier
   * recorder has its beginning.
   */
  async function begun(session: Session, input: HookInput): Promise<void> {
    if (!BEGINNINGS.has(input.event)) return session.begun;
    session.begun ??= begin(session, input);
    try {
      await session.begun;
    } catch (error) {
      session.begun = undefined;
      throw error;
    }
    const { agent } = input;
    if (agent === undefined || session.id === undefined || session.agents.has(agent.id)) return;
    if (session.agents.size >= LIMITS.hookAgents) {
      const [oldest] = session.agents.keys();
      if (oldest !== undefined) await endAgent(session, input, oldest, { status: 'unknown' });
    }
    session.agents.set(agent.id, agent.type);
    await recordSeen(recorder, session, input, {
      type: 'run.start',
      phase: 'point',
      metadata: { ...surroundings(input), parent_run: session.id },
    });
  }

  async function endAgent(session: Session, input: HookInput, id: string, outcome: Outcome): Promise<void> {
    if (session.id === undefined || !session.agents.has(id)) return;
    const agent = { id, type: session.agents.get(id) };
    session.agents.delete(id);
    await recorder.record(
      {
        ...facts(recorder, session, { ...input, agent }),
        type: 'run.end',
        phase: 'point',
        run_id: subrunOf(session.id, id),
        outcome,
        metadata: surroundings({ ...input, agent }),
      },
      hooked('observed'),
    );
  }

  async function endRuns(
    session: Session,
    input: HookInput,
    outcome: Outcome,
    more: JsonObject,
  ): Promise<void> {
    for (const id of [...session.agents.keys()]) await endAgent(session, input, id, { status: 'unknown' });
    session.begun = undefined;
    if (session.id === undefined) return;
    const { duplicates } = session;
    const main = { ...input, agent: undefined };
    await recordSeen(recorder, session, main, {
      type: 'run.end',
      phase: 'point',
      outcome,
      metadata: { ...surroundings(main), ...more, ...(duplicates === 0 ? {} : { duplicates }) },
    });
  }

  return { begun, endAgent, endRuns };
}
