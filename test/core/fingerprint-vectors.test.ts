import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { decodeHex } from '../../src/core/bytes.ts';
import { TargetSchema } from '../../src/core/entry.ts';
import { createFingerprint } from '../../src/core/fingerprint.ts';

const Vectors = z.object({
  master_key_hex: z.string(),
  key_id: z.string(),
  rows: z.array(
    z.object({
      tenant_id: z.string(),
      action: z.object({ name: z.string(), target: TargetSchema.optional() }),
      args: z.unknown().optional(),
      args_note: z.string().optional(),
      args_hash: z.string().optional(),
      args_hash_alg: z.string().optional(),
      key: z.string(),
    }),
  ),
});

describe('spec/vectors/action.json', () => {
  const { master_key_hex, key_id, rows } = Vectors.parse(
    JSON.parse(readFileSync(new URL('../../spec/vectors/action.json', import.meta.url), 'utf8')),
  );
  const masterKey = decodeHex(master_key_hex);
  assert.ok(masterKey);
  const fingerprint = createFingerprint({ masterKey });

  it('agrees on the id of the key', () => {
    assert.equal(fingerprint.alg, `hmac-sha256:${key_id}`);
  });

  for (const [i, { tenant_id, action, args, args_note, args_hash, args_hash_alg, key }] of rows.entries()) {
    it(`agrees on row ${i}: ${action.name}`, () => {
      assert.deepEqual(fingerprint.action(tenant_id, action, args, args_note), {
        key,
        ...(args_hash === undefined ? {} : { args_hash, args_hash_alg }),
      });
    });
  }

  it('tells the same action from another tenant, and not from another query', () => {
    const keys = rows.map((row) => row.key);
    assert.notEqual(keys[1], keys[6]);
    assert.equal(keys[3], keys[4]);
  });
});
