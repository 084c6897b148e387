/** Pruned logs under random damage: by stretches and in order there is one verdict, and none is a false pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Event } from '../../../src/core/entry.ts';
import { carriedName } from '../../../src/core/retention/carried.ts';
import { TILE_WIDTH, tilePath } from '../../../src/core/tlog/tile.ts';
import { type LogSource, verifyLog } from '../../../src/core/tlog/verify.ts';
import type { Head } from '../../../src/core/tlog/verify-heads.ts';
import { exitCodeOf } from '../../../src/core/tlog/verify-report.ts';
import { type Machine, machine } from '../../support/recorder.ts';
import { entriesBySegments, type Outcomes } from '../tlog/stretches.ts';

const DAY = 86_400_000;
const ASKED: Event = { type: 'log.prune', phase: 'point', actor: { user: { id: 'ann' } } };

interface Made {
  readonly box: Machine;
  /** As they were before the first prune, and after each. */
  readonly segments: readonly ReadonlyMap<number, Buffer>[];
  readonly objects: readonly ReadonlyMap<string, Uint8Array>[];
  readonly heads: readonly Head[];
}

/** Pruned twice, with heads of sizes inside of what is gone. */
async function made(): Promise<Made> {
  const box = await machine();
  const recorder = await box.open({ segmentEntries: 256, payloads: {} });
  const segments: Map<number, Buffer>[] = [];
  const objects: Map<string, Uint8Array>[] = [];
  const heads: Head[] = [];
  const keep = async (): Promise<void> => {
    await recorder.checkpoint();
    segments.push(new Map([...box.disk.segments].map(([first, bytes]) => [first, Buffer.from(bytes)])));
    objects.push(new Map([...box.disk.objects].map(([name, bytes]) => [name, Uint8Array.from(bytes)])));
  };
  for (let i = 0; i < 1500; i++) {
    if (i % 128 === 0) box.clock.ms += DAY;
    await recorder.record(
      { type: 'step.note', phase: 'point', metadata: { i } },
      { surface: 'sdk', assurance: 'observed' },
    );
    if (i === 100 || i === 300) {
      await recorder.checkpoint();
      const checkpoint = box.disk.objects.get('checkpoint') ?? new Uint8Array(0);
      heads.push({ checkpoint: Uint8Array.from(checkpoint), ground: 'given', name: `at ${i}` });
    }
    if (i === 900 || i === 1400) {
      await keep();
      await recorder.pruner.prune({ rule: { days: 4 } }, ASKED);
    }
  }
  await recorder.close('end');
  segments.push(box.disk.segments as Map<number, Buffer>);
  objects.push(box.disk.objects as Map<string, Uint8Array>);
  return { box, segments, objects, heads };
}

interface Disk {
  readonly segments: Map<number, Buffer>;
  readonly objects: Map<string, Uint8Array>;
}

async function verdict({ box, heads }: Made, { segments, objects }: Disk, outcomes: Outcomes) {
  const sorted = [...segments].sort(([a], [b]) => a - b).map(([first, bytes]) => ({ first, bytes }));
  const get = (level: number, index: number) =>
    objects.get(tilePath({ level, index, width: TILE_WIDTH }))?.slice();
  const source: LogSource = {
    origin: box.info.origin,
    vkeys: [box.vkey],
    first: sorted[0]?.first ?? 0,
    checkpoint: async () => objects.get('checkpoint'),
    tile: async (level, index) => get(level, index),
    carried: async (sha256) => objects.get(carriedName(sha256)),
    async *blocks() {
      for (const { bytes } of sorted) yield Uint8Array.from(bytes);
    },
  };
  const options = { pinned: [box.vkey], heads };
  const inOrder = await verifyLog(source, options);
  const entries = entriesBySegments(sorted, get, outcomes);
  assert.deepEqual(await verifyLog({ ...source, entries }, options), inOrder);
  return inOrder;
}

const damage = fc.array(
  fc.record({
    what: fc.constantFrom(
      'segment',
      'object',
      'byte of segment',
      'byte of object',
      'older object',
      'older segment',
    ),
    which: fc.nat(200),
    at: fc.nat(2_000_000),
    bit: fc.nat(7),
  }),
  { minLength: 1, maxLength: 3 },
);

test('however a pruned log is damaged, both ways say the same, and what is gone unnamed never passes', async () => {
  const log = await made();
  const [, , last] = log.segments;
  const first = Math.min(...(last?.keys() ?? []));
  assert.ok(first >= 512);
  const outcomes: Outcomes = { answered: 0, refused: 0 };
  const whole = await verdict(log, copy(log), outcomes);
  assert.equal(exitCodeOf(whole), 0, JSON.stringify(whole));
  assert.equal(outcomes.answered, 1, 'untouched, it is not read in order');
  assert.equal(whole.pruned?.first, first);

  await fc.assert(
    fc.asyncProperty(damage, async (hits) => {
      const disk = copy(log);
      for (const { what, which, at, bit } of hits) {
        const firsts = [...disk.segments.keys()];
        const names = [...disk.objects.keys()].sort();
        const segment = firsts[which % Math.max(1, firsts.length)] ?? 0;
        const name = names[which % names.length] ?? '';
        const flip = (bytes: Uint8Array | undefined): void => {
          if (bytes !== undefined && bytes.length > 0) {
            const place = at % bytes.length;
            bytes[place] = (bytes[place] ?? 0) ^ (1 << bit);
          }
        };
        if (what === 'segment') disk.segments.delete(segment);
        if (what === 'object') disk.objects.delete(name);
        if (what === 'byte of segment') flip(disk.segments.get(segment));
        if (what === 'byte of object') flip(disk.objects.get(name));
        const earlier = at % 2;
        if (what === 'older object') {
          const older = log.objects[earlier]?.get(name);
          if (older !== undefined) disk.objects.set(name, Uint8Array.from(older));
        }
        if (what === 'older segment') {
          const [place, bytes] = [...(log.segments[earlier] ?? [])][which % 3] ?? [];
          if (place !== undefined && bytes !== undefined) disk.segments.set(place, Buffer.from(bytes));
        }
      }
      const report = await verdict(log, disk, outcomes);
      if (exitCodeOf(report) !== 0) return;
      // Intact means: every signed entry that is not named as pruned is there as it was.
      const { size = 0 } = report;
      assert.ok(size > 0);
      const signed = log.objects[2]?.get('checkpoint');
      const now = disk.objects.get('checkpoint');
      if (signed === undefined || now === undefined || !Buffer.from(now).equals(signed)) return;
      for (const [place, bytes] of last ?? []) {
        const found = disk.segments.get(place);
        const linesOf = (of: Buffer): string[] =>
          of
            .toString()
            .split('\n')
            .slice(0, Math.max(0, Math.min(256, size - place)));
        assert.deepEqual(found === undefined ? [] : linesOf(found), linesOf(bytes), `segment ${place}`);
      }
    }),
    { numRuns: 150 },
  );
  assert.ok(outcomes.refused > 0);
});

function copy({ segments, objects }: Made): Disk {
  return {
    segments: new Map([...(segments[2] ?? [])].map(([first, bytes]) => [first, Buffer.from(bytes)])),
    objects: new Map([...(objects[2] ?? [])].map(([name, bytes]) => [name, Uint8Array.from(bytes)])),
  };
}
