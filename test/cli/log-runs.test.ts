/** Runs as people find them: by the beginning of their ids, also those that nobody started on the record. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Home, makeHome } from '../support/home.ts';
import { callDrafts, type Draft, writeLogFiles } from '../support/logfiles.ts';

let home: Home;
const log = (...args: string[]) => home.tally(['log', ...args]);
const errorOf = (stderr: string) =>
  (JSON.parse(stderr) as { error: { code: string; message: string; hint: string } }).error;

const start = (run_id: string, metadata: object = {}): Draft => ({
  type: 'run.start',
  run_id,
  actor: { agent_id: 'builder', identity_level: 'declared' },
  metadata: { token_id: run_id, ...metadata },
});
const end = (run_id: string): Draft => ({
  type: 'run.end',
  run_id,
  outcome: { status: 'ok', duration_ms: 4_000 },
});
/** A call as a run's token proves it. */
const checked = (at: number, run_id: string): Draft[] =>
  callDrafts(at).map((half) => ({
    ...half,
    run_id,
    actor: { agent_id: 'builder', identity_level: 'issued' },
    ...(half.phase === 'post_exec' ? { type: 'http.call' } : {}),
  }));
const read: Draft = {
  type: 'log.read',
  actor: { identity_level: 'anonymous' },
  metadata: { command: 'list', filter: {} },
};
const imported: Draft = { type: 'tool.call', run_id: 'imported_1', actor: { agent_id: 'elsewhere' } };

before(async () => {
  home = await makeHome();
  const drafts: Draft[] = [
    imported,
    start('run_aa11'),
    ...checked(2, 'run_aa11'),
    start('run_aa22', { under: 'run_aa11', command: 'npm test' }),
    end('run_aa22'),
    imported,
    read,
    read,
    end('run_aa11'),
    { ...imported, run_id: 'imported_2' },
  ];
  await writeLogFiles(join(home.paths.logs, 'local'), drafts);
});
after(() => home.remove());

describe('runs', () => {
  it('are listed with those that have no start, in pages', async () => {
    const runsOf = async (...args: string[]) => {
      const { stdout, stderr, code } = await log('runs', '--json', ...args);
      assert.equal(code, 0, stderr);
      const { runs, total, next } = JSON.parse(stdout) as {
        runs: { run: string; index: number }[];
        total: number;
        next: number | null;
      };
      return { runs: runs.map(({ run, index }) => [run, index]), total, next };
    };
    const every = [
      ['imported_2', 10],
      ['run_aa22', 4],
      ['run_aa11', 1],
      ['imported_1', 0],
    ];
    assert.deepEqual(await runsOf(), { runs: every, total: 4, next: null });
    assert.deepEqual(await runsOf('--agent', 'elsewhere'), {
      runs: [every[0], every[3]],
      total: 2,
      next: null,
    });
    const seen: (string | number)[][] = [];
    for (let next: number | null | undefined; next !== null; ) {
      const page = await runsOf('-n', '1', ...(next === undefined ? [] : ['--before', String(next)]));
      seen.push(...(page.runs as (string | number)[][]));
      next = page.next;
    }
    assert.deepEqual(seen, every);
  });

  it('took as long as their ends say, whenever those came', async () => {
    const { stdout } = await log('runs', '--json');
    const { runs } = JSON.parse(stdout) as { runs: { run: string; took_ms?: number }[] };
    assert.deepEqual(
      runs.map(({ took_ms }) => took_ms),
      [undefined, 4_000, 4_000, undefined],
    );
    assert.match((await log('runs')).stdout, /run_aa22 .* 4\.00 s/);
    const shown = JSON.parse((await log('run', 'run_aa11', '--json')).stdout) as { took_ms: number };
    assert.equal(shown.took_ms, 4_000);
    assert.match((await log('run', 'run_aa11')).stdout, /ended .* 4\.00 s/);
  });

  it('are meant by the beginning of an id that no other has', async () => {
    for (const args of [
      ['run', 'run_aa1'],
      ['list', '--run', 'run_aa1'],
      ['summary', '--run', 'run_aa1'],
      ['export', '--unrecorded', '--run', 'run_aa1'],
    ]) {
      const { code, stdout, stderr } = await log(...args);
      assert.equal(code, 0, stderr);
      assert.notEqual(stdout, '', args.join(' '));
    }
    const { code, stderr } = await log('run', 'run_aa');
    assert.equal(code, 2);
    assert.match(errorOf(stderr).message, /several runs begin with run_aa/);
    assert.match(errorOf(stderr).hint, /run_aa11, run_aa22|run_aa22, run_aa11/);
    assert.equal((await log('run', 'nope')).code, 3);
  });

  it('are suggested where an export has nothing', async () => {
    const { code, stdout, stderr } = await log('export', '--unrecorded', '--run', 'run_bb11');
    assert.deepEqual([code, stdout], [0, '']);
    assert.match(stderr, /no run run_bb11 in this log; did you mean --run run_aa\d\d\?/);
  });

  it('say what was checked of who acted in them, and which runs they started', async () => {
    const shown = JSON.parse((await log('run', 'run_aa11', '--json')).stdout) as {
      identity: string;
      identities: string[];
      steps: { index: number; type: string; run?: string; status?: string }[];
    };
    assert.deepEqual([shown.identity, shown.identities], ['issued', ['issued']]);
    assert.deepEqual(
      shown.steps.map(({ index, type, run, status }) => [index, type, run, status]),
      [
        [2, 'http.call', undefined, 'ok'],
        [4, 'run.start', 'run_aa22', 'ok'],
      ],
    );
    const { stdout } = await log('run', 'run_aa11');
    assert.match(stdout, /run_aa11 {2}builder \(issued\)/);
    assert.match(stdout, /run\.start run_aa22 npm test/);
  });
});

describe('a summary', () => {
  it('leaves out who read the log, unless it is told otherwise', async () => {
    const summaryOf = async (...args: string[]) =>
      JSON.parse((await log('summary', '--json', '--by', 'identity', ...args)).stdout) as {
        reads: number;
        totals: { total: number };
        by: { identity: { values: { value: string }[] } };
      };
    const usual = await summaryOf();
    assert.deepEqual([usual.reads, usual.totals.total], [2, 8]);
    assert.ok(!usual.by.identity.values.some(({ value }) => value === 'anonymous'));
    const whole = await summaryOf('--reads');
    assert.deepEqual([whole.reads, whole.totals.total], [0, 10]);
    assert.match((await log('summary')).stderr, /2 readings of the log left out \(--reads\)/);
  });
});

describe('verification of a directory without a log', () => {
  it('says where logs are', async () => {
    const named = async (directory: string) => {
      const { code, stderr } = await home.tally(['verify', directory]);
      assert.equal(code, 3);
      return errorOf(stderr).hint;
    };
    assert.match(await named(home.env.TALLY_HOME ?? ''), /there is one in .*logs.local$/);
    assert.match(await named(home.paths.heads), /name a directory that holds log\.json/);
  });
});
