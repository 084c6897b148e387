import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFile,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { publishedLog } from '../../src/core/tlog/published.ts';
import { verifyLog } from '../../src/core/tlog/verify.ts';
import { exitCodeOf, type Report } from '../../src/core/tlog/verify-report.ts';
import { openSession } from '../../src/open.ts';
import { tryLock } from '../../src/store/file/lock.ts';
import { fileObjects } from '../../src/store/file/objects.ts';
import { collect, type Home, makeHome } from '../support/home.ts';

let home: Home;
let target: string;
let vkey: string;
before(async () => {
  home = await makeHome();
  target = join(home.directory, 'www');
  await record(1000);
  const { stdout } = await home.tally(['key', 'list', '--json']);
  vkey = (JSON.parse(stdout) as { keys: { vkey: string }[] }).keys[0]?.vkey ?? '';
});
after(() => home.remove());

async function record(entries: number): Promise<void> {
  const session = await openSession({
    paths: home.paths,
    client: { surface: 'sdk' },
    onWarning: (line) => assert.fail(line),
  });
  await Promise.all(
    Array.from({ length: entries }, (_, i) =>
      session.ask('record', { event: { type: 'step.note', phase: 'point', metadata: { i } } }),
    ),
  );
  await session.close();
}

interface Published {
  size: number;
  from: number;
  written: number;
  kept: number;
  pruned?: number;
}

async function publish(...args: string[]): Promise<Published> {
  const { stdout, stderr, code } = await home.tally(['log', 'publish', target, '--json', ...args]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Published;
}

/** With the core alone: no code of the command is in it. `undefined`: no checkpoint yet. */
async function verified(): Promise<Report | undefined> {
  const objects = fileObjects(target);
  const source = await publishedLog({
    get: (path) => objects.get(path),
    list: (prefix) => objects.list(prefix),
  });
  if (source === undefined) return undefined;
  const report = await verifyLog(source, { pinned: [vkey] });
  assert.equal(exitCodeOf(report), 0, JSON.stringify(report));
  assert.equal(report.tiles.status, 'pass');
  return report;
}

async function filesIn(path: string): Promise<string[]> {
  const found = await readdir(join(target, path), { recursive: true, withFileTypes: true });
  return found.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
}

async function contents(directory: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const file of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(file.parentPath, file.name);
    found.set(path, file.isFile() ? await readFile(path, 'latin1') : 'directory');
  }
  return found;
}

