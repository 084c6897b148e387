import assert from 'node:assert/strict';
import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalize } from '../../src/core/canonical.ts';
import { createFingerprint } from '../../src/core/fingerprint.ts';
import { anyJson } from './entries.ts';

const masterKey = new Uint8Array(32).map((_, i) => i);
const print = createFingerprint({ masterKey });
const target = { scheme: 'https', host: 'api.example.com', path: '/v1/refunds', method: 'POST' };

describe('fingerprint', () => {
  it('is an HMAC over the canonical arguments under a key derived with the label args', () => {
    const key = Buffer.from(hkdfSync('sha256', masterKey, new Uint8Array(0), 'args', 32));
    fc.assert(
      fc.property(anyJson, (args) => {
        const expected = createHmac('sha256', key).update(canonicalize(args)).digest('hex');
        assert.equal(print.action('t', { name: 'x' }, args).args_hash, expected);
      }),
    );
  });

  it('makes action.key from 16 bytes of the hash that entry.md describes', () => {
    const { key, args_hash } = print.action('acme', { name: 'refund.create', target }, { amount: 5 });
    const text = canonicalize(['acme', 'refund.create', target, args_hash]);
    assert.equal(key, createHash('sha256').update(text).digest('hex').slice(0, 32));
  });

  it('writes null for an absent target and absent arguments', () => {
    const { key, ...rest } = print.action('acme', { name: 'ping' }, undefined);
    assert.equal(key, createHash('sha256').update('["acme","ping",null,null]').digest('hex').slice(0, 32));
    assert.deepEqual(rest, {});
  });

  it('leaves the query out of action.key and every other part in', () => {
    const key = (over: object, args: unknown = 1, tenant = 't', name = 'n'): string =>
      print.action(tenant, { name, target: { ...target, ...over } }, args).key;
    assert.equal(key({ query_hash: 'ab' }), key({ query_hash: 'cd' }));
    const others = [
      key({}),
      key({ path: '/' }),
      key({}, 2),
      key({}, 1, 'u'),
      key({}, 1, 't', 'm'),
      key({ port: 1 }),
    ];
    assert.equal(new Set(others).size, others.length);
  });

  it('tells apart arguments that redaction would make equal', () => {
    const hash = (args: unknown): unknown => print.action('t', { name: 'n' }, args).args_hash;
    assert.notEqual(hash({ card: '4111111111111111' }), hash({ card: '4242424242424242' }));
    assert.equal(hash({ a: 1, b: 2 }), hash({ b: 2, a: 1 }));
  });

  it('names its key, and what it does not cover, in the alg', () => {
    assert.match(print.alg, /^hmac-sha256:[0-9a-f]{8}$/);
    assert.equal(
      print.action('t', { name: 'n' }, 1, 'body=streamed').args_hash_alg,
      `${print.alg};body=streamed`,
    );
    assert.equal(createFingerprint({ masterKey, keyId: 'k7' }).alg, 'hmac-sha256:k7');
    assert.notEqual(createFingerprint({ masterKey: masterKey.map((b) => b ^ 1) }).alg, print.alg);
  });

  it('is a plain hash only when that is asked for', () => {
    const plain = createFingerprint({ plain: true }).action('t', { name: 'n' }, { b: 1, a: 2 });
    assert.equal(plain.args_hash, createHash('sha256').update('{"a":2,"b":1}').digest('hex'));
    assert.equal(plain.args_hash_alg, 'sha256');
  });

  it('refuses a short key and arguments that are not JSON', () => {
    assert.throws(() => createFingerprint({ masterKey: new Uint8Array(16) }), { code: 'KEY_MALFORMED' });
    assert.throws(() => print.action('t', { name: 'n' }, { at: new Date(0) }), { code: 'BAD_EVENT' });
  });
});
