/** Where subagents have their transcripts: each its own, beside that of its session. */
import { LIMITS } from '../../core/limits.ts';
import { textAt } from '../../core/query/fields.ts';
import type { HookInput } from './input.ts';
import type { Session } from './sessions.ts';
import { createTranscriptState } from './transcript.ts';

/** As the program says at the end of a subagent; before that, where it writes it. */
export function rememberTranscript(session: Session, input: HookInput): void {
  const { agent, value } = input;
  if (agent === undefined) return;
  const said = textAt(value, 'agent_transcript_path');
  const path = transcriptOf(input);
  if (path === undefined) return;
  const known = session.agentTranscripts.get(agent.id);
  if (known !== undefined) {
    if (said !== undefined) known.path = said;
    return;
  }
  const [oldest] = session.agentTranscripts.keys();
  if (session.agentTranscripts.size >= LIMITS.hookAgents && oldest !== undefined) {
    session.agentTranscripts.delete(oldest);
    session.forgotten++;
  }
  session.agentTranscripts.set(agent.id, { path, state: createTranscriptState(), isThere: false });
}

/** The one in which this stands: the session's, or that of its subagent. */
export function transcriptOf({ agent, value, transcript }: HookInput): string | undefined {
  if (agent === undefined) return transcript;
  return textAt(value, 'agent_transcript_path') ?? besideOf(transcript, agent.id);
}

function besideOf(transcript: string | undefined, id: string): string | undefined {
  const [, session] = /^(\/.*)\.jsonl$/s.exec(transcript ?? '') ?? [];
  return session === undefined || !/^[\w-]{1,128}$/.test(id)
    ? undefined
    : `${session}/subagents/agent-${id}.jsonl`;
}
