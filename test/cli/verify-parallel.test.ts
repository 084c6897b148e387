/** Log directories verified by workers: the same answers as in order, whatever lies there. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { directoryBlocks } from '../../src/cli/log-source.ts';
import { parallelEntries, workersFor } from '../../src/cli/verify-parallel.ts';
import { createTaps, shownLines, type Taps } from '../../src/cli/verify-taps.ts';
import { isTallyError } from '../../src/core/error.ts';
import { verifyLog } from '../../src/core/tlog/verify.ts';
import type { Report } from '../../src/core/tlog/verify-report.ts';
import { fileReader } from '../../src/store/file/reader.ts';
import { openFileStore } from '../../src/store/file/store.ts';
import { callDrafts, type Draft, type LogFiles, writeLogFiles } from '../support/logfiles.ts';
import { makeHome } from './home.ts';

const ENTRIES = 1_400;
const SEGMENT = 256;

/** Entries of the types that taps watch for, among calls that nobody asks for. */
function draft(index: number): Draft {
  const [call] = callDrafts(index, { path: `/v1/things/${'x'.repeat(index % 90)}` });
  switch (index % 97) {
    case 0:
      return { type: 'log.open', metadata: { policy: { hash: `${index}`.padStart(64, '0') } } };
    case 5:
      return { type: 'policy.snapshot', metadata: { hash: `${index}`.padStart(64, '1') } };
    case 11:
      return { type: 'log.recover', metadata: { torn: `t-${index % 7}`, bytes: index, sha256: 'x' } };
    case 12:
      return { type: 'log.recover', metadata: { acknowledges: `t-${index % 5}` } };
    case 20:
      return {
        ...call,
        payload: { media_type: 'x', class: 'x', pack: '000000000000.pack', cipher_hash: 'x' },
      };
    case 21:
      return { type: 'key.rotate', metadata: { note: 'a "type":"log.open" in words' } };
    default:
      return call;
  }
}

