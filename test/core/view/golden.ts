/**
 * The golden files of views. `node test/core/view/golden.ts --write` makes them anew: look at the difference, line by line,
 * against spec/views.md before it is committed.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { serializeEntry } from '../../../src/core/canonical.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { Call } from '../../../src/core/query/call.ts';
import { field, listAt, textAt } from '../../../src/core/query/fields.ts';
import { csvLine, csvRecord } from '../../../src/core/view/csv.ts';
import { PLAIN_COLUMNS, plainRecord } from '../../../src/core/view/plain.ts';
import { type AllowlistSnapshot, isChained } from '../../../src/core/view/view.ts';
import { VIEW_NAMES, VIEWS, type ViewName } from '../../../src/core/view/views.ts';
import { memoryIndex } from '../../../src/index/memory.ts';
import { numbered } from '../../support/logfiles.ts';
import { POLICIES, variedDrafts } from '../../support/varied.ts';

export const GOLDEN_NAMES = [
  ...VIEW_NAMES.flatMap((name) => [`${name}.jsonl`, `${name}.csv`]),
  'plain.csv',
] as const;

export function readGolden(name: string): string {
  return readFileSync(pathOf(name), 'utf8');
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(`../../golden/${name}`, import.meta.url));
}

/** Calls in the order of the log, as every index folds them. */
async function callsOf(entries: readonly JsonObject[]): Promise<readonly Call[]> {
  const index = memoryIndex();
  for (const entry of entries) index.add(entry);
  const calls: Call[] = [];
  for await (const row of index.query.rows({}, { order: 'oldest' })) {
    const first = entries[row.index];
    const last = row.end === undefined ? undefined : entries[row.end];
    if (first !== undefined) calls.push(last === undefined ? { first } : { first, last });
  }
  return calls;
}

function allowlistOf(entry: JsonObject): AllowlistSnapshot | undefined {
  const [, text] = POLICIES[0] ?? ['', ''];
  const hash = createHash('sha256').update(text).digest('hex');
  if (textAt(entry, 'decision', 'snapshot', 'hash') !== hash) return undefined;
  const domains = listAt(JSON.parse(text) as JsonObject, 'allowlist').map((line) => {
    const port = field(line, 'port');
    const marks = ['http', 'internal'].filter((mark) => field(line, mark) === true);
    return `${textAt(line, 'host')}${port === undefined ? '' : `:${port}`}${marks.map((mark) => ` (${mark})`).join('')}`;
  });
  return { domains, captured_at: textAt(entry, 'decision', 'inputs', 'decided_at') ?? '' };
}

/** What the pure views make of the varied log. */
export async function makeGolden(name: (typeof GOLDEN_NAMES)[number]): Promise<string> {
  const entries = numbered(variedDrafts()).map((entry) => JSON.parse(serializeEntry(entry)) as JsonObject);
  const ids = new Set(entries.map((entry) => textAt(entry, 'id')));
  const calls = await callsOf(entries);
  const [view, format] = name.split('.');
  if (view === 'plain')
    return csvLine(PLAIN_COLUMNS) + calls.map((call) => csvRecord(PLAIN_COLUMNS, plainRecord(call))).join('');
  const shape = VIEWS[view as ViewName];
  const link = isChained(shape) ? shape.chain() : (record: JsonObject) => record;
  const replaced = ({ first }: Call): boolean =>
    shape.perCall && textAt(first, 'phase') === 'post_exec' && ids.has(textAt(first, 'parent_id'));
  const records = calls
    .filter((call) => !replaced(call))
    .flatMap((call) => {
      const allowlist = allowlistOf(call.first);
      return shape.records({ ...call, ...(allowlist === undefined ? {} : { allowlist }) });
    })
    .map((record) => link(record));
  if (format === 'csv')
    return csvLine(shape.fields) + records.map((record) => csvRecord(shape.fields, record)).join('');
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv.includes('--write')) {
  for (const name of GOLDEN_NAMES) writeFileSync(pathOf(name), await makeGolden(name));
}
