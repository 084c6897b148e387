/**
 * What Claude Code posts to a hook: JSON whose members differ from version to version. Nothing is required, nothing is
 * bent to fit, and what is not known is named in the record.
 */
import type { Outcome } from '../../core/entry.ts';
import { sha256Hex } from '../../core/hash.ts';
import { idAt, othersThan } from '../../core/import/values.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { field, numberAt, textAt } from '../../core/query/fields.ts';

export interface HookInput {
  /** Its name as the program calls it; '' without one. */
  readonly event: string;
  readonly session: string | undefined;
  readonly value: JsonObject;
  readonly tool: string | undefined;
  /** The call: what the program calls it, or, of versions that do not say, what it is by tool and input. */
  readonly call: string;
  readonly step: string | undefined;
  /** Of the subagent in which it happened. */
  readonly agent: { readonly id: string; readonly type: string | undefined } | undefined;
  readonly transcript: string | undefined;
}

/** Members of any event that entries have a place for, or that say nothing about what was done. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['hook_event_name', 'session_id', 'transcript_path', 'cwd', 'permission_mode', 'prompt_id', 'effort'],
  ...['agent_id', 'agent_type', 'agent_transcript_path', 'tool_name', 'tool_input', 'tool_use_id'],
  ...['tool_response', 'duration_ms', 'error', 'is_interrupt', 'prompt', 'source', 'model', 'session_title'],
  ...['stop_hook_active', 'last_assistant_message', 'background_tasks', 'session_crons', 'reason', 'message'],
  ...['title', 'notification_type', 'permission_suggestions', 'trigger', 'custom_instructions'],
  ...['error_details', 'compact_summary', 'scratchpad_dir', 'tally'],
]);

export function readInput(value: JsonObject): HookInput {
  const agent = idAt(value, 'agent_id');
  const step = idAt(value, 'tool_use_id');
  return {
    event: idAt(value, 'hook_event_name') ?? '',
    session: idAt(value, 'session_id'),
    value,
    tool: idAt(value, 'tool_name'),
    call: step ?? `input ${printOf(value)}`,
    step,
    agent: agent === undefined ? undefined : { id: agent, type: idAt(value, 'agent_type') },
    transcript: textAt(value, 'transcript_path'),
  };
}

/** Tells one call from another: a second post of the same call is the same, one with another input is not. */
export function printOf(value: JsonObject): string {
  return sha256Hex(JSON.stringify([textAt(value, 'tool_name') ?? '', field(value, 'tool_input') ?? null]));
}

/** How a call ended, of `PostToolUse` and `PostToolUseFailure`; `said`: what came of it, for a payload. */
export function endOf({ event, value }: Pick<HookInput, 'event' | 'value'>): {
  readonly outcome: Outcome;
  readonly failed: boolean;
  readonly said: Json | undefined;
} {
  const duration = numberAt(value, 'duration_ms');
  const failed = event === 'PostToolUseFailure';
  const response = field(value, 'tool_response');
  const interrupted = field(value, 'is_interrupt') === true || field(response, 'interrupted') === true;
  const error = failed ? short(textAt(value, 'error')) : undefined;
  return {
    outcome: {
      status: interrupted ? 'aborted' : failed ? 'error' : 'ok',
      ...(duration === undefined || duration < 0 ? {} : { duration_ms: duration }),
      ...(error === undefined ? {} : { error }),
    },
    failed,
    said: failed ? field(value, 'error') : response,
  };
}

/** A text for the metadata of an entry; undefined for what is none. */
export function short(value: Json | undefined): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const text = value.toWellFormed();
  return text.length <= LIMITS.hookTextChars
    ? text
    : `${text.slice(0, LIMITS.hookTextChars)}…`.toWellFormed();
}

/** The texts among these members, for the metadata of an entry. */
export function pick(value: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.flatMap((name) => {
      const text = short(value[name]);
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

/** What every record of a hook says of its surroundings. */
export function surroundings({ event, value, agent }: HookInput): JsonObject {
  const others = Object.keys(othersThan(value, KNOWN)).map((name) => short(name) ?? '');
  const facts = {
    hook: short(event),
    cwd: short(value.cwd),
    permission_mode: short(value.permission_mode),
    prompt_id: short(value.prompt_id),
    subagent: agent?.id,
    subagent_type: agent?.type,
    other_members: others.length === 0 ? undefined : others.slice(0, LIMITS.hookNames),
  };
  return Object.fromEntries(
    Object.entries(facts).filter(([, fact]) => fact !== undefined),
  ) as unknown as JsonObject;
}