describe('a log directory verified by workers', () => {
  let base: string;
  let log: LogFiles;
  let copies = 0;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'tally-workers-'));
    const drafts = Array.from({ length: ENTRIES }, (_, index) => draft(index));
    log = await writeLogFiles(join(base, 'log'), drafts, { segmentEntries: SEGMENT, signed: 1_300 });
  });
  after(() => rm(base, { recursive: true, force: true }));

  interface Judged {
    readonly report: Report;
    readonly taps: Record<string, unknown>;
    /** It had to be read in order. */
    readonly inOrder: boolean;
  }

  const told = (taps: Taps): Record<string, unknown> => ({
    openings: taps.openings.differs({ tenant: 'another' }),
    recovery: taps.recovery.judge(new Map()),
    snapshots: taps.snapshots.judge(new Map()),
    payloads: taps.payloads.judge(0, ENTRIES),
    rotations: taps.rotations.begun([]),
    judge: taps.judge?.finish(false),
  });

  async function judged(directory: string, workers: number | undefined, deep = false): Promise<Judged> {
    const reader = fileReader(directory);
    const blocks = directoryBlocks(reader, () => undefined);
    let taps = createTaps(deep);
    let inOrder = false;
    const source = {
      ...blocks,
      origin: log.origin,
      vkeys: [log.vkey],
      async *blocks() {
        inOrder = true;
        taps = createTaps(deep);
        for await (const block of blocks.blocks()) {
          taps.push(block);
          yield block;
        }
      },
    };
    const entries = parallelEntries({
      directory,
      reader,
      tile: blocks.tile,
      workers,
      shown: shownLines(deep),
      see: (line) => taps.line(line),
    });
    const report = await verifyLog(workers === undefined ? source : { ...source, entries }, {
      pinned: [log.vkey],
    });
    return { report, taps: told(taps), inOrder };
  }

  async function changed(change: (directory: string) => Promise<unknown>): Promise<string> {
    const directory = join(base, `copy-${copies++}`);
    await cp(log.directory, directory, { recursive: true });
    await change(directory);
    return directory;
  }

  const segment = (directory: string, number: number): string =>
    join(directory, 'entries', `${String(number * SEGMENT).padStart(12, '0')}.jsonl`);

  async function sameByAll(directory: string, deep = false): Promise<Judged> {
    const expected = await judged(directory, undefined, deep);
    const [one, three] = [await judged(directory, 1, deep), await judged(directory, 3, deep)];
    assert.deepEqual([one.report, one.taps], [expected.report, expected.taps]);
    assert.deepEqual(three, one);
    return three;
  }

  it('passes untouched and shows the taps what they wait for, without being read in order', async () => {
    const { report, taps, inOrder } = await sameByAll(log.directory);
    assert.deepEqual([report.integrity.status, report.chain.status, inOrder], ['pass', 'pass', false]);
    assert.equal((taps.rotations as number[]).length, 15);
  });

  it('judges completeness over every entry in the order of the log', async () => {
    const { taps, inOrder } = await sameByAll(log.directory, true);
    assert.equal(inOrder, false);
    assert.ok((taps.judge as { without_end_count: number }).without_end_count > 1_000);
  });

  it('reads sealed segments beside plain ones', async () => {
    const directory = await changed(async (copy) => {
      const store = await openFileStore(copy);
      for (const number of [0, 1, 3]) await store.seal(number * SEGMENT);
      await store.close();
    });
    assert.equal(
      (await readdir(join(directory, 'entries'))).filter((name) => name.endsWith('.zst')).length,
      3,
    );
    assert.equal((await sameByAll(directory)).inOrder, false);

    const sealed = join(directory, 'entries', `${String(SEGMENT).padStart(12, '0')}.jsonl.zst`);
    const bytes = await readFile(sealed);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(sealed, bytes);
    assert.equal((await sameByAll(directory)).inOrder, true);
  });

  it('is judged as in order, whatever was done to its files', async () => {
    const number = fc.nat(5);
    const change = fc.oneof(
      fc.record({ kind: fc.constant('byte' as const), number, at: fc.nat(100_000) }),
      fc.record({ kind: fc.constant('cut' as const), number, at: fc.nat(100_000) }),
      fc.record({ kind: fc.constant('gone' as const), number, at: fc.constant(0) }),
      fc.record({ kind: fc.constant('grown' as const), number, at: fc.nat(300) }),
      fc.record({ kind: fc.constant('tile' as const), number: fc.nat(4), at: fc.nat(8_191) }),
    );
    let found = 0;
    await fc.assert(
      fc.asyncProperty(change, async ({ kind, number: which, at }) => {
        const directory = await changed(async (copy) => {
          const path = kind === 'tile' ? join(copy, 'tile', '0', `00${which}`) : segment(copy, which);
          const bytes = await readFile(path);
          if (kind === 'gone') await rm(path);
          else if (kind === 'cut') await truncate(path, at % bytes.length);
          else if (kind === 'grown') await writeFile(path, bytes.subarray(0, at), { flag: 'a' });
          else {
            bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ 4;
            await writeFile(path, bytes);
          }
        });
        const { report } = await sameByAll(directory);
        if (report.integrity.status === 'fail') found++;
        await rm(directory, { recursive: true });
      }),
      { numRuns: 15 },
    );
    assert.ok(found > 3, `${found} of 15 failed`);
  });

  it('does not wait for something that is no file, and takes it for no tile', async () => {
    const directory = await changed(async (copy) => {
      await rm(join(copy, 'tile', '0', '002'));
      await mkdir(join(copy, 'tile', '0', '002'));
    });
    const failure = async (workers: number | undefined): Promise<unknown> =>
      judged(directory, workers).then(
        () => 'an answer',
        (error: unknown) => (isTallyError(error) ? [error.code, error.message] : error),
      );
    const expected = await failure(undefined);
    assert.notEqual(expected, 'an answer');
    assert.deepEqual(await failure(1), expected);
    assert.deepEqual(await failure(3), expected);
  });

  it('ends with an error when a worker dies, never with an answer', { timeout: 20_000 }, async () => {
    const reader = fileReader(log.directory);
    const entries = parallelEntries({
      // Not a path: the worker throws before it could say anything.
      directory: 7 as unknown as string,
      reader,
      tile: async () => undefined,
      workers: 2,
      shown: shownLines(false),
      see: () => undefined,
    });
    await assert.rejects(
      entries({ signedSize: 0, rootsAt: [], onProgress: undefined }),
      (error: unknown) => isTallyError(error) && error.code === 'INTERNAL' && /worker/.test(error.message),
    );
  });

  it('uses no more workers than there are segments, and one where another would not pay', () => {
    const segments = (count: number, bytes: number) =>
      Array.from({ length: count }, (_, i) => ({ first: i * SEGMENT, bytes, sealed: false }));
    assert.equal(workersFor(segments(2, 10), 8), 2);
    assert.equal(workersFor(segments(9, 10), 4), 4);
    assert.equal(workersFor([], 4), 1);
    assert.equal(workersFor(segments(9, 1_000_000), undefined), 1);
  });
});

describe('tally verify --workers', () => {
  it('verifies with workers of the program as it is built', async (t) => {
    const home = await makeHome(t);
    const directory = join(home.directory, 'log');
    const drafts = Array.from({ length: 900 }, (_, index) => draft(index));
    const { vkey } = await writeLogFiles(directory, drafts, { segmentEntries: SEGMENT });
    const args = ['verify', directory, '--key', vkey, '--json', '--workers'];
    const [one, two] = [await home.tally([...args, '1']), await home.tally([...args, '2'])];
    assert.deepEqual(two.json(), one.json());
    assert.deepEqual((two.json() as unknown as Report).integrity.status, 'pass');
    assert.equal((await home.tally([...args, '0'])).code, 2);
  });
});
