import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseControl } from '../../../src/capture/proxy/headers.ts';
import { parseTarget, withoutQuery } from '../../../src/capture/proxy/target.ts';
import { LIMITS } from '../../../src/core/limits.ts';

const TARGET = ['X-AS-Target-URL', 'https://api.example.com/v1?q=1'];
const BEARER = ['X-AS-Inject-Bearer', 'KEY'];
const parse = (...pairs: readonly string[]) => parseControl(['Host', '127.0.0.1:8765', ...pairs], 'GET');
const problem = (...pairs: readonly string[]) => parse(...pairs).problem;

test('a call with a target and one injection is understood', () => {
  const control = parse(...TARGET, ...BEARER, 'Accept', '*/*');
  assert.equal(control.problem, undefined);
  assert.deepEqual(control.injections, [{ style: 'bearer', ref: 'KEY', name: 'authorization' }]);
  assert.deepEqual(control.forward, ['Accept', '*/*']);
  assert.equal(control.method, 'GET');
});

test('all six styles are understood, whatever the case of the header name', () => {
  const { injections, problem: wrong } = parse(
    ...TARGET,
    'x-as-inject-bearer',
    'A',
    'X-AS-INJECT-HEADER-X-Api-Key',
    'B',
    'X-As-Inject-Query-apiKey',
    'C',
    'X-AS-Inject-Body-auth-token',
    'D',
  );
  assert.equal(wrong, undefined);
  assert.deepEqual(injections, [
    { style: 'bearer', ref: 'A', name: 'authorization' },
    { style: 'header', ref: 'B', name: 'x-api-key' },
    { style: 'query', ref: 'C', name: 'apiKey' },
    { style: 'body', ref: 'D', name: 'auth.token' },
  ]);
  assert.deepEqual(parse(...TARGET, 'X-AS-Inject-Basic', 'A', 'X-AS-Inject-Form-pw', 'B').injections, [
    { style: 'basic', ref: 'A', name: 'authorization' },
    { style: 'form', ref: 'B', name: 'pw' },
  ]);
});

