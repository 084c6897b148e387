/** The index of a log on disk: brought up to it, made again whenever it is not the log's, and never the reason for a failure. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { readLog } from '../../src/cli/reading.ts';
import { numberAt } from '../../src/core/query/fields.ts';
import type { LogFilter } from '../../src/core/query/filter.ts';
import { rebuildIndex } from '../../src/open/index-of.ts';
import { indexLockPath, indexPath } from '../../src/open/index-place.ts';
import { indexStatus } from '../../src/open/index-status.ts';
import { startFeeder } from '../../src/open/indexing-feeder.ts';
import { type OpenedQuery, openQuery } from '../../src/open/query.ts';
import { locate, type Paths } from '../../src/paths.ts';
import { tryLock } from '../../src/store/file/lock.ts';
import { filters, storedLines } from '../core/query/generate.ts';
import { inMemory, listed, sameAnswers, sameEntries } from '../suites/query.ts';
import { idOf, START_MS } from '../support/logfiles.ts';
import { hostileLines } from './hostile.ts';

const FILTERS: readonly LogFilter[] = [
  {},
  { agent: 'builder' },
  { failed: true },
  { text: 'invoice' },
  { run: 'run_1' },
];
const CHILD = fileURLToPath(new URL('./index-once.ts', import.meta.url));

interface Machine {
  readonly paths: Paths;
  readonly log: string;
  readonly warnings: string[];
  open(options?: { readonly log?: string }): Promise<OpenedQuery>;
  /** Replaces the log; segments of `size` lines. */
  write(lines: readonly Buffer[], size?: number): void;
}

function machine(t: TestContext): Machine {
  const state = mkdtempSync(join(tmpdir(), 'tally-index-'));
  t.after(() => rmSync(state, { recursive: true, force: true }));
  const paths = locate({ env: { TALLY_HOME: state }, home: state, tmp: state, uid: 0 });
  const log = join(paths.logs, 'local');
  const warnings: string[] = [];
  return {
    paths,
    log,
    warnings,
    open: (options = {}) => openQuery(paths, { ...options, onWarning: (text) => warnings.push(text) }),
    write(lines, size = 1e9) {
      rmSync(log, { recursive: true, force: true });
      mkdirSync(join(log, 'entries'), { recursive: true });
      const keys = [{ vkey: 'none', from: 0 }];
      writeFileSync(
        join(log, 'log.json'),
        JSON.stringify({ format: 1, tenant: 'local', origin: 'o', keys, created: '' }),
      );
      for (let first = 0; first === 0 || first < lines.length; first += size)
        writeFileSync(segment(log, first), text(lines.slice(first, first + size)));
    },
  };
}

const segment = (log: string, first: number): string =>
  join(log, 'entries', `${String(first).padStart(12, '0')}.jsonl`);
const text = (lines: readonly Buffer[]): Buffer =>
  Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));
/** The same lines each time: one log of some hundred. */
const sample = (count: number, seed = 1): readonly Buffer[] =>
  fc
    .sample(hostileLines(80), { numRuns: 40, seed })
    .flat()
    .filter((line) => !line.includes('lorem') && !line.includes('\n'))
    .slice(0, count);

async function answersAre(opened: OpenedQuery, lines: readonly Buffer[]): Promise<void> {
  const expected = inMemory(lines);
  for (const filter of FILTERS) await sameAnswers(opened.query, expected, filter);
  await sameEntries(opened.query, expected);
  const every = await listed(opened.entries(lines.keys()));
  assert.deepEqual(
    every.map(({ line }) => line.toString()),
    lines.map((line) => line.toString()),
  );
}

async function checked(
  at: Machine,
  lines: readonly Buffer[],
  options: { readonly log?: string } = {},
): Promise<void> {
  const opened = await at.open(options);
  try {
    await answersAre(opened, lines);
  } finally {
    await opened.close();
  }
}

test('a reader brings the index up to the log, over segments, a line that is not ended, and later lines', async (t) => {
  const at = machine(t);
  const lines = sample(300);
  at.write(lines.slice(0, 200), 64);
  appendFileSync(segment(at.log, 192), '{"not":"ended"');
  await checked(at, lines.slice(0, 200));
  at.write(lines, 64);
  await checked(at, lines);
  assert.deepEqual(at.warnings, []);
  assert.equal(statSync(indexPath(at.paths)).mode & 0o777, 0o600);
});

