/** The blocks of a message: text, thinking, calls of tools and what came back. */
import type { Event } from '../entry.ts';
import type { Json, JsonObject } from '../json.ts';
import { booleanAt, field, isObject, listAt, numberAt, textAt } from '../query/fields.ts';
import { oneToolName, toolNamed } from '../tool-name.ts';
import { contentOf, type Line } from './claude-line.ts';
import type { UsageCounter } from './claude-usage.ts';
import type { Draft, SourceRecord } from './decoder.ts';
import type { Links } from './links.ts';
import { idAt, present } from './values.ts';

/** An entry whose text is its payload; undefined without text. */
export function textDraft(
  line: Line,
  part: number,
  type: string,
  payloadClass: string,
  text: string | undefined,
): Draft | undefined {
  if (text === undefined || text === '') return undefined;
  return line.draft(part, {
    type,
    phase: 'point',
    payload: { media_type: 'text/plain', class: payloadClass, data: text },
  });
}

/** What a person typed, what the program put there in their name, and what tools gave back. */
export function userDrafts(line: Line, links: Links): readonly (Draft | undefined)[] {
  const injected =
    booleanAt(line.value, 'isMeta') === true || booleanAt(line.value, 'isCompactSummary') === true;
  return contentOf(line.value).map((block, part) => {
    switch (textAt(block, 'type')) {
      case 'text':
        return textDraft(
          line,
          part,
          injected ? 'system.instruction' : 'user.message',
          'prompt',
          textAt(block, 'text'),
        );
      case 'tool_result':
        return resultDraft(line, part, block, links);
      default:
        return otherDraft(line, part, 'user.message', block);
    }
  });
}

export function assistantDrafts(
  line: Line,
  record: SourceRecord,
  links: Links,
  counter: UsageCounter,
): readonly (Draft | undefined)[] {
  const { value, ts } = line;
  const message = field(value, 'message');
  const model = idAt(value, 'message', 'model');
  const usage = counter.added(textAt(message, 'id'), field(message, 'usage'));
  const response = (part: number): Draft =>
    line.draft(
      part,
      {
        type: 'model.response',
        phase: 'point',
        ...(model === undefined ? {} : { action: { name: model } }),
        outcome: { status: 'ok' },
      },
      {},
      present({ provider: 'anthropic', model }) as JsonObject,
    );
  const drafts = contentOf(value).map((block, part) => {
    switch (textAt(block, 'type')) {
      case 'text':
        return withText(response(part), 'result', textAt(block, 'text'));
      case 'thinking':
        return withText(
          { ...response(part), event: { ...response(part).event, type: 'step.note' } },
          'thinking',
          textAt(block, 'thinking'),
        );
      case 'tool_use':
      case 'server_tool_use':
        return callDraft(line, part, block, record.id(part, ts), links);
      default:
        return otherDraft(line, part, 'model.response', block);
    }
  });
  if (usage === undefined) return drafts;
  // The tokens are the response's: where a line tells of calls only, it is told by an entry of its own.
  const at = drafts.findIndex((draft) => draft?.event.type === 'model.response');
  const bearer = drafts[at] ?? response(drafts.length);
  const counted = { ...bearer, event: { ...bearer.event, outcome: { status: 'ok' as const, usage } } };
  return at === -1 ? [counted, ...drafts] : drafts.map((draft, i) => (i === at ? counted : draft));
}

function withText(draft: Draft, payloadClass: string, text: string | undefined): Draft | undefined {
  if (text === undefined || text === '') return undefined;
  return {
    ...draft,
    event: { ...draft.event, payload: { media_type: 'text/plain', class: payloadClass, data: text } },
  };
}

/** The input is hashed as arguments, and its text is a payload. */
function callDraft(line: Line, part: number, block: JsonObject, id: string, links: Links): Draft {
  const name = idAt(block, 'name') ?? 'tool';
  const input = field(block, 'input');
  const use = textAt(block, 'id');
  if (use !== undefined) links.begin(use, id);
  return line.draft(
    part,
    {
      type: 'tool.call',
      phase: 'pre_exec',
      // The same for both halves of the call.
      ...stepOf(use),
      action: {
        name: oneToolName(name),
        tool: toolNamed(name),
        ...(input === undefined ? {} : { args: input }),
      },
      ...(input === undefined
        ? {}
        : { payload: { media_type: 'application/json', class: 'arguments', data: JSON.stringify(input) } }),
    },
    present({ tool_use_id: use }) as JsonObject,
  );
}

function stepOf(use: string | undefined): Pick<Event, 'step_id'> {
  const step = idAt({ use }, 'use');
  return step === undefined ? {} : { step_id: step };
}

function resultDraft(line: Line, part: number, block: JsonObject, links: Links): Draft {
  const use = textAt(block, 'tool_use_id');
  const begun = use === undefined ? undefined : links.end(use);
  if (begun === undefined) links.missed();
  const told = field(line.value, 'toolUseResult');
  const duration = numberAt(told, 'durationMs') ?? numberAt(told, 'totalDurationMs');
  const interrupted = booleanAt(told, 'interrupted') === true;
  const failed = booleanAt(block, 'is_error') === true;
  const { text, others } = resultText(field(block, 'content'));
  return line.draft(
    part,
    {
      type: 'tool.result',
      ...stepOf(use),
      ...(begun === undefined
        ? { phase: 'point' as const }
        : { phase: 'post_exec' as const, parent_id: begun }),
      outcome: {
        status: interrupted ? 'aborted' : failed ? 'error' : 'ok',
        ...(duration === undefined || duration < 0 ? {} : { duration_ms: duration }),
      },
      ...(text === '' ? {} : { payload: { media_type: 'text/plain', class: 'result', data: text } }),
    },
    present({ tool_use_id: use, other_blocks: others === 0 ? undefined : others }) as JsonObject,
  );
}

/** The text of a result, and how many blocks of it are none (images). */
function resultText(content: Json | undefined): { readonly text: string; readonly others: number } {
  if (typeof content === 'string') return { text: content, others: 0 };
  const blocks = Array.isArray(content) ? listAt({ content }, 'content').filter(isObject) : [];
  const texts = blocks.filter((block) => textAt(block, 'type') === 'text');
  return {
    text: texts.map((block) => textAt(block, 'text') ?? '').join('\n'),
    others: blocks.length - texts.length,
  };
}

/** An image, a document, a kind of block that is not known: that it was there is told, its bytes are not. */
function otherDraft(line: Line, part: number, type: string, block: JsonObject): Draft {
  return line.draft(
    part,
    { type, phase: 'point', ...(type === 'model.response' ? { outcome: { status: 'ok' as const } } : {}) },
    present({ block: textAt(block, 'type')?.slice(0, 64) ?? '?' }) as JsonObject,
  );
}
