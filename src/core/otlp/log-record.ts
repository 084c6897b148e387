/**
 * An entry as a log record of OpenTelemetry (spec/otlp.md): the entry itself, in its canonical form, is the body, so that
 * whoever has the record can compute its leaf hash again; attributes name what is searched for. It says nothing that the
 * entry does not, and holds no payload: entries only cite them.
 */
import type { Json, JsonObject } from '../json.ts';
import { type Facts, placelessFacts } from '../query/call.ts';
import { numberAt, textAt } from '../query/fields.ts';
import { classify } from '../query/kind.ts';

/** Of the resource: whose entries they are. Names of logs are not unique, keys are; a recorder does not take its own. */
export const ORIGIN = 'tallystick.origin';
export const VKEY = 'tallystick.vkey';
export const SCOPE = 'tallystick';

const NANOS_A_MS = 1_000_000n;

/** `text`: the entry's canonical form. */
export function logRecord(entry: JsonObject, text: string): JsonObject {
  const facts = placelessFacts(entry);
  const time = nanosOf(facts.ts);
  const traceId = textAt(entry, 'trace', 'trace_id') ?? '';
  const spanId = textAt(entry, 'trace', 'span_id') ?? '';
  const isTraced = /^[0-9a-f]{32}$/.test(traceId);
  const [severityNumber, severityText] = severityOf(facts);
  return {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber,
    severityText,
    eventName: `${SCOPE}.${facts.type}`,
    body: { stringValue: text },
    attributes: attributesOf(entry, facts),
    ...(isTraced ? { traceId } : {}),
    ...(isTraced && /^[0-9a-f]{16}$/.test(spanId) ? { spanId } : {}),
  };
}

export interface LogName {
  readonly origin: string;
  /** That signs now. */
  readonly vkey: string;
}

/** Entries of one recorder, with the scope that all have. */
export function resourceLogs(
  entry: JsonObject,
  log: LogName | undefined,
  records: readonly JsonObject[],
): JsonObject {
  const about: [string, Json | undefined][] = [
    ['service.name', SCOPE],
    ['service.version', textAt(entry, 'source', 'recorder_version')],
    ['service.instance.id', textAt(entry, 'source', 'recorder_id')],
    [ORIGIN, log?.origin],
    [VKEY, log?.vkey],
  ];
  return {
    resource: { attributes: pairs(about) },
    scopeLogs: [{ scope: { name: SCOPE }, logRecords: records }],
  };
}

function nanosOf(ts: string | undefined): string {
  const ms = ts === undefined ? Number.NaN : Date.parse(ts);
  return Number.isNaN(ms) || ms < 0 ? '0' : String(BigInt(ms) * NANOS_A_MS);
}

/** INFO, WARN for what was stopped or waits for a person, ERROR for what failed. */
function severityOf(facts: Omit<Facts, 'index' | 'subject'>): readonly [number, string] {
  const kind = classify(facts, true);
  if (kind === 'failed') return [17, 'ERROR'];
  return kind === 'stopped' || kind === 'pending' ? [13, 'WARN'] : [9, 'INFO'];
}

/** Names of the semantic conventions where they mean the same, and names of our own. */
function attributesOf(entry: JsonObject, facts: Omit<Facts, 'index' | 'subject'>): readonly Json[] {
  return pairs([
    ['tallystick.id', facts.id],
    ['tallystick.index', numberAt(entry, 'index')],
    ['tallystick.type', facts.type],
    ['tallystick.phase', facts.phase],
    ['tallystick.tenant_id', facts.tenant],
    ['tallystick.project_id', facts.project],
    ['tallystick.run_id', facts.run],
    ['tallystick.step_id', facts.step],
    ['tallystick.parent_id', textAt(entry, 'parent_id')],
    ['tallystick.surface', facts.surface],
    ['tallystick.assurance', facts.assurance],
    ['tallystick.identity_level', facts.identity],
    ['tallystick.action.name', facts.action],
    ['tallystick.action.key', textAt(entry, 'action', 'key')],
    ['tallystick.decision.outcome', facts.decision],
    ['tallystick.decision.reason', facts.reasonCode],
    ['tallystick.outcome.status', facts.status],
    ['tallystick.duration_ms', facts.durationMs],
    ['gen_ai.agent.name', facts.agent],
    ['gen_ai.tool.name', facts.tool],
    ['gen_ai.usage.input_tokens', numberAt(entry, 'outcome', 'usage', 'input_tokens')],
    ['gen_ai.usage.output_tokens', numberAt(entry, 'outcome', 'usage', 'output_tokens')],
    ['user.id', textAt(entry, 'actor', 'user', 'id')],
    ['session.id', facts.session],
    ['deployment.environment.name', facts.environment],
    ['server.address', facts.host],
    ['server.port', numberAt(entry, 'action', 'target', 'port')],
    ['url.path', textAt(entry, 'action', 'target', 'path')],
    ['http.request.method', facts.method],
    ['http.response.status_code', facts.statusCode],
    ['error.type', textAt(entry, 'outcome', 'error_kind')],
  ]);
}

/** A list of `KeyValue`; what is absent is left out. */
function pairs(members: readonly (readonly [string, Json | undefined])[]): readonly Json[] {
  return members.flatMap(([key, value]) => (value === undefined ? [] : [{ key, value: anyValue(value) }]));
}

function anyValue(value: Json): Json {
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value !== 'number') return { stringValue: String(value) };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
