/** Log records of OpenTelemetry: one `ExportLogsServiceRequest` of one record an entry, as OTLP in JSON. */
import { serializeEntry } from '../canonical.ts';
import { isTallyError } from '../error.ts';
import type { JsonObject } from '../json.ts';
import { logRecord, resourceLogs } from '../otlp/log-record.ts';
import type { View } from './view.ts';

function record(entry: JsonObject): JsonObject {
  return { resourceLogs: [resourceLogs(entry, undefined, [logRecord(entry, textOf(entry))])] };
}

/** What is in a log has a canonical form; a view throws for nothing. */
function textOf(entry: JsonObject): string {
  try {
    return serializeEntry(entry);
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return JSON.stringify(entry);
  }
}

export const otlp: View = {
  fields: ['resourceLogs'],
  perCall: false,
  wantsAllowlist: false,
  records: ({ first, last }) => (last === undefined ? [record(first)] : [record(first), record(last)]),
};
