/** How a failure is told. Never a stack trace for a user, unless TALLY_DEBUG asks for it. */
import { isTallyError, TallyError } from '../../core/error.ts';
import { safe, safeJsonText } from './safe.ts';
import type { Output } from './stream.ts';
import type { Paint } from './style.ts';
import { wrap } from './width.ts';

export interface FailureOptions {
  /** {"error":{…}} on one line, for programs; otherwise two lines for a person. */
  readonly json: boolean;
  /** TALLY_DEBUG: the stack and the cause as well. */
  readonly debug: boolean;
}

/** Anything that is not ours is a bug of ours: it says so, and how to get the details. */
export function asTallyError(error: unknown): TallyError {
  if (isTallyError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new TallyError('INTERNAL', `unexpected failure, a bug of Tallystick: ${message}`, {
    hint: 'run it again with TALLY_DEBUG=1 and report the output (look through it first: it may name files and hosts)',
    cause: error,
  });
}

/** Prints to `stderr` and gives the exit code. */
export function printFailure(error: unknown, stderr: Output, options: FailureOptions): number {
  const failure = asTallyError(error);
  if (options.json) void stderr.line(safeJsonText(JSON.stringify({ error: failure })));
  else {
    const { red, bold } = stderr.style;
    void stderr.line(labelled('error:', (label) => red(bold(label)), [failure.message], stderr.width));
    if (failure.hint !== undefined) void stderr.line(hintLine(failure.hint, stderr));
  }
  if (options.debug) void stderr.line(details(failure));
  return failure.exitCode;
}

const LABEL = 7;

export function hintLine(text: string, stderr: Output): string {
  // A hint is our own words: its lines are meant, as an example of a file has them.
  return labelled('hint:', stderr.style.dim, text.split('\n'), stderr.width);
}

/** Wrapped below itself, so that the label stands out on any terminal. */
function labelled(label: string, paint: Paint, lines: readonly string[], width: number | undefined): string {
  return lines
    .flatMap((line) => wrap(safe(line), width === undefined ? undefined : width - LABEL))
    .map((part, i) => (i === 0 ? paint(label) + ' '.repeat(LABEL - label.length) : ' '.repeat(LABEL)) + part)
    .join('\n');
}

function details(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && parts.length < 10; ) {
    parts.push(at instanceof Error ? (at.stack ?? String(at)) : String(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join('\ncaused by: ').split('\n').map(safe).join('\n');
}
