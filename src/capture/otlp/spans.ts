/**
 * Spans as events. A span comes when it has ended, so both halves of what it did are recorded together, each before what
 * happened inside of it. One trace is one run. Nothing here decides or ends anything that the recorder holds: an end
 * names the beginning that was made of the same span, and no other.
 */
import type { Event } from '../../core/entry.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import {
  actorOf,
  contextOf,
  eventContents,
  fromOf,
  outcomeOf,
  spanAbout,
  usageOf,
  without,
} from './about.ts';
import { carried } from './carried.ts';
import { spanDigest, spanEntryId } from './ids.ts';
import type { KnownSpan, KnownSpans } from './known.ts';
import { type Labels, labelsOf } from './labels.ts';
import type { Item, Span } from './model.ts';
import { type Does, doesOf, NAMES, OPERATION } from './names.ts';
import { idText, opened, timeText } from './text.ts';
import { type Node, walkSpans } from './tree.ts';

export interface SpanEvents {
  /**
   * In the order in which they are to stand in the log; `at` is the place of the span in the request. Made as they are
   * asked for, once: a request of thousands must not keep everybody else waiting.
   */
  readonly events: Iterable<{ readonly at: number; readonly event: Event }>;
  /** Spans that are not recorded, because the configuration says so. */
  readonly ignored: () => number;
  /** What later spans may name, once it is recorded. */
  readonly known: ReadonlyMap<number, KnownSpan>;
}

export interface Told {
  /** Who sends: ids are their own. */
  readonly caller: string;
  /** A token says which agent it is. */
  readonly proved: boolean;
  /** The sender speaks for a run that was started on the record: its beginning and its end are not the sender's to tell. */
  readonly inRun: boolean;
  /** Whether spans that have nothing to do with agents are recorded. */
  readonly others: boolean;
  readonly known: KnownSpans;
}

export function spanEvents(items: readonly Item<Span>[], told: Told): SpanEvents {
  const known = new Map<number, KnownSpan>();
  const ends = new Map<number, Event>();
  let ignored = 0;

  function* made(): Generator<{ readonly at: number; readonly event: Event }> {
    for (const { node, enter } of walkSpans(items)) {
      const { at } = node;
      if (!enter) {
        const end = ends.get(at);
        if (end !== undefined) yield { at, event: end };
        ends.delete(at);
        continue;
      }
      const above = knownAbove(node, known, told.known);
      const does = doesOf(node.item.record.attributes);
      if (does === 'other' && !told.others && !isGenAi(node.item.record)) {
        ignored++;
        // What is inside of it belongs to what it is inside of.
        if (above !== undefined) known.set(at, above);
        continue;
      }
      const { begin, end, as } = eventsOf(node.item, does, above, told);
      if (end !== undefined) ends.set(at, end);
      known.set(at, as);
      yield { at, event: begin };
    }
  }

  return { events: made(), ignored: () => ignored, known };
}

function isGenAi({ attributes }: Span): boolean {
  return Object.hasOwn(attributes, OPERATION);
}

function knownAbove(
  { item, parent }: Node,
  inRequest: ReadonlyMap<number, KnownSpan>,
  lately: KnownSpans,
): KnownSpan | undefined {
  const { traceId, parentSpanId } = item.record;
  if (parent !== undefined) return inRequest.get(parent.at);
  return parentSpanId === '' ? undefined : lately.find(traceId, parentSpanId);
}

interface Pair {
  readonly begin: Event;
  readonly end: Event | undefined;
  readonly as: KnownSpan;
}

function eventsOf(item: Item<Span>, does: Does, above: KnownSpan | undefined, told: Told): Pair {
  const { record } = item;
  const labels = labelsOf(record.attributes);
  const from = fromOf(item.resource);
  const digest = spanDigest(item, told.caller);
  const own = labels.text(NAMES.agent) ?? (does === 'agent' ? labels.text(NAMES.entity) : undefined);
  const agent = own ?? above?.agent ?? from.service;
  const isRun = does === 'agent' && !told.inRun && above?.inAgent !== true;
  const outcome = outcomeOf(record, labels);
  const what = described(does, isRun, labels, record);
  const usage = does === 'model' || does === 'retrieval' ? usageOf(labels) : {};
  const version = labels.text(NAMES.agentVersion) ?? from.version;
  const context = contextOf(labels, from);
  const after = without({ ...what.after });
  const rest = labels.rest();
  const contents = eventContents(record.events);
  const input = { ...rest.input, ...(contents.input.length === 0 ? {} : { events: contents.input }) };
  const output = { ...rest.output, ...(contents.output.length === 0 ? {} : { events: contents.output }) };
  const id = spanEntryId(record, digest, 0);
  const isPair = what.end !== undefined;
  const begin: Event = {
    id,
    type: what.begin,
    phase: isRun || !isPair ? 'point' : 'pre_exec',
    run_id: record.traceId,
    ...(isRun ? {} : { step_id: record.spanId }),
    ...(above === undefined ? {} : { parent_id: above.entry }),
    trace: { trace_id: record.traceId, span_id: record.spanId },
    ...context,
    ...actorOf(agent, version, told.proved),
    ...(what.action === undefined ? {} : { action: what.action }),
    ...(isPair ? {} : { outcome }),
    metadata: { ...what.about, otlp: spanAbout(item, from, own, rest) },
    ...payloadOf(what.input, isPair ? input : { ...input, ...output }),
  };
  const as: KnownSpan = {
    entry: id,
    ...(agent === undefined ? {} : { agent: idText(agent, 'unnamed') }),
    inAgent: does === 'agent' || above?.inAgent === true,
  };
  if (what.end === undefined) return { begin, end: undefined, as };
  const end: Event = {
    id: spanEntryId(record, digest, 1),
    type: what.end,
    phase: isRun ? 'point' : 'post_exec',
    run_id: record.traceId,
    parent_id: id,
    outcome: { ...outcome, ...usage },
    quality: { 'metadata.otlp': 'asserted' },
    ...(isRun
      ? {
          ...actorOf(agent, version, told.proved),
          trace: { trace_id: record.traceId, span_id: record.spanId },
        }
      : {}),
    metadata: { ...after, otlp: without({ time: timeText(record.end) }) },
    ...payloadOf('result', output),
  };
  return { begin, end, as };
}

