/** Rows of `log list` and `log tail`. */
import type { Facts } from '../../core/query/call.ts';
import { safe } from './safe.ts';
import { type Paint, plainText, type Style } from './style.ts';
import type { Cell, Column } from './table.ts';
import { formatDuration, formatRecent, type Zone } from './time.ts';

export interface RowOptions {
  readonly style: Style;
  readonly zone: Zone;
  readonly nowMs: number;
  /** One row an entry: the phase is shown, and an absent outcome means nothing. */
  readonly raw: boolean;
}

export function rowColumns(raw: boolean): readonly Column[] {
  return [
    { header: '#', align: 'right' },
    { header: 'TIME' },
    { header: 'WHO', shrinkTo: 8, weight: 4, cut: 'middle', optional: 1 },
    ...(raw ? [{ header: 'PHASE', optional: 2 }] : []),
    { header: 'WHAT', shrinkTo: 26, weight: 3, cut: 'middle' },
    { header: 'DECISION', shrinkTo: 8, cut: 'words' },
    { header: 'STATUS' },
    { header: 'TOOK', align: 'right', optional: 3 },
  ];
}

export function rowCells(facts: Facts, options: RowOptions): readonly Cell[] {
  const { style, zone, nowMs, raw } = options;
  return [
    { text: facts.index === undefined ? '?' : String(facts.index), paint: style.dim },
    { text: facts.ts === undefined ? '?' : safe(formatRecent(facts.ts, nowMs, zone)), paint: style.dim },
    whoCell(facts, style),
    ...(raw ? [{ text: phaseWord(facts.phase), paint: style.dim }] : []),
    { text: safe(what(facts)) },
    // A decision is made before the action; repeating it behind the end would look like a second one.
    raw && facts.phase === 'post_exec' ? { text: '' } : decisionCell(facts, style),
    statusCell(facts, style, raw),
    { text: facts.durationMs === undefined ? '' : formatDuration(facts.durationMs), paint: style.dim },
  ];
}

/** An agent, bold when its token was checked; without one the person, dim. */
function whoCell({ agent, identity, user }: Facts, style: Style): Cell {
  if (agent !== undefined)
    return { text: safe(agent), paint: identity === 'issued' ? style.bold : plainText };
  return { text: safe(user ?? (identity === undefined ? '' : identity)), paint: style.dim };
}

function phaseWord(phase: string | undefined): string {
  if (phase === 'pre_exec') return 'pre';
  return phase === 'post_exec' ? 'post' : safe(phase ?? '');
}

/** A method says that it is an HTTP call; everything else is named by its type. */
function what({ type, method, subject }: Facts): string {
  return `${type === 'http.call' && method !== undefined ? method : type} ${subject}`.trimEnd();
}

const DECISION_PAINT: Readonly<Record<string, 'green' | 'red' | 'yellow'>> = {
  allow: 'green',
  stop: 'red',
  approval_required: 'yellow',
};

function decisionCell({ decision, reasonCode, enforced }: Facts, style: Style): Cell {
  if (decision === undefined) return { text: '' };
  const colour = Object.hasOwn(DECISION_PAINT, decision) ? DECISION_PAINT[decision] : undefined;
  const words = [decision === 'allow' ? undefined : reasonCode, enforced ? undefined : '(observed)'];
  const text = [decision, ...words.filter((word) => word !== undefined)].join(' ');
  return { text: safe(text), paint: colour === undefined ? plainText : style[colour] };
}

function statusCell({ status, statusCode, phase }: Facts, style: Style, raw: boolean): Cell {
  // What the caller was told when its call was cut; the upstream never answered that.
  if (statusCode !== undefined && status !== 'aborted')
    return { text: String(statusCode), paint: codePaint(statusCode, style) };
  if (status !== undefined) return { text: safe(status), paint: statusPaint(status, style) };
  // A call whose end is not in the log yet.
  return { text: phase === 'pre_exec' && !raw ? 'open' : '', paint: style.yellow };
}

function codePaint(code: number, style: Style): Paint {
  if (code >= 500) return style.red;
  return code >= 400 ? style.yellow : style.green;
}

function statusPaint(status: string, style: Style): Paint {
  if (status === 'ok') return style.green;
  return status === 'pending' || status === 'started' || status === 'unknown' ? style.yellow : style.red;
}
