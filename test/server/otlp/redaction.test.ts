/** Secrets in what programs send: in every place of both encodings, in every form, none of it is stored. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createOtlpReceiver, type OtlpEncoding } from '../../../src/capture/otlp/receive.ts';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { type Form, formsOf, foundIn } from '../../support/encodings.ts';
import {
  type KeyValue,
  type LogJson,
  logJson,
  logsJson,
  logsProtobuf,
  type SpanJson,
  spanJson,
  tracesJson,
  tracesProtobuf,
} from '../../support/otlp.ts';
import { plainOf } from '../../support/payloads.ts';
import { entriesOf, machine } from '../../support/recorder.ts';

const said = (key: string, text: string): KeyValue => ({ key, value: { stringValue: text } });
const operation = (name: string): KeyValue => said('gen_ai.operation.name', name);
const json = (text: string): string => JSON.stringify([{ role: 'user', parts: [{ content: text, n: 1.5 }] }]);

/** Spans with the text in one place each. */
const SPANS: readonly ((text: string) => Partial<SpanJson>)[] = [
  (text) => ({ name: text, attributes: [] }),
  (text) => ({ name: `${'word '.repeat(48)}${text}`, attributes: [] }),
  (text) => ({ attributes: [said('label', text)] }),
  (text) => ({ attributes: [said(`a.${text}`, 'x')] }),
  (text) => ({ attributes: [said('long', `${'y'.repeat(600)} ${text}`)] }),
  (text) => ({ attributes: [said('url.full', `https://h.example/p?key=${text}`)] }),
  (text) => ({
    attributes: [
      { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: text }] } } },
    ],
  }),
  (text) => ({ attributes: [{ key: 'map', value: { kvlistValue: { values: [said('k', text)] } } }] }),
  (text) => ({ attributes: [operation('chat'), said('gen_ai.input.messages', json(text))] }),
  (text) => ({ attributes: [operation('chat'), said('gen_ai.output.messages', text)] }),
  (text) => ({ attributes: [operation('chat'), said('gen_ai.request.model', text)] }),
  (text) => ({
    attributes: [
      operation('execute_tool'),
      said('gen_ai.tool.call.arguments', JSON.stringify({ order: text })),
    ],
  }),
  (text) => ({ attributes: [operation('execute_tool'), said('gen_ai.tool.name', text)] }),
  (text) => ({ attributes: [operation('execute_tool'), said('gen_ai.tool.call.result', text)] }),
  (text) => ({ attributes: [operation('invoke_agent'), said('gen_ai.agent.name', text)] }),
  (text) => ({ attributes: [operation('retrieval'), said('gen_ai.retrieval.query.text', text)] }),
  (text) => ({ attributes: [said('error.type', text)], status: { code: 2, message: `it failed: ${text}` } }),
  (text) => ({ events: [{ timeUnixNano: '1', name: text, attributes: [said('exception.message', text)] }] }),
];
const LOGS: readonly ((text: string) => Partial<LogJson>)[] = [
  (text) => ({ body: { stringValue: `line ${text}` } }),
  (text) => ({ body: { kvlistValue: { values: [said('content', text)] } } }),
  (text) => ({ body: { stringValue: JSON.stringify({ password: text }) } }),
  (text) => ({ eventName: text }),
  (text) => ({ severityText: text, eventName: '' }),
  (text) => ({ eventName: '', severityNumber: 17, attributes: [said('exception.message', text)] }),
  (text) => ({ attributes: [said('label', text)] }),
];

for (const encoding of ['json', 'protobuf'] as const satisfies readonly OtlpEncoding[]) {
  test(`a planted secret reaches no byte of the store, wherever it stands in ${encoding}`, async () => {
    const secret = `${randomBytes(12).toString('base64')}"é/&%`;
    const forms = formsOf(secret);
    const box = await machine();
    const recorder = await box.open({ payloads: { max_bytes: 1024 * 1024 } });
    recorder.secrets.set('PLANTED', secret);
    const { receive } = createOtlpReceiver(recorder, () => true);
    const sender = { client: { surface: 'http' }, claims: {} } as const;
    let n = 0;
    const ids = (): Pick<SpanJson, 'traceId' | 'spanId' | 'parentSpanId'> => ({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: (++n).toString(16).padStart(16, '0'),
      parentSpanId: '',
    });
    let sent = 0;
    for (const form of forms) {
      const spans = SPANS.map((place) => spanJson({ ...place(form.text), ...ids() }));
      const records = LOGS.map((place) => logJson(place(form.text)));
      const about = {
        resource: [said('service.name', form.text), said('host', form.text)],
        scope: form.text,
      };
      const bodies =
        encoding === 'json'
          ? [
              encodeUtf8(JSON.stringify(tracesJson(spans, about))),
              encodeUtf8(JSON.stringify(logsJson(records, about))),
            ]
          : [tracesProtobuf(spans, about), logsProtobuf(records, about)];
      const [traces, logs] = bodies;
      assert.ok(traces && logs);
      const answers = [
        await receive('traces', encoding, traces, sender),
        await receive('logs', encoding, logs, sender),
      ];
      assert.deepEqual(
        answers.map(({ rejected, message }) => [rejected, message]),
        [
          [0, ''],
          [0, ''],
        ],
        form.name,
      );
      sent += spans.length + records.length;
    }
    await recorder.close('test');
    const entries = entriesOf(box.disk);
    assert.ok(entries.length > sent);
    const opened = entries
      .filter(({ payload }) => payload?.pack !== undefined)
      .map((entry) => plainOf(box, entry));
    assert.ok(opened.length > forms.length * 5, 'payloads were kept');
    const heap = [
      ...entries.map((entry) => JSON.stringify(entry)),
      ...opened.map((plain) => plain.toString('utf8')),
      ...[...box.dataKeys.values(), ...box.registry.values(), ...box.packs.values()].map((bytes) =>
        Buffer.from(bytes).toString('latin1'),
      ),
    ];
    const found = (form: Form): string | undefined => heap.find((text) => foundIn(text, form));
    for (const form of forms) {
      const where = found(form);
      assert.equal(where, undefined, `${form.name} stands in ${where?.slice(0, 300)}`);
    }
    assert.ok(heap.some((text) => text.includes('[REDACTED:PLANTED]')));
  });
}
