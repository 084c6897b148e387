/**
 * A session's record against its transcript: calls that the one tells of and the other does not. What the program tells
 * of the end of a call that no hook told ends it here. The difference is an entry, `session.check`.
 */
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import type { HookInput } from './input.ts';
import type { AgentTranscript, Call, Session } from './sessions.ts';
import { endTool } from './tools.ts';
import { readOn, type ToldCall, type TranscriptState } from './transcript.ts';
import { type HookInstall, type HookPorts, recordSeen } from './wiring.ts';

export const SESSION_CHECK = 'session.check';

interface Difference {
  readonly missing: { readonly id: string; readonly tool: string; readonly status: string }[];
  missingCount: number;
  /** The program itself refused them, before any hook. */
  notRun: number;
  /** Recorded by an earlier recorder, or told to be missing before. */
  earlier: number;
  /** From before the part of the log that was looked through. */
  tooOld: number;
  ended: number;
}

/** `final`: nothing more will come, so what only the record has is told too, and that it was compared. */
export async function compare(
  ports: HookPorts,
  session: Session,
  input: HookInput,
  { since }: HookInstall,
  final: boolean,
): Promise<void> {
  const state = session.transcript;
  const isThere = await readOn(state, ports.transcripts, input.transcript);
  session.version ??= state.version;
  if (!isThere) {
    if (final)
      await recordSeen(ports.recorder, session, input, {
        type: SESSION_CHECK,
        phase: 'point',
        outcome: { status: 'unknown', error: 'there is no transcript that could be read' },
        metadata: { hook: input.event, against: 'transcript', compared: 0 },
      });
    return;
  }
  const agents = await readAgents(ports, session, final);
  const states = [state, ...agents.filter(({ isThere }) => isThere).map((one) => one.state)];
  const difference = await differ(ports, session, states, since);
  await endTold(ports, session, states, difference);
  const unseen = final
    ? [...session.calls].filter(
        ([id, call]) => !call.told && isCompared(session, call) && !id.startsWith('input '),
      )
    : [];
  if (!final && difference.missingCount === 0) return;
  const unread = agents.filter(({ isThere }) => !isThere).length;
  const whole =
    states.every((one) => one.whole && one.dropped === 0) && session.forgotten === 0 && unread === 0;
  await recordSeen(ports.recorder, session, input, {
    type: SESSION_CHECK,
    phase: 'point',
    outcome: { status: difference.missingCount + unseen.length > 0 || !whole ? 'error' : 'ok' },
    metadata: told(
      difference,
      session,
      states,
      unread,
      input,
      unseen.map(([id]) => id),
    ),
  });
}

/**
 * One that still runs writes a call before its hook posts it, so until the end of the session those that have stopped are
 * read.
 */
async function readAgents(
  { transcripts }: HookPorts,
  session: Session,
  final: boolean,
): Promise<readonly AgentTranscript[]> {
  const read = [...session.agentTranscripts].filter(([id]) => final || !session.agents.has(id));
  for (const [, one] of read) one.isThere = await readOn(one.state, transcripts, one.path);
  return read.map(([, one]) => one);
}

/** What a subagent did stands in its own transcript, where that could be read. */
function isCompared(session: Session, { agent }: Call): boolean {
  return agent === undefined || session.agentTranscripts.get(agent)?.isThere === true;
}

async function differ(
  ports: HookPorts,
  session: Session,
  states: readonly TranscriptState[],
  since: number,
): Promise<Difference> {
  const difference: Difference = {
    missing: [],
    missingCount: 0,
    notRun: 0,
    earlier: 0,
    tooOld: 0,
    ended: 0,
  };
  const candidates = new Map<string, ToldCall>();
  for (const [id, told] of states.flatMap(({ calls }) => [...calls])) {
    const call = session.calls.get(id);
    if (call !== undefined) call.told = true;
    else if (told.end?.notRun === true) difference.notRun++;
    // Before the hooks were there nobody was to record anything.
    else if (told.ms === undefined || told.ms >= since) candidates.set(id, told);
  }
  for (const state of states) {
    state.compared += state.calls.size;
    state.calls.clear();
  }
  if (candidates.size === 0) return difference;
  const before = await ports.earlier(new Set(candidates.keys()));
  for (const [id, { tool, ms, end }] of candidates) {
    if (before.calls.has(id)) difference.earlier++;
    else if (before.fromMs !== undefined && ms !== undefined && ms < before.fromMs) difference.tooOld++;
    else {
      difference.missingCount++;
      if (difference.missing.length < LIMITS.hookNamed)
        difference.missing.push({
          id: id.slice(0, NAME_CHARS),
          tool: tool.slice(0, NAME_CHARS),
          status: end?.status ?? 'unknown',
        });
    }
  }
  return difference;
}

const NAME_CHARS = 64;

/** A call that the user refused, or that was interrupted, is ended by no hook. */
async function endTold(
  ports: HookPorts,
  session: Session,
  states: readonly TranscriptState[],
  difference: Difference,
): Promise<void> {
  for (const [id, call] of session.calls) {
    if (call.ended || call.pre === undefined) continue;
    const end = states.find(({ ends }) => ends.has(id))?.ends.get(id);
    if (end === undefined) continue;
    difference.ended++;
    await endTool(ports, call, { status: end.status }, { told_by: 'transcript' });
  }
  for (const { ends } of states) ends.clear();
}

function told(
  difference: Difference,
  session: Session,
  states: readonly TranscriptState[],
  unread: number,
  input: HookInput,
  unseen: readonly string[],
): JsonObject {
  const sum = (of: (state: TranscriptState) => number): number =>
    states.reduce((all, state) => all + of(state), 0);
  const { missing, missingCount, notRun, earlier, tooOld, ended } = difference;
  const counts = {
    not_run: notRun,
    recorded_earlier: earlier,
    too_old: tooOld,
    ended_by_transcript: ended,
    lines_not_read: sum(({ refused }) => refused),
    calls_forgotten: session.forgotten,
    calls_not_compared: sum(({ dropped }) => dropped),
    subagents: states.length - 1,
    subagents_not_compared: unread,
  };
  return {
    hook: input.event,
    against: 'transcript',
    compared: sum(({ compared }) => compared),
    ...(missingCount === 0 ? {} : { missing_from_record: missing, missing_from_record_count: missingCount }),
    ...(unseen.length === 0
      ? {}
      : {
          missing_from_transcript: unseen.slice(0, LIMITS.hookNamed).map((id) => id.slice(0, NAME_CHARS)),
          missing_from_transcript_count: unseen.length,
        }),
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    ...(states.every(({ whole }) => whole) ? {} : { transcript_not_whole: true }),
  };
}
