import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Home, makeHome } from './home.ts';

interface Report {
  readonly size: number;
  readonly integrity: { readonly status: string };
  readonly append_only: { readonly status: string; readonly note: string };
  readonly anchored: { readonly status: string; readonly note: string; readonly lost_count?: number };
  readonly signatures: { readonly status: string; readonly note?: string };
}

async function ok(home: Home, ...args: readonly string[]): Promise<string> {
  const done = await home.tally(args);
  assert.equal(done.code, 0, done.stderr);
  return done.stdout;
}

async function verify(
  home: Home,
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly report: Report }> {
  const done = await home.tally(['verify', '--json', ...args]);
  return { code: done.code, report: done.json() as unknown as Report };
}

const grow = (home: Home, name: string) => ok(home, 'agent', 'register', name);

test('a published copy that its log has outgrown is older, not tampered with', async (t) => {
  const home = makeHome(t);
  const published = join(home.directory, 'published');
  await ok(home, 'init');
  await ok(home, 'log', 'publish', published);
  assert.equal((await verify(home, published)).report.append_only.status, 'pass');

  await grow(home, 'one');
  await ok(home, 'key', 'rotate');
  const { code, report } = await verify(home, published);
  assert.deepEqual(
    [code, report.integrity.status, report.append_only.status, report.signatures.status],
    [0, 'pass', 'neutral', 'pass'],
    JSON.stringify(report),
  );
  assert.match(
    report.append_only.note,
    /this copy has \d+ entries; this machine remembers a head of \d+: it is older, publish again/,
  );
  assert.equal((await home.tally(['key', 'list', '--dir', published])).code, 0);
  const text = await home.tally(['verify', published]);
  assert.match(text.stdout, /– append-only +this copy has/);
  assert.doesNotMatch(text.stderr, /--head/);

  // What somebody asks for by name is demanded.
  const newer = join(home.directory, 'newer.checkpoint');
  writeFileSync(newer, readFileSync(join(home.log, 'checkpoint')));
  assert.equal((await verify(home, published, '--head', newer)).code, 6);

  // Everything else is judged as ever.
  const bundle = join(published, 'tile/entries/000.p', String(report.size));
  const bytes = readFileSync(bundle);
  writeFileSync(bundle, bytes.toString('latin1').replace('log.open', 'log.opeN'), 'latin1');
  assert.equal((await verify(home, published)).code, 6);
  writeFileSync(bundle, bytes);

  // Without the log nobody can tell whether the copy is its beginning: no pass, and no accusation.
  const logs = join(home.directory, 'logs');
  renameSync(logs, `${logs}.away`);
  const unknown = await verify(home, published);
  assert.deepEqual([unknown.code, unknown.report.append_only.status], [2, 'incomplete']);
  renameSync(`${logs}.away`, logs);

  // After the rotation a copy has to bring its note.
  await ok(home, 'log', 'publish', published);
  assert.equal((await verify(home, published)).code, 0);
  rmSync(join(published, 'keys'), { recursive: true });
  assert.equal((await verify(home, published)).code, 6);
});

test('an older copy with another history, and one that is as long as what is remembered, are tampered with', async (t) => {
  const [home, thief] = [makeHome(t), makeHome(t)];
  await ok(home, 'init');
  // Whoever has the key can write another history from here on.
  cpSync(home.directory, thief.directory, { recursive: true });
  const fork = join(thief.directory, 'fork');
  await grow(thief, 'another');
  await ok(thief, 'log', 'publish', fork);
  const { size } = (await verify(thief, fork)).report;

  await grow(home, 'one');
  const same = await verify(home, fork);
  assert.deepEqual([same.code, same.report.append_only.status], [6, 'fail'], JSON.stringify(same));
  for (let i = 0; (await verify(home)).report.size <= size; i++) await grow(home, `more-${i}`);
  const older = await verify(home, fork);
  assert.deepEqual([older.code, older.report.append_only.status], [6, 'fail']);
  assert.match(older.report.append_only.note, /this copy is no beginning of it: its entries are others/);

  // A log directory of this machine is no copy, by whatever name it is called.
  const old = join(home.directory, 'old');
  cpSync(home.log, old, { recursive: true });
  await grow(home, 'last');
  rmSync(home.log, { recursive: true });
  cpSync(old, home.log, { recursive: true });
  assert.equal((await verify(home)).code, 6);
  assert.equal((await verify(home, home.log)).code, 6);
  const published = join(home.directory, 'published');
  await ok(thief, 'log', 'publish', published);
  rmSync(home.log, { recursive: true });
  cpSync(published, home.log, { recursive: true });
  assert.equal((await verify(home, home.log)).code, 6);
});

