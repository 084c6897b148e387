/**
 * Transcripts of Claude Code: a line a message, or one block of one. spec/import.md section 8. Kinds of lines that are
 * not known here pass and are counted: every version of that program adds some.
 */
import { textAt } from '../query/fields.ts';
import { assistantDrafts, textDraft, userDrafts } from './claude-blocks.ts';
import { type Line, lineOf } from './claude-line.ts';
import { createUsageCounter } from './claude-usage.ts';
import type { Decoded, Decoder, Draft } from './decoder.ts';
import { createLinks } from './links.ts';

export function claudeCodeDecoder(): Decoder {
  const links = createLinks();
  const usage = createUsageCounter();
  return {
    unpaired: links.unpaired,
    decode(record) {
      const { value } = record;
      const type = textAt(value, 'type');
      if (type === undefined) return { refused: 'type: missing' };
      const line = lineOf(value);
      switch (type) {
        case 'user':
          return some(userDrafts(line, links), 'user without content');
        case 'assistant':
          return some(assistantDrafts(line, record, links, usage), 'assistant without content');
        case 'system':
          return some(systemDrafts(line), 'system without content');
        case 'summary':
          return some(
            [textDraft(line, 0, 'step.note', 'summary', textAt(value, 'summary'))],
            'summary without text',
          );
        default:
          return { passed: type.slice(0, KIND_CHARS) };
      }
    },
  };
}

const KIND_CHARS = 64;

function some(drafts: readonly (Draft | undefined)[], none: string): Decoded {
  const found = drafts.filter((draft) => draft !== undefined);
  return found.length === 0 ? { passed: none } : { drafts: found };
}

/** A compaction, a hook, an error of the API: what the program itself says. */
function systemDrafts(line: Line): readonly (Draft | undefined)[] {
  const { value } = line;
  const failed = textAt(value, 'subtype') === 'api_error' || textAt(value, 'level') === 'error';
  const content = textAt(value, 'content');
  if (!failed && content === undefined) return [line.draft(0, { type: 'step.note', phase: 'point' })];
  if (!failed) return [textDraft(line, 0, 'step.note', 'note', content)];
  const draft =
    textDraft(line, 0, 'error', 'note', content) ?? line.draft(0, { type: 'error', phase: 'point' });
  return [{ ...draft, event: { ...draft.event, outcome: { status: 'error' } } }];
}
