/** What senders of OTLP are answered, and what of hostile requests. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { LIMITS } from '../../../src/core/limits.ts';
import { logJson, logsJson, logsProtobuf, spanJson, tracesJson, tracesProtobuf } from '../../support/otlp.ts';
import { machine } from '../../support/recorder.ts';
import { bearer, stage } from '../api/stage.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const PROTOBUF_TYPE = { 'content-type': 'application/x-protobuf' };

async function post(
  origin: string,
  path: string,
  body: Uint8Array | object,
  headers: Record<string, string>,
): Promise<{ status: number; headers: Headers; bytes: Buffer }> {
  const data = body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body);
  const response = await fetch(`${origin}${path}`, { method: 'POST', body: data, headers });
  return {
    status: response.status,
    headers: response.headers,
    bytes: Buffer.from(await response.arrayBuffer()),
  };
}

/** `google.rpc.Status` of an answer in protobuf. */
function statusIn(bytes: Uint8Array): { code: number; message: string } {
  const reader = new BinaryReader(bytes);
  const status = { code: 0, message: '' };
  while (reader.pos < reader.len) {
    const [no] = reader.tag();
    if (no === 1) status.code = reader.int32();
    else status.message = reader.string();
  }
  return status;
}

describe('the answers to OTLP', () => {
  it('are empty when everything was taken, in the encoding of the request', async (t) => {
    const { origin } = await stage(t);
    const json = await post(origin, '/v1/traces', tracesJson([spanJson()]), JSON_TYPE);
    assert.deepEqual([json.status, json.bytes.toString()], [200, '{}']);
    const protobuf = await post(origin, '/v1/logs', logsProtobuf([logJson()]), PROTOBUF_TYPE);
    assert.deepEqual([protobuf.status, protobuf.bytes.length], [200, 0]);
    assert.equal(protobuf.headers.get('content-type'), 'application/x-protobuf');
    const nothing = await post(origin, '/v1/traces', new Uint8Array(), PROTOBUF_TYPE);
    assert.equal(nothing.status, 200, 'an empty message is a request of nothing');
    const packed = gzipSync(JSON.stringify(logsJson([logJson({ spanId: '' })])));
    const gzip = await post(origin, '/v1/logs', packed, { ...JSON_TYPE, 'content-encoding': 'gzip' });
    assert.equal(gzip.status, 200);
  });

  it('count what was refused, and the rest is on record', async (t) => {
    const { origin, entries } = await stage(t);
    const spans = [spanJson(), spanJson({ spanId: '00' }), spanJson({ traceId: '0'.repeat(32) })];
    const json = await post(origin, '/v1/traces', tracesJson(spans), JSON_TYPE);
    const { partialSuccess } = JSON.parse(json.bytes.toString()) as {
      partialSuccess: { rejectedSpans: string; errorMessage: string };
    };
    assert.equal(partialSuccess.rejectedSpans, '2');
    assert.match(partialSuccess.errorMessage, /trace id/);
    assert.equal(entries('tool.call').length, 1);
    const bad = logsProtobuf([logJson({ spanId: '0102' }), logJson({ eventName: 'x' })]);
    const protobuf = await post(origin, '/v1/logs', bad, PROTOBUF_TYPE);
    const reader = new BinaryReader(protobuf.bytes);
    reader.tag();
    const partial = new BinaryReader(reader.bytes());
    assert.deepEqual([partial.tag()[0], Number(partial.int64())], [1, 1]);
  });

  it('leave out what has nothing to do with agents where the configuration says so, and say it', async (t) => {
    const { origin, entries } = await stage(t, { otlpOthers: false });
    const http = spanJson({ name: 'GET', attributes: [], spanId: '00f067aa0ba902b7', parentSpanId: '' });
    const tool = spanJson({ parentSpanId: http.spanId });
    const answer = await post(origin, '/v1/traces', tracesJson([http, tool]), JSON_TYPE);
    assert.match(answer.bytes.toString(), /"rejectedSpans":"1".*otlp\.receive\.other/);
    assert.equal(entries().filter(({ source }) => source.surface === 'otlp').length, 2);
    const line = await post(origin, '/v1/logs', logsJson([logJson({ eventName: '' })]), JSON_TYPE);
    assert.match(line.bytes.toString(), /"rejectedLogRecords":"1"/);
  });

  it('are a Status for what is none of it: 400, 405, 413, 415', async (t) => {
    const { origin, entries } = await stage(t);
    const before = entries().length;
    const tries: readonly [Uint8Array | object, Record<string, string>, number][] = [
      [Buffer.from('{"resourceSpans": ['), JSON_TYPE, 400],
      [Buffer.from('[]'), JSON_TYPE, 400],
      [{ resource_spans: [] }, JSON_TYPE, 400],
      [
        { resourceSpans: [{ scopeSpans: [{ spans: [{ ...spanJson(), kind: 'SPAN_KIND_CLIENT' }] }] }] },
        JSON_TYPE,
        400,
      ],
      [Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]), PROTOBUF_TYPE, 400],
      [Buffer.from([0x0b, 0x0b, 0x0b]), PROTOBUF_TYPE, 400],
      [randomBytes(200), { ...PROTOBUF_TYPE, 'content-encoding': 'gzip' }, 400],
      [Buffer.from('{}'), { 'content-type': 'text/plain' }, 415],
      [Buffer.from('{}'), { 'content-type': 'application/grpc' }, 415],
      [Buffer.from('{}'), { ...JSON_TYPE, 'content-encoding': 'br' }, 415],
      [
        gzipSync(Buffer.alloc(LIMITS.otlpBodyBytes + 1)),
        { ...PROTOBUF_TYPE, 'content-encoding': 'gzip' },
        413,
      ],
      [Buffer.from(`{"resourceSpans":[${'{},'.repeat(900_000)}{}]}`), JSON_TYPE, 413],
      [Buffer.from(`{"resourceSpans":${'['.repeat(100_000)}`), JSON_TYPE, 400],
      [Buffer.from('0a00'.repeat(400_000), 'hex'), PROTOBUF_TYPE, 200],
      [
        Buffer.concat([Buffer.from([0x0a, 0xc0, 0x84, 0x3d]), Buffer.from('1200'.repeat(500_000), 'hex')]),
        PROTOBUF_TYPE,
        413,
      ],
    ];
    for (const [at, [body, headers, status]] of tries.entries()) {
      const answer = await post(origin, '/v1/traces', body, headers);
      assert.equal(answer.status, status, `${at}: ${answer.bytes.toString().slice(0, 200)}`);
      if (status === 200) continue;
      const said =
        headers['content-type'] === 'application/x-protobuf'
          ? statusIn(answer.bytes)
          : (JSON.parse(answer.bytes.toString()) as { code: number; message: string });
      assert.ok(said.code > 0 && said.message !== '', `${at}`);
    }
    const get = await fetch(`${origin}/v1/logs`);
    assert.deepEqual([get.status, get.headers.get('allow')], [405, 'POST']);
    assert.equal(entries().length, before, 'nothing of it is on record');
  });

  it('let nobody in who is not: a web page, another user, a token that is not good, an operator', async (t) => {
    const own = await stage(t);
    const web = await post(own.origin, '/v1/traces', tracesJson([spanJson()]), {
      ...JSON_TYPE,
      origin: 'https://evil.example',
    });
    assert.equal(web.status, 403);
    const bad = await post(own.origin, '/v1/traces', tracesJson([spanJson()]), {
      ...JSON_TYPE,
      ...bearer('agt_no'),
    });
    assert.equal(bad.status, 401);
    const operator = await post(own.origin, '/v1/logs', logsJson([logJson()]), {
      ...JSON_TYPE,
      ...bearer('opr_x'),
    });
    assert.equal(operator.status, 400);
    assert.equal(own.entries().filter(({ source }) => source.surface === 'otlp').length, 0);
    const others = await stage(t, { mayRead: async () => false });
    const stranger = await post(others.origin, '/v1/traces', tracesProtobuf([spanJson()]), PROTOBUF_TYPE);
    assert.equal(stranger.status, 401);
    assert.equal(statusIn(stranger.bytes).code, 16);
  });

  it('are 503 with a time to come back when nothing can be recorded', async (t) => {
    const box = await machine();
    const { origin, recorder, faults } = await stage(t, { box });
    await recorder.close('it is over');
    const answer = await post(origin, '/v1/logs', logsJson([logJson()]), JSON_TYPE);
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, String(LIMITS.otlpRetryS)]);
    assert.deepEqual(faults, []);
  });
});

