/** A line of a transcript: what all of its blocks share. */
import type { Actor, Event } from '../entry.ts';
import type { JsonObject } from '../json.ts';
import { booleanAt, field, isObject, textAt } from '../query/fields.ts';
import type { Draft } from './decoder.ts';
import { idAt, present, timeOf } from './values.ts';

const AGENT = 'claude-code';

/** What every block of a line shares. */
export interface Line {
  readonly value: JsonObject;
  readonly ts: string | undefined;
  draft(part: number, event: Event, more?: JsonObject, metadata?: JsonObject): Draft;
}

/** `parentUuid` is kept as it is said and never followed: a file may make circles of it. */
export function lineOf(value: JsonObject): Line {
  const session = idAt(value, 'sessionId');
  const subagent = idAt(value, 'agentId');
  const version = textAt(value, 'version');
  const ts = timeOf(value.timestamp);
  const actor: Actor = {
    agent_id: AGENT,
    ...(version === undefined ? {} : { agent_version: version }),
    is_agent: true,
    ...(subagent === undefined ? {} : { delegation_chain: [AGENT] }),
  };
  const facts = {
    ...(session === undefined ? {} : { run_id: session, session_id: session }),
    ...present({ step_id: idAt(value, 'uuid') }),
    actor,
  };
  const fields = present({
    parent_uuid: textAt(value, 'parentUuid'),
    subagent,
    sidechain: booleanAt(value, 'isSidechain') === true ? true : undefined,
    meta: booleanAt(value, 'isMeta') === true ? true : undefined,
    compact_summary: booleanAt(value, 'isCompactSummary') === true ? true : undefined,
    cwd: textAt(value, 'cwd'),
    git_branch: textAt(value, 'gitBranch'),
    subtype: textAt(value, 'subtype'),
    level: textAt(value, 'level'),
    request_id: textAt(value, 'requestId'),
    message_id: textAt(field(value, 'message'), 'id'),
    stop_reason: textAt(field(value, 'message'), 'stop_reason'),
    permission_mode: textAt(value, 'permissionMode'),
  }) as JsonObject;
  return {
    value,
    ts,
    draft: (part, event, more = {}, metadata = {}) => ({
      part,
      ts,
      sourceId: textAt(value, 'uuid'),
      event: { ...facts, ...event },
      fields: { ...fields, ...more },
      metadata,
    }),
  };
}

export function contentOf(value: JsonObject): readonly JsonObject[] {
  const content = field(value, 'message', 'content');
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return Array.isArray(content) ? content.filter(isObject) : [];
}
