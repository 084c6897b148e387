/** The rows that somebody asked for, written in the form that they asked for. Memory is flat, nothing is left out. */

import { inLogOrder } from '../../core/export/log-order.ts';
import type { JsonObject } from '../../core/json.ts';
import { textAt } from '../../core/query/fields.ts';
import type { LogFilter } from '../../core/query/filter.ts';
import { parseLine } from '../../core/query/line.ts';
import type { Row } from '../../core/query/row.ts';
import { csvLine, csvRecord } from '../../core/view/csv.ts';
import { PLAIN_COLUMNS, plainRecord } from '../../core/view/plain.ts';
import { isChained, type View } from '../../core/view/view.ts';
import type { OpenedQuery } from '../../open/query.ts';
import { readRows } from '../asking.ts';
import { besidePrunes } from './beside-prunes.ts';
import { citedPolicies } from './policies.ts';
import type { Sink } from './sink.ts';
import { type WholeLog, wholeLog } from './whole.ts';

export interface Wanted {
  readonly filter: LogFilter;
  readonly format: 'jsonl' | 'csv';
  readonly view?: View;
  /** Of jsonl without a view: the policy snapshots that the entries cite. */
  readonly snapshots: boolean;
}

/** What came out. True totals: nothing is capped. */
export interface Exported {
  rows: number;
  entries: number;
  /** Lines of the output, without a header. */
  records: number;
  snapshots: number;
  /** Ends of calls that another end replaced: a format that tells a call once does not tell them. */
  replaced: number;
  /** Entries that the index knows and the log does not hold, or not as they were. */
  unreadable: number;
  missing: readonly string[];
  altered: readonly string[];
}

export interface Watch {
  readonly signal: AbortSignal;
  /** Rows done. */
  onProgress(rows: number): void;
}

export async function writeExport(
  opened: OpenedQuery,
  wanted: Wanted,
  sink: Sink,
  watch: Watch,
): Promise<Exported> {
  return besidePrunes(
    opened,
    () => writeAs(opened, wanted, sink, watch),
    ({ unreadable }) => unreadable > 0,
  );
}

async function writeAs(opened: OpenedQuery, wanted: Wanted, sink: Sink, watch: Watch): Promise<Exported> {
  const { format, view } = wanted;
  if (view === undefined && format === 'jsonl') {
    const whole = Object.keys(wanted.filter).length === 0 ? await wholeLog(opened) : undefined;
    return whole === undefined
      ? writeStored(opened, wanted, sink, watch)
      : writeWhole(opened, whole, wanted, sink, watch);
  }
  return writeRecords(opened, wanted, sink, watch);
}

function nothing(): Exported {
  return {
    rows: 0,
    entries: 0,
    records: 0,
    snapshots: 0,
    replaced: 0,
    unreadable: 0,
    missing: [],
    altered: [],
  };
}

async function* counting(
  rows: AsyncIterable<Row>,
  done: Exported,
  { signal, onProgress }: Watch,
): AsyncGenerator<Row> {
  for await (const row of rows) {
    signal.throwIfAborted();
    done.rows++;
    onProgress(done.rows);
    yield row;
  }
}

const NEWLINE = Buffer.from('\n');
/** Entries between two looks at the clock and at who wants to end it. */
const WHOLE_STEP = 256;

/** The stored bytes in the order of the log, each policy snapshot before the first entry that cites it. */
async function writeStored(opened: OpenedQuery, wanted: Wanted, sink: Sink, watch: Watch): Promise<Exported> {
  const done = nothing();
  const policies = citedPolicies(opened.opened.reader);
  const rows = counting(opened.query.rows(wanted.filter, { order: 'oldest' }), done, watch);
  let asked = 0;
  const indexes = async function* (): AsyncGenerator<number> {
    for await (const index of inLogOrder(rows)) {
      asked++;
      yield index;
    }
  };
  for await (const { line, entry } of opened.entries(indexes())) {
    watch.signal.throwIfAborted();
    if (entry === undefined) continue;
    const policy = wanted.snapshots ? await policies.fresh(entry) : undefined;
    if (policy !== undefined) {
      done.snapshots++;
      await sink.write(policy.bytes);
      await sink.write(NEWLINE);
    }
    done.entries++;
    await sink.write(line);
    await sink.write(NEWLINE);
  }
  const { missing, altered } = policies;
  return {
    ...done,
    records: done.entries + done.snapshots,
    unreadable: asked - done.entries,
    missing,
    altered,
  };
}

async function writeWhole(
  opened: OpenedQuery,
  whole: WholeLog,
  wanted: Wanted,
  sink: Sink,
  watch: Watch,
): Promise<Exported> {
  const policies = citedPolicies(opened.opened.reader);
  let entries = 0;
  let snapshots = 0;
  for await (const { line, cites } of whole.lines()) {
    if (entries % WHOLE_STEP === 0) {
      watch.signal.throwIfAborted();
      watch.onProgress(Math.floor((entries / whole.entries) * whole.rows));
    }
    const parsed = cites && wanted.snapshots ? parseLine(line) : undefined;
    const policy = parsed !== undefined && 'entry' in parsed ? await policies.fresh(parsed.entry) : undefined;
    if (policy !== undefined) {
      snapshots++;
      await sink.write(policy.bytes);
      await sink.write(NEWLINE);
    }
    entries++;
    await sink.write(line);
    await sink.write(NEWLINE);
  }
  watch.onProgress(whole.rows);
  const { missing, altered } = policies;
  return {
    ...nothing(),
    rows: whole.rows,
    entries,
    records: entries + snapshots,
    snapshots,
    // A beginning that was pruned meanwhile.
    unreadable: whole.entries - entries,
    missing,
    altered,
  };
}

async function writeRecords(
  opened: OpenedQuery,
  wanted: Wanted,
  sink: Sink,
  watch: Watch,
): Promise<Exported> {
  const { view, format } = wanted;
  const done = nothing();
  const policies = citedPolicies(opened.opened.reader);
  const columns = view?.fields ?? PLAIN_COLUMNS;
  const link = view !== undefined && isChained(view) ? view.chain() : (record: JsonObject) => record;
  const print = (record: JsonObject): string =>
    format === 'csv' ? csvRecord(columns, record) : `${JSON.stringify(record)}\n`;
  if (format === 'csv') await sink.write(csvLine(columns));
  const asking = readRows(
    opened,
    counting(opened.query.rows(wanted.filter, { order: 'oldest' }), done, watch),
  );
  for await (const { call } of asking.rows()) {
    watch.signal.throwIfAborted();
    done.entries += call.last === undefined ? 1 : 2;
    if (view?.perCall === true && (await isReplaced(opened, call.first))) {
      done.replaced++;
      continue;
    }
    const allowlist = view?.wantsAllowlist === true ? await policies.allowlist(call.first) : undefined;
    const records =
      view === undefined
        ? [plainRecord(call)]
        : view.records({ ...call, ...(allowlist === undefined ? {} : { allowlist }) });
    for (const record of records) {
      done.records++;
      await sink.write(print(link(record)));
    }
  }
  const { missing, altered } = policies;
  return { ...done, unreadable: asking.unfit().count, missing, altered };
}

/** An end that stands alone although its call is there: another end counts, or it may not end that call. */
async function isReplaced({ query }: OpenedQuery, entry: JsonObject): Promise<boolean> {
  const parent = textAt(entry, 'phase') === 'post_exec' ? textAt(entry, 'parent_id') : undefined;
  return parent !== undefined && (await query.indexOf(parent)) !== undefined;
}
