/**
 * OTLP in protobuf (opentelemetry-proto 1.x): requests to their spans and log records. Fields may come in any order, so
 * what stands around a span is collected before it is read. What cannot be decoded is refused as a whole.
 */
import type { Json } from '../../core/json.ts';
import { type Collected, collect } from './budget.ts';
import type { Decoded, LogRecord, Resource, Scope, Span, SpanEvent, SpanLink } from './model.ts';
import { addAttribute, anyValue, attributesIn, type Take } from './protobuf-value.ts';
import { idOf } from './value.ts';
import { eachField, small } from './wire.ts';

/** A span or a record, or why it is none. */
type Read<T> = (bytes: Uint8Array, take: Take) => T | { readonly refused: string };

/** Throws BAD_EVENT and ENTRY_TOO_LARGE. */
export function spansOfProtobuf(bytes: Uint8Array): Decoded<Span> {
  return decode(bytes, spanOf);
}

/** Throws BAD_EVENT and ENTRY_TOO_LARGE. */
export function logsOfProtobuf(bytes: Uint8Array): Decoded<LogRecord> {
  return decode(bytes, logOf);
}

function decode<T extends object>(bytes: Uint8Array, read: Read<T>): Decoded<T> {
  const collected = collect<T>();
  eachField(bytes, (field) => {
    if (field.number === 1) groupOf(field.message(), collected, read);
  });
  return collected.done();
}

/** `ResourceSpans`, `ResourceLogs`: the same numbers in both. */
function groupOf<T extends object>(bytes: Uint8Array, collected: Collected<T>, read: Read<T>): void {
  let resource: Resource = { attributes: {} };
  const scopes: Uint8Array[] = [];
  eachField(bytes, (field) => {
    collected.value();
    if (field.number === 1) resource = { attributes: attributesIn(field.message(), 1, collected.value) };
    else if (field.number === 2) scopes.push(field.message());
  });
  for (const scope of scopes) recordsOf(scope, resource, collected, read);
}

function recordsOf<T extends object>(
  bytes: Uint8Array,
  resource: Resource,
  collected: Collected<T>,
  read: Read<T>,
): void {
  let scope: Scope = { name: '', version: '', schemaUrl: '' };
  let schemaUrl = '';
  const records: Uint8Array[] = [];
  eachField(bytes, (field) => {
    collected.value();
    if (field.number === 1) scope = scopeOf(field.message());
    else if (field.number === 2) records.push(field.message());
    else if (field.number === 3) schemaUrl = field.text();
  });
  const whole = { ...scope, schemaUrl };
  for (const one of records) {
    const record = read(one, collected.value);
    if ('refused' in record) collected.refuse(record.refused);
    else collected.add(resource, whole, record);
  }
}

function scopeOf(bytes: Uint8Array): Scope {
  const scope = { name: '', version: '', schemaUrl: '' };
  eachField(bytes, (field) => {
    if (field.number === 1) scope.name = field.text();
    else if (field.number === 2) scope.version = field.text();
  });
  return scope;
}

const NO_IDS = 'a span without a trace id of 16 bytes and a span id of 8';

function spanOf(bytes: Uint8Array, take: Take): Span | { readonly refused: string } {
  let [traceId, spanId, parentSpanId]: (string | undefined)[] = ['', '', ''];
  let [name, kind, dropped] = ['', 0, 0];
  let [start, end] = [0n, 0n];
  let status = { code: 0, message: '' };
  const attributes: Record<string, Json> = {};
  const events: SpanEvent[] = [];
  const links: SpanLink[] = [];
  take();
  eachField(bytes, (field) => {
    switch (field.number) {
      case 1:
        traceId = idOf(field.bytes(), 16);
        break;
      case 2:
        spanId = idOf(field.bytes(), 8);
        break;
      case 4:
        parentSpanId = idOf(field.bytes(), 8);
        break;
      case 5:
        name = field.text();
        break;
      case 6:
        kind = small(field.varint());
        break;
      case 7:
        start = field.fixed64();
        break;
      case 8:
        end = field.fixed64();
        break;
      case 9:
        addAttribute(attributes, field, take);
        break;
      case 10:
      case 12:
      case 14:
        dropped += small(field.varint());
        break;
      case 11:
        events.push(eventOf(field.message(), take));
        break;
      case 13:
        links.push(linkOf(field.message(), take));
        break;
      case 15:
        status = statusOf(field.message());
        break;
      default:
    }
  });
  if (traceId === undefined || traceId === '' || spanId === undefined || spanId === '')
    return { refused: NO_IDS };
  if (parentSpanId === undefined) return { refused: 'a span whose parent id has not 8 bytes' };
  return {
    traceId,
    spanId,
    parentSpanId,
    name,
    kind,
    start,
    end,
    attributes,
    events,
    links,
    dropped,
    status,
  };
}

function eventOf(bytes: Uint8Array, take: Take): SpanEvent {
  const event = { name: '', time: 0n, attributes: {} as Record<string, Json> };
  take();
  eachField(bytes, (field) => {
    if (field.number === 1) event.time = field.fixed64();
    else if (field.number === 2) event.name = field.text();
    else if (field.number === 3) addAttribute(event.attributes, field, take);
  });
  return event;
}

/** One without ids links to nothing, and is counted all the same. */
function linkOf(bytes: Uint8Array, take: Take): SpanLink {
  const link = { traceId: '', spanId: '' };
  take();
  eachField(bytes, (field) => {
    if (field.number === 1) link.traceId = idOf(field.bytes(), 16) ?? '';
    else if (field.number === 2) link.spanId = idOf(field.bytes(), 8) ?? '';
  });
  return link;
}

function statusOf(bytes: Uint8Array): Span['status'] {
  const status = { code: 0, message: '' };
  eachField(bytes, (field) => {
    if (field.number === 2) status.message = field.text();
    else if (field.number === 3) status.code = small(field.varint());
  });
  return status;
}

function logOf(bytes: Uint8Array, take: Take): LogRecord | { readonly refused: string } {
  let [traceId, spanId]: (string | undefined)[] = ['', ''];
  let [severityText, eventName] = ['', ''];
  let [time, observed] = [0n, 0n];
  let [severity, dropped, flags] = [0, 0, 0];
  let body: Json = null;
  const attributes: Record<string, Json> = {};
  take();
  eachField(bytes, (field) => {
    switch (field.number) {
      case 1:
        time = field.fixed64();
        break;
      case 2:
        severity = small(field.varint());
        break;
      case 3:
        severityText = field.text();
        break;
      case 5:
        body = anyValue(field.message(), take, 0);
        break;
      case 6:
        addAttribute(attributes, field, take);
        break;
      case 7:
        dropped = small(field.varint());
        break;
      case 8:
        flags = field.fixed32();
        break;
      case 9:
        traceId = idOf(field.bytes(), 16);
        break;
      case 10:
        spanId = idOf(field.bytes(), 8);
        break;
      case 11:
        observed = field.fixed64();
        break;
      case 12:
        eventName = field.text();
        break;
      default:
    }
  });
  if (traceId === undefined || spanId === undefined) return { refused: 'a log record with half an id' };
  return {
    time,
    observed,
    severity,
    severityText,
    body,
    attributes,
    dropped,
    eventName,
    traceId,
    spanId,
    flags,
  };
}
