import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openSession } from '../../src/open.ts';
import { type Home, makeHome } from '../support/home.ts';
import { sampleDrafts, writeLogFiles } from '../support/logfiles.ts';

let home: Home;
let log: string;
let vkey: string;
before(async () => {
  home = await makeHome();
  log = join(home.paths.logs, 'local');
  await record(30);
  const { stdout } = await home.tally(['key', 'list', '--json']);
  vkey = (JSON.parse(stdout) as { keys: { vkey: string; pinned: boolean }[] }).keys[0]?.vkey ?? '';
});
after(() => home.remove());

async function record(calls: number, surroundings: Home = home): Promise<void> {
  const session = await openSession({
    paths: surroundings.paths,
    client: { surface: 'sdk' },
    onWarning: (line) => assert.fail(line),
  });
  for (let i = 0; i < calls; i++) {
    const { id } = await session.ask('record', {
      event: { type: 'tool.call', phase: 'pre_exec', action: { name: `call ${i}` } },
    });
    await session.ask('record', {
      event: { type: 'tool.call', phase: 'post_exec', parent_id: id, outcome: { status: 'ok' } },
    });
  }
  await session.close();
}

interface Report {
  exit_code: number;
  size: number;
  unsigned: number;
  key: { ground: string } | null;
  integrity: { status: string; first_bad?: number; bad: { index: number }[] };
  chain: { status: string };
  append_only: { status: string; note: string; heads: { ground: string; status: string }[] };
  signatures: { status: string; key?: string };
  completeness: { status: string; findings?: { without_end_count: number } };
  recovery: { status: string; unacknowledged: string[] };
  snapshots?: { status: string };
  log_json?: string;
}

const verify = async (...args: string[]) => {
  const { stdout, code, stderr } = await home.tally(['verify', '--json', ...args]);
  return { report: (stdout === '' ? undefined : JSON.parse(stdout)) as Report, code, stderr };
};

async function copied(name: string, change: (directory: string) => Promise<void>): Promise<string> {
  const copy = join(home.directory, 'copies', name);
  await cp(log, copy, { recursive: true });
  await change(copy);
  return copy;
}

const edit = (directory: string, change: (lines: string[]) => string[]): Promise<void> => {
  const file = join(directory, 'entries/000000000000.jsonl');
  return readFile(file, 'utf8').then((text) => writeFile(file, change(text.split('\n')).join('\n')));
};

