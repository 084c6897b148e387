/** Requests of OTLP in JSON to their spans and log records. */
import type { JsonObject } from '../../core/json.ts';
import { collect } from './budget.ts';
import { bodyOf, idIn, member, messageAt, messagesAt, nanosIn, numberIn, textIn } from './json.ts';
import { anyValue, attributesAt } from './json-value.ts';
import type { Decoded, LogRecord, Scope, Span, SpanEvent, SpanLink } from './model.ts';
import { textValue } from './value.ts';

type Take = () => void;
type Read<T> = (record: JsonObject, take: Take) => T | { readonly refused: string };

interface Names {
  readonly groups: string;
  readonly scopes: string;
  readonly records: string;
}

/** Throws BAD_EVENT and ENTRY_TOO_LARGE. */
export function spansOfJson(bytes: Uint8Array): Decoded<Span> {
  return decode(bytes, { groups: 'resourceSpans', scopes: 'scopeSpans', records: 'spans' }, spanOf);
}

/** Throws BAD_EVENT and ENTRY_TOO_LARGE. */
export function logsOfJson(bytes: Uint8Array): Decoded<LogRecord> {
  return decode(bytes, { groups: 'resourceLogs', scopes: 'scopeLogs', records: 'logRecords' }, logOf);
}

function decode<T extends object>(bytes: Uint8Array, names: Names, read: Read<T>): Decoded<T> {
  const collected = collect<T>();
  for (const group of messagesAt(bodyOf(bytes), names.groups)) {
    collected.value();
    const resource = {
      attributes: attributesAt(messageAt(group, 'resource') ?? {}, 'attributes', collected.value),
    };
    for (const within of messagesAt(group, names.scopes)) {
      collected.value();
      const scope = { ...scopeOf(messageAt(within, 'scope')), schemaUrl: textIn(within, 'schemaUrl') };
      for (const one of messagesAt(within, names.records)) {
        const record = read(one, collected.value);
        if ('refused' in record) collected.refuse(record.refused);
        else collected.add(resource, scope, record);
      }
    }
  }
  return collected.done();
}

function scopeOf(scope: JsonObject = {}): Omit<Scope, 'schemaUrl'> {
  return { name: textValue(textIn(scope, 'name')), version: textValue(textIn(scope, 'version')) };
}

function spanOf(span: JsonObject, take: Take): Span | { readonly refused: string } {
  take();
  const traceId = idIn(span, 'traceId', 16);
  const spanId = idIn(span, 'spanId', 8);
  const parentSpanId = idIn(span, 'parentSpanId', 8);
  if (traceId === undefined || traceId === '' || spanId === undefined || spanId === '')
    return { refused: 'a span without a trace id of 16 bytes and a span id of 8, in hex' };
  if (parentSpanId === undefined) return { refused: 'a span whose parent id has not 8 bytes' };
  const status = messageAt(span, 'status') ?? {};
  return {
    traceId,
    spanId,
    parentSpanId,
    name: textValue(textIn(span, 'name')),
    kind: numberIn(span, 'kind'),
    start: nanosIn(span, 'startTimeUnixNano'),
    end: nanosIn(span, 'endTimeUnixNano'),
    attributes: attributesAt(span, 'attributes', take),
    events: messagesAt(span, 'events').map((event) => eventOf(event, take)),
    links: messagesAt(span, 'links').map((link) => linkOf(link, take)),
    dropped:
      numberIn(span, 'droppedAttributesCount') +
      numberIn(span, 'droppedEventsCount') +
      numberIn(span, 'droppedLinksCount'),
    status: { code: numberIn(status, 'code'), message: textValue(textIn(status, 'message')) },
  };
}

function eventOf(event: JsonObject, take: Take): SpanEvent {
  take();
  return {
    name: textValue(textIn(event, 'name')),
    time: nanosIn(event, 'timeUnixNano'),
    attributes: attributesAt(event, 'attributes', take),
  };
}

function linkOf(link: JsonObject, take: Take): SpanLink {
  take();
  return { traceId: idIn(link, 'traceId', 16) ?? '', spanId: idIn(link, 'spanId', 8) ?? '' };
}

function logOf(record: JsonObject, take: Take): LogRecord | { readonly refused: string } {
  take();
  const traceId = idIn(record, 'traceId', 16);
  const spanId = idIn(record, 'spanId', 8);
  if (traceId === undefined || spanId === undefined) return { refused: 'a log record with half an id' };
  return {
    time: nanosIn(record, 'timeUnixNano'),
    observed: nanosIn(record, 'observedTimeUnixNano'),
    severity: numberIn(record, 'severityNumber'),
    severityText: textValue(textIn(record, 'severityText')),
    body: anyValue(member(record, 'body'), take),
    attributes: attributesAt(record, 'attributes', take),
    dropped: numberIn(record, 'droppedAttributesCount'),
    eventName: textValue(textIn(record, 'eventName')),
    traceId,
    spanId,
    flags: numberIn(record, 'flags'),
  };
}
