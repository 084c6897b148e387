import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { serializeEntry } from '../../../src/core/canonical.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { type Call, factsOf } from '../../../src/core/query/call.ts';
import { numberAt, textAt } from '../../../src/core/query/fields.ts';
import { type LogFilter, matches } from '../../../src/core/query/filter.ts';
import { parseLine } from '../../../src/core/query/line.ts';
import { createScan, type Hit, type LineBlock } from '../../../src/core/query/scan.ts';
import { callDrafts, idOf, START_MS } from '../../support/logfiles.ts';
import { filters, storedLines } from './generate.ts';

/** Lines cut into blocks of at most `size` lines, newest block first. */
function blocks(lines: readonly Buffer[], size: number): LineBlock[] {
  const found: LineBlock[] = [];
  let offset = 0;
  for (let at = 0; at < lines.length; at += size) {
    const bounds: number[] = [];
    let end = 0;
    for (const line of lines.slice(at, at + size)) {
      bounds.push(end, end + line.length);
      end += line.length + 1;
    }
    const bytes = Buffer.concat(
      lines.slice(at, at + size).map((line) => Buffer.concat([line, Buffer.from('\n')])),
    );
    found.push({ first: 0, offset, bytes, bounds });
    offset += bytes.length;
  }
  return found.reverse();
}

function scanAll(
  lines: readonly Buffer[],
  filter: LogFilter,
  options: { raw?: boolean; limit?: number; size?: number } = {},
) {
  const scan = createScan({ filter, raw: options.raw ?? false, limit: options.limit ?? 1e9 });
  const hits: Hit[] = [];
  for (const block of blocks(lines, options.size ?? 7)) {
    hits.push(...scan.take(block));
    if (scan.over()) break;
  }
  if (!scan.over() || scan.reachedSince()) hits.push(...scan.finish());
  return { hits, scan };
}

/** The same answer the slow way: parse everything, pair by id, filter. */
function slowly(lines: readonly Buffer[], filter: LogFilter, raw: boolean): string[] {
  const entries = lines.flatMap((line) => {
    const parsed = parseLine(line);
    return 'entry' in parsed ? [parsed.entry] : [];
  });
  const newestEnd = new Map<string, JsonObject>();
  for (const entry of entries) {
    if (textAt(entry, 'phase') === 'post_exec') newestEnd.set(textAt(entry, 'parent_id') ?? '', entry);
  }
  const begun = new Set(
    entries.filter((entry) => textAt(entry, 'phase') === 'pre_exec').map((entry) => textAt(entry, 'id')),
  );
  const calls = entries.flatMap((entry): Call[] => {
    const phase = raw ? 'point' : textAt(entry, 'phase');
    if (phase === 'pre_exec') {
      const last = newestEnd.get(textAt(entry, 'id') ?? '');
      return [last === undefined ? { first: entry } : { first: entry, last }];
    }
    const parent = textAt(entry, 'parent_id') ?? '';
    const taken = phase === 'post_exec' && newestEnd.get(parent) === entry && begun.has(parent);
    return taken ? [] : [{ first: entry }];
  });
  return calls.filter((call) => matches(factsOf(call), filter)).map(name);
}

function name({ first, last }: Call): string {
  return `${numberAt(first, 'index')}${last === undefined ? '' : `+${numberAt(last, 'index')}`}`;
}

