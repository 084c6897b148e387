/** After every recorder test the whole log is verified from its bytes. */
import assert from 'node:assert/strict';
import { carriedName } from '../../src/core/retention/carried.ts';
import { readRotations } from '../../src/core/tlog/rotation-notes.ts';
import { TILE_WIDTH, tilePath } from '../../src/core/tlog/tile.ts';
import { verifyLog } from '../../src/core/tlog/verify.ts';
import { exitCodeOf, type Report } from '../../src/core/tlog/verify-report.ts';
import { memoryObjects, openMemoryStore } from '../../src/store/memory.ts';
import type { Machine } from './recorder.ts';

export async function assertVerifies(
  box: Machine,
  expected: { readonly tornTails?: boolean } = {},
): Promise<void> {
  const report = await reportOf(box);
  assert.equal(exitCodeOf(report), 0, JSON.stringify(report));
  // `tally verify` fails the log of its own machine otherwise: the checkpoint is replaced before the head is remembered.
  for (const { size = 0 } of report.append_only.heads)
    assert.ok(
      size <= (report.size ?? 0),
      `a head of ${size} entries is remembered, ${report.size} are signed`,
    );
  assert.equal(
    report.completeness.set_aside.length > 0,
    expected.tornTails ?? report.completeness.set_aside.length > 0,
  );
}

export async function reportOf(box: Machine): Promise<Report> {
  const store = openMemoryStore(box.disk);
  const head = box.heads.get('local/checkpoint');
  return verifyLog(
    {
      origin: box.info.origin,
      vkeys: box.info.keys.map(({ vkey }) => vkey),
      setAside: [...box.disk.torn.keys()],
      checkpoint: () => store.objects.get('checkpoint'),
      rotations: () => readRotations(store.objects),
      tile: (level, index) => store.objects.get(tilePath({ level, index, width: TILE_WIDTH })),
      first: (await store.segments())[0]?.first ?? 0,
      carried: (sha256) => store.objects.get(carriedName(sha256)),
      async *blocks() {
        for (const { first } of await store.segments()) yield* store.read(first);
      },
    },
    {
      pinned: [box.vkey],
      rotations: await readRotations(memoryObjects(box.heads), 'local/'),
      heads: head === undefined ? [] : [{ name: 'heads/local', ground: 'local', checkpoint: head }],
    },
  );
}
