import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sha256Hex } from '../../src/core/hash.ts';
import { GOLDEN_NAMES, readGolden } from '../core/view/golden.ts';
import { collect, type Home, makeHome } from '../support/home.ts';
import { callDrafts, type LogFiles, sampleDrafts, writeLogFiles } from '../support/logfiles.ts';
import { POLICIES, variedDrafts } from '../support/varied.ts';

let home: Home;
/** A log that is not this machine's. */
let varied: LogFiles;
before(async () => {
  home = await makeHome();
  varied = await writeLogFiles(join(home.directory, 'varied'), variedDrafts());
  await mkdir(join(varied.directory, 'policies'));
  for (const [name, text] of POLICIES) await writeFile(join(varied.directory, name), text);
});
after(() => home.remove());

const file = (name: string): string => join(home.directory, name);
const exported = (...args: string[]) => home.tally(['log', 'export', ...args]);
const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

interface Entry {
  readonly id: string;
  readonly index: number;
  readonly type: string;
  readonly phase: string;
  readonly parent_id?: string;
  readonly actor?: { readonly user?: { readonly id: string } };
  readonly outcome?: Record<string, unknown>;
  readonly metadata?: Record<string, unknown>;
}

/** The entries of this machine's own log, out of its files. */
async function entries(machine: Home, type?: string): Promise<readonly Entry[]> {
  const folder = join(machine.paths.logs, 'local/entries');
  const texts = await Promise.all(
    (await readdir(folder)).sort().map((name) => readFile(join(folder, name), 'utf8')),
  );
  const all = linesOf(texts.join('')).map((line) => JSON.parse(line) as Entry);
  return type === undefined ? all : all.filter((entry) => entry.type === type);
}

/** The entries of the golden files stand in no log; the one view that has entries whole has their chain too. */
const withoutChain = (text: string): string => text.replace(/\\"+prev\\"+:\\"+[^"\\]*\\"+,/g, '');

