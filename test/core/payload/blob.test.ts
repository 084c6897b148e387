import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { aesGcmOpen, aesGcmSeal } from '../../../src/core/aes-gcm.ts';
import { BLOB_OVERHEAD, openBlob, sealBlob } from '../../../src/core/payload/blob.ts';
import { citationOf, packFirst, packName } from '../../../src/core/payload/citation.ts';
import { cutText } from '../../../src/core/payload/cut.ts';
import {
  encodeDataKey,
  parseDataKey,
  unwrapDataKey,
  wrappingKey,
} from '../../../src/core/payload/data-key.ts';
import { subjectHasher } from '../../../src/core/payload/key-names.ts';

const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
const OF = {
  tenant_id: 'local',
  key_id: 'key_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  entry_id: 'log_01ARZ3NDEKTSV4RRFFQ69G5FAV',
};
const material = fc.record({
  key: bytes(32),
  nonce: bytes(12),
  salt: bytes(16),
  plain: fc.uint8Array({ maxLength: 300 }),
});

test('what was sealed opens again, byte for byte', () => {
  fc.assert(
    fc.property(material, (input) => {
      const { blob, commit, cipher_hash } = sealBlob({ of: OF, ...input });
      assert.equal(blob.length, input.plain.length + BLOB_OVERHEAD);
      const opened = openBlob({ of: OF, key: input.key, blob, commit, cipher_hash });
      assert.ok(opened.ok);
      assert.deepEqual(new Uint8Array(opened.plain), new Uint8Array(input.plain));
    }),
  );
});

test('every altered byte of a blob is noticed, without the key and with it', () => {
  const key = new Uint8Array(32).fill(7);
  const input = {
    key,
    nonce: new Uint8Array(12).fill(1),
    salt: new Uint8Array(16).fill(2),
    plain: Buffer.from('a payload'),
  };
  const { blob, commit, cipher_hash } = sealBlob({ of: OF, ...input });
  for (let at = 0; at < blob.length; at++) {
    const altered = Uint8Array.from(blob);
    altered[at] = (altered[at] ?? 0) ^ 1;
    assert.deepEqual(openBlob({ of: OF, key, blob: altered, commit, cipher_hash }), {
      ok: false,
      fault: 'cipher_hash',
    });
    // Whoever rewrites the entry too still has no key.
    const rehashed = createHash('sha256').update(altered).digest('hex');
    const opened = openBlob({ of: OF, key, blob: altered, commit, cipher_hash: rehashed });
    assert.ok(!opened.ok && opened.fault === (at === 0 ? 'format' : 'key'), `byte ${at}`);
  }
  for (let length = 0; length < blob.length; length++) {
    const cut = blob.subarray(0, length);
    const cutHash = createHash('sha256').update(cut).digest('hex');
    assert.ok(!openBlob({ of: OF, key, blob: cut, commit, cipher_hash: cutHash }).ok);
  }
});

test('a blob opens only as the payload of its own entry, tenant and key', () => {
  fc.assert(
    fc.property(material, (input) => {
      const { blob, commit, cipher_hash } = sealBlob({ of: OF, ...input });
      for (const other of [{ tenant_id: 'other' }, { key_id: 'key_other' }, { entry_id: 'log_other' }]) {
        const opened = openBlob({ of: { ...OF, ...other }, key: input.key, blob, commit, cipher_hash });
        assert.deepEqual(opened, { ok: false, fault: 'key' });
      }
      const wrong = openBlob({ of: OF, key: input.key, blob, commit: '0'.repeat(64), cipher_hash });
      assert.deepEqual(wrong, { ok: false, fault: 'commit' });
    }),
    { numRuns: 20 },
  );
});

test('AES-256-GCM is the one of node:crypto, and opens nothing that was altered', () => {
  fc.assert(
    fc.property(bytes(32), bytes(12), fc.uint8Array(), fc.uint8Array(), (key, nonce, aad, plain) => {
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
      const expected = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      const sealed = aesGcmSeal(key, nonce, aad, plain);
      assert.deepEqual(Buffer.from(sealed), expected);
      assert.deepEqual(aesGcmOpen(key, nonce, aad, sealed), new Uint8Array(plain));
      sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 0x80;
      assert.equal(aesGcmOpen(key, nonce, aad, sealed), undefined);
      assert.equal(aesGcmOpen(key, nonce, aad, sealed.subarray(0, 15)), undefined);
    }),
    { numRuns: 30 },
  );
});

test('a cut never ends inside a character and takes as much as fits', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.nat(80), (text, most) => {
      const whole = Buffer.from(text);
      const cut = Buffer.from(cutText(whole, most));
      assert.ok(cut.length <= most || whole.length <= most);
      assert.ok(!cut.toString('utf8').includes('�') || text.includes('�'));
      assert.ok(whole.subarray(0, cut.length).equals(cut));
      if (whole.length > most) assert.ok(cut.length > most - 4);
    }),
  );
});

const ABOUT = {
  key_id: 'key_01ARZ3NDEKTSV4RRFFQ69G5FAV',
  tenant_id: 'local',
  class: 'result',
  run_id: 'run_1',
  created: '2026-01-01T00:00:00.000Z',
};