describe('a scan', () => {
  it('finds what parsing and pairing everything finds, whatever the filter and the blocks', () => {
    fc.assert(
      fc.property(
        storedLines,
        filters,
        fc.boolean(),
        fc.integer({ min: 1, max: 80 }),
        (lines, filter, raw, size) => {
          const { hits } = scanAll(lines, filter, { raw, size });
          const found = hits.map(({ call }) => name(call));
          assert.deepEqual(found.toSorted(), slowly(lines, filter, raw).toSorted());
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('gives the first rows of the whole answer when it is limited', () => {
    fc.assert(
      fc.property(storedLines, filters, fc.integer({ min: 1, max: 10 }), (lines, filter, limit) => {
        const all = scanAll(lines, filter).hits.map(({ call }) => name(call));
        const some = scanAll(lines, filter, { limit }).hits.map(({ call }) => name(call));
        assert.deepEqual(some, all.slice(0, limit));
      }),
    );
  });

  it('hands out the stored bytes of both halves', () => {
    fc.assert(
      fc.property(storedLines, (lines) => {
        const stored = new Set(lines.map((line) => line.toString('latin1')));
        for (const { lines: given } of scanAll(lines, {}).hits) {
          for (const line of given) assert.ok(stored.has(line.toString('latin1')));
        }
      }),
    );
  });

  it('counts and names the lines that are no entries, at their places', () => {
    const lines = ['{"index":0,"type":"custom"}', 'nonsense', '[]', '{"index":3,"type":"custom"}'].map(
      (text) => Buffer.from(text),
    );
    const { hits, scan } = scanAll(lines, {}, { size: 3 });
    assert.deepEqual(
      hits.map(({ call }) => name(call)),
      ['3', '0'],
    );
    assert.deepEqual(scan.malformed(), {
      count: 2,
      some: [
        { first: 0, offset: 37, why: 'not a JSON object' },
        { first: 0, offset: 28, why: 'not JSON' },
      ],
    });
  });

  it('ends at a long row of entries older than since, and not at a clock that went back for a moment', () => {
    const at = (index: number, ms: number): Buffer =>
      Buffer.from(
        serializeEntry({ v: 1, id: idOf(index), index, ts: new Date(ms).toISOString(), type: 'custom' }),
      );
    const since = new Date(START_MS).toISOString();
    const old = Array.from({ length: LIMITS.olderInARow * 2 }, (_, i) => at(i, START_MS - 1000));
    const lines = [...old, at(5000, START_MS), at(5001, START_MS - 500), at(5002, START_MS + 1)];
    const { hits, scan } = scanAll(lines, { since });
    assert.deepEqual(
      hits.map(({ call }) => name(call)),
      ['5002', '5000'],
    );
    assert.equal(scan.reachedSince(), true);
    assert.equal(scan.scanned(), LIMITS.olderInARow + 3);
  });

  it('keeps its memory bounded: ends without a beginning become rows of their own', () => {
    const lines = Array.from({ length: LIMITS.rememberedCalls + 5 }, (_, index) =>
      Buffer.from(
        serializeEntry({
          v: 1,
          id: idOf(index),
          index,
          phase: 'post_exec',
          parent_id: idOf(1e6 + index),
          type: 'tool.call',
        }),
      ),
    );
    const scan = createScan({ filter: {}, raw: false, limit: 1e9 });
    const early = blocks(lines, 1000).flatMap((block) => [...scan.take(block)]);
    assert.equal(early.length, 5);
    assert.equal(scan.finish().length, LIMITS.rememberedCalls);
  });

  it('shows a call whose end no filter let through with its end', () => {
    const [pre, post] = callDrafts(0, { decision: 'stop' });
    const lines = [pre, post].map((draft, index) =>
      Buffer.from(
        serializeEntry({ v: 1, id: idOf(index), index, ts: new Date(START_MS).toISOString(), ...draft }),
      ),
    );
    const { hits } = scanAll(lines, { decision: 'stop' });
    assert.equal(factsOf(hits[0]?.call ?? { first: {} }).status, 'blocked');
  });

  it('does not fold what a client says into an enforced call, and still finds its own end behind it', () => {
    const [pre, post] = callDrafts(0, { agent: 'builder', code: 200 });
    const forged = { ...post, outcome: { status: 'error' } };
    const lines = [pre, post, forged].map((draft, index) => {
      const source = { assurance: index === 2 ? 'self_reported' : 'enforced' };
      return Buffer.from(serializeEntry({ v: 1, id: idOf(index), index, ...draft, source } as never));
    });
    const rows = (kept: readonly Buffer[], filter: LogFilter) =>
      scanAll(kept, filter).hits.map(({ call }) => [
        numberAt(call.first, 'index'),
        call.last === undefined ? undefined : numberAt(call.last, 'index'),
      ]);
    assert.deepEqual(rows(lines, {}), [
      [2, undefined],
      [0, 1],
    ]);
    assert.deepEqual(rows(lines, { status: 'ok' }), [[0, 1]]);
    assert.deepEqual(rows(lines.toSpliced(1, 1), {}), [
      [2, undefined],
      [0, undefined],
    ]);
  });
});