describe('tally log export', () => {
  it('shows every view as its golden file, in both formats', async () => {
    for (const name of GOLDEN_NAMES) {
      const [view, format] = name.split('.') as [string, string];
      const chosen = view === 'plain' ? [] : ['--view', view];
      const { stdout, stderr, code } = await exported(
        '--dir',
        varied.directory,
        '--format',
        format,
        ...chosen,
      );
      assert.equal(code, 0, stderr);
      assert.equal(withoutChain(stdout), readGolden(name), name);
    }
  });

  it('gives the stored bytes of both halves of calls in the order of the log, and each policy before it is cited', async () => {
    const { stdout, stderr, code } = await exported('--dir', varied.directory);
    assert.equal(code, 0, stderr);
    const lines = linesOf(stdout);
    const stored = varied.lines.map((line) => line.toString('utf8'));
    assert.deepEqual(
      lines.filter((line) => 'index' in (JSON.parse(line) as object)),
      stored,
    );
    const [policy, ...others] = lines.filter((line) => !('index' in (JSON.parse(line) as object)));
    assert.equal(others.length, 0);
    const cites = lines.findIndex(
      (line) => line.includes(sha256Hex(policy ?? '')) && line.includes('"decision"'),
    );
    assert.equal(lines.indexOf(policy ?? ''), cites - 1);
    assert.match(stderr, /1 policy snapshot that entries cite is not in this log/);
    const bare = await exported('--dir', varied.directory, '--no-snapshots', '--type', 'tool.call');
    assert.deepEqual(linesOf(bare.stdout), stored.slice(18, 20));
  });

  it('says that a log of somebody else cannot be recorded', async () => {
    const { stderr } = await exported('--dir', varied.directory);
    assert.match(stderr, /not recorded: this log is not the one of this machine/);
    await assert.rejects(stat(join(home.paths.logs, 'local')), { code: 'ENOENT' });
  });

  it('writes a file whole, for its owner only, and never over another one', async () => {
    const out = file('out.csv');
    const done = await exported('--dir', varied.directory, '--format', 'csv', '--out', out, '--json');
    assert.equal(done.code, 0, done.stderr);
    const told = JSON.parse(done.stdout) as { bytes: number; sha256: string; rows: number; entries: number };
    const bytes = await readFile(out);
    assert.deepEqual(
      [told.bytes, told.sha256, told.entries],
      [bytes.length, sha256Hex(bytes), varied.lines.length],
    );
    assert.equal((await stat(out)).mode & 0o777, 0o600);
    const again = await exported('--dir', varied.directory, '--out', out);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /is there already, and was left as it is.*--force/);
    assert.deepEqual(await readFile(out), bytes);
    assert.equal((await exported('--dir', varied.directory, '--out', out, '--force')).code, 0);
    assert.notDeepEqual(await readFile(out), bytes);
    assert.deepEqual(
      (await readdir(home.directory)).filter((name) => name.endsWith('.tmp')),
      [],
    );
    const nowhere = await exported('--dir', varied.directory, '--out', file('no/such/out.jsonl'));
    assert.equal(nowhere.code, 2);
    assert.match(nowhere.stderr, /ENOENT/);
  });

  it('says so when the disk is full', { skip: !existsSync('/dev/full') && 'there is no /dev/full' }, () => {
    const shell = spawnSync(
      'sh',
      ['-c', `"${process.execPath}" bin/tally.js log export --dir "${varied.directory}" > /dev/full`],
      {
        env: home.env,
        encoding: 'utf8',
      },
    );
    assert.notEqual(shell.status, 0);
    assert.match(shell.stderr, /ENOSPC|no space left/i);
  });

  it('refuses what does not fit together', async () => {
    for (const [args, what] of [
      [['--bundle', file('b'), '--format', 'csv'], /--bundle/],
      [['--json'], /--json/],
      [['--phase', 'pre'], /--phase/],
      [['--view', 'agentsecret'], /agentsecret/],
    ] as const) {
      const { code, stderr } = await exported('--dir', varied.directory, ...args);
      assert.equal(code, 2);
      assert.match(stderr, what);
    }
  });

  it('tells of damage: lines that are no entries, and policies that were altered', async () => {
    const copy = file('damaged');
    await cp(varied.directory, copy, { recursive: true });
    const [[name] = ['']] = POLICIES;
    await appendFile(join(copy, name), ' ');
    await appendFile(join(copy, 'entries/000000000000.jsonl'), 'no entry\n');
    const { code, stderr, stdout } = await exported('--dir', copy, '--out', file('damaged.jsonl'), '--json');
    assert.equal(code, 6);
    assert.match(stderr, /1 line of the log is no entry/);
    assert.match(stderr, /was altered after it was cited/);
    const told = JSON.parse(stdout) as {
      status: string;
      altered_snapshots: string[];
      lines_that_are_no_entries: number;
    };
    assert.deepEqual(
      [told.status, told.altered_snapshots.length, told.lines_that_are_no_entries],
      ['damaged', 1, 1],
    );
  });
});