test('a wrapped key unwraps with its master key, and not when its file says something else', () => {
  const key = new Uint8Array(32).fill(9);
  const wrapping = wrappingKey(new Uint8Array(32).fill(1));
  const stored = encodeDataKey(ABOUT, key, wrapping, new Uint8Array(12).fill(3));
  const file = parseDataKey(stored);
  assert.ok(file);
  assert.deepEqual(unwrapDataKey(file, wrapping), key);
  assert.equal(unwrapDataKey(file, wrappingKey(new Uint8Array(32).fill(2))), undefined);
  for (const other of [
    { run_id: 'run_2' },
    { class: 'prompt' },
    { tenant_id: 'x' },
    { key_id: 'key_01ARZ3NDEKTSV4RRFFQ69G5FAW' },
    { created: '2027-01-01T00:00:00.000Z' },
    { subject_hash: '0'.repeat(64) },
    { wrapped: file.wrapped.slice(4) },
    { wrapped: 'not base64' },
  ]) {
    assert.equal(unwrapDataKey({ ...file, ...other }, wrapping), undefined, JSON.stringify(other));
  }
  const { run_id: _run, ...withoutRun } = file;
  assert.equal(unwrapDataKey(withoutRun, wrapping), undefined);
});

test('no bytes make the reader of key files fail', () => {
  fc.assert(fc.property(fc.uint8Array(), (noise) => assert.equal(parseDataKey(noise), undefined)));
  fc.assert(fc.property(fc.json(), (json) => assert.equal(parseDataKey(Buffer.from(json)), undefined)));
});

test('a subject is hashed under the tenant’s key', () => {
  const one = subjectHasher(new Uint8Array(32).fill(1));
  assert.equal(one('jane@example.com'), one('jane@example.com'));
  assert.notEqual(one('jane@example.com'), subjectHasher(new Uint8Array(32).fill(2))('jane@example.com'));
  assert.notEqual(one('jane@example.com'), createHash('sha256').update('jane@example.com').digest('hex'));
});

test('a pack is named by its segment, and no other name is one', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (first) => assert.equal(packFirst(packName(first)), first)));
  for (const name of [
    '',
    '.pack',
    '../000000000000.pack',
    '0.pack',
    '0000000000001.pack',
    '000000000000.pack/x',
    '99999999999999999.pack',
  ])
    assert.equal(packFirst(name), undefined, name);
});

test('what an entry cites is taken as a place only when it can be one', () => {
  const payload = {
    pack: packName(0),
    offset: 0,
    length: 100,
    cipher_hash: 'a'.repeat(64),
    commit: 'b'.repeat(64),
    key_id: 'key_1',
    media_type: 'text/plain',
    class: 'result',
  };
  assert.deepEqual(citationOf({ payload }), {
    pack: 0,
    offset: 0,
    length: 100,
    cipher_hash: 'a'.repeat(64),
    key_id: 'key_1',
  });
  assert.equal(citationOf({}), 'none');
  assert.equal(citationOf({ payload: { hash: 'aa', hash_alg: 'x', media_type: 'a', class: 'b' } }), 'none');
  for (const bad of [
    { pack: '../../etc/passwd' },
    { pack: 7 },
    { offset: -1 },
    { offset: 0.5 },
    { offset: 2 ** 53 },
    { offset: 2 ** 53 - 1 },
    { length: 0 },
    { length: BLOB_OVERHEAD - 1 },
    { length: 2 ** 31 },
    { length: '100' },
    { cipher_hash: 'A'.repeat(64) },
    { cipher_hash: 'aa' },
  ]) {
    assert.equal(citationOf({ payload: { ...payload, ...bad } }), 'malformed', JSON.stringify(bad));
  }
  assert.equal(citationOf({ payload: 'text' }), 'malformed');
  fc.assert(fc.property(fc.jsonValue(), (value) => void citationOf({ payload: value as never })));
});

test('the vectors of the specification come out', () => {
  const vectors = JSON.parse(
    readFileSync(new URL('../../../spec/vectors/payloads.json', import.meta.url), 'utf8'),
  );
  assert.ok(vectors.blobs.length >= 3 && vectors.data_keys.length >= 2);
  const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
  for (const v of vectors.blobs) {
    const made = sealBlob({
      of: { tenant_id: v.tenant_id, key_id: v.key_id, entry_id: v.entry_id },
      key: hex(v.data_key),
      nonce: hex(v.nonce),
      salt: hex(v.salt),
      plain: hex(v.plain),
    });
    assert.equal(Buffer.from(made.blob).toString('hex'), v.blob, v.name);
    assert.deepEqual(
      { commit: made.commit, cipher_hash: made.cipher_hash },
      { commit: v.commit, cipher_hash: v.cipher_hash },
    );
  }
  for (const v of vectors.data_keys) {
    const stored = encodeDataKey(v.about, hex(v.data_key), wrappingKey(hex(v.master_key)), hex(v.nonce));
    assert.equal(JSON.parse(Buffer.from(stored).toString()).wrapped, v.wrapped);
  }
  for (const v of vectors.subjects) assert.equal(subjectHasher(hex(v.master_key))(v.subject), v.subject_hash);
});
