import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeVault,
  decryptValue,
  encodeVault,
  encryptValue,
  type VaultRecord,
  vaultKey,
} from '../../../src/capture/secrets/vault-format.ts';

const key = vaultKey(randomBytes(32));
const names = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,20}$/);

function fileOf(values: Record<string, Uint8Array>, generation = 7): Buffer {
  const records = new Map<string, VaultRecord>();
  for (const name of Object.keys(values)) {
    const value = values[name];
    if (value !== undefined) records.set(name, encryptValue(key, name, value));
  }
  return encodeVault(key, { generation, records });
}

const shape = (bytes: Buffer) =>
  JSON.parse(bytes.toString()) as {
    generation: number;
    records: { name: string; nonce: string; data: string }[];
  };
const faultOf = (bytes: Uint8Array) => {
  const decoded = decodeVault(() => key, bytes);
  return 'fault' in decoded ? decoded.fault : undefined;
};

test('what is encoded decodes to the same names and values', () => {
  fc.assert(
    fc.property(fc.dictionary(names, fc.uint8Array({ minLength: 1, maxLength: 400 })), (values) => {
      const decoded = decodeVault(() => key, fileOf(values));
      assert.ok(!('fault' in decoded));
      assert.deepEqual([...decoded.records.keys()].sort(), Object.keys(values).sort());
      for (const record of decoded.records.values())
        assert.deepEqual(
          new Uint8Array(decryptValue(key, record) ?? []),
          new Uint8Array(values[record.name] ?? []),
        );
    }),
    { numRuns: 50 },
  );
});

test('any single changed byte is a fault or leaves everything as it was', () => {
  const value = randomBytes(40);
  const good = fileOf({ A: value, B: randomBytes(20) });
  const before = decodeVault(() => key, good);
  assert.ok(!('fault' in before));
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] ?? 0) ^ 0x01;
    const decoded = decodeVault(() => key, bad);
    // White space between JSON tokens carries nothing.
    if (!('fault' in decoded)) assert.deepEqual(decoded, before, `byte ${at}`);
  }
});

test('hostile bytes give a fault, never an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => assert.notEqual(faultOf(bytes), undefined)),
  );
  fc.assert(fc.property(fc.json(), (text) => assert.notEqual(faultOf(Buffer.from(text)), undefined)));
});

test('a record cannot be moved under another name', () => {
  const record = encryptValue(key, 'CHEAP', randomBytes(20));
  assert.equal(decryptValue(key, { ...record, name: 'DEAR' }), undefined);
});

test('a dropped, doubled, reordered or older record breaks the seal', () => {
  const good = fileOf({ A: randomBytes(20), B: randomBytes(20) });
  const older = shape(fileOf({ A: randomBytes(20) })).records[0];
  const [a, b] = shape(good).records;
  assert.ok(a && b && older);
  for (const records of [[a], [b], [a, b, a], [b, a], [older, b], []])
    assert.equal(faultOf(Buffer.from(JSON.stringify({ ...shape(good), records }))), 'altered');
  assert.equal(faultOf(Buffer.from(JSON.stringify({ ...shape(good), generation: 8 }))), 'altered');
  assert.equal(faultOf(Buffer.from(JSON.stringify(shape(good)))), undefined);
});

test('a newer format is named as such', () => {
  const newer = { ...shape(fileOf({})), format: 'tallystick-vault/2' };
  assert.equal(faultOf(Buffer.from(JSON.stringify(newer))), 'written by a newer version');
});