describe('an export of this machine’s log', () => {
  let own: Home;
  before(async () => {
    own = await makeHome();
    assert.equal((await own.tally(['policy', 'allow', 'api.example.com'])).code, 0);
  });
  after(() => own.remove());

  it('is an entry before its first byte, and one that says how it ended, with the person', async () => {
    const out = join(own.directory, 'x.jsonl');
    const done = await own.tally(['log', 'export', '--type', 'policy', '--out', out, '--json']);
    assert.equal(done.code, 0, done.stderr);
    const [begin, end] = await entries(own, 'log.export');
    assert.deepEqual([begin?.phase, end?.phase, end?.parent_id], ['pre_exec', 'post_exec', begin?.id]);
    assert.equal((JSON.parse(done.stdout) as { recorded: string }).recorded, begin?.id);
    assert.deepEqual(begin?.metadata, {
      destination: 'file',
      filter: { types: ['policy'] },
      format: 'jsonl',
      size: begin?.metadata?.size,
    });
    assert.equal(typeof begin?.actor?.user?.id, 'string');
    const written = await readFile(out);
    assert.equal(end?.outcome?.status, 'ok');
    assert.equal(end?.outcome?.result_hash, sha256Hex(written));
    assert.equal(end?.outcome?.bytes_out, written.length);
    assert.deepEqual(end?.metadata, { entries: 1, records: 1, rows: 1, snapshots: 0 });
    // No path of this machine, and nothing of itself in it.
    assert.doesNotMatch(JSON.stringify([begin, end]), new RegExp(own.directory));
    assert.doesNotMatch(written.toString('utf8'), /log\.export/);
  });

  it('ends quietly when its reader closes the pipe', async () => {
    const child = own.start(['log', 'export', '--format', 'csv']);
    child.stdin?.end();
    child.stdout?.destroy();
    const done = await collect(child);
    assert.equal(done.code, 0, done.stderr);
    assert.doesNotMatch(done.stderr, /error/i);
  });

  // Root may write anywhere.
  const asRoot = { skip: process.getuid?.() === 0 };
  it(
    'is refused when it cannot be recorded, and made all the same when it is asked to be',
    asRoot,
    async () => {
      await chmod(own.paths.state, 0o500);
      try {
        const refused = await own.tally(['log', 'export']);
        assert.equal(refused.stdout, '');
        assert.match(refused.stderr, /an export is an entry of the log.*--unrecorded/);
        const all = await own.tally(['log', 'export', '--unrecorded']);
        assert.equal(all.code, 0);
        assert.match(all.stderr, /this export is not recorded/);
        assert.notEqual(all.stdout, '');
      } finally {
        await chmod(own.paths.state, 0o700);
      }
    },
  );

  it('is refused for a log that a start refuses, and made all the same when it is asked to be', async () => {
    const key = join(own.paths.heads, 'local/vkey');
    const kept = await readFile(key);
    await rm(key);
    try {
      const before = (await entries(own)).length;
      const refused = await own.tally(['log', 'export']);
      assert.equal(refused.code, 6);
      assert.equal(refused.stdout, '');
      assert.match(refused.stderr, /an export is an entry of the log.*--unrecorded/);
      const all = await own.tally(['log', 'export', '--unrecorded']);
      assert.equal(all.code, 0, all.stderr);
      assert.match(all.stderr, /this export is not recorded/);
      assert.equal(linesOf(all.stdout).length, before);
      assert.equal((await entries(own)).length, before);
    } finally {
      await writeFile(key, kept);
    }
  });

  it('is handed to the recorder that runs', async () => {
    const up = own.start(['up', '--port', '0']);
    let said = '';
    up.stdout?.on('data', (part: Buffer) => (said += part.toString()));
    up.stderr?.on('data', (part: Buffer) => (said += part.toString()));
    while (!said.includes('broker')) await new Promise((resolve) => setTimeout(resolve, 20));
    const { code, stderr } = await own.tally(['log', 'export', '--view', 'fullmakt']);
    assert.equal(code, 0, stderr);
    const [begin, end] = (await entries(own, 'log.export')).slice(-2);
    assert.deepEqual([begin?.metadata?.view, end?.outcome?.status], ['fullmakt', 'ok']);
    up.kill('SIGTERM');
    await once(up, 'exit');
  });
});

describe('a large export', () => {
  it('has everything in it, and says how much that is', {
    timeout: 120_000,
  }, async () => {
    const large = file('large');
    const drafts = sampleDrafts(10_000);
    drafts.push(...callDrafts(drafts.length, { agent: 'last' }));
    const log = await writeLogFiles(large, drafts);
    const done = await exported('--dir', large, '--format', 'csv', '--out', file('large.csv'), '--json');
    assert.equal(done.code, 0, done.stderr);
    const told = JSON.parse(done.stdout) as { rows: number; entries: number };
    assert.deepEqual([told.rows, told.entries], [drafts.length / 2, log.lines.length]);
    const lines = (await readFile(file('large.csv'), 'utf8')).trimEnd().split('\r\n');
    assert.equal(lines.length, drafts.length / 2 + 1);
    assert.match(lines.at(-1) ?? '', /,last,/);
  });
});