describe('tally log publish', () => {
  it('goes on at the last full bundle that is published', async () => {
    const first = await publish();
    assert.deepEqual([first.from, first.kept], [0, 0]);
    await record(300);
    const second = await publish();
    assert.equal(second.from, first.size - (first.size % 256));
    // New full tiles and bundles, and the partial ones of the new size; nothing older is looked at.
    assert.ok(second.written + second.kept < 12, JSON.stringify(second));
    assert.equal((await verified())?.size, second.size);
    // Readers that still hold the first checkpoint find its partial tiles.
    const partial = `tile/0/${String(Math.floor(first.size / 256)).padStart(3, '0')}.p/${first.size % 256}`;
    assert.ok((await readFile(join(target, partial))).length > 0);
    assert.deepEqual(await publish(), {
      ...second,
      from: second.size - (second.size % 256),
      written: 0,
      kept: 4,
    });
  });

  it('takes partial tiles away only when it is asked to, and only where the full one is there', async () => {
    const { pruned } = await publish('--prune');
    assert.ok(pruned !== undefined && pruned > 0);
    const partials = (await filesIn('tile')).filter((path) => path.includes('.p/'));
    for (const path of partials)
      assert.equal(await readFile(path.replace(/\.p\/\d+$/, '')).catch(() => 'none'), 'none', path);
    assert.ok(partials.length > 0);
    await verified();
  });

  it('looks at every file again with --full, and mends what was damaged', async () => {
    const path = join(target, 'tile/entries/001');
    const bytes = await readFile(path);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    await writeFile(path, bytes);
    assert.equal((await publish()).written, 0);
    await assert.rejects(verified());
    assert.equal((await publish('--full')).written, 1);
    await verified();
  });

  it('writes all of it again, and says so, when the tiles that it would go on from are damaged or gone', async () => {
    for (const damage of [
      (path: string) => rm(path),
      (path: string) => writeFile(path, Buffer.alloc(8192)),
      (path: string) => appendFile(path, 'x'),
    ]) {
      await damage(join(target, 'tile/0/002'));
      const { stdout, stderr } = await home.tally(['log', 'publish', target, '--json']);
      assert.match(stderr, /published tiles in .* are damaged or gone/);
      assert.deepEqual(
        [(JSON.parse(stdout) as Published).from, (JSON.parse(stdout) as Published).written],
        [0, 1],
      );
      await verified();
    }
  });

  it('sees without reading what is gone before the place it goes on from, and writes it again', async () => {
    for (const [damage, says] of [
      [() => rm(join(target, 'tile/entries/001')), /tile\/entries\/001 is gone/],
      [() => truncate(join(target, 'tile/entries/002'), 100), /bundles of entries 0 to 1279 have \d+ bytes/],
      [() => rm(join(target, 'tile/0/000')), /tile.0.*(is gone|is missing)/],
      [() => truncate(join(target, 'tile/0/001'), 32), /tile.0\/001 has 32 bytes|hash tile 1 of level 0/],
    ] as const) {
      await damage();
      const { stdout, stderr, code } = await home.tally(['log', 'publish', target, '--json']);
      assert.equal(code, 0);
      assert.match(stderr, says);
      const { from, written } = JSON.parse(stdout) as Published;
      assert.deepEqual([from, written], [0, 1]);
      await verified();
    }
  });

  it('writes into no directory that holds a bundle, a log, or anything else', async () => {
    const bundle = join(home.directory, 'bundle');
    assert.equal((await home.tally(['log', 'export', '--bundle', bundle])).code, 0);
    const copy = join(home.directory, 'copied-log');
    await cp(join(home.paths.logs, 'local'), copy, { recursive: true });
    const kept = join(home.directory, 'kept-head');
    await mkdir(kept);
    await cp(join(target, 'checkpoint'), join(kept, 'checkpoint'));
    const pages = join(home.directory, 'pages');
    await mkdir(pages);
    await writeFile(join(pages, 'index.html'), '');
    await record(1);
    for (const [place, holds] of [
      [bundle, 'a bundle of tally log export'],
      [copy, 'log.json'],
      [kept, 'checkpoint'],
      [pages, 'index.html'],
    ] as const) {
      const before = await contents(place);
      const { code, stdout, stderr } = await home.tally(['log', 'publish', place]);
      assert.deepEqual([code, stdout], [2, ''], place);
      assert.ok(stderr.includes(`${place} holds ${holds}`), stderr);
      assert.match(stderr, /USAGE.*name another directory/);
      assert.deepEqual(await contents(place), before);
    }
    assert.equal((await home.tally(['verify', bundle])).code, 0);
    // What somebody lays beside a publication later does not end it.
    await writeFile(join(target, 'index.html'), '');
    await publish();
    await rm(join(target, 'index.html'));
  });

  it('writes neither among the files of this machine’s logs nor above them, by whatever link', async () => {
    const { state, logs, keys } = home.paths;
    const link = join(home.directory, 'link');
    await symlink(join(logs, 'local'), link);
    const before = await readdir(state, { recursive: true });
    for (const place of [
      join(logs, 'local'),
      join(logs, 'local/new/er'),
      link,
      keys,
      state,
      home.directory,
    ]) {
      const { code, stderr } = await home.tally(['log', 'publish', place]);
      assert.equal(code, 2, place);
      assert.match(stderr, /USAGE.*(keeps its own files|hand out the private keys)/, place);
    }
    assert.deepEqual(await readdir(state, { recursive: true }), before);
    const beside = await home.tally(['log', 'publish', join(state, 'www')]);
    assert.equal(beside.code, 0, beside.stderr);
  });

  it('writes through no link that somebody laid where it begins its files', async () => {
    const folder = join(home.directory, 'shared');
    const precious = join(home.directory, 'precious');
    await writeFile(precious, 'precious');
    await mkdir(join(folder, '.publishing'), { recursive: true });
    for (let i = 0; i < 30; i++) await symlink(precious, join(folder, '.publishing', `${i}.tmp`));
    assert.equal((await home.tally(['log', 'publish', folder])).code, 0);
    assert.equal(await readFile(precious, 'utf8'), 'precious');
    assert.ok((await lstat(join(folder, 'checkpoint'))).isFile());
    await rm(join(folder, '.publishing'), { recursive: true });
    await symlink(home.directory, join(folder, '.publishing'));
    const { code, stderr } = await home.tally(['log', 'publish', folder]);
    assert.equal(code, 2);
    assert.match(stderr, /symbolic link/);
  });

  it('waits for no pipe in the place of a file, and neither does a verifier', {
    timeout: 30_000,
  }, async () => {
    const folder = join(home.directory, 'pipe');
    await mkdir(join(folder, 'tile'), { recursive: true });
    execFileSync('mkfifo', [join(folder, 'checkpoint')]);
    for (const args of [
      ['log', 'publish', folder],
      ['verify', folder],
    ]) {
      const { code, stderr } = await home.tally(args);
      assert.equal(code, 6);
      assert.match(stderr, /LOG_DAMAGED.*checkpoint is no plain file/);
    }
    const { code, stderr } = await home.tally(['verify', '/dev/zero']);
    assert.equal(code, 2);
    assert.match(stderr, /no plain file/);
  });

  it('is not begun while another program publishes there', async () => {
    const lock = tryLock(join(target, '.publishing/lock.sqlite'));
    assert.ok(lock);
    const { code, stderr } = await home.tally(['log', 'publish', target]);
    lock.release();
    assert.equal(code, 8);
    assert.match(stderr, /LOG_LOCKED.*another program publishes/);
  });

  it('killed at any moment leaves what was published, whole, and the next run completes it', {
    timeout: 120_000,
  }, async () => {
    await rm(target, { recursive: true });
    let size = 0;
    for (let run = 0; run < 12; run++) {
      if (run % 4 === 3) await record(700);
      const child = home.start(['log', 'publish', target]);
      const ended = collect(child);
      await underWay(child.pid);
      await wait(run * 3);
      child.kill('SIGKILL');
      await ended;
      const report = await verified();
      assert.ok((report?.size ?? 0) >= size, 'a checkpoint is never replaced by an older one');
      size = report?.size ?? 0;
    }
    const last = await publish();
    assert.equal((await verified())?.size, last.size);
    assert.deepEqual(await readdir(join(target, '.publishing')), ['lock.sqlite']);
  });
});

/** Waits until it has begun to write, so that the kill hits the middle of its work and not its start. */
async function underWay(pid: number | undefined): Promise<void> {
  const work = join(target, '.publishing');
  for (;;) {
    const names = await readdir(work).catch((): string[] => []);
    if (names.includes('lock.sqlite') || pid === undefined) return;
    await wait(2);
  }
}
