import assert from 'node:assert/strict';
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Home, makeHome } from '../support/home.ts';
import { callDrafts, type Draft, type LogFiles, sampleDrafts, writeLogFiles } from '../support/logfiles.ts';

let home: Home;
let log: LogFiles;
const HOSTILE = '\u001b[2J\u009b31m\u202eevil';

before(async () => {
  home = await makeHome();
  const drafts: Draft[] = sampleDrafts(40);
  drafts.push(...callDrafts(drafts.length, { agent: HOSTILE, host: 'evil.example', code: 200 }));
  drafts.push({ type: 'future.thing', metadata: { hello: 'x' }, zzz: [1] } as Draft);
  drafts.push(
    ...callDrafts(drafts.length, { agent: 'stopped', decision: 'stop', reason: 'domain_not_in_allowlist' }),
  );
  drafts.push(callDrafts(drafts.length, { agent: 'still-open' })[0]);
  log = await writeLogFiles(join(home.paths.logs, 'local'), drafts, { segmentEntries: 30 });
});
after(() => home.remove());

const list = (...args: string[]) => home.tally(['log', 'list', ...args]);
const json = async (...args: string[]) => {
  const { stdout, code } = await list('--json', ...args);
  assert.equal(code, 0);
  return JSON.parse(stdout) as {
    entries: { index: number; type: string; outcome?: { status: string }; post_exec?: { index: number } }[];
    scanned: number;
    complete: boolean;
    older: number;
    malformed: { count: number; lines: unknown[] };
  };
};

