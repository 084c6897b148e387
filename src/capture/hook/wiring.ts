/** What the hooks are handed, and what all that they record has in common. */
import type { Assurance, Event } from '../../core/entry.ts';
import type { Producer, Receipt } from '../../recorder/api.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';
import { actingOf, identityOf } from './actor.ts';
import type { HookInput } from './input.ts';
import type { Session } from './sessions.ts';
import type { Transcripts } from './transcript.ts';

export type HookRecorder = Pick<
  LocalRecorder,
  | 'act'
  | 'record'
  | 'abandon'
  | 'find'
  | 'identify'
  | 'principal'
  | 'policy'
  | 'tenant'
  | 'now'
  | 'waitForApproval'
>;

export interface Earlier {
  /** By what the program calls them: ids of the pre_exec of calls; '' for those that were told to be missing. */
  readonly calls: ReadonlyMap<string, string>;
  /** The log was looked through from then on; absent: all of it. */
  readonly fromMs?: number;
}

export interface HookPorts {
  readonly recorder: HookRecorder;
  readonly transcripts: Transcripts;
  /** Looks the newest entries of the log through for calls that this recorder did not see itself. */
  earlier(calls: ReadonlySet<string>): Promise<Earlier>;
  /** What went wrong behind an answer. */
  readonly onError: (error: unknown) => void;
}

/** Which installed hook posted. */
export interface HookInstall {
  /** The settings in force have this hook block what it guards when it cannot be reached. */
  readonly blocks: boolean;
  /** Milliseconds since the epoch: what was done before was not to be recorded. */
  readonly since: number;
}

export const hooked = (assurance: Assurance): Producer => ({ surface: 'hook', assurance });

export function runOf({ session, agent }: Pick<HookInput, 'session' | 'agent'>): string | undefined {
  if (session === undefined) return undefined;
  return agent === undefined ? session : subrunOf(session, agent.id);
}

/** One session may have hundreds; each id stays within what an id may be. */
export function subrunOf(session: string, agent: string): string {
  return `${session.slice(0, 120)}/${agent.slice(0, 120)}`;
}

/** Of any record of this input: whose it is, and who did it. */
export function facts(
  recorder: HookRecorder,
  session: Session,
  input: HookInput,
): Pick<Event, 'run_id' | 'session_id' | 'actor' | 'quality'> {
  const { actor, quality } = actingOf(recorder, identityOf(recorder, input), session.version);
  const run_id = runOf(input);
  const { run_id: _run, session_id: _session, ...others } = quality;
  return {
    ...(run_id === undefined ? {} : { run_id }),
    ...(input.session === undefined ? {} : { session_id: input.session }),
    actor,
    quality: run_id === undefined ? others : quality,
  };
}

/** What was seen and is no action that anybody held. */
export function recordSeen(
  recorder: HookRecorder,
  session: Session,
  input: HookInput,
  event: Event,
): Promise<Receipt> {
  return recorder.record({ ...facts(recorder, session, input), ...event }, hooked('observed'));
}