function payloadOf(payloadClass: string, content: JsonObject): Pick<Event, 'payload'> {
  const payload = carried(payloadClass, content);
  return payload === undefined ? {} : { payload };
}

interface Described {
  readonly begin: string;
  /** Absent: one entry stands for it. */
  readonly end?: string;
  readonly action?: NonNullable<Event['action']>;
  readonly about: JsonObject;
  readonly after?: Readonly<Record<string, Json | undefined>>;
  /** Class of the payload of its beginning. */
  readonly input: string;
}

function described(does: Does, isRun: boolean, labels: Labels, { name }: Span): Described {
  switch (does) {
    case 'agent':
      return agentOf(isRun, labels);
    case 'model': {
      const model = labels.text(NAMES.model);
      const provider = labels.text(NAMES.provider);
      const response = without({
        model: labels.text(NAMES.responseModel),
        id: labels.text(NAMES.responseId),
        finish_reasons: labels.value(NAMES.finishReasons),
      });
      return {
        begin: 'model.call',
        end: 'model.response',
        action: { name: idText(model ?? name, 'unnamed'), ...targetOf(labels) },
        about: without({ provider, model }),
        after: Object.keys(response).length === 0 ? {} : { response },
        input: 'prompt',
      };
    }
    case 'tool':
      return toolOf(labels, name);
    case 'retrieval':
      return {
        begin: 'retrieval.query',
        end: 'retrieval.result',
        action: {
          name: idText(labels.text(NAMES.source) ?? name, 'unnamed'),
          ...argsOf(labels.peek(NAMES.query)),
        },
        about: without({ provider: labels.text(NAMES.provider), model: labels.text(NAMES.model) }),
        input: 'arguments',
      };
    case 'other':
      return { begin: 'custom', action: { name: idText(name, 'span') }, about: {}, input: 'details' };
  }
}

/** An invocation inside of another one, or in a run on the record, is a step of it. */
function agentOf(isRun: boolean, labels: Labels): Described {
  const about = without({
    workflow_name: labels.text(NAMES.workflow),
    provider: labels.text(NAMES.provider),
    model: labels.text(NAMES.model),
    agent_id: labels.text(NAMES.agentId),
  });
  if (isRun) return { begin: 'run.start', end: 'run.end', about, input: 'prompt' };
  return { begin: 'custom', end: 'custom', action: { name: 'invoke_agent' }, about, input: 'prompt' };
}

function toolOf(labels: Labels, span: string): Described {
  const name = idText(
    labels.text(NAMES.tool) ?? labels.text(NAMES.entity) ?? span.replace(/^execute_tool /, ''),
    'unnamed',
  );
  return {
    begin: 'tool.call',
    end: 'tool.result',
    action: { name, tool: { name }, ...argsOf(labels.peek(NAMES.toolArguments)) },
    about: without({ tool_call_id: labels.text(NAMES.toolCallId) }),
    input: 'arguments',
  };
}

/** Hashed by the recorder and not stored; what is kept of them is the payload. */
function argsOf(value: Json | undefined): { readonly args?: Json } {
  return value === undefined || value === null ? {} : { args: opened(value) };
}

/** Where a model is asked, as the span claims. */
function targetOf(labels: Labels): { readonly target?: { readonly host: string; readonly port?: number } } {
  const host = labels.text(NAMES.host);
  const port = labels.number(NAMES.port);
  if (host === undefined) return {};
  const isPort = port !== undefined && Number.isInteger(port) && port <= 65_535;
  return { target: { host: idText(host, 'unnamed'), ...(isPort ? { port } : {}) } };
}
