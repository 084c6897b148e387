/**
 * What is remembered of the sessions that hooks tell of, while this recorder runs. Bounded: what is forgotten is counted,
 * and a session or call that comes back later is recorded all the same.
 */
import type { Assurance, Tier } from '../../core/entry.ts';
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { createTranscriptState, type TranscriptState } from './transcript.ts';

export interface Call {
  readonly print: string;
  readonly tool: string;
  readonly agent: string | undefined;
  readonly assurance: Assurance;
  /** What its first post was answered: a second one gets the same. */
  answer: Promise<JsonObject> | undefined;
  /** The pre_exec that waits for its end. */
  pre: string | undefined;
  ended: boolean;
  /** It stands in the transcript. */
  told: boolean;
}

export interface AgentTranscript {
  path: string;
  readonly state: TranscriptState;
  /** It was there when it was looked at last. */
  isThere: boolean;
}

export interface Session {
  readonly id: string | undefined;
  readonly calls: Map<string, Call>;
  /** Subagents by their id, with their type, whose runs are open. */
  readonly agents: Map<string, string | undefined>;
  transcript: TranscriptState;
  /** Those of its subagents, by their id. */
  readonly agentTranscripts: Map<string, AgentTranscript>;
  /** Comparisons with the transcript, one after the other. */
  compared: Promise<void>;
  /** Its run is begun, or being begun. */
  begun: Promise<void> | undefined;
  version: string | undefined;
  tier: Tier;
  /** How it began, as it was told. */
  entrypoint: string | undefined;
  duplicates: number;
  /** Calls that had no room. */
  forgotten: number;
}

export interface Sessions {
  /** The one with this id, now the newest. `onForgotten`: of one that has to make room for it. */
  of(id: string | undefined): Session;
  /** It ended: what comes under its id from now on is another one. */
  drop(session: Session): void;
  all(): readonly Session[];
}

export function createSessions(onForgotten: (session: Session) => void): Sessions {
  const sessions = new Map<string, Session>();
  return {
    of(id) {
      const key = id ?? '';
      const known = sessions.get(key);
      if (known !== undefined) {
        sessions.delete(key);
        sessions.set(key, known);
        return known;
      }
      const made = newSession(id);
      sessions.set(key, made);
      if (sessions.size > LIMITS.hookSessions) {
        const [oldest] = sessions.values();
        sessions.delete(oldest?.id ?? '');
        if (oldest !== undefined) onForgotten(oldest);
      }
      return made;
    },
    drop(session) {
      const key = session.id ?? '';
      if (sessions.get(key) === session) sessions.delete(key);
    },
    all: () => [...sessions.values()],
  };
}

function newSession(id: string | undefined): Session {
  return {
    id,
    calls: new Map(),
    agents: new Map(),
    transcript: createTranscriptState(),
    agentTranscripts: new Map(),
    compared: Promise.resolve(),
    begun: undefined,
    version: undefined,
    tier: 'interactive',
    entrypoint: undefined,
    duplicates: 0,
    forgotten: 0,
  };
}

/** Makes room in the calls of a session: those that ended go first. Gives the one that had to go, when it was open. */
export function makeRoom(session: Session): Call | undefined {
  if (session.calls.size < LIMITS.hookCalls) return undefined;
  const [key, call] = toForget(session.calls) ?? [];
  if (key === undefined) return undefined;
  session.calls.delete(key);
  session.forgotten++;
  return call?.ended === false ? call : undefined;
}

/** The oldest that ended: nearly always the first. */
function toForget(calls: ReadonlyMap<string, Call>): readonly [string, Call] | undefined {
  for (const entry of calls) if (entry[1].ended) return entry;
  const [oldest] = calls;
  return oldest;
}