test('what is missing, doubled, unknown or malformed refuses the call', () => {
  const cases: [RegExp, readonly string[]][] = [
    [/X-AS-Target-URL header is required/, BEARER],
    [
      /At least one X-AS-Inject-\* header is required: a call without a credential takes the broker as its HTTP proxy/,
      TARGET,
    ],
    [/given twice/, [...TARGET, ...TARGET, ...BEARER]],
    [/given twice/, [...TARGET, ...BEARER, 'x-as-inject-bearer', 'OTHER']],
    [/given twice/, [...TARGET, ...BEARER, 'X-AS-Method', 'GET', 'x-as-method', 'POST']],
    [/given twice/, [...TARGET, ...BEARER, 'X-AS-Agent-Token', 'a', 'X-AS-Agent-Token', 'b']],
    [/not known/, [...TARGET, ...BEARER, 'X-AS-Targt', 'x']],
    [/not one of Bearer/, [...TARGET, 'X-AS-Inject-Baerer', 'KEY']],
    [/not one of Bearer/, [...TARGET, 'X-AS-Inject-Header', 'x-api-key KEY']],
    [/not one of Bearer/, [...TARGET, 'X-AS-Inject-Query-', 'KEY']],
    [/credential ".*" is malformed/, [...TARGET, 'X-AS-Inject-Bearer', '']],
    [/credential ".*" is malformed/, [...TARGET, 'X-AS-Inject-Bearer', 'two words']],
    [/credential ".*" is malformed/, [...TARGET, 'X-AS-Inject-Bearer', "it's"]],
    [/credential ".*" is malformed/, [...TARGET, 'X-AS-Inject-Bearer', 'K'.repeat(LIMITS.idChars + 1)]],
    [/Agent-ID is malformed/, [...TARGET, ...BEARER, 'X-AS-Agent-ID', 'a\x80b']],
    [/Agent-ID is malformed/, [...TARGET, ...BEARER, 'X-AS-Agent-ID', 'a'.repeat(LIMITS.idChars + 1)]],
    [/method .* cannot be called/, [...TARGET, ...BEARER, 'X-AS-Method', 'CONNECT']],
    [/method .* cannot be called/, [...TARGET, ...BEARER, 'X-AS-Method', 'TRACE']],
    [/method .* cannot be called/, [...TARGET, ...BEARER, 'X-AS-Method', 'GET / HTTP/1.1']],
    [/same place/, [...TARGET, ...BEARER, 'X-AS-Inject-Basic', 'OTHER']],
    [/same place/, [...TARGET, ...BEARER, 'X-AS-Inject-Header-Authorization', 'OTHER']],
    [/same place/, [...TARGET, 'X-AS-Inject-Body-a', 'K', 'X-AS-Inject-Body-a-b', 'L']],
    [/same place/, [...TARGET, 'X-AS-Inject-Body-a', 'K', 'X-AS-Inject-Form-b', 'L']],
    [/same place/, [...TARGET, 'X-AS-Inject-Query-k', 'K', 'x-as-inject-query-k', 'L']],
    [/cannot be put into the header/, [...TARGET, 'X-AS-Inject-Header-Host', 'K']],
    [/cannot be put into the header/, [...TARGET, 'X-AS-Inject-Header-Content-Length', 'K']],
    [/cannot be put into the header/, [...TARGET, 'X-AS-Inject-Header-Transfer-Encoding', 'K']],
    [/cannot be put into the header/, [...TARGET, 'X-AS-Inject-Header-X-AS-Agent-ID', 'K']],
    [/JSON path .* is malformed/, [...TARGET, 'X-AS-Inject-Body-a--b', 'K']],
    [/JSON path .* is malformed/, [...TARGET, 'X-AS-Inject-Body-__proto__-x', 'K']],
    [/change the method after/, [...TARGET, ...BEARER, 'x-http-method-override', 'DELETE']],
    [/change the method after/, [...TARGET, ...BEARER, 'X-HTTP-Method', 'DELETE']],
    [/change the method after/, [...TARGET, ...BEARER, 'X-Method-Override', 'DELETE']],
    [/cannot be put into the header/, [...TARGET, 'X-AS-Inject-Header-X-HTTP-Method', 'K']],
    [/Host is given twice/, [...TARGET, ...BEARER, 'host', 'evil.example']],
    [/transfer coding/, [...TARGET, ...BEARER, 'Transfer-Encoding', 'gzip, chunked']],
  ];
  for (const [pattern, pairs] of cases)
    assert.match(problem(...pairs) ?? 'nothing', pattern, pairs.join(' | '));
});

test('a call carries a bounded number of credentials', () => {
  const many = Array.from({ length: LIMITS.credentialsPerCall + 1 }, (_, i) => [
    `X-AS-Inject-Query-p${i}`,
    'KEY',
  ]).flat();
  assert.match(problem(...TARGET, ...many) ?? '', /at most/);
  assert.equal(problem(...TARGET, ...many.slice(2)), undefined);
});

test('parameters that differ only in case are two parameters', () => {
  const { injections, problem: wrong } = parse(
    ...TARGET,
    'X-AS-Inject-Query-Key',
    'A',
    'X-AS-Inject-Query-key',
    'B',
  );
  assert.equal(wrong, undefined);
  assert.deepEqual(
    injections.map(({ name }) => name),
    ['Key', 'key'],
  );
});

test('control headers, hop-by-hop headers and what Connection names never go on', () => {
  const { forward } = parse(
    ...TARGET,
    ...BEARER,
    'X-As-Agent-Id',
    'me',
    'Connection',
    'keep-alive, X-Private',
    'x-private',
    'v',
    'Keep-Alive',
    'timeout=5',
    'Proxy-Authorization',
    'Basic eA==',
    'TE',
    'trailers',
    'Trailer',
    'X-T',
    'Upgrade',
    'h2c',
    'Expect',
    '100-continue',
    'Accept-Encoding',
    'gzip',
    'Content-Length',
    '3',
    'Cookie',
    'a=b',
    'X-Twice',
    '1',
    'X-Twice',
    '2',
  );
  assert.deepEqual(forward, ['Cookie', 'a=b', 'X-Twice', '1', 'X-Twice', '2']);
});

