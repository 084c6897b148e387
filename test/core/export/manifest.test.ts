import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { parseManifest } from '../../../src/core/export/manifest.ts';

const good = {
  format: 'tallystick-bundle',
  version: 1,
  created: '2026-11-20T12:00:00.000Z',
  origin: 'test.example/local',
  filter: {},
  range: { size: 1 },
  counts: { rows: 1, entries: 1, snapshots: 0, unsigned: 0 },
  gaps: { log_gap: [], log_gap_count: 0, malformed: 0, holes: null },
  checkpoint: { size: 1, root: '' },
  vkeys: [],
  rotations: [],
  files: {},
};

it('reads a manifest, keeps what a newer version adds, and refuses a newer version by its name', () => {
  assert.equal(parseManifest(encodeUtf8(JSON.stringify({ ...good, added: 1 }))).origin, good.origin);
  assert.throws(() => parseManifest(encodeUtf8(JSON.stringify({ ...good, version: 2 }))), {
    code: 'USAGE',
    message: /version 2, newer/,
  });
});

it('refuses anything else with a clear error', () => {
  const refused = (bytes: Uint8Array): void => {
    try {
      parseManifest(bytes);
    } catch (error) {
      assert.ok(isTallyError(error) && (error.code === 'PROOF_INVALID' || error.code === 'USAGE'));
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refused), { numRuns: 200 });
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(good)), fc.jsonValue(), (member, value) =>
      refused(encodeUtf8(JSON.stringify({ ...good, [member]: value }))),
    ),
    { numRuns: 300 },
  );
});
