import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { signCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import { createTree } from '../../../src/core/tlog/tiling.ts';
import { verifyLog } from '../../../src/core/tlog/verify.ts';
import type { Head } from '../../../src/core/tlog/verify-heads.ts';
import { buildLog, bytesOf, entryText, ORIGIN, sourceOf, type TestLog } from './fixture.ts';
import { entriesBySegments, type Outcomes, type SegmentBytes } from './stretches.ts';

const SIZE = 1_100;
const STARTS = [0, 256, 768, 1_024];
const signed = buildLog(SIZE);
const halfSigned = buildLog(SIZE, { signer: signed.signer, signed: 700 });
const pinned = [signed.signer.vkey];

function segmentsOf(lines: readonly string[], starts: readonly number[] = STARTS): SegmentBytes[] {
  return starts.map((first, i) => ({ first, bytes: bytesOf(lines.slice(first, starts[i + 1])) }));
}

function headAt(log: TestLog, size: number): Head {
  const tree = createTree();
  for (const leaf of log.leaves.slice(0, size)) tree.append(leaf);
  const checkpoint = signCheckpoint({ origin: ORIGIN, size, root: tree.root() }, [log.signer]);
  return { checkpoint, ground: 'given', name: String(size) };
}

interface Case {
  readonly log?: TestLog;
  readonly tiles?: ReadonlyMap<string, Uint8Array>;
  readonly checkpoint?: Uint8Array | undefined;
  readonly heads?: readonly Head[];
}

/** Verifies in order and by segments, which must come to the same; returns that and which way it took. */
async function both(segments: readonly SegmentBytes[], some: Case = {}) {
  const { log = signed, tiles = log.tiles, heads = [] } = some;
  const checkpoint = 'checkpoint' in some ? some.checkpoint : log.checkpoint;
  const tile = (level: number, index: number) => tiles.get(`${level}/${index}`)?.slice();
  const bytes = new Uint8Array(Buffer.concat(segments.map((segment) => segment.bytes)));
  const source = sourceOf(
    log,
    { tile: async (level, index) => tile(level, index), checkpoint: async () => checkpoint },
    bytes,
  );
  const outcomes: Outcomes = { answered: 0, refused: 0 };
  const inOrder = await verifyLog(source, { pinned, heads });
  const entries = entriesBySegments(segments, tile, outcomes);
  const bySegments = await verifyLog({ ...source, entries }, { pinned, heads });
  assert.deepEqual(bySegments, inOrder);
  return { report: bySegments, ...outcomes };
}

describe('a log verified by stretches', () => {
  it('passes when it is untouched, however it is cut, without being read in order', async () => {
    for (const starts of [[0], [0, 256], STARTS, [0, 256, 512, 768, 1_024]]) {
      const { report, answered } = await both(segmentsOf(signed.lines, starts));
      assert.deepEqual([report.integrity.status, report.chain.status, answered], ['pass', 'pass', 1]);
    }
  });

  it('has the roots of remembered heads of every kind of size', async () => {
    for (const log of [signed, halfSigned]) {
      const sizes = [0, 1, 255, 256, 257, 511, 512, 700, 768, 1_023, 1_024, 1_025, SIZE - 1, SIZE];
      const heads = sizes.map((size) => headAt(log, size));
      const { report, answered } = await both(segmentsOf(log.lines), { log, heads });
      assert.deepEqual([report.append_only.status, answered], ['pass', 1]);
      const longer = await both(segmentsOf(log.lines.slice(0, 1_024)), { log, heads });
      assert.equal(longer.report.append_only.status, 'fail');
    }
  });

  it('is verified without entries, without a checkpoint and without tiles too', async () => {
    assert.equal((await both([])).answered, 1);
    assert.equal((await both([{ first: 0, bytes: new Uint8Array(0) }])).answered, 1);
    assert.equal((await both(segmentsOf(signed.lines), { checkpoint: undefined })).answered, 1);
    const { report, answered } = await both(segmentsOf(signed.lines), { tiles: new Map() });
    assert.deepEqual([report.tiles.absent_count, answered], [4, 1]);
  });

  it('names a last line that is cut short, and leaves one that is cut short between segments to the pass in order', async () => {
    const segments = segmentsOf(signed.lines);
    const cut = (which: number): SegmentBytes[] =>
      segments.map(({ first, bytes }, i) => ({ first, bytes: i === which ? bytes.slice(0, -7) : bytes }));
    const last = await both(cut(3), { log: { ...signed, checkpoint: halfSigned.checkpoint } });
    assert.equal(last.answered, 1);
    assert.ok(last.report.torn_bytes > 0);
    assert.equal((await both(cut(1))).refused, 1);
  });

  it('leaves segments to the pass in order that lack a line, or carry another number, or start at none of a tile', async () => {
    const [a, b, c, d] = segmentsOf(signed.lines);
    assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined);
    assert.equal((await both([a, c, d])).refused, 1);
    assert.equal((await both([a, b, b, c, d])).refused, 1);
    assert.equal((await both([a, { ...b, first: 512 }, c, d])).refused, 1);
    assert.equal((await both([{ ...a, first: 256 }, b, c, d])).refused, 1);
  });

  it('shows the lines that are watched for, in order, and only a few others', async () => {
    const shown: string[] = [];
    const text = (index: number, prev: string): string => {
      const type = index % 300 === 7 ? 'log.recover' : index % 300 === 8 ? 'log.close' : 'http.call';
      const payload = index % 400 === 9 ? '"payload":{"commit":"c"},' : '';
      return `{"id":"x","index":${index},${payload}"prev":"${prev}","type":"${type}","v":1}`;
    };
    const log = buildLog(SIZE, { signer: signed.signer, text });
    const watch = {
      types: ['log.recover'],
      payloads: true,
      see: (line: Uint8Array) => shown.push(new TextDecoder().decode(line)),
    };
    const segments = segmentsOf(log.lines);
    const entries = entriesBySegments(segments, () => undefined, { answered: 0, refused: 0 }, { watch });
    await entries({ signedSize: 0, rootsAt: [], onProgress: undefined });
    const wanted = log.lines.filter((line) => /"log\.|"payload"/.test(line));
    assert.deepEqual(shown, wanted);
  });
});

describe('a log that was tampered with', () => {
  const place = fc.nat(SIZE - 1);
  const change = fc.oneof(
    fc.record({ kind: fc.constant('edit' as const), at: place, byte: fc.nat(300) }),
    fc.record({ kind: fc.constant('drop' as const), at: place, many: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ kind: fc.constant('copy' as const), at: place, from: place }),
    fc.record({ kind: fc.constant('swap' as const), at: place, from: place }),
    fc.record({ kind: fc.constant('remake' as const), at: place }),
    fc.record({ kind: fc.constant('tile' as const), at: fc.nat(3), byte: fc.nat(8_191) }),
    fc.record({ kind: fc.constant('untile' as const), at: fc.nat(3) }),
    fc.record({ kind: fc.constant('short' as const), at: fc.nat(3) }),
  );
  type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

  function apply(log: TestLog, step: Change): TestLog {
    const { lines } = log;
    const key = `0/${step.at}`;
    const old = log.tiles.get(key);
    switch (step.kind) {
      case 'edit': {
        const line = lines[step.at] ?? '';
        const at = step.byte % Math.max(1, line.length);
        const put = line[at] === 'x' ? 'y' : 'x';
        return {
          ...log,
          lines: lines.with(step.at % lines.length, line.slice(0, at) + put + line.slice(at + 1)),
        };
      }
      case 'drop':
        return { ...log, lines: lines.toSpliced(step.at, Math.min(step.many, lines.length - 1)) };
      case 'copy':
        return { ...log, lines: lines.toSpliced(step.at, 0, lines[step.from % lines.length] ?? '') };
      case 'swap': {
        const [a, b] = [step.at % lines.length, step.from % lines.length];
        return { ...log, lines: lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '') };
      }
      case 'remake':
        // Everything from there on hashed again, tiles and all: only the signature is out of reach.
        return {
          ...buildLog(SIZE, {
            signer: log.signer,
            text: (index, prev) => entryText(index, prev, index === step.at ? ' altered' : ''),
          }),
          checkpoint: log.checkpoint,
        };
      case 'tile':
        if (old === undefined) return log;
        return {
          ...log,
          tiles: new Map(log.tiles).set(key, old.with(step.byte, (old[step.byte] ?? 0) ^ 1)),
        };
      case 'untile':
        return { ...log, tiles: new Map([...log.tiles].filter(([name]) => name !== key)) };
      case 'short':
        return old === undefined ? log : { ...log, tiles: new Map(log.tiles).set(key, old.slice(1)) };
    }
  }

  it('is judged as by the pass in order, whatever was done to it', async () => {
    const seen = { answered: 0, refused: 0 };
    const starts = fc.subarray([256, 512, 768, 1_024]).map((some) => [0, ...some]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 3 }),
        starts,
        fc.boolean(),
        fc.nat(SIZE),
        async (steps, cuts, half, head) => {
          const base = half ? halfSigned : signed;
          const log = steps.reduce(apply, base);
          const heads = [headAt(base, head)];
          const { answered, refused } = await both(segmentsOf(log.lines, cuts), { log, heads });
          seen.answered += answered;
          seen.refused += refused;
        },
      ),
      { numRuns: 150 },
    );
    assert.ok(seen.answered > 5 && seen.refused > 50, JSON.stringify(seen));
  });
});