test('the method can be named apart from the inbound one, in any case', () => {
  assert.equal(parse(...TARGET, ...BEARER, 'X-AS-Method', 'patch').method, 'PATCH');
});

test('tokens are claims and appear nowhere else', () => {
  const control = parse(...TARGET, ...BEARER, 'X-AS-Agent-Token', 'tok-a', 'X-AS-Session-Token', 'tok-b');
  assert.deepEqual(control.claims, { agent_token: 'tok-a', run_token: 'tok-b' });
  const { claims: _claims, ...rest } = control;
  assert.doesNotMatch(JSON.stringify(rest), /tok-/);
});

test('what went wrong never quotes a header value at length', () => {
  const long = 'Z'.repeat(5_000);
  for (const pairs of [
    [...TARGET, 'X-AS-Inject-Bearer', `${long} `],
    ['X-AS-Target-URL', long, ...BEARER],
    [...TARGET, ...BEARER, `X-AS-${long}`, 'x'],
    [...TARGET, ...BEARER, 'X-AS-Method', long],
  ])
    assert.ok((problem(...pairs) ?? '').length < 400);
});

test('any headers give an answer, never an exception', () => {
  const text = fc.string({ maxLength: 30 });
  const name = fc.oneof(
    text,
    fc.constantFrom('X-AS-Target-URL', 'x-as-inject-body-a', 'X-AS-Method', 'connection'),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, text), { maxLength: 12 }), (pairs) => {
      const control = parseControl(pairs.flat(), 'GET');
      assert.ok(control.problem !== undefined || control.injections.length > 0);
    }),
  );
});

test('a target is http or https, with a host, without user name, white space or backslash', () => {
  for (const bad of [
    '',
    'api.example.com/x',
    '//api.example.com/x',
    'ftp://api.example.com/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'https:api.example.com',
    'https:///x',
    'https://',
    'https://user@api.example.com/',
    'https://user:pw@api.example.com/',
    'https://:pw@api.example.com/',
    'https://good.example\\@evil.example/',
    'https://api.example.com/a b',
    'https://api.example.com/\ttab',
    'https://api.example.com:99999/',
    'https://exa\u00ADmple.com/',
    'https://api.example.com/\u00e9',
    'https://[::1/',
    'https://a..b/',
  ])
    assert.ok('problem' in parseTarget(bad), bad);
});

test('every notation of a host becomes the one that is checked and connected to', () => {
  const hostOf = (text: string) => {
    const target = parseTarget(text);
    return 'problem' in target ? target.problem : target.host;
  };
  for (const text of [
    'http://127.1/',
    'http://0x7f.0.0.1/',
    'http://2130706433/',
    'http://017700000001/',
    'http://127.0.0.1./',
  ])
    assert.equal(hostOf(text), '127.0.0.1', text);
  assert.equal(hostOf('http://[::ffff:127.0.0.1]/'), '127.0.0.1');
  assert.equal(hostOf('http://[0:0:0:0:0:0:0:1]/'), '::1');
  assert.equal(hostOf('https://API.Example.COM./'), 'api.example.com');
});

test('a target is split into parts that agree with each other', () => {
  assert.deepEqual(parseTarget('https://API.example.com:443/a/../b?x=1#frag'), {
    scheme: 'https',
    host: 'api.example.com',
    port: 443,
    path: '/b',
    search: '?x=1',
    origin: 'https://api.example.com',
  });
  const target = parseTarget('http://[::1]:8080');
  assert.ok(!('problem' in target));
  assert.equal(target.origin, 'http://[::1]:8080');
  assert.equal(target.path, '/');
});

test('a recorded redirect shows no query', () => {
  assert.equal(withoutQuery('/next?token=abc', 'https://a.example/x'), 'https://a.example/next?…');
  assert.equal(withoutQuery('https://b.example/y#z', 'https://a.example/x'), 'https://b.example/y');
  assert.equal(withoutQuery('https://u:p@b.example/y', 'https://a.example/x'), 'https://b.example/y');
  assert.equal(withoutQuery('http://[', 'https://a.example/x'), 'not a URL');
});
