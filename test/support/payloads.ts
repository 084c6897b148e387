/** Payloads of a recorded log, opened with the keys of its machine by what the specification says. */
import { strict as assert } from 'node:assert';
import type { Entry } from '../../src/core/entry.ts';
import { openBlob } from '../../src/core/payload/blob.ts';
import { packFirst } from '../../src/core/payload/citation.ts';
import { parseDataKey, unwrapDataKey, wrappingKey } from '../../src/core/payload/data-key.ts';
import type { Machine } from './recorder.ts';

export function blobOf(box: Pick<Machine, 'packs'>, { payload }: Entry): Buffer {
  assert.ok(payload?.pack !== undefined && payload.offset !== undefined && payload.length !== undefined);
  const pack = box.packs.get(packFirst(payload.pack) ?? -1);
  assert.ok(pack, `there is no ${payload.pack}`);
  return pack.subarray(payload.offset, payload.offset + payload.length);
}

export function plainOf(box: Machine, entry: Entry): Buffer {
  const { payload } = entry;
  assert.ok(payload?.commit && payload.cipher_hash && payload.key_id);
  const file = parseDataKey(box.dataKeys.get(payload.key_id) ?? new Uint8Array());
  assert.ok(file, 'the data key is there');
  const key = unwrapDataKey(file, wrappingKey(box.masterKey));
  assert.ok(key, 'and unwraps');
  const opened = openBlob({
    of: { tenant_id: entry.tenant_id, key_id: payload.key_id, entry_id: entry.id },
    key,
    blob: blobOf(box, entry),
    commit: payload.commit,
    cipher_hash: payload.cipher_hash,
  });
  assert.ok(opened.ok, opened.ok ? '' : opened.fault);
  return Buffer.from(opened.plain);
}
