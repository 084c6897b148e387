/** OTLP in both encodings: whatever comes, it is decoded into bounded JSON and made into events, or refused. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { logsOfJson, spansOfJson } from '../../../src/capture/otlp/json-records.ts';
import { knownSpans } from '../../../src/capture/otlp/known.ts';
import { logEvents } from '../../../src/capture/otlp/logs.ts';
import type { Decoded, Item, LogRecord, Span } from '../../../src/capture/otlp/model.ts';
import { logsOfProtobuf, spansOfProtobuf } from '../../../src/capture/otlp/protobuf.ts';
import { spanEvents } from '../../../src/capture/otlp/spans.ts';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { canonicalize } from '../../../src/core/canonical.ts';
import { type Event, EventSchema } from '../../../src/core/entry.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { loadPosition } from '../../../src/sink/otlp/position.ts';
import {
  logJson,
  logsJson,
  logsProtobuf,
  spanJson,
  tracesJson,
  tracesProtobuf,
  type Value,
} from '../../support/otlp.ts';
import { nearly, nearlyText } from '../mutate.ts';
import { accepted, type Target, target } from '../target.ts';

const deep = (levels: number): Value => {
  let value: Value = { stringValue: 'deep' };
  for (let i = 0; i < levels; i++)
    value =
      i % 2 === 0 ? { arrayValue: { values: [value] } } : { kvlistValue: { values: [{ key: 'k', value }] } };
  return value;
};
const chat = spanJson({
  spanId: '00f067aa0ba902b7',
  parentSpanId: '',
  name: 'chat gpt-5',
  attributes: [
    { key: 'gen_ai.operation.name', value: { stringValue: 'chat' } },
    { key: 'gen_ai.request.model', value: { stringValue: 'gpt-5' } },
    { key: 'gen_ai.input.messages', value: { stringValue: '[{"role":"user","n":12345678901234567890}]' } },
    { key: '__proto__', value: { stringValue: 'x' } },
    { key: 'deep', value: deep(60) },
  ],
});
const agent = spanJson({
  spanId: '00f067aa0ba902b8',
  attributes: [{ key: 'gen_ai.operation.name', value: { stringValue: 'invoke_agent' } }],
});
const spans = [spanJson(), chat, agent, spanJson({ attributes: [], links: [], events: [] })];
const records = [
  logJson(),
  logJson({ eventName: '', body: deep(50), severityNumber: 17 }),
  logJson({ eventName: 'gen_ai.client.inference.operation.details', traceId: '', spanId: '', flags: 0 }),
];
const resource = [{ key: 'service.name', value: { stringValue: 'shop' } }] as const;

const told = (): {
  caller: string;
  proved: boolean;
  inRun: boolean;
  others: boolean;
  known: ReturnType<typeof knownSpans>;
} => ({
  caller: 'c',
  proved: false,
  inRun: false,
  others: true,
  known: knownSpans(),
});

const OWN =
  /^(?:run\.(?:start|end)|model\.(?:call|response)|tool\.(?:call|result)|retrieval\.(?:query|result)|user\.message|system\.instruction|step\.note|error|custom)$/;

function holds(events: Iterable<{ readonly event: Event }>): void {
  const begun = new Set<string>();
  for (const { event } of events) {
    const parsed = EventSchema.safeParse(event);
    assert.ok(parsed.success, JSON.stringify(parsed.error?.issues[0]));
    assert.match(event.type, OWN, 'nothing that the recorder says itself');
    // What is nested too deep, or no JSON, would be refused there.
    canonicalize(event);
    assert.ok(Buffer.byteLength(JSON.stringify(event.metadata ?? {})) <= LIMITS.freeObjectBytes);
    if (event.phase === 'pre_exec') begun.add(event.id ?? '');
    if (event.phase === 'post_exec') assert.ok(begun.has(event.parent_id ?? ''), 'it ends its own beginning');
  }
}

function holdSpans(decoded: Decoded<Span> | undefined): void {
  if (decoded === undefined) return;
  const { events, known, ignored } = spanEvents(decoded.items, told());
  holds(events);
  assert.equal(ignored(), 0);
  assert.equal(known.size, decoded.items.length, 'no span is left out');
}

function holdLogs(decoded: Decoded<LogRecord> | undefined): void {
  if (decoded === undefined) return;
  const request = { sha256: 'ab', caller: 'c', unique: 'u' };
  holds(logEvents(decoded.items, { request, proved: false, others: true, known: knownSpans() }).events);
}

const CODES = ['BAD_EVENT', 'ENTRY_TOO_LARGE'] as const;
const json = (value: object): Uint8Array => encodeUtf8(JSON.stringify(value));
const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 2_000, size: 'max' }));

/** Lengths and counts that promise more than there is, groups in groups, varints without an end. */
const hostile = fc.oneof(
  bytes,
  fc.nat(200).map((n) => new Uint8Array(n).fill(0x0b)),
  fc.nat(300).map((n) => new Uint8Array(n).fill(0xff)),
  fc.nat(400).map((n) => Uint8Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 0x0a : 0x7f))),
  fc.nat(2_000).map((n) => Uint8Array.from({ length: n * 2 }, (_, i) => (i % 2 === 0 ? 0x12 : 0x00))),
);

const anyValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc
      .string({ unit: 'binary', maxLength: 20 })
      .map((stringValue) => ({ stringValue: stringValue.toWellFormed() })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => ({ intValue: String(n) })),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((doubleValue) => ({ doubleValue })),
    fc.constant({}),
    fc.array(tie('value'), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
    fc
      .array(fc.record({ key: fc.string({ maxLength: 8 }), value: tie('value') }), { maxLength: 3 })
      .map((values) => ({ kvlistValue: { values } })),
  ),
})).value;
const pairs = fc.array(fc.record({ key: fc.string({ maxLength: 12 }), value: anyValue }), { maxLength: 5 });

const plain = <T>(items: readonly Item<T>[]): unknown =>
  JSON.parse(
    JSON.stringify(items, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
  );

export const otlpTargets: readonly Target[] = [
  target('otlp: any bytes as spans in protobuf are decoded or refused', hostile, (input) =>
    holdSpans(accepted(CODES, () => spansOfProtobuf(input))),
  ),
  target(
    'otlp: nearly valid spans in protobuf',
    nearly([tracesProtobuf(spans, { resource }), tracesProtobuf([chat])]),
    ({ bytes: input }) => holdSpans(accepted(CODES, () => spansOfProtobuf(input))),
  ),
  target(
    'otlp: nearly valid logs in protobuf',
    nearly([logsProtobuf(records, { resource })]),
    ({ bytes: input }) => holdLogs(accepted(CODES, () => logsOfProtobuf(input))),
  ),
  target(
    'otlp: nearly valid spans in JSON',
    nearly([json(tracesJson(spans, { resource }))]),
    ({ bytes: input }) => holdSpans(accepted(CODES, () => spansOfJson(input))),
  ),
  target(
    'otlp: nearly valid logs in JSON',
    nearly([json(logsJson(records, { resource }))]),
    ({ bytes: input }) => holdLogs(accepted(CODES, () => logsOfJson(input))),
  ),
  target(
    'otlp: a position is read, or is said to be unreadable',
    nearlyText([
      '{"format":1,"place":{"first":0,"offset":10,"index":2},"rejected":0}',
      '{"format":1,"last":{"place":{"first":0,"offset":5,"index":1},"sha256":"ab"},"place":{"first":0,"offset":10,"index":2},"rejected":3,"rejection":"no"}',
    ]),
    async (text) => {
      const found = await loadPosition({ get: async () => encodeUtf8(text) });
      assert.ok(found !== undefined);
      if (found !== 'unreadable')
        assert.ok(Number.isSafeInteger(found.place.index) && found.place.index >= 0);
    },
  ),
  target(
    'otlp: a span says the same in JSON and in protobuf',
    fc.tuple(pairs, pairs, fc.string({ maxLength: 20 })),
    ([attributes, others, name]) => {
      const span = spanJson({ attributes, name: name.toWellFormed() });
      const about = { resource: others };
      assert.deepEqual(
        plain(spansOfProtobuf(tracesProtobuf([span], about)).items),
        plain(spansOfJson(json(tracesJson([span], about))).items),
      );
    },
  ),
];