describe('tally verify', () => {
  it('passes an untouched log with the key and the head that this machine remembers', async () => {
    const { report, code } = await verify('--completeness');
    assert.equal(code, 0);
    assert.equal(report.exit_code, 0);
    for (const verdict of [
      'integrity',
      'chain',
      'append_only',
      'signatures',
      'completeness',
      'recovery',
    ] as const) {
      assert.equal(report[verdict].status, 'pass', verdict);
    }
    assert.equal(report.key?.ground, 'pinned');
    assert.equal(report.append_only.heads[0]?.ground, 'local');
    assert.equal(report.unsigned, 0);
  });

  it('is the same command as log verify', async () => {
    const [short, long] = await Promise.all([
      home.tally(['verify', '--json']),
      home.tally(['log', 'verify', '--json']),
    ]);
    assert.deepEqual(JSON.parse(short.stdout), JSON.parse(long.stdout));
  });

  it('says each verdict on a line of its own', async () => {
    const { stdout, code } = await home.tally(['verify']);
    assert.equal(code, 0);
    for (const line of [
      /^✓ integrity +all 62 signed entries are the ones that were signed$/m,
      /^✓ chain +/m,
      /^✓ append-only +since 62, head: local$/m,
      /^✓ signatures +by .*: the key remembered on this machine$/m,
      /^– anchored +no anchor is configured$/m,
      /: 62 entries, 62 signed, 0 not yet signed, /,
    ]) {
      assert.match(stdout, line);
    }
  });

  it('names the entry that was altered, and the next ones too', async () => {
    const copy = await copied('altered', (directory) =>
      edit(directory, (lines) =>
        lines.map((line, i) => (i === 7 || i === 21 ? line.replace('call', 'cold') : line)),
      ),
    );
    const { report, code } = await verify('--dir', copy);
    assert.equal(code, 6);
    assert.equal(report.integrity.first_bad, 7);
    const { stdout, stderr } = await home.tally(['verify', '--dir', copy]);
    assert.match(stdout, /✗ integrity +first bad entry: 7/);
    assert.match(stderr, /log continue/);
  });

  it('shows a cut-off log by the head of the same origin that this machine remembers', async () => {
    const copy = await copied('cut', (directory) => edit(directory, (lines) => [...lines.slice(0, 40), '']));
    const { report, code } = await verify('--dir', copy);
    assert.equal(code, 6);
    assert.equal(report.append_only.status, 'fail');
  });

  it('shows a rollback to an older, validly signed state by a given head', async () => {
    const other = await makeHome();
    try {
      await record(3, other);
      const older = join(other.directory, 'older');
      await cp(join(other.paths.logs, 'local'), older, { recursive: true });
      await record(3, other);
      const head = join(other.paths.logs, 'local/checkpoint');
      const key = JSON.parse((await other.tally(['key', 'list', '--json'])).stdout) as { pinned: string };
      await rm(other.paths.heads, { recursive: true });
      const without = await other.tally(['verify', '--json', '--dir', older, '--key', key.pinned]);
      assert.equal((JSON.parse(without.stdout) as Report).append_only.status, 'neutral');
      assert.equal(without.code, 0);
      const { stdout, code } = await other.tally([
        'verify',
        '--json',
        '--dir',
        older,
        '--key',
        key.pinned,
        '--head',
        head,
      ]);
      assert.equal((JSON.parse(stdout) as Report).append_only.status, 'fail');
      assert.equal(code, 6);
    } finally {
      await other.remove();
    }
  });

  it('could not find out, rather than passed, when only the log itself names its key', async () => {
    const copy = join(home.directory, 'copies/stranger');
    await writeLogFiles(copy, sampleDrafts(5));
    const { report, code } = await verify('--dir', copy);
    assert.deepEqual(
      [report.signatures.status, report.signatures.key, report.key, code],
      ['neutral', 'self-declared', null, 2],
    );
  });

  it('takes the key as text or from a file, and refuses what is neither', async () => {
    const file = join(home.directory, 'vkey');
    await writeFile(file, `${vkey}\n`);
    for (const key of [vkey, file]) assert.equal((await verify('--key', key)).report.key?.ground, 'given');
    assert.equal((await verify('--key', 'nonsense')).code, 2);
    assert.equal((await verify('--head', join(home.directory, 'nowhere'))).code, 2);
  });

  it('does not accept a log that was replaced by another one with a key of its own', async () => {
    const other = await makeHome();
    try {
      await record(3, other);
      await rm(join(other.paths.logs, 'local'), { recursive: true });
      await writeLogFiles(join(other.paths.logs, 'local'), sampleDrafts(5));
      const { stdout, code } = await other.tally(['verify', '--json']);
      assert.equal(code, 6);
      assert.equal((JSON.parse(stdout) as Report).signatures.status, 'fail');
    } finally {
      await other.remove();
    }
  });

  it('takes a log that is gone but remembered for tampering, not for a log that never was', async () => {
    const other = await makeHome();
    try {
      assert.equal((await other.tally(['verify'])).code, 3);
      await record(1, other);
      await rm(join(other.paths.logs, 'local'), { recursive: true });
      const { stdout, code } = await other.tally(['verify', '--json']);
      const report = JSON.parse(stdout) as Report;
      assert.equal(code, 6);
      assert.equal(report.append_only.status, 'fail');
      assert.match(report.log_json ?? '', /log\.json of local is gone, but the log is remembered/);
    } finally {
      await other.remove();
    }
  });

  it('tells of entries that recovery set aside until a person acknowledged them', async () => {
    const other = await makeHome();
    try {
      await record(2, other);
      const file = join(other.paths.logs, 'local/entries/000000000000.jsonl');
      await writeFile(file, '{"half":"a li', { flag: 'a' });
      await record(1, other);
      const before = await other.tally(['verify', '--json', '--completeness']);
      const { recovery } = JSON.parse(before.stdout) as Report;
      assert.deepEqual([before.code, recovery.status], [7, 'incomplete']);
      const [name = ''] = recovery.unacknowledged;
      assert.match(
        (await other.tally(['verify'])).stdout,
        /– recovery +incomplete: set aside and not acknowledged/,
      );
      const done = await other.tally(['log', 'acknowledge', name, '--reason', 'power cut, half a line']);
      assert.equal(done.code, 0, done.stderr);
      const settled = await other.tally(['verify', '--json', '--completeness']);
      assert.deepEqual([settled.code, (JSON.parse(settled.stdout) as Report).recovery.status], [0, 'pass']);
    } finally {
      await other.remove();
    }
  });

  it('names a policy that is not the one that decisions cite, and one that is gone', async () => {
    const policies = (directory: string) =>
      readdir(join(directory, 'policies')).then((names) =>
        names.map((name) => join(directory, 'policies', name)),
      );
    const altered = await copied('policy-altered', async (directory) => {
      for (const file of await policies(directory))
        await writeFile(file, (await readFile(file, 'utf8')).replace('{', '{ '));
    });
    const { report, code } = await verify('--dir', altered);
    assert.deepEqual([report.integrity.status, report.snapshots?.status, code], ['pass', 'fail', 6]);
    assert.match(
      (await home.tally(['verify', '--dir', altered])).stdout,
      /✗ policies +altered after they were cited/,
    );
    const gone = await copied('policy-gone', async (directory) => {
      for (const file of await policies(directory)) await rm(file);
    });
    const without = await verify('--dir', gone);
    assert.deepEqual([without.report.snapshots?.status, without.code], ['fail', 6]);
    assert.match((await home.tally(['verify', '--dir', gone])).stdout, /✗ policies +cited and not there/);
  });

  it('judges what was published like the log itself, with a key from elsewhere', async () => {
    const other = await makeHome();
    try {
      const target = join(home.directory, 'published');
      assert.equal((await home.tally(['log', 'publish', target])).code, 0);
      const judge = async (...args: string[]) => {
        const { code, stdout, stderr } = await other.tally(['verify', '--json', '--dir', target, ...args]);
        return { code, report: (stdout === '' ? undefined : JSON.parse(stdout)) as Report, stderr };
      };
      const good = await judge('--key', vkey);
      assert.deepEqual(
        [good.code, good.report.integrity.status, good.report.signatures.status],
        [0, 'pass', 'pass'],
      );
      const keyless = await judge();
      assert.equal(keyless.code, 2);
      assert.match(keyless.stderr, /--key VKEY/);
      const bundle = join(target, 'tile/entries/000.p/62');
      const bytes = await readFile(bundle);
      await writeFile(bundle, Buffer.from(bytes.toString('latin1').replace('call 7', 'call 8'), 'latin1'));
      const bad = await judge('--key', vkey);
      assert.deepEqual([bad.code, bad.report.integrity.status], [6, 'fail']);
      await writeFile(bundle, bytes.subarray(0, -5));
      assert.equal((await judge('--key', vkey)).code, 6);
    } finally {
      await other.remove();
    }
  });

  it('ends with 7 only when completeness was asked for', async () => {
    const copy = await copied('incomplete', async (directory) => {
      await mkdir(join(directory, 'entries'), { recursive: true });
      await writeFile(join(directory, 'entries/000000000000.jsonl.torn-0'), 'x');
    });
    const { stdout, stderr, code } = await home.tally(['verify', '--dir', copy]);
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /✗/);
    assert.match(stdout, /^– completeness +incomplete: /m);
    assert.match(stderr, /tally log acknowledge/);
    const asked = await home.tally(['verify', '--dir', copy, '--completeness']);
    assert.equal(asked.code, 7);
    assert.match(asked.stdout, /^✗ completeness /m);
  });
});