describe('what is sent', () => {
  it('stands in its entry however long and odd its names are', async (t) => {
    const { origin, entries } = await stage(t);
    const odd = '\u0001é'.repeat(3_000);
    const many = Array.from({ length: 200 }, (_, n) => ({
      key: `label.${n}.${odd.slice(0, 40)}`,
      value: { stringValue: odd.slice(0, 60) },
    }));
    const span = spanJson({
      name: odd,
      attributes: [
        { key: 'gen_ai.operation.name', value: { stringValue: 'chat' } },
        { key: 'gen_ai.provider.name', value: { stringValue: odd } },
        { key: 'gen_ai.request.model', value: { stringValue: odd } },
        { key: 'gen_ai.agent.name', value: { stringValue: odd } },
        { key: 'gen_ai.conversation.id', value: { stringValue: odd } },
        { key: 'long', value: { stringValue: odd } },
        ...many,
      ],
      events: Array.from({ length: 50 }, () => ({ timeUnixNano: '1', name: odd, attributes: [] })),
      links: Array.from({ length: 50 }, () => ({ traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) })),
      status: { code: 2, message: odd },
    });
    const resource = [
      'service.name',
      'service.version',
      'service.instance.id',
      'deployment.environment.name',
    ].map((key) => ({ key, value: { stringValue: odd } }));
    const answer = await post(origin, '/v1/traces', tracesJson([span], { resource, scope: odd }), JSON_TYPE);
    assert.deepEqual([answer.status, answer.bytes.toString()], [200, '{}']);
    const [call] = entries('model.call');
    const otlp = call?.metadata?.otlp as { in_payload: { count: number }; events: { count: number } };
    assert.ok(otlp.in_payload.count > 100, 'what does not fit is said to be in the payload');
    assert.equal(otlp.events.count, 50);
  });

  it('costs what it is long, however often something long stands around it', async (t) => {
    const { origin } = await stage(t);
    const tall = ' '.repeat(6 * 1024 * 1024);
    const resource = ['service.name', 'service.version', 'x'].map((key) => ({
      key,
      value: { stringValue: tall },
    }));
    const spans = Array.from({ length: 1_500 }, (_, n) =>
      spanJson({ spanId: (n + 1).toString(16).padStart(16, '0'), attributes: [], events: [], links: [] }),
    );
    const before = process.cpuUsage();
    const packed = gzipSync(
      tracesProtobuf(spans, { resource: resource.slice(0, 2), scope: tall.slice(0, 1_000_000) }),
    );
    const answer = await post(origin, '/v1/traces', packed, { ...PROTOBUF_TYPE, 'content-encoding': 'gzip' });
    const { user, system } = process.cpuUsage(before);
    assert.equal(answer.status, 200);
    assert.ok((user + system) / 1000 < 8_000, `${(user + system) / 1000} ms`);
  });

  it('is one record for each request that says no time, and one for all tries of one that does', async (t) => {
    const { origin, entries } = await stage(t);
    const timed = logsJson([logJson({ eventName: 'tick' })]);
    const untimed = logsJson([logJson({ eventName: 'tock', timeUnixNano: '0', observedTimeUnixNano: '0' })]);
    for (const body of [timed, timed, untimed, untimed])
      assert.equal((await post(origin, '/v1/logs', body, JSON_TYPE)).status, 200);
    assert.deepEqual(
      entries('custom').map(({ action }) => action?.name),
      ['tick', 'tock', 'tock'],
    );
  });

  it('writes nothing that is the recorder’s own, and ends nothing of others', async (t) => {
    const { origin, entries } = await stage(t);
    const names = ['approval.grant', 'decision.made', 'policy.change', 'log.close', 'token.issue'];
    const records = names.map((eventName) => logJson({ eventName }));
    const spans = names.map((name, n) =>
      spanJson({ name, attributes: [], spanId: `00000000000000${n + 10}` }),
    );
    await post(origin, '/v1/logs', logsJson(records), JSON_TYPE);
    await post(origin, '/v1/traces', tracesJson(spans), JSON_TYPE);
    const own = entries().filter(({ source }) => source.surface === 'otlp');
    assert.equal(own.length, 2 * names.length);
    for (const { type, phase } of own) assert.deepEqual([type, phase], ['custom', 'point']);
  });
});
