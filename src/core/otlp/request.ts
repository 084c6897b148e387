/** Entries as one `ExportLogsServiceRequest` of OTLP in JSON, bounded. */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { field, textAt } from '../query/fields.ts';
import { type LogName, logRecord, resourceLogs, SCOPE } from './log-record.ts';

export interface RequestBuilder {
  /** False: it is full, and the entry is not in it. `text`: the entry's canonical form. */
  add(entry: JsonObject, text: string): boolean;
  readonly count: () => number;
  body(): string;
}

/**
 * Whether an entry is one that another recorder sent on to this one: that one sends it to wherever it should go, and two
 * that send to each other would do so for ever.
 */
export function wasForwarded(entry: JsonObject): boolean {
  return (
    textAt(entry, 'source', 'surface') === 'otlp' &&
    textAt(field(entry, 'metadata', 'otlp', 'scope'), 'name') === SCOPE
  );
}

export function requestBuilder(log: LogName): RequestBuilder {
  const groups: { readonly key: string; readonly entry: JsonObject; readonly records: JsonObject[] }[] = [];
  let bytes = 0;
  let count = 0;
  return {
    add(entry, text) {
      const record = logRecord(entry, text);
      // Of nearly all the text a byte a character; a request of one record is sent whatever its size.
      const size = JSON.stringify(record).length;
      if (count > 0 && (count >= LIMITS.otlpSendEntries || bytes + size > LIMITS.otlpSendBytes)) return false;
      const key = textAt(entry, 'source', 'recorder_id') ?? '';
      const last = groups.at(-1);
      if (last?.key === key) last.records.push(record);
      else groups.push({ key, entry, records: [record] });
      bytes += size;
      count++;
      return true;
    },
    count: () => count,
    body: () =>
      JSON.stringify({
        resourceLogs: groups.map(({ entry, records }) => resourceLogs(entry, log, records)),
      }),
  };
}