describe('tally key list', () => {
  it('shows the key that verifies this log, and that this machine remembers it', async () => {
    const { stdout } = await home.tally(['key', 'list']);
    assert.match(stdout, /^\S+\+[0-9a-f]{8}\+\S+\n {2}signs now, from entry 0, remembered on this machine$/m);
    assert.ok(stdout.includes(vkey));
  });
});

describe('tally log publish', () => {
  it('writes what an outside verifier needs, once, and goes on from there', async () => {
    const other = await makeHome();
    try {
      const target = join(other.directory, 'www');
      await record(150, other);
      const publish = () => other.tally(['log', 'publish', target, '--json']);
      const first = JSON.parse((await publish()).stdout) as { size: number; written: number };
      assert.equal(first.size, 302);
      const again = JSON.parse((await publish()).stdout) as { written: number; kept: number };
      // From the last full bundle on: a bundle, two tiles and the checkpoint.
      assert.deepEqual([first.written, again.written, again.kept], [6, 0, 4]);
      const checkpoint = await readFile(join(target, 'checkpoint'), 'utf8');
      assert.equal(checkpoint, await readFile(join(other.paths.logs, 'local/checkpoint'), 'utf8'));
      await record(1, other);
      assert.equal((JSON.parse((await publish()).stdout) as { size: number }).size, 306);
      for (const path of [
        'tile/0/000',
        'tile/0/001.p/50',
        'tile/1/000.p/1',
        'tile/entries/000',
        'tile/entries/001.p/50',
      ]) {
        assert.ok((await readFile(join(target, path))).length > 0, path);
      }
    } finally {
      await other.remove();
    }
  });

  it('refuses to publish another log, less of this one, or a fork of it over what was published', async () => {
    const target = join(home.directory, 'www');
    assert.equal((await home.tally(['log', 'publish', target])).code, 0);
    const published = await readFile(join(target, 'checkpoint'));
    const publish = async (checkpoint: string | Buffer) => {
      await writeFile(join(target, 'checkpoint'), checkpoint);
      const { code, stderr } = await home.tally(['log', 'publish', target]);
      return [code, (JSON.parse(stderr) as { error: { code: string } }).error.code];
    };
    const [origin, size, root, ...rest] = published.toString().split('\n');
    assert.deepEqual(await publish(['other/log', size, root, ...rest].join('\n')), [2, 'USAGE']);
    assert.deepEqual(await publish([origin, Number(size) + 1, root, ...rest].join('\n')), [
      6,
      'LOG_ROLLED_BACK',
    ]);
    assert.deepEqual(await publish([origin, 8, root, ...rest].join('\n')), [6, 'LOG_ROLLED_BACK']);
    assert.deepEqual(await publish('nonsense'), [2, 'USAGE']);
  });
});

describe('tally log continue', () => {
  it('goes on in a new log after a rollback, and the old one still verifies as what it is', async () => {
    const other = await makeHome();
    try {
      await record(2, other);
      const backup = join(other.directory, 'backup');
      await cp(join(other.paths.logs, 'local'), backup, { recursive: true });
      await record(2, other);
      await rm(join(other.paths.logs, 'local'), { recursive: true });
      await cp(backup, join(other.paths.logs, 'local'), { recursive: true });
      assert.equal((await other.tally(['verify'])).code, 6);
      const { stdout, code, stderr } = await other.tally([
        'log',
        'continue',
        '--reason',
        'restored the backup',
      ]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /goes on as local@2/);
      assert.equal((await other.tally(['verify'])).code, 0);
      assert.equal((await other.tally(['verify', '--dir', join(other.paths.logs, 'local')])).code, 6);
    } finally {
      await other.remove();
    }
  });

  it('refuses while the log is healthy', async () => {
    const { code } = await home.tally(['log', 'continue', '--reason', 'no reason']);
    assert.equal(code, 2);
  });
});
