/** Alerts as events of the log, and read back from its entries. What a rule says is clipped: names come from agents. */
import type { Event } from '../entry.ts';
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { booleanAt, listAt, numberAt, textAt } from '../query/fields.ts';
import { type Action, CLOSE_REASONS, type CloseReason } from './action.ts';
import { SEVERITIES, type Severity } from './rule.ts';

/** Sizes of texts in entries; together far below what `metadata` may hold. */
const SUBJECT_CHARS = 256;
const MESSAGE_CHARS = 1_000;
const KEY_CHARS = 600;

export function clip(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;
}

export function eventOf(action: Action): Event {
  const common = {
    rule: action.rule,
    kind: action.kind,
    severity: action.severity,
    subject: clip(action.subject, SUBJECT_CHARS),
    at: new Date(action.at).toISOString(),
    ...(action.destinations === undefined ? {} : { destinations: [...action.destinations] }),
  };
  if (action.do === 'close') {
    const metadata = { ...common, alert: action.alert, why: action.why, count: action.count };
    return { id: action.id, type: 'alert.close', phase: 'point', metadata };
  }
  const metadata = {
    ...common,
    message: clip(action.message, MESSAGE_CHARS),
    key: clip(action.key, KEY_CHARS),
    evidence: action.evidence.slice(-LIMITS.alertEvidence),
    ...(action.score === undefined ? {} : { score: action.score }),
  };
  return { id: action.id, type: 'alert.raise', phase: 'point', metadata };
}

/** An alert as its entry tells it. */
export interface Raised {
  readonly id: string;
  readonly index: number;
  readonly ts: string;
  readonly rule: string;
  readonly kind: string;
  readonly severity: Severity;
  readonly subject: string;
  readonly message: string;
  readonly key: string;
  readonly at: string;
  readonly evidence: readonly number[];
  readonly score?: number;
  readonly destinations?: readonly string[];
  /** Asked for by a person, to see whether it arrives. */
  readonly test: boolean;
}

export interface Closed {
  readonly id: string;
  readonly index: number;
  readonly ts: string;
  readonly alert: string;
  readonly rule: string;
  readonly severity: Severity;
  readonly subject: string;
  readonly why: CloseReason;
  readonly count?: number;
  readonly reason?: string;
  /** Who has seen it. */
  readonly by?: string;
  readonly destinations?: readonly string[];
}

export type AlertEntry =
  | { readonly raised: Raised }
  | { readonly closed: Closed }
  /** It says that it is about an alert, and does not say what. */
  | { readonly unclear: string };

/** undefined for every other entry. A refused attempt to acknowledge (its outcome is `blocked`) is not about an alert. */
export function alertIn(entry: JsonObject): AlertEntry | undefined {
  const type = entry.type;
  if (type !== 'alert.raise' && type !== 'alert.close') return undefined;
  if (textAt(entry, 'outcome', 'status') === 'blocked') return undefined;
  const { id, index, ts } = entry;
  if (typeof id !== 'string' || typeof index !== 'number' || typeof ts !== 'string')
    return { unclear: 'no id, index or time' };
  const text = (name: string): string | undefined => textAt(entry, 'metadata', name);
  const severity = SEVERITIES.find((one) => one === text('severity')) ?? 'warning';
  const names = listAt(entry, 'metadata', 'destinations').filter((name) => typeof name === 'string');
  const common = {
    id,
    index,
    ts,
    rule: text('rule') ?? '?',
    severity,
    subject: text('subject') ?? '',
    ...(names.length === 0 ? {} : { destinations: names }),
  };
  if (type === 'alert.close') {
    const alert = text('alert');
    if (alert === undefined) return { unclear: 'it names no alert' };
    const why = CLOSE_REASONS.find((one) => one === text('why')) ?? 'resolved';
    const count = numberAt(entry, 'metadata', 'count');
    const reason = textAt(entry, 'reason');
    const by = textAt(entry, 'actor', 'user', 'id');
    return {
      closed: {
        ...common,
        alert,
        why,
        ...(count === undefined ? {} : { count }),
        ...(reason === undefined ? {} : { reason }),
        ...(by === undefined ? {} : { by }),
      },
    };
  }
  const score = numberAt(entry, 'metadata', 'score');
  return {
    raised: {
      ...common,
      kind: text('kind') ?? '?',
      message: text('message') ?? '',
      key: text('key') ?? '',
      at: text('at') ?? ts,
      evidence: listAt(entry, 'metadata', 'evidence').filter((one) => typeof one === 'number'),
      ...(score === undefined ? {} : { score }),
      test: booleanAt(entry, 'metadata', 'test') === true,
    },
  };
}
