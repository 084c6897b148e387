/**
 * Log records as events: those of the GenAI conventions as what they tell of, failures as errors, all others as they are.
 * Bodies are contents and go into the payload.
 */
import type { Event } from '../../core/entry.ts';
import type { Json } from '../../core/json.ts';
import { actorOf, contextOf, endOf, type From, fromOf, scopeOf, usageOf, without } from './about.ts';
import { carried } from './carried.ts';
import { type LogRequest, logEntryId } from './ids.ts';
import type { KnownSpan, KnownSpans } from './known.ts';
import { type Labels, labelsOf, movedOf } from './labels.ts';
import type { Attributes, Item, LogRecord } from './model.ts';
import { NAMES } from './names.ts';
import { idText, opened, timeText } from './text.ts';

export interface LogEvents {
  /** Made as they are asked for, once. */
  readonly events: Iterable<{ readonly at: number; readonly event: Event }>;
  readonly ignored: () => number;
}

export interface ToldLogs {
  readonly request: LogRequest;
  /** A token says which agent it is. */
  readonly proved: boolean;
  readonly others: boolean;
  readonly known: KnownSpans;
}

/** Severities from here on are failures. */
const ERROR = 17;
const SAMPLED = 1;
const DETAILS = 'gen_ai.client.inference.operation.details';

export function logEvents(items: readonly Item<LogRecord>[], told: ToldLogs): LogEvents {
  let ignored = 0;

  function* made(): Generator<{ readonly at: number; readonly event: Event }> {
    for (const [at, item] of items.entries()) {
      const name = nameOf(item.record);
      if (!told.others && !name.startsWith('gen_ai.')) ignored++;
      else for (const event of eventsOf(item, name, told, at)) yield { at, event };
    }
  }

  return { events: made(), ignored: () => ignored };
}

/** Events were log records with an attribute before they had a name. */
function nameOf({ eventName, attributes }: LogRecord): string {
  const older = Object.hasOwn(attributes, 'event.name') ? attributes['event.name'] : undefined;
  return eventName !== '' ? eventName : typeof older === 'string' ? older : '';
}

function eventsOf(item: Item<LogRecord>, name: string, told: ToldLogs, at: number): readonly Event[] {
  const { record } = item;
  const labels = labelsOf(record.attributes);
  labels.text(['event.name']);
  const from = fromOf(item.resource);
  const above = told.known.find(record.traceId, record.spanId);
  const agent = labels.text(NAMES.agent);
  const base = {
    id: logEntryId(record, told.request, at, 0),
    ...placeOf(record, above),
    ...contextOf(labels, from),
  };
  const version = labels.text(NAMES.agentVersion) ?? from.version;
  const who = actorOf(agent ?? above?.agent ?? from.service, version, told.proved);
  // The span that tells of the call comes by itself; a record that stands in none tells of all of it.
  if (name === DETAILS && (record.spanId === '' || (record.flags & SAMPLED) === 0))
    return callOf(item, { ...base, ...who }, { labels, from, told, at });
  const { type, more } = typeOf(name, labels, record);
  const rest = labels.rest();
  const content = {
    ...rest.input,
    ...rest.output,
    ...(record.body === null || record.body === '' ? {} : { body: opened(record.body) }),
  };
  const payload = carried(CLASSES[type] ?? 'body', content);
  return [
    {
      ...base,
      ...who,
      type,
      phase: 'point',
      ...(type === 'user.message' || type === 'system.instruction'
        ? {}
        : { action: { name: idText(name, 'log') } }),
      ...more,
      metadata: { otlp: { ...logAbout(item, name, from, agent), ...restOf(rest) } },
      ...(payload === undefined ? {} : { payload }),
    },
  ];
}

const CLASSES: Readonly<Record<string, string>> = {
  'user.message': 'prompt',
  'system.instruction': 'prompt',
  'step.note': 'note',
};

const NOTES: ReadonlySet<string> = new Set([
  'gen_ai.assistant.message',
  'gen_ai.tool.message',
  'gen_ai.choice',
  DETAILS,
]);

function typeOf(
  name: string,
  labels: Labels,
  record: LogRecord,
): { readonly type: string; readonly more: Pick<Event, 'outcome'> } {
  if (name === 'gen_ai.system.message') return { type: 'system.instruction', more: {} };
  if (name === 'gen_ai.user.message') return { type: 'user.message', more: {} };
  if (NOTES.has(name)) return { type: 'step.note', more: {} };
  const isError = record.severity >= ERROR || labels.peek(NAMES.error) !== undefined;
  if (!isError) return { type: 'custom', more: {} };
  const thrown: Attributes = record.attributes;
  return {
    type: 'error',
    more: { outcome: endOf(labels, thrown, { isError, text: '', duration: undefined }) },
  };
}

function placeOf({ traceId, spanId }: LogRecord, above: KnownSpan | undefined): Partial<Event> {
  if (traceId === '') return {};
  return {
    run_id: traceId,
    ...(above === undefined ? {} : { parent_id: above.entry }),
    trace: { trace_id: traceId, ...(spanId === '' ? {} : { span_id: spanId }) },
  };
}

function logAbout({ scope, record }: Item<LogRecord>, name: string, from: From, agent: string | undefined) {
  return without({
    time: timeText(record.time === 0n ? record.observed : record.time),
    event: name,
    severity: record.severity === 0 ? undefined : record.severity,
    severity_text: record.severityText,
    agent,
    service: from.told,
    scope: scopeOf(scope),
    dropped: record.dropped === 0 ? undefined : record.dropped,
  });
}

function restOf({ attributes, moved }: ReturnType<Labels['rest']>): Readonly<Record<string, Json>> {
  return {
    ...(attributes === undefined ? {} : { attributes }),
    ...(moved.length === 0 ? {} : { in_payload: movedOf(moved) }),
  };
}

/** A whole call of a model, told by one record. */
function callOf(
  item: Item<LogRecord>,
  base: Partial<Event>,
  { labels, from, told, at }: { labels: Labels; from: From; told: ToldLogs; at: number },
): readonly Event[] {
  const { record } = item;
  const model = labels.text(NAMES.model);
  const about = without({ provider: labels.text(NAMES.provider), model });
  const response = without({
    model: labels.text(NAMES.responseModel),
    id: labels.text(NAMES.responseId),
    finish_reasons: labels.value(NAMES.finishReasons),
  });
  const outcome = {
    ...endOf(labels, {}, { isError: false, text: '', duration: undefined }),
    ...usageOf(labels),
  };
  const rest = labels.rest();
  const prompt = carried('prompt', rest.input);
  const body = record.body === null ? {} : { body: opened(record.body) };
  const result = carried('result', { ...rest.output, ...body });
  return [
    {
      ...base,
      type: 'model.call',
      phase: 'pre_exec',
      action: { name: idText(model, 'unnamed') },
      metadata: { ...about, otlp: { ...logAbout(item, DETAILS, from, undefined), ...restOf(rest) } },
      ...(prompt === undefined ? {} : { payload: prompt }),
    },
    {
      id: logEntryId(record, told.request, at, 1),
      type: 'model.response',
      phase: 'post_exec',
      parent_id: base.id,
      ...(base.run_id === undefined ? {} : { run_id: base.run_id }),
      outcome,
      quality: { 'metadata.otlp': 'asserted' },
      metadata: {
        ...(Object.keys(response).length === 0 ? {} : { response }),
        otlp: without({ time: timeText(record.time) }),
      },
      ...(result === undefined ? {} : { payload: result }),
    },
  ];
}