test('lists are those of a reading of the files backwards, which knows nothing of an index', async (t) => {
  const at = machine(t);
  await fc.assert(
    fc.asyncProperty(storedLines, fc.array(filters, { minLength: 8, maxLength: 8 }), async (lines, asked) => {
      rmSync(indexPath(at.paths), { force: true });
      at.write(lines.filter((line) => !line.includes(0x0a)));
      const opened = await at.open();
      try {
        for (const filter of asked) {
          const indexes: (number | undefined)[] = [];
          const reading = await readLog(at.log, { filter, raw: false, limit: 1e9 });
          for await (const { call } of reading.hits()) indexes.push(numberAt(call.first, 'index'));
          const rows = await listed(opened.query.rows(filter));
          // A reading gives a call when it has met its beginning; a list has it at its place.
          const newestFirst = indexes.sort((a, b) => (b ?? 0) - (a ?? 0));
          assert.deepEqual(
            rows.map(({ index }) => index),
            newestFirst,
            JSON.stringify(filter),
          );
        }
      } finally {
        await opened.close();
      }
    }),
    { numRuns: 40 },
  );
});

test('an index that is not the log’s is made again, and one line says why', async (t) => {
  const at = machine(t);
  const lines = sample(200);
  at.write(lines);
  await checked(at, lines);
  // Rolled back.
  at.write(lines.slice(0, 50));
  await checked(at, lines.slice(0, 50));
  assert.match(at.warnings.pop() ?? '', /made again: the log does not hold what was indexed/);
  // Rolled back and gone on otherwise.
  const other = [...lines.slice(0, 50), ...sample(200, 2)];
  at.write(other);
  await checked(at, other);
  const replaced = [...lines.slice(0, 40), ...sample(220, 3)];
  at.write(replaced);
  await checked(at, replaced);
  assert.match(at.warnings.pop() ?? '', /made again/);
  // The log of another machine.
  const info = join(at.log, 'log.json');
  writeFileSync(info, readFileSync(info, 'utf8').replace('"o"', '"p"'));
  await checked(at, replaced);
  assert.match(at.warnings.pop() ?? '', /it is of another log/);
  assert.deepEqual(at.warnings, []);
});

test('an index that is deleted, cut short or overwritten gives the same answers: it is made again', async (t) => {
  const at = machine(t);
  const lines = sample(300);
  at.write(lines);
  await checked(at, lines);
  const path = indexPath(at.paths);
  const whole = readFileSync(path);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('delete', 'cut', 'fill', 'page', 'bytes', 'empty'),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      async (how, where) => {
        for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
        const place = Math.floor(whole.length * where);
        writeFileSync(path, whole);
        const damaged = Buffer.from(whole);
        if (how === 'delete') rmSync(path);
        else if (how === 'cut') truncateSync(path, place);
        else if (how === 'empty') writeFileSync(path, '');
        else if (how === 'fill') writeFileSync(path, randomBytes(whole.length));
        else if (how === 'page')
          writeFileSync(
            path,
            damaged.fill(randomBytes(4096), place - (place % 8192), place - (place % 8192) + 8192),
          );
        else writeFileSync(path, damaged.fill(randomBytes(64), place, place + 64));
        if (how === 'bytes') {
          // Damage within a page may be an answer that looks right; it must never be a crash, and a rebuild mends it.
          const opened = await at.open();
          await opened.close();
          await rebuildIndex(at.paths, at.log, { onWarning: () => undefined });
        }
        await checked(at, lines);
      },
    ),
    // A page that is named and lies behind the end of the file is read first by some of the questions.
    { numRuns: 40, examples: [['cut', 0.9375076293945312]] },
  );
});

