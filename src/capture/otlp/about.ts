/** What entries say of the span or record that they were made of, beside what it did: who, where, and in its own words. */
import type { Actor, Event, Outcome } from '../../core/entry.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import { LIMITS } from '../../core/limits.ts';
import { type Labels, labelsOf, movedOf } from './labels.ts';
import type { Attributes, Item, Resource, Span, SpanEvent } from './model.ts';
import { isInput, NAMES } from './names.ts';
import { clipped, durationMs, idText, opened, timeText } from './text.ts';
import { setMember } from './value.ts';

/** Of one that was never given a name the SDK says so. */
const UNKNOWN = /^unknown_service(?::|$)/;

export interface From {
  readonly service: string | undefined;
  readonly environment: string | undefined;
  /** As it stands in the entry; undefined when it says nothing. */
  readonly told: JsonObject | undefined;
  readonly version: string | undefined;
}

const seen = new WeakMap<Resource, From>();

/** Looked at once, however many spans stand in it. */
export function fromOf(resource: Resource): From {
  const from = seen.get(resource) ?? readFrom(resource);
  seen.set(resource, from);
  return from;
}

function readFrom({ attributes }: Resource): From {
  const labels = labelsOf(attributes);
  const given = labels.text(NAMES.service);
  const name = given === undefined || UNKNOWN.test(given) ? undefined : given;
  const version = labels.text(NAMES.serviceVersion);
  const instance = labels.text(NAMES.serviceInstance);
  const told = without({ name, version, instance });
  return {
    service: name,
    version,
    environment: labels.text(NAMES.environment),
    told: Object.keys(told).length === 0 ? undefined : told,
  };
}

/** Texts clipped; absent members left out. */
export function without(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  const said: Record<string, Json> = {};
  for (const [name, value] of Object.entries(members))
    if (value !== undefined && value !== '') said[name] = typeof value === 'string' ? clipped(value) : value;
  return said;
}

/** Its own word. `proved`: a token says who it is; a name beside that stands in `metadata.otlp` only. */
export function actorOf(
  agent: string | undefined,
  version: string | undefined,
  proved: boolean,
): Pick<Event, 'actor'> {
  if (agent === undefined || proved) return {};
  const actor: Actor = {
    agent_id: idText(agent, 'unnamed'),
    ...(version === undefined ? {} : { agent_version: clipped(version) }),
  };
  return { actor };
}

export function contextOf(labels: Labels, from: From): Pick<Event, 'session_id' | 'environment' | 'quality'> {
  const session = labels.text(NAMES.session);
  return {
    ...(session === undefined ? {} : { session_id: idText(session, 'unnamed') }),
    ...(from.environment === undefined ? {} : { environment: idText(from.environment, 'unnamed') }),
    quality: {
      'metadata.otlp': 'asserted',
      ...(from.environment === undefined ? {} : { environment: 'asserted' as const }),
    },
  };
}

const KINDS: readonly string[] = ['', 'internal', 'server', 'client', 'producer', 'consumer'];

/** `metadata.otlp` of the entry that begins it, or stands for it. */
export function spanAbout(
  { scope, record }: Item<Span>,
  from: From,
  agent: string | undefined,
  rest: ReturnType<Labels['rest']>,
): JsonObject {
  const links = record.links.filter(({ spanId }) => spanId !== '');
  return without({
    time: timeText(record.start),
    span: record.name,
    kind: KINDS[record.kind] ?? String(record.kind),
    parent_span_id: record.parentSpanId,
    agent,
    service: from.told,
    scope: scopeOf(scope),
    attributes: rest.attributes,
    in_payload: rest.moved.length === 0 ? undefined : movedOf(rest.moved),
    links:
      record.links.length === 0
        ? undefined
        : {
            count: record.links.length,
            spans: links
              .slice(0, LIMITS.otlpEvents)
              .map(({ traceId, spanId }) => ({ trace_id: traceId, span_id: spanId })),
          },
    events: eventsOf(record.events),
    dropped: record.dropped === 0 ? undefined : record.dropped,
  });
}

export function scopeOf({ name, version }: Item<unknown>['scope']): JsonObject | undefined {
  const scope = without({ name, version });
  return Object.keys(scope).length === 0 ? undefined : scope;
}

function eventsOf(events: readonly SpanEvent[]): JsonObject | undefined {
  if (events.length === 0) return undefined;
  const named = events.slice(0, LIMITS.otlpEvents);
  return {
    count: events.length,
    first: named.map(({ name, time }) =>
      without({ name: clipped(name, LIMITS.otlpNameBytes), time: timeText(time) }),
    ),
  };
}

/** What the events of a span hold, as parts of what went in and of what came out. */
export function eventContents(events: readonly SpanEvent[]): {
  readonly input: Json[];
  readonly output: Json[];
} {
  const [input, output]: [Json[], Json[]] = [[], []];
  for (const { name, attributes } of events) {
    if (Object.keys(attributes).length === 0) continue;
    const content: Record<string, Json> = { event: name };
    for (const [member, value] of Object.entries(attributes)) setMember(content, member, opened(value));
    (isInput(name) ? input : output).push(content);
  }
  return { input, output };
}

/** How it ended, as the span says: by its status, its error, or an exception among its events. */
export function outcomeOf(span: Span, labels: Labels): Outcome {
  const thrown = span.events.find(({ name }) => name === 'exception')?.attributes ?? {};
  return endOf(labels, thrown, {
    isError: span.status.code === 2,
    text: span.status.message,
    duration: durationMs(span.start, span.end),
  });
}

export function endOf(
  labels: Labels,
  thrown: Attributes,
  said: { readonly isError: boolean; readonly text: string; readonly duration: number | undefined },
): Outcome {
  const exception = labelsOf(thrown);
  const kind = labels.text(NAMES.error) ?? exception.text(NAMES.error);
  const isError = said.isError || kind !== undefined;
  const text = said.text !== '' ? said.text : exception.text(NAMES.errorText);
  return {
    status: !isError ? 'ok' : kind === 'timeout' ? 'timeout' : 'error',
    ...(said.duration === undefined ? {} : { duration_ms: said.duration }),
    ...(kind === undefined ? {} : { error_kind: clipped(kind) }),
    ...(isError && text !== undefined && text !== '' ? { error: clipped(text) } : {}),
  };
}

export function usageOf(labels: Labels): Pick<Outcome, 'usage'> {
  const [input, output] = [labels.number(NAMES.inputTokens), labels.number(NAMES.outputTokens)];
  const cost = labels.number(NAMES.cost);
  const usage = {
    ...(Number.isSafeInteger(input) ? { input_tokens: input } : {}),
    ...(Number.isSafeInteger(output) ? { output_tokens: output } : {}),
    ...(cost === undefined ? {} : { cost_usd: cost }),
  };
  return Object.keys(usage).length === 0 ? {} : { usage };
}
