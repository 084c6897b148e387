/** How exports end that do not end well, and what a large one costs: real processes, real signals, full disks. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { collect, type Home, makeHome, until } from '../support/home.ts';
import { type LogFiles, sampleDrafts, writeLogFiles } from '../support/logfiles.ts';
import { POLICIES, variedDrafts } from '../support/varied.ts';

interface Entry {
  readonly id: string;
  readonly type: string;
  readonly phase: string;
  readonly parent_id?: string;
  readonly outcome?: { readonly status: string; readonly error_kind?: string };
}

async function ends(home: Home): Promise<readonly Entry[]> {
  const folder = join(home.paths.logs, 'local/entries');
  const texts = await Promise.all(
    (await readdir(folder)).sort().map((name) => readFile(join(folder, name), 'utf8')),
  );
  return texts
    .join('')
    .split('\n')
    .filter((line) => line.includes('"log.export"'))
    .map((line) => JSON.parse(line) as Entry)
    .filter(({ phase }) => phase === 'post_exec');
}

const leftIn = async (directory: string): Promise<string[]> =>
  (await readdir(directory)).filter((name) => name.endsWith('.tmp'));

describe('an export that does not come to its end', { timeout: 240_000 }, () => {
  let home: Home;
  before(async () => {
    home = await makeHome();
    const accesses = Array.from(
      { length: 12_000 },
      (_, i) => `${JSON.stringify({ v: 1, action: 'get', key: `KEY_${i}`, outcome: 'found' })}\n`,
    );
    const path = join(home.directory, 'audit.jsonl');
    await writeFile(path, accesses.join(''));
    const done = await home.tally(['import', '--from', 'secretspec', path]);
    assert.equal(done.code, 0, done.stderr);
  });
  after(() => home.remove());

  it('leaves no file after Ctrl-C, and says in the log that it was aborted', async () => {
    const child = home.start(['log', 'export', '--format', 'csv', '--out', join(home.directory, 'x.csv')]);
    const done = collect(child);
    await until(async () => (await leftIn(home.directory)).length > 0 || undefined, 'its first bytes');
    child.kill('SIGINT');
    const { code, stderr } = await done;
    assert.equal(code, 1, stderr);
    assert.match(stderr, /no file is left of it/);
    assert.deepEqual([await leftIn(home.directory), existsSync(join(home.directory, 'x.csv'))], [[], false]);
    assert.equal((await ends(home)).at(-1)?.outcome?.status, 'aborted');
  });

  it('says in the log that it was aborted when its reader has gone', async () => {
    const child = home.start(['log', 'export']);
    child.stdin?.end();
    assert.ok(child.stdout);
    // The pipe is full by now, and most is still to come.
    await once(child.stdout, 'readable');
    child.stdout.destroy();
    const { code, stderr } = await collect(child);
    assert.equal(code, 0, stderr);
    assert.equal((await ends(home)).at(-1)?.outcome?.status, 'aborted');
  });

  it('fails on a full disk, leaves nothing there, and says so in the log', async (t) => {
    const shell = spawn(
      '/bin/sh',
      ['-c', 'exec "$0" "$@" > /dev/full', process.execPath, ...TALLY, 'log', 'export'],
      {
        env: home.env,
      },
    );
    const full = await collect(shell);
    assert.ok(full.code !== 0, full.stderr);
    assert.match(full.stderr, /cannot write the output: .*ENOSPC/);
    assert.deepEqual((await ends(home)).at(-1)?.outcome?.status, 'error');
    const disk = join(home.directory, 'disk');
    await mkdir(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', disk]);
    if (mounted.status !== 0) return t.diagnostic('no tmpfs here: only /dev/full was tried');
    try {
      for (const what of [
        ['--out', join(disk, 'x.jsonl')],
        ['--bundle', join(disk, 'b')],
      ]) {
        const { code, stderr } = await home.tally(['log', 'export', ...what]);
        assert.equal(code, 8, stderr);
        assert.match(stderr, /cannot write .*ENOSPC.*free space there/);
        assert.deepEqual(await readdir(disk), []);
        const end = (await ends(home)).at(-1);
        assert.deepEqual([end?.outcome?.status, end?.outcome?.error_kind], ['error', 'LOG_FULL']);
      }
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  it('replaces no device, whatever it is told', async () => {
    const { code, stderr } = await home.tally(['log', 'export', '--out', '/dev/full', '--force']);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /is no plain file, and was left as it is/);
  });

  it('leaves what it had written when it is killed, and the next one takes that away', async () => {
    for (const what of ['--bundle', '--out']) {
      const target = join(home.directory, `killed${what}`);
      const child = home.start([
        'log',
        'export',
        what,
        target,
        ...(what === '--out' ? ['--format', 'csv'] : []),
      ]);
      await until(async () => (await leftIn(home.directory)).length > 0 || undefined, 'its first bytes');
      child.kill('SIGKILL');
      await once(child, 'exit');
      assert.equal((await leftIn(home.directory)).length, 1);
      // Of a process that is there, and of another machine: not ours to take away.
      const others = [`.killed${what}.00000000.1.tmp`, `.killed${what}.tmp`];
      for (const name of others) await appendFile(join(home.directory, name), '');
      const again = await home.tally(['log', 'export', what, target]);
      assert.equal(again.code, 0, again.stderr);
      assert.deepEqual((await leftIn(home.directory)).sort(), others.sort());
      for (const name of others) spawnSync('rm', [join(home.directory, name)]);
    }
  });
});

const TALLY = [join(import.meta.dirname, '../../bin/tally.js')];

describe('a large export', { timeout: 240_000 }, () => {
  let home: Home;
  let log: LogFiles;
  before(async () => {
    home = await makeHome();
    log = await writeLogFiles(join(home.directory, 'log'), [...variedDrafts(), ...sampleDrafts(6_000)], {
      segmentEntries: 4_096,
    });
    await mkdir(join(log.directory, 'policies'));
    for (const [name, text] of POLICIES) await writeFile(join(log.directory, name), text);
  });
  after(() => home.remove());

  it('of everything has the same bytes, whether it goes through the rows or not', async () => {
    const [whole, rows] = [join(home.directory, 'whole.jsonl'), join(home.directory, 'rows.jsonl')];
    const told = [];
    for (const [out, more] of [
      [whole, []],
      [rows, ['--since', '2000-01-01T00:00:00Z']],
    ] as const) {
      const done = await home.tally([
        'log',
        'export',
        '--dir',
        log.directory,
        '--out',
        out,
        '--json',
        ...more,
      ]);
      assert.equal(done.code, 0, done.stderr);
      const { out: _out, ...rest } = JSON.parse(done.stdout) as Record<string, unknown>;
      told.push(rest);
    }
    assert.ok(readFileSync(whole).equals(readFileSync(rows)));
    assert.deepEqual(told[0], told[1]);
  });

  it('fits into a small memory, in every form', async (t) => {
    const bytes = log.lines.reduce((sum, line) => sum + line.length, 0);
    const most: Record<string, number> = {};
    for (const form of ['jsonl', 'csv', 'bundle']) {
      const started = performance.now();
      const target = join(home.directory, `small-${form}`);
      const what = form === 'bundle' ? ['--bundle', target] : ['--format', form, '--out', target];
      const child = home.start(['log', 'export', '--dir', log.directory, ...what], {
        env: { NODE_OPTIONS: '--max-old-space-size=48' },
      });
      let peak = 0;
      const look = setInterval(() => {
        try {
          const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
          peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
        } catch {
          // It has ended.
        }
      }, 20);
      const { code, stderr } = await collect(child);
      clearInterval(look);
      assert.equal(code, 0, stderr);
      most[form] = Math.round(peak / 1024);
      t.diagnostic(`${form}: ${most[form]} MiB, ${Math.round(performance.now() - started)} ms`);
    }
    // Where there is no /proc the small heap alone is the test.
    for (const [form, mib] of Object.entries(most)) assert.ok(mib < 256, `${form} took ${mib} MiB`);
    assert.ok(bytes > 6 * 1024 * 1024, `${bytes} bytes, and many times that as objects`);
  });
});