test('what is pruned from a log goes from its index, with the rows of calls that began there', async (t) => {
  const at = machine(t);
  const secret = randomBytes(12).toString('hex');
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ end: fc.boolean(), back: fc.integer({ min: 1, max: 300 }), bad: fc.nat(150) }), {
        minLength: 400,
        maxLength: 700,
        size: 'max',
      }),
      async (drawn) => {
        rmSync(indexPath(at.paths), { force: true });
        const lines = drawn.map(({ end, back, bad }, index) =>
          bad === 0
            ? Buffer.from('{torn')
            : Buffer.from(
                JSON.stringify({
                  id: idOf(index),
                  ts: new Date(START_MS + index * 1000).toISOString(),
                  type: 'http.call',
                  phase: end ? 'post_exec' : 'pre_exec',
                  ...(end ? { parent_id: idOf(Math.max(0, index - back)) } : {}),
                  actor: { agent_id: index % 3 === 0 ? 'builder' : 'other' },
                  outcome: end ? { status: index % 2 === 0 ? 'ok' : 'error' } : {},
                  reason: index < 256 ? `invoice ${secret}` : `invoice ${index}`,
                }),
              ),
        );
        at.write(lines, 128);
        await checked(at, lines);
        for (const gone of [0, 128]) rmSync(segment(at.log, gone));
        const opened = await at.open();
        try {
          const expected = inMemory(lines.slice(256), 256);
          for (const filter of FILTERS) await sameAnswers(opened.query, expected, filter);
          await sameEntries(opened.query, expected, 256);
          const bad = drawn.flatMap((each, index) => (each.bad === 0 && index >= 256 ? [index] : []));
          assert.deepEqual(await opened.query.malformed(), { count: bad.length, first: bad.slice(0, 20) });
          assert.deepEqual(await listed(opened.entries([3])), []);
        } finally {
          await opened.close();
        }
        assert.equal(readFileSync(indexPath(at.paths)).includes(secret), false);
      },
    ),
    { numRuns: 10 },
  );
  assert.deepEqual(at.warnings, []);
});

test('a process that is killed while it indexes leaves an index that the next one continues', async (t) => {
  const at = machine(t);
  const lines = Array.from({ length: 30 }, () => sample(1_000)).flat();
  at.write(lines);
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, [CHILD, at.paths.state], { stdio: 'ignore' });
    // It may be done before it is killed.
    const ended = once(child, 'exit');
    await setTimeout(300 + round * 300);
    child.kill('SIGKILL');
    await ended;
  }
  const opened = await at.open();
  try {
    const expected = inMemory(lines);
    for (const filter of FILTERS.slice(1)) {
      const options = { limit: 50 };
      assert.deepEqual(
        await listed(opened.query.rows(filter, options)),
        await listed(expected.rows(filter, options)),
      );
      assert.equal(await opened.query.count(filter), await expected.count(filter));
    }
    assert.equal(opened.query.size, lines.length);
  } finally {
    await opened.close();
  }
  assert.deepEqual(at.warnings, []);
});

test('a log elsewhere gets an index that is gone afterwards, and nothing is written beside it', async (t) => {
  const at = machine(t);
  const lines = sample(100);
  at.write(lines);
  const elsewhere = join(at.paths.state, 'copy');
  renameSync(at.log, elsewhere);
  chmodSync(elsewhere, 0o500);
  await checked(at, lines, { log: elsewhere });
  assert.equal(existsSync(indexPath(at.paths)), false);
});

test('readers keep their view while others write, and one that waits gets what it asked for', async (t) => {
  const at = machine(t);
  const lines = sample(300);
  at.write(lines.slice(0, 100));
  const early = await at.open();
  at.write(lines);
  const held = tryLock(indexLockPath(at.paths));
  const late = at.open();
  await setTimeout(200);
  held?.release();
  const opened = await late;
  try {
    await answersAre(opened, lines);
    assert.equal(early.query.size, 100);
    assert.equal(await early.query.count({}), await inMemory(lines.slice(0, 100)).count({}));
  } finally {
    await opened.close();
    await early.close();
  }
});

test('who cannot write the index is told, and gets the same answers', async (t) => {
  const at = machine(t);
  const lines = sample(100);
  at.write(lines);
  // A directory where the file should be: no user may write that, not even root.
  mkdirSync(indexPath(at.paths));
  await checked(at, lines);
  assert.match(at.warnings[0] ?? '', /the index cannot be used .*: one is made for this command alone/);
});

test('a thread beside the recorder keeps the index up with the log', async (t) => {
  const at = machine(t);
  const lines = sample(400);
  at.write(lines.slice(0, 100));
  const feeder = startFeeder({
    paths: at.paths,
    directory: at.log,
    onWarning: (said) => at.warnings.push(said),
  });
  const reaches = async (entries: number): Promise<void> => {
    for (let waited = 0; (await indexStatus(at.paths, at.log, entries)).lag > 0; waited += 50) {
      assert.ok(waited < 20_000, 'it stays behind');
      await setTimeout(50);
    }
  };
  try {
    await reaches(100);
    appendFileSync(segment(at.log, 0), text(lines.slice(100)));
    await reaches(lines.length);
  } finally {
    await feeder.close();
  }
  await checked(at, lines);
  assert.deepEqual(at.warnings, []);
});
