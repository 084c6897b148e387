/** Spans and log records of different instrumentations as events. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { logsOfJson, spansOfJson } from '../../../src/capture/otlp/json-records.ts';
import { type KnownSpans, knownSpans } from '../../../src/capture/otlp/known.ts';
import { logEvents } from '../../../src/capture/otlp/logs.ts';
import { spanEvents } from '../../../src/capture/otlp/spans.ts';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import type { Event } from '../../../src/core/entry.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { type KeyValue, logJson, logsJson, type SpanJson, spanJson, tracesJson } from '../../support/otlp.ts';

type Plain = string | number | boolean;
const pair = (key: string, value: Plain): KeyValue => ({
  key,
  value:
    typeof value === 'string'
      ? { stringValue: value }
      : typeof value === 'boolean'
        ? { boolValue: value }
        : Number.isInteger(value)
          ? { intValue: String(value) }
          : { doubleValue: value },
});
const span = (attributes: Readonly<Record<string, Plain>>, more: Partial<SpanJson> = {}): SpanJson =>
  spanJson({
    attributes: Object.entries(attributes).map(([key, value]) => pair(key, value)),
    events: [],
    links: [],
    droppedAttributesCount: 0,
    status: { code: 0, message: '' },
    parentSpanId: '',
    ...more,
  });

function eventsOf(spans: readonly SpanJson[], known: KnownSpans = knownSpans()): readonly Event[] {
  const { items } = spansOfJson(encodeUtf8(JSON.stringify(tracesJson(spans))));
  const told = { caller: 'c', proved: false, inRun: false, others: true, known };
  return [...spanEvents(items, told).events].map(({ event }) => event);
}

const said = (events: readonly Event[]): readonly unknown[] =>
  events.map(({ type, phase, action }) =>
    [type, phase, action?.name].filter((one) => one !== undefined).join(' '),
  );
const otlpOf = (event: Event | undefined) =>
  (event?.metadata?.otlp ?? {}) as Readonly<Record<string, unknown>>;
const contentIn = (event: Event | undefined) =>
  JSON.parse(event?.payload?.data ?? '{}') as Record<string, unknown>;

describe('spans', () => {
  it('of OpenInference say the same in their own names', () => {
    const model = eventsOf([
      span({
        'openinference.span.kind': 'LLM',
        'llm.model_name': 'claude',
        'llm.provider': 'anthropic',
        'llm.token_count.prompt': 7,
        'llm.token_count.completion': 9,
        'llm.cost.total': 0.25,
        'llm.input_messages.0.message.content': 'what',
        'output.value': 'that',
      }),
    ]);
    assert.deepEqual(said(model), ['model.call pre_exec claude', 'model.response post_exec']);
    assert.deepEqual(model[1]?.outcome?.usage, { input_tokens: 7, output_tokens: 9, cost_usd: 0.25 });
    assert.deepEqual(contentIn(model[0]), { 'llm.input_messages.0.message.content': 'what' });
    assert.deepEqual(contentIn(model[1]), { 'output.value': 'that' });
    const tool = eventsOf([
      span({ 'openinference.span.kind': 'TOOL', 'tool.name': 'find', 'input.value': '{"b":1,"a":2}' }),
    ]);
    assert.deepEqual(tool[0]?.action, { name: 'find', tool: { name: 'find' }, args: { b: 1, a: 2 } });
    assert.deepEqual(said(eventsOf([span({ 'openinference.span.kind': 'AGENT' })])), [
      'run.start point',
      'run.end point',
    ]);
    assert.deepEqual(said(eventsOf([span({ 'openinference.span.kind': 'CHAIN' }, { name: 'step' })])), [
      'custom point step',
    ]);
  });

  it('of older conventions, and of OpenLLMetry, are understood', () => {
    const older = eventsOf([
      span(
        { 'gen_ai.system': 'openai', 'gen_ai.request.model': 'gpt-4', 'gen_ai.usage.prompt_tokens': 3 },
        {
          events: [
            { timeUnixNano: '1', name: 'gen_ai.user.message', attributes: [pair('content', 'old question')] },
            {
              timeUnixNano: '2',
              name: 'gen_ai.choice',
              attributes: [pair('message', '{"content":"old answer"}')],
            },
          ],
        },
      ),
    ]);
    assert.deepEqual(said(older), ['model.call pre_exec gpt-4', 'model.response post_exec']);
    assert.equal(older[0]?.metadata?.provider, 'openai');
    assert.deepEqual(contentIn(older[0]).events, [{ event: 'gen_ai.user.message', content: 'old question' }]);
    assert.deepEqual(contentIn(older[1]).events, [
      { event: 'gen_ai.choice', message: { content: 'old answer' } },
    ]);
    assert.deepEqual(older[1]?.outcome?.usage, { input_tokens: 3 });
    const tool = eventsOf([
      span({
        'traceloop.span.kind': 'tool',
        'traceloop.entity.name': 'search',
        'traceloop.entity.input': '{}',
      }),
    ]);
    assert.deepEqual(said(tool), ['tool.call pre_exec search', 'tool.result post_exec']);
  });

  it('of retrievals, embeddings and agents that are made', () => {
    const retrieval = {
      'gen_ai.operation.name': 'retrieval',
      'gen_ai.data_source.id': 'kb',
      'gen_ai.retrieval.query.text': 'q',
    };
    assert.deepEqual(said(eventsOf([span(retrieval)])), [
      'retrieval.query pre_exec kb',
      'retrieval.result post_exec',
    ]);
    assert.equal(eventsOf([span(retrieval)])[0]?.action?.args, 'q');
    assert.deepEqual(
      said(eventsOf([span({ 'gen_ai.operation.name': 'embeddings', 'gen_ai.request.model': 'e' })])),
      ['model.call pre_exec e', 'model.response post_exec'],
    );
    assert.deepEqual(
      said(eventsOf([span({ 'gen_ai.operation.name': 'create_agent' }, { name: 'create_agent x' })])),
      ['custom point create_agent x'],
    );
  });

  it('say how they ended: by their status, their error, or what was thrown', () => {
    const ended = (more: Partial<SpanJson>, attributes: Record<string, Plain> = {}) =>
      eventsOf([span(attributes, more)])[0]?.outcome;
    assert.equal(ended({})?.status, 'ok');
    assert.equal(ended({})?.duration_ms, 1000);
    assert.equal(ended({ startTimeUnixNano: '5', endTimeUnixNano: '4' })?.duration_ms, undefined);
    assert.deepEqual(ended({ status: { code: 2, message: 'no' } }), {
      status: 'error',
      duration_ms: 1000,
      error: 'no',
    });
    assert.equal(ended({}, { 'error.type': 'timeout' })?.status, 'timeout');
    assert.equal(ended({}, { 'error.type': '429' })?.error_kind, '429');
  });

  it('keep labels in the entry, and of URLs neither query nor password', () => {
    const [event] = eventsOf([
      span({
        'url.full': 'https://me:secret@h.example/p?token=t#f',
        'url.query': 'token=t',
        'http.request.header.cookie': 'c',
        'db.statement': 'select 1',
        'http.request.method': 'GET',
        long: 'x'.repeat(LIMITS.otlpAttributeBytes),
      }),
    ]);
    assert.deepEqual(otlpOf(event).attributes, {
      'url.full': 'https://h.example/p',
      'http.request.method': 'GET',
    });
    assert.deepEqual(otlpOf(event).in_payload, { count: 1, names: ['long'] });
    assert.deepEqual(Object.keys(contentIn(event)).sort(), [
      'db.statement',
      'http.request.header.cookie',
      'long',
      'url.query',
    ]);
  });

  it('with a value that is too long keep its beginning and say that it was cut, also where nothing in it is white', () => {
    const many = LIMITS.otlpPayloadBytes + 50_000;
    for (const value of ['y'.repeat(many), 'a word '.repeat(many / 7), 'é'.repeat(many)]) {
      const [begin, end] = eventsOf([
        span({
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.call.arguments': JSON.stringify({ note: 'before', blob: value }),
          'gen_ai.tool.call.result': value,
        }),
      ]);
      for (const { payload } of [begin, end].flatMap((event) => event ?? [])) {
        const size = Buffer.byteLength(payload?.data ?? '');
        assert.equal(payload?.truncated, true);
        assert.ok(size <= LIMITS.otlpPayloadBytes && size > LIMITS.otlpPayloadBytes - 70_000, String(size));
        assert.ok(!payload?.data.includes('\ufffd'));
      }
    }
    assert.equal(eventsOf([span({ 'gen_ai.input.messages': 'x' })])[0]?.payload?.truncated, undefined);
  });

  it('stand whole around those inside of them, whatever order and parents they come with', () => {
    const [a = '', b = '', c = ''] = ['a', 'b', 'c'].map((letter) => letter.repeat(16));
    const tool = { 'gen_ai.operation.name': 'execute_tool' };
    const times = (start: number) => ({
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + 5),
    });
    const nested = eventsOf([
      span(tool, { spanId: c, parentSpanId: a, name: 'third', ...times(30) }),
      span(tool, { spanId: b, parentSpanId: a, name: 'second', ...times(20) }),
      span(tool, { spanId: a, name: 'first', ...times(10) }),
    ]);
    assert.deepEqual(
      nested.map(({ step_id, phase }) => `${step_id?.[0] ?? '·'} ${phase}`),
      ['a pre_exec', 'b pre_exec', '· post_exec', 'c pre_exec', '· post_exec', '· post_exec'],
    );
    assert.equal(nested[1]?.parent_id, nested[0]?.id);
    const circle = eventsOf([
      span(tool, { spanId: a, parentSpanId: b }),
      span(tool, { spanId: b, parentSpanId: a }),
      span(tool, { spanId: c, parentSpanId: c }),
    ]);
    assert.equal(circle.length, 6, 'none is left out');
    const chain = Array.from({ length: 5_000 }, (_, n) =>
      span(tool, {
        spanId: (n + 1).toString(16).padStart(16, '0'),
        parentSpanId: n === 0 ? '' : n.toString(16).padStart(16, '0'),
      }),
    );
    assert.equal(eventsOf(chain).length, 10_000, 'depth costs no stack');
  });

  it('have ids that another sender, and another content, does not have', () => {
    const one = spansOfJson(encodeUtf8(JSON.stringify(tracesJson([span({ a: 1 })]))));
    const ids = (caller: string, items = one.items) => {
      const told = { caller, proved: false, inRun: false, others: true, known: knownSpans() };
      return [...spanEvents(items, told).events].map(({ event }) => event.id);
    };
    assert.deepEqual(ids('x'), ids('x'));
    assert.notDeepEqual(ids('x'), ids('y'));
    const other = spansOfJson(encodeUtf8(JSON.stringify(tracesJson([span({ a: 2 })]))));
    assert.notDeepEqual(ids('x'), ids('x', other.items));
  });
});

describe('log records', () => {
  it('inside of a sampled span are notes of it, for the span tells of the call', () => {
    const known = knownSpans();
    const record = logJson({ eventName: 'gen_ai.client.inference.operation.details' });
    known.remember(record.traceId, record.spanId, {
      entry: `log_${'0'.repeat(26)}`,
      agent: 'bot',
      inAgent: true,
    });
    const { items } = logsOfJson(encodeUtf8(JSON.stringify(logsJson([record]))));
    const request = { sha256: 'ab', caller: 'c', unique: 'u' };
    const { events } = logEvents(items, { request, proved: false, others: true, known });
    assert.deepEqual(
      [...events].map(({ event }) => [event.type, event.parent_id, event.actor?.agent_id]),
      [['step.note', `log_${'0'.repeat(26)}`, 'bot']],
    );
  });

  it('that this product writes are records that it reads: the body is the entry', () => {
    const file = new URL('../../golden/otlp.jsonl', import.meta.url);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    for (const line of lines) {
      const { items, refused } = logsOfJson(encodeUtf8(line));
      const record = items[0]?.record;
      assert.deepEqual([items.length, refused], [1, 0]);
      const entry = JSON.parse(String(record?.body)) as { id: string; index: number; type: string };
      assert.equal(record?.attributes['tallystick.id'], entry.id);
      assert.equal(record?.attributes['tallystick.index'], entry.index);
      assert.equal(record?.eventName, `tallystick.${entry.type}`);
    }
  });
});