describe('tally log list', () => {
  it('shows the newest calls first, one row a call, says how many match in all, and how to go on', async () => {
    const { stdout, stderr, code } = await list('-n', '4');
    assert.equal(code, 0);
    const rows = stdout.trimEnd().split('\n');
    assert.match(rows[0] ?? '', /^ *# {2}TIME \(UTC\) +WHO +WHAT +DECISION +STATUS +TOOK$/);
    assert.match(rows[1] ?? '', /^85 .* still-open +GET api\.example\.com\/v1\/things +allow +open$/);
    assert.match(rows[2] ?? '', /^83 .* stopped .* stop domain_not_in_allowlist +blocked +13 ms$/);
    assert.match(rows[3] ?? '', /^82 .* future\.thing$/);
    assert.match(rows[4] ?? '', /^80 /);
    assert.equal(rows.length, 5);
    assert.match(stderr, /^4 of 44\nnext: tally log list -n 4 --before 80\n$/);
  });

  it('shows what others wrote without obeying it', async () => {
    for (const args of [
      ['--agent', HOSTILE],
      ['--agent', HOSTILE, '--json'],
    ]) {
      const { stdout } = await list(...args);
      assert.doesNotMatch(stdout.replaceAll('\n', ''), /\p{Cc}|\u202e/u);
      assert.match(stdout, /evil\.example/);
    }
  });

  it('gives programs one document that says what was looked at', async () => {
    const some = await json('-n', '2');
    assert.deepEqual(
      some.entries.map(({ index, post_exec }) => [index, post_exec?.index]),
      [
        [85, undefined],
        [83, 84],
      ],
    );
    assert.equal(some.entries[1]?.outcome?.status, 'blocked');
    assert.deepEqual([some.complete, some.scanned, some.older], [false, 3, 83]);
    const all = await json('--all');
    assert.deepEqual([all.complete, all.scanned, all.older], [true, log.lines.length, 0]);
  });

  it('gives the stored bytes with --jsonl, unknown types and fields included', async () => {
    const { stdout } = await list('--jsonl', '--raw', '--all');
    assert.equal(
      stdout,
      log.lines
        .map((line) => `${line.toString()}\n`)
        .reverse()
        .join(''),
    );
  });

  it('shows one row an entry with --raw', async () => {
    const { entries } = await json('--raw', '-n', '3');
    assert.deepEqual(
      entries.map(({ index }) => index),
      [85, 84, 83],
    );
  });

  for (const [args, expected] of [
    [['--decision', 'deny', '--reason-code', 'domain_not_in_allowlist', '--agent', 'stopped'], [83]],
    [['--blocked', '--agent', 'stopped'], [83]],
    [['--domain', 'evil.example'], [80]],
    [['--host', '*.example', '--type', 'http', '--agent', HOSTILE], [80]],
    [['--type', 'future.thing'], [82]],
    [['--phase', 'post', '--agent', 'stopped'], [84]],
    [
      ['--since', '2026-11-20T12:01:23Z'],
      [85, 83],
    ],
    [
      ['--since', '2026-11-20T12:01:22', '--until', '2026-11-20T12:01:24', '--utc'],
      [83, 82],
    ],
  ] as const) {
    it(`finds ${expected.join(', ')} with ${args.join(' ').replaceAll(HOSTILE, '…')}`, async () => {
      const found = await json(...args, '-n', '100');
      assert.deepEqual(
        found.entries.map(({ index }) => index),
        expected,
      );
    });
  }

  it('counts failures as the brief says: 400 and above, blocked, or no answer', async () => {
    const all = await json('--all');
    const failed = await json('--all', '--failed');
    const expected = all.entries.filter(({ outcome }) => {
      const code = (outcome as { status_code?: number } | undefined)?.status_code ?? 0;
      return code >= 400 || ['blocked', 'error', 'timeout', 'aborted'].includes(outcome?.status ?? '');
    });
    assert.ok(expected.length > 3);
    assert.deepEqual(failed.entries, expected);
  });

  it('says so when nothing matches, and what was probably meant', async () => {
    const { stdout, stderr, code } = await list('--type', 'htp.call');
    assert.deepEqual([stdout, code], ['', 0]);
    assert.match(stderr, /no entry matches\n.*--type http\.call/s);
  });

  it('reports a line that is no entry and shows all the others', async () => {
    const other = join(home.directory, 'damaged');
    await writeLogFiles(other, sampleDrafts(3));
    await appendFile(join(other, 'entries/000000000000.jsonl'), 'not an entry\n');
    const { stdout, stderr, code } = await list('--dir', other);
    assert.equal(code, 0);
    assert.equal(stdout.trimEnd().split('\n').length, 4);
    assert.match(
      stderr,
      /damaged:.* 1 line of the log is no entry.*\n.*000000000000\.jsonl at byte \d+: not JSON/,
    );
    const { malformed } = JSON.parse((await list('--dir', other, '--json')).stdout) as {
      malformed: { count: number };
    };
    assert.equal(malformed.count, 1);
  });

  it('ends quietly when its reader has seen enough', async () => {
    const child = home.start(['log', 'list', '--all', '--jsonl']);
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.stdout?.once('data', () => child.stdout?.destroy());
    const code = await new Promise((resolve) => child.on('close', resolve));
    assert.deepEqual([code, errors], [0, '']);
  });

  it('tells what a log is missing instead of showing an empty one', async () => {
    const empty = join(home.directory, 'nothing-here');
    await mkdir(empty);
    const { code, stderr } = await list('--dir', empty);
    assert.equal(code, 3);
    assert.equal((JSON.parse(stderr) as { error: { code: string } }).error.code, 'LOG_MISSING');
  });

  it('refuses a time, a number or a class that is none, with a hint', async () => {
    for (const args of [
      ['--since', 'soon'],
      ['-n', '0'],
      ['--status-class', '6xx'],
      ['--decision', 'maybe'],
      ['--statsu', 'ok'],
    ]) {
      const { code, stderr, stdout } = await list(...args);
      const { error } = JSON.parse(stderr) as { error: { code: string; hint: string } };
      assert.deepEqual([code, error.code, stdout], [2, 'USAGE', '']);
      assert.ok(error.hint.length > 5);
    }
  });
});
