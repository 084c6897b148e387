/**
 * The transcript of a session, read as far as it has grown: which calls it tells of, and how they ended. It is written by
 * the program whose calls are recorded, so it proves nothing; it shows what one of the two did not see.
 */
import type { OutcomeStatus } from '../../core/entry.ts';
import { contentOf } from '../../core/import/claude-line.ts';
import { timeMs } from '../../core/import/values.ts';
import type { JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { booleanAt, field, isObject, listAt, textAt } from '../../core/query/fields.ts';
import { isVersion } from './version.ts';

export interface ToldCall {
  readonly tool: string;
  /** When its line was written, as it says. */
  readonly ms: number | undefined;
  /** What the transcript says of its end; absent while it says nothing. */
  readonly end: { readonly status: OutcomeStatus; readonly notRun: boolean } | undefined;
}

export interface TranscriptState {
  /** Bytes of it that were read. */
  offset: number;
  version: string | undefined;
  /** Newest last; those that were compared are taken out. */
  readonly calls: Map<string, ToldCall>;
  /** Ends whose beginning was read before, by call. */
  readonly ends: Map<string, NonNullable<ToldCall['end']>>;
  /** Calls that were compared so far. */
  compared: number;
  refused: number;
  /** Calls that there was no room for until they were compared. */
  dropped: number;
  /** All of it that there was could be read. */
  whole: boolean;
}

export interface Transcripts {
  /** Whole lines from byte `from` on; gives the offset behind the last one. Undefined: there is no such plain file. */
  read(path: string, from: number, onLine: (line: string) => void): Promise<ReadTranscript | undefined>;
  size(path: string): Promise<number | undefined>;
}

export interface ReadTranscript {
  readonly offset: number;
  /** Lines that were too long to be read. */
  readonly skipped: number;
  /** False: there is more than is read at once. */
  readonly whole: boolean;
}

export function createTranscriptState(): TranscriptState {
  return {
    offset: 0,
    version: undefined,
    calls: new Map(),
    ends: new Map(),
    compared: 0,
    refused: 0,
    dropped: 0,
    whole: true,
  };
}

/** Reads on. False when there is no transcript. Throws what the disk says. */
export async function readOn(
  state: TranscriptState,
  transcripts: Transcripts,
  path: string | undefined,
): Promise<boolean> {
  if (path === undefined) return false;
  const size = await transcripts.size(path);
  if (size === undefined) return false;
  // Shorter than it was: another file under its name.
  if (size < state.offset) state.offset = 0;
  const read = await transcripts.read(path, state.offset, (line) => seeLine(state, line));
  if (read === undefined) return false;
  state.offset = read.offset;
  state.refused += read.skipped;
  state.whole = read.whole && read.skipped === 0;
  return true;
}

/** Lines that tell of no call are not parsed: a transcript has megabytes of them. */
export function seeLine(state: TranscriptState, line: string): void {
  const isOfCall = line.includes('"tool_use"') || line.includes('"tool_result"');
  if (!isOfCall && (state.version !== undefined || !line.includes('"version"'))) return;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // A line that is being written, or that somebody wrote into it: counted, and told with the comparison.
    state.refused++;
    return;
  }
  if (!isObject(value)) return;
  const version = textAt(value, 'version');
  if (version !== undefined && isVersion(version)) state.version = version;
  // Newer versions keep what they sent to the model beside what was said: the same results again, without their ends.
  const kind = textAt(value, 'type');
  if (kind !== undefined && kind !== 'assistant' && kind !== 'user') return;
  const ms = timeMs(textAt(value, 'timestamp'));
  for (const block of contentOf(value)) {
    const type = textAt(block, 'type');
    if (type === 'tool_use') begin(state, textAt(block, 'id'), textAt(block, 'name') ?? '?', ms);
    else if (type === 'tool_result') {
      const failed = booleanAt(block, 'is_error') === true;
      const said = resultText(field(block, 'content'));
      const status = statusOf(value, failed, said);
      const notRun = failed && NOT_RUN.test(said);
      end(state, textAt(block, 'tool_use_id'), { status, notRun });
    }
  }
}

/** A call that the user, or the program for them, refused did not run; newer versions say so in words of their own. */
function statusOf(line: JsonObject, failed: boolean, said: string): OutcomeStatus {
  const denial = textAt(line, 'toolDenialKind');
  const interrupted = booleanAt(field(line, 'toolUseResult'), 'interrupted') === true;
  if (interrupted || denial === 'interrupted' || denial === 'cancelled') return 'aborted';
  if (denial !== undefined && line.toolDenialAfterRun !== true) return 'blocked';
  if (!failed) return 'ok';
  return REFUSED.test(said) ? 'blocked' : 'error';
}

const REFUSED = /^The user doesn't want to (?:proceed|take this action)/;

/** What the program itself refuses before any hook is asked: a call of a tool that there is not, or with a malformed input. */
const NOT_RUN = /^(?:<tool_use_error>)?(?:Error: )?(?:InputValidationError|No such tool available)/;

function begin(state: TranscriptState, id: string | undefined, tool: string, ms: number | undefined): void {
  if (id === undefined || id.length > LIMITS.idChars) return;
  state.calls.set(id, { tool: tool.slice(0, LIMITS.idChars), ms, end: state.calls.get(id)?.end });
  if (forgetOldest(state.calls)) state.dropped++;
}

function end(state: TranscriptState, id: string | undefined, how: NonNullable<ToldCall['end']>): void {
  if (id === undefined || id.length > LIMITS.idChars) return;
  const begun = state.calls.get(id);
  if (begun !== undefined) state.calls.set(id, { ...begun, end: how });
  state.ends.set(id, how);
  forgetOldest(state.ends);
}

/** Of a transcript that is read as a whole, as of a session that goes on, the newest are compared. */
function forgetOldest<T>(map: Map<string, T>): boolean {
  const [oldest] = map.keys();
  if (map.size <= LIMITS.hookToldCalls || oldest === undefined) return false;
  map.delete(oldest);
  return true;
}

function resultText(content: unknown): string {
  if (typeof content === 'string') return content;
  const [first] = Array.isArray(content) ? listAt({ content }, 'content') : [];
  return textAt(first, 'text') ?? '';
}
