/**
 * What rows are found by: for each row some pairs of a dimension and a value. A filter is a list of such pairs that must
 * all hold, beside the words of a text and a window of time.
 */
import { classOf, isBelow, isOfType, type LogFilter } from '../../core/query/filter.ts';
import { DIMENSIONS, type Dimension } from '../../core/query/port.ts';
import { kindOf, type Row } from '../../core/query/row.ts';
import { wordsIn } from '../../core/query/words.ts';

/** Numbers as they are stored: a change of the list is another format. */
const OTHERS = [
  'all',
  'hour',
  'kind',
  'redacted',
  'class',
  'statusCode',
  'phase',
  'token',
  'step',
  'session',
  'tenant',
  'onBehalfOf',
  'action',
  'surface',
  'word',
] as const;
export type Key = Dimension | (typeof OTHERS)[number];
const KEYS: readonly Key[] = [...DIMENSIONS, ...OTHERS];
export const KEY_COUNT = KEYS.length;

export const keyNumber = Object.fromEntries(KEYS.map((key, i) => [key, i])) as Readonly<Record<Key, number>>;

const SLOTS = 64;
/** Where the sets of one dimension in one block lie. */
export function slotOf(block: number, key: number): number {
  return block * SLOTS + key;
}

/** Values that carry a tally of their rows: what summaries are made of. */
export const COUNTED: ReadonlySet<number> = new Set(
  [...DIMENSIONS, 'all' as const, 'hour' as const].map((key) => keyNumber[key]),
);

/** As much of `ts` as tells the hour. Texts that differ in it sort as it does. */
export const HOUR_CHARS = '2026-11-20T14'.length;

/** Members with at most one value. */
const SINGLE = [
  ...DIMENSIONS.filter((dimension) => dimension !== 'credential'),
  ...(['phase', 'token', 'step', 'session', 'tenant', 'onBehalfOf', 'action', 'surface'] as const),
];

/** Calls `see` for every pair of a row. Words are apart: they are not in the row. */
export function eachKey(row: Row, see: (key: number, value: string) => void): void {
  see(keyNumber.all, '');
  for (const value of row.credentials) see(keyNumber.credential, storable(value));
  for (let i = 0; i < SINGLE.length; i++) {
    const name = SINGLE[i] as (typeof SINGLE)[number];
    const value = row[name];
    if (value !== undefined) see(keyNumber[name], storable(value));
  }
  if (row.ts !== undefined) see(keyNumber.hour, storable(row.ts.slice(0, HOUR_CHARS)));
  see(keyNumber.kind, kindOf(row));
  if (row.redacted) see(keyNumber.redacted, '');
  const found = classOf(row);
  if (found !== undefined) see(keyNumber.class, found);
  if (row.statusCode !== undefined) see(keyNumber.statusCode, String(row.statusCode));
}

/** Values that begin with it are stored in another form. */
export const ESCAPE = '\uffff';

/** SQLite holds texts as UTF-8, in which half a surrogate pair has no form. */
export function storable(value: string): string {
  return value.isWellFormed() && !value.startsWith(ESCAPE) ? value : ESCAPE + JSON.stringify(value);
}

export function restored(stored: string): string {
  return stored.startsWith(ESCAPE) ? (JSON.parse(stored.slice(ESCAPE.length)) as string) : stored;
}

/** One condition: the row has `key` with any of `values`, or with any value that passes `test`. */
export type Condition =
  | { readonly key: number; readonly values: readonly string[] }
  | { readonly key: number; readonly test: (value: string) => boolean };

/** Everything but the window of time. Those that say most come first. */
export function conditionsOf(filter: LogFilter): readonly Condition[] {
  const found: Condition[] = [];
  const exact = (key: Key, value: string | undefined): void => {
    if (value !== undefined) found.push({ key: keyNumber[key], values: [storable(value)] });
  };
  for (const word of filter.text === undefined ? [] : new Set(wordsIn(filter.text))) exact('word', word);
  exact('step', filter.step);
  exact('run', filter.run);
  exact('session', filter.session);
  exact('token', filter.token);
  exact('agent', filter.agent);
  exact('onBehalfOf', filter.onBehalfOf);
  exact('credential', filter.credential);
  exact('user', filter.user);
  exact('tool', filter.tool);
  exact('action', filter.action);
  exact('reasonCode', filter.reasonCode);
  if (filter.host?.startsWith('*.') === true) {
    const { host } = filter;
    found.push({ key: keyNumber.host, test: (value) => isBelow(value, host) });
  } else exact('host', filter.host);
  if (typeof filter.status === 'number') exact('statusCode', String(filter.status));
  else exact('status', filter.status);
  exact('class', filter.statusClass);
  exact('project', filter.project);
  exact('environment', filter.environment);
  exact('method', filter.method);
  exact('decision', filter.decision);
  exact('layer', filter.layer);
  exact('identity', filter.identity);
  exact('surface', filter.surface);
  exact('phase', filter.phase);
  exact('tenant', filter.tenant);
  const { types } = filter;
  if (types !== undefined)
    found.push({ key: keyNumber.type, test: (value) => types.some((type) => isOfType(value, type)) });
  const { notTypes } = filter;
  if (notTypes !== undefined) found.push({ key: keyNumber.type, test: (value) => !notTypes.includes(value) });
  if (filter.failed === true) found.push({ key: keyNumber.kind, values: ['failed', 'stopped'] });
  if (filter.blocked === true) found.push({ key: keyNumber.kind, values: ['stopped'] });
  if (filter.pending === true) found.push({ key: keyNumber.kind, values: ['pending'] });
  if (filter.redacted === true) found.push({ key: keyNumber.redacted, values: [''] });
  // Every row has that one.
  return found.length === 0 ? [{ key: keyNumber.all, values: [''] }] : found;
}
