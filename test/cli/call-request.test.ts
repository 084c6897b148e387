import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildRequest, type CallFlags, revealing } from '../../src/cli/commands/call/request.ts';
import { TallyError } from '../../src/core/error.ts';

const url = 'https://api.example.com/v1';
const build = (flags: Partial<CallFlags>, body?: string) =>
  buildRequest({ url, ...flags }, {}, body === undefined ? undefined : Buffer.from(body));

test('every way to inject becomes its control header, in order', () => {
  const { method, headers } = build({
    bearer: 'A',
    header: ['X-Api-Key=B'],
    query: ['apiKey=C'],
    agent: 'billing-tool',
  });
  assert.equal(method, 'GET');
  assert.deepEqual(headers, [
    ['X-AS-Target-URL', url],
    ['X-AS-Method', 'GET'],
    ['X-AS-Agent-ID', 'billing-tool'],
    ['X-AS-Inject-Bearer', 'A'],
    ['X-AS-Inject-Header-X-Api-Key', 'B'],
    ['X-AS-Inject-Query-apiKey', 'C'],
  ]);
});

test('a JSON path travels with dashes, and one that has a dash of its own is refused', () => {
  assert.deepEqual(build({ bodyField: ['auth.token=K'] }).headers.at(-1), [
    'X-AS-Inject-Body-auth-token',
    'K',
  ]);
  assert.throws(() => build({ bodyField: ['auth-token=K'] }), { code: 'USAGE' });
});

test('tokens go into their headers', () => {
  const { headers } = buildRequest({ url, basic: 'K' }, { agentToken: 'a', runToken: 'r' }, undefined);
  assert.deepEqual(headers.slice(2, 4), [
    ['X-AS-Agent-Token', 'a'],
    ['X-AS-Session-Token', 'r'],
  ]);
});

test('a body or a field in one makes it a POST, and the content type is what the body is', () => {
  const typeOf = (request: ReturnType<typeof build>) => new Map(request.headers).get('Content-Type');
  assert.equal(build({ bearer: 'K' }, '{"a":1}').method, 'POST');
  assert.equal(typeOf(build({ bearer: 'K' }, '{"a":1}')), 'application/json');
  assert.equal(typeOf(build({ bearer: 'K' }, 'a=b')), 'application/octet-stream');
  assert.equal(typeOf(build({ formField: ['k=K'] }, 'a=b')), 'application/x-www-form-urlencoded');
  assert.equal(build({ formField: ['k=K'] }).method, 'POST');
  assert.equal(build({ bearer: 'K', method: 'put' }, '{}').method, 'PUT');
  assert.equal(typeOf(build({ bearer: 'K', plainHeader: ['content-type: text/x'] }, '{}')), undefined);
});

test('a call without a credential says which flags there are', () => {
  assert.throws(
    () => build({}),
    (error: TallyError) => error.code === 'USAGE' && /--bearer/.test(error.hint ?? ''),
  );
});

test('a URL without a scheme is told as what it is, before a broker is asked', () => {
  for (const bare of ['api.example.com/v1', 'localhost:9000/x', 'ftp://api.example.com', '', '/v1'])
    assert.throws(() => build({ url: bare, bearer: 'K' }), { code: 'USAGE', message: /https:\/\/ or http:/ });
  assert.equal(build({ url: 'HTTP://localhost:9000/x', bearer: 'K' }).method, 'GET');
});

test('a header that steers the broker cannot be smuggled in', () => {
  assert.throws(() => build({ bearer: 'K', plainHeader: ['x-as-agent-id: other'] }), { code: 'USAGE' });
});

test('a trace of the environment goes with the call, when it is one and nothing better is said', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const sent = (flags: Partial<CallFlags>, said: { traceparent?: string; tracestate?: string }) =>
    buildRequest({ url: 'https://a.example/', bearer: 'KEY', ...flags }, said, undefined).headers.filter(
      ([name]) => name.startsWith('trace'),
    );
  assert.deepEqual(sent({}, { traceparent, tracestate: 'a=1' }), [
    ['traceparent', traceparent],
    ['tracestate', 'a=1'],
  ]);
  assert.deepEqual(sent({}, { traceparent, tracestate: 'no state' }), [['traceparent', traceparent]]);
  assert.deepEqual(sent({}, { traceparent: 'none', tracestate: 'a=1' }), []);
  assert.deepEqual(sent({ plainHeader: ['traceparent: mine'] }, { traceparent }), [['traceparent', 'mine']]);
});

test('plain headers that look like secrets are named', () => {
  const plainHeader = ['Authorization: Bearer x', 'X-Api-Key: y', 'Accept: z', 'Cookie: c'];
  assert.deepEqual(revealing({ url, plainHeader }), ['Authorization', 'X-Api-Key', 'Cookie']);
});

test('whatever the flags hold, the answer is headers that HTTP can carry or a usage error', () => {
  const texts = fc.array(fc.string({ maxLength: 20 }), { maxLength: 3 });
  fc.assert(
    fc.property(texts, texts, texts, texts, (header, query, bodyField, plainHeader) => {
      try {
        for (const [name] of build({ bearer: 'K', header, query, bodyField, plainHeader }).headers)
          assert.match(name, /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/);
      } catch (error) {
        assert.ok(error instanceof TallyError && error.code === 'USAGE');
      }
    }),
  );
});
