/** Rows of `tally audit`: records of secretspec's view, for people. */
import type { JsonObject } from '../../core/json.ts';
import { listAt, textAt } from '../../core/query/fields.ts';
import { safe } from './safe.ts';
import { type Paint, plainText, type Style } from './style.ts';
import type { Cell, Column } from './table.ts';
import { formatRecent, type Zone } from './time.ts';

export interface AuditRowOptions {
  readonly style: Style;
  readonly zone: Zone;
  readonly nowMs: number;
}

export function auditColumns(zoneLabel: string): readonly Column[] {
  return [
    { header: `TIME (${zoneLabel})` },
    { header: 'WHO', shrinkTo: 6, cut: 'middle', optional: 1 },
    { header: 'ACTION' },
    { header: 'SECRET', shrinkTo: 12, weight: 1, cut: 'middle' },
    { header: 'PROJECT', shrinkTo: 7, weight: 2, cut: 'middle', optional: 3 },
    { header: 'PROFILE', shrinkTo: 7, optional: 4 },
    { header: 'OUTCOME', shrinkTo: 8 },
    { header: 'REASON', shrinkTo: 12, weight: 3, optional: 2 },
  ];
}

export function auditCells(record: JsonObject, { style, zone, nowMs }: AuditRowOptions): readonly Cell[] {
  const text = (...path: readonly string[]): string => safe(textAt(record, ...path) ?? '');
  const agent = textAt(record, 'actor', 'agent');
  const outcome = textAt(record, 'outcome');
  const kind = textAt(record, 'error_kind');
  return [
    { text: timeText(record, nowMs, zone), paint: style.dim },
    agent === undefined
      ? { text: text('actor', 'user'), paint: style.dim }
      : { text: safe(agent), paint: style.bold },
    { text: text('action') },
    { text: safe(secretsOf(record)) },
    { text: text('project'), paint: style.dim },
    { text: text('profile'), paint: style.dim },
    {
      // The kind says more than that it is one; red says the rest.
      text: safe(kind === undefined || outcome !== 'error' ? (outcome ?? '') : kind),
      paint: outcomePaint(outcome, style),
    },
    { text: text('reason') },
  ];
}

/** When it happened. Only a file says so of what was imported. */
function timeText(record: JsonObject, nowMs: number, zone: Zone): string {
  const said = textAt(record, 'imported', 'ts');
  const ts = said ?? textAt(record, 'ts');
  return ts === undefined ? '?' : `${said === undefined ? '' : '~'}${safe(formatRecent(ts, nowMs, zone))}`;
}

function secretsOf(record: JsonObject): string {
  const keys = listAt(record, 'keys').filter((key) => typeof key === 'string');
  const [first = '', ...more] = keys;
  // Names that run into each other look like one when they are cut.
  return textAt(record, 'key') ?? (more.length === 0 ? first : `${first} +${more.length}`);
}

function outcomePaint(outcome: string | undefined, style: Style): Paint {
  if (outcome === undefined) return plainText;
  if (outcome === 'error') return style.red;
  return outcome === 'missing' ? style.yellow : style.green;
}
