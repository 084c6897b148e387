import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { VECTORS, vectorFiles } from '../../../scripts/vectors.ts';
import { encodeBase64, encodeUtf8 } from '../../../src/core/bytes.ts';
import { GENESIS_PREV } from '../../../src/core/entry.ts';
import { PREV_CHARS, scanFields } from '../../../src/core/tlog/fields.ts';
import { leafHash } from '../../../src/core/tlog/tree.ts';

describe('spec/vectors', () => {
  it('are what scripts/vectors.ts writes', async () => {
    for (const [name, text] of await vectorFiles())
      assert.equal(
        readFileSync(new URL(name, VECTORS), 'utf8'),
        text,
        `run node scripts/vectors.ts (${name})`,
      );
  });

  it('chain five entries by their leaf hashes', () => {
    const { entries } = JSON.parse(readFileSync(new URL('chain.json', VECTORS), 'utf8'));
    let prev: string = GENESIS_PREV;
    for (const [i, row] of entries.entries()) {
      const bytes = encodeUtf8(row.entry);
      const fields = scanFields(bytes, 0, bytes.length);
      assert.equal(fields?.index, i);
      assert.equal(row.entry.slice(row.entry.indexOf(prev)).slice(0, PREV_CHARS), prev);
      assert.equal(row.prev, prev);
      prev = encodeBase64(leafHash(bytes));
      assert.equal(row.leaf, prev);
    }
    assert.equal(entries.length, 5);
  });
});