test('a published log is not asked for receipts, and is held against what an anchor outside holds', async (t) => {
  const home = makeHome(t);
  const published = join(home.directory, 'published');
  const place = join(home.directory, 'other-disk');
  mkdirSync(place);
  await ok(home, 'anchor', 'add', 'file', 'disk', place);
  await ok(home, 'anchor', 'run');
  await grow(home, 'one');
  await ok(home, 'log', 'publish', published);
  const { code, report } = await verify(home, published);
  assert.deepEqual([code, report.anchored.status, report.anchored.lost_count], [0, 'pass', undefined]);
  assert.match(report.anchored.note, /a published log holds no receipts of anchors/);
  assert.doesNotMatch(report.anchored.note, /removed or altered/);

  // What the anchor was shown since is newer than the copy, like the head of this machine.
  await ok(home, 'anchor', 'run');
  const older = await verify(home, published);
  assert.deepEqual([older.code, older.report.append_only.status], [0, 'pass'], JSON.stringify(older.report));
  assert.match(
    older.report.append_only.note,
    /since \d+, head: anchor; this copy has .* it is older, publish again/,
  );

  await ok(home, 'anchor', 'remove', 'disk');
  const without = await verify(home, published);
  assert.deepEqual([without.code, without.report.anchored.status], [0, 'neutral']);
  assert.match(without.report.anchored.note, /holds no receipts of anchors, so those are not judged here/);
});

test('a log of somebody else that has the same origin is judged by the key that was given alone', async (t) => {
  const [theirs, mine] = [makeHome(t), makeHome(t)];
  const published = join(mine.directory, 'published');
  const place = join(mine.directory, 'other-disk');
  mkdirSync(place);
  // Both run on one machine, so both logs have the origin that it gives them.
  for (const home of [theirs, mine]) await ok(home, 'init');
  await ok(mine, 'anchor', 'add', 'file', 'disk', place);
  await ok(mine, 'anchor', 'run');
  const first = JSON.parse(await ok(theirs, 'key', 'list', '--json')) as {
    keys: readonly { vkey: string }[];
  };
  const vkey = first.keys[0]?.vkey ?? '';
  await ok(mine, 'key', 'rotate');
  await ok(theirs, 'key', 'rotate');
  for (let i = 0; i < 12; i++) await grow(theirs, `theirs-${i}`);
  await ok(theirs, 'log', 'publish', published);
  const { code, report } = await verify(mine, published, '--key', vkey);
  assert.deepEqual(
    [code, report.append_only.status, report.signatures.status],
    [0, 'neutral', 'pass'],
    JSON.stringify(report),
  );
  const text = await ok(mine, 'verify', published, '--key', vkey);
  assert.match(
    text.replaceAll(/\s+/g, ' '),
    /signatures by \S+: follows by rotations from the given key; keys: /,
  );
  const copy = join(mine.directory, 'copy');
  cpSync(theirs.log, copy, { recursive: true });
  assert.equal((await verify(mine, copy, '--key', vkey)).code, 0);

  // Who gives no key, or one of this machine's own, means the log that this machine remembers.
  assert.equal((await verify(mine, published)).code, 6);
  const { keys } = JSON.parse(await ok(mine, 'key', 'list', '--json')) as typeof first;
  for (const own of keys) {
    const answer = await verify(mine, published, '--key', own.vkey);
    assert.deepEqual([answer.code, answer.report.append_only.status], [6, 'fail']);
  }
  assert.equal(
    (await verify(mine, published, '--key', vkey, '--head', join(mine.log, 'checkpoint'))).code,
    6,
  );
  // And the log of this machine is no log of somebody else, whatever lies there now.
  rmSync(mine.log, { recursive: true });
  cpSync(theirs.log, mine.log, { recursive: true });
  assert.equal((await verify(mine, '--key', vkey)).code, 6);
  assert.equal((await verify(mine, mine.log, '--key', vkey)).code, 6);
});
