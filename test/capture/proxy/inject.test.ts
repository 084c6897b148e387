import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Injection } from '../../../src/capture/proxy/headers.ts';
import { inject, injectProblem } from '../../../src/capture/proxy/inject.ts';
import type { WireRequest } from '../../../src/capture/proxy/wire.ts';

const VALUES = new Map([
  ['KEY', Buffer.from('s3cret&value=+ /')],
  ['PAIR', Buffer.from('user:pass word')],
  ['LINES', Buffer.from('two\nlines')],
  ['BYTES', Buffer.from([0xff, 0xfe, 0x41, 0x42])],
]);

function run(injection: Partial<Injection>, request: Partial<WireRequest> = {}): WireRequest {
  const result = inject(
    { path: '/p', headers: [], body: undefined, ...request },
    [{ style: 'bearer', ref: 'KEY', name: 'authorization', ...injection }],
    VALUES,
  );
  assert.ok('request' in result, JSON.stringify(result));
  return result.request;
}

test('bearer and basic replace the caller’s own Authorization', () => {
  const headers = ['Authorization', 'Bearer mine', 'X', 'y'];
  assert.deepEqual(run({}, { headers }).headers, ['X', 'y', 'authorization', 'Bearer s3cret&value=+ /']);
  assert.deepEqual(run({ style: 'basic', ref: 'PAIR' }, { headers }).headers, [
    'X',
    'y',
    'authorization',
    `Basic ${Buffer.from('user:pass word').toString('base64')}`,
  ]);
});

test('a header injection replaces every header of that name', () => {
  const headers = ['X-Api-Key', '1', 'x-api-key', '2', 'Other', '3'];
  assert.deepEqual(run({ style: 'header', name: 'x-api-key' }, { headers }).headers, [
    'Other',
    '3',
    'x-api-key',
    's3cret&value=+ /',
  ]);
});

test('a query parameter is encoded, replaces its namesakes, and leaves the rest byte for byte', () => {
  assert.equal(run({ style: 'query', name: 'key' }).path, '/p?key=s3cret%26value%3D%2B%20%2F');
  assert.equal(
    run({ style: 'query', name: 'key' }, { path: '/p?a=%7e+b&key=old&k%65y=older&=x&c' }).path,
    '/p?a=%7e+b&=x&c&key=s3cret%26value%3D%2B%20%2F',
  );
});

test('a form field works the same way, and makes a form of an empty body', () => {
  const type = ['content-type', 'application/x-www-form-urlencoded'];
  const filled = run({ style: 'form', name: 'pw' }, { body: Buffer.from('a=1&pw=x'), headers: type });
  assert.equal(filled.body?.toString(), 'a=1&pw=s3cret%26value%3D%2B%20%2F');
  const made = run({ style: 'form', name: 'pw' });
  assert.equal(made.body?.toString(), 'pw=s3cret%26value%3D%2B%20%2F');
  assert.deepEqual(made.headers, type);
});

test('a JSON member is set at its path, and missing objects on the way are made', () => {
  const at = (name: string, body?: string) =>
    run({ style: 'body', name }, body === undefined ? {} : { body: Buffer.from(body) }).body?.toString();
  assert.equal(at('auth.token', '{"a":1}'), '{"a":1,"auth":{"token":"s3cret&value=+ /"}}');
  assert.equal(
    at('auth.token', '{"auth":{"token":"old","x":2}}'),
    '{"auth":{"token":"s3cret&value=+ /","x":2}}',
  );
  assert.equal(at('key'), '{"key":"s3cret&value=+ /"}');
});

test('numbers of a JSON body stay as they were written', () => {
  const body = Buffer.from('{"id":12345678901234567890,"x":1.10,"y":1e400,"z":-0,"n":5}');
  assert.equal(
    run({ style: 'body', name: 'k' }, { body }).body?.toString(),
    '{"id":12345678901234567890,"x":1.10,"y":1e400,"z":-0,"n":5,"k":"s3cret&value=+ /"}',
  );
});

test('members called __proto__ stay members', () => {
  const body = Buffer.from('{"__proto__":{"a":1},"b":{}}');
  assert.equal(
    run({ style: 'body', name: 'b.k' }, { body }).body?.toString(),
    '{"__proto__":{"a":1},"b":{"k":"s3cret&value=+ /"}}',
  );
  assert.equal(({} as Record<string, unknown>).a, undefined);
});

test('a value that cannot stand where it is to go is named, never quoted', () => {
  for (const injection of [
    { style: 'bearer', ref: 'LINES', name: 'authorization' },
    { style: 'header', ref: 'LINES', name: 'x' },
    { style: 'basic', ref: 'KEY', name: 'authorization' },
    { style: 'bearer', ref: 'BYTES', name: 'authorization' },
    { style: 'query', ref: 'BYTES', name: 'q' },
    { style: 'form', ref: 'BYTES', name: 'q' },
    { style: 'body', ref: 'BYTES', name: 'q' },
    { style: 'bearer', ref: 'ABSENT', name: 'authorization' },
  ] as const) {
    const result = inject({ path: '/', headers: [], body: undefined }, [injection], VALUES);
    assert.ok('unusable' in result, JSON.stringify(injection));
    assert.ok(result.unusable.includes(`'${injection.ref}'`));
    for (const value of VALUES.values()) assert.ok(!result.unusable.includes(value.toString()));
  }
});

test('a body that is no JSON object, or a path through something else, is found before anything is sent', () => {
  const body: Injection[] = [{ style: 'body', ref: 'KEY', name: 'a.b' }];
  const of = (text: string) => injectProblem(body, Buffer.from(text));
  assert.equal(of('{}'), undefined);
  assert.equal(injectProblem(body, undefined), undefined);
  for (const bad of ['[]', '"x"', '1', 'null', '{', '{"a":1}', '{"a":[]}', '{"a":null}', '\xff'])
    assert.notEqual(of(bad), undefined, bad);
  const deep = '['.repeat(500_000) + ']'.repeat(500_000);
  assert.notEqual(injectProblem(body, Buffer.from(`{"x":${deep}}`)), undefined);
});

test('what is not injected into survives unchanged, whatever it is', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const text = JSON.stringify(value);
      const injected = run({ style: 'body', name: 'injected' }, { body: Buffer.from(text) });
      const expected: unknown = { ...JSON.parse(text), injected: 's3cret&value=+ /' };
      assert.deepEqual(JSON.parse(injected.body?.toString() ?? ''), expected);
    }),
  );
});
