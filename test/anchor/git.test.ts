import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createGitAnchor } from '../../src/anchor/git/driver.ts';
import { makeLog, ORIGIN } from './log.ts';

const never = new AbortController().signal;

interface Scratch {
  readonly directory: string;
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  git(path: string, ...args: readonly string[]): string;
}

function scratch(t: TestContext): Scratch {
  const directory = mkdtempSync(join(tmpdir(), 'tally-git-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const env = { PATH: process.env.PATH, HOME: directory };
  const git = (path: string, ...args: readonly string[]): string =>
    execFileSync('git', ['-C', path, ...args], {
      env: { ...env, GIT_CONFIG_NOSYSTEM: '1' },
      encoding: 'utf8',
    }).trim();
  const path = join(directory, 'repository');
  git(directory, 'init', '--quiet', '--initial-branch=main', path);
  return { directory, path, env, git };
}

async function all(heads: AsyncIterable<Uint8Array> | undefined): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for await (const head of heads ?? []) found.push(Buffer.from(head));
  return found;
}

test('each checkpoint is a commit on a branch of its own, and old ones are read back from its history', async (t) => {
  const { path, env, git } = scratch(t);
  writeFileSync(join(path, 'mine.txt'), 'not to be touched');
  const log = makeLog();
  const anchor = createGitAnchor({ name: 'repo', path, env });
  assert.deepEqual(await all(anchor.heads?.(ORIGIN)), []);
  const notes: Buffer[] = [];
  for (const size of [3, 9, 100]) {
    const subject = await log.subject(size);
    notes.unshift(Buffer.from(subject.note));
    const { bytes } = await anchor.anchor(subject, never);
    const { commit, path: file } = JSON.parse(Buffer.from(bytes).toString()) as {
      commit: string;
      path: string;
    };
    assert.equal(git(path, 'show', `${commit}:${file}`), Buffer.from(subject.note).toString().trim());
  }
  assert.deepEqual(await all(anchor.heads?.(ORIGIN)), notes);
  // Shown again: no second commit.
  await anchor.anchor(await log.subject(100), never);
  assert.equal(git(path, 'rev-list', '--count', 'tallystick'), '3');
  assert.equal(
    git(path, 'log', '-1', '--format=%an <%ae>', 'tallystick'),
    'tallystick <tallystick@localhost>',
  );
  assert.equal(git(path, 'status', '--porcelain'), '?? mine.txt');
});

test('two logs share a branch, each with its own history', async (t) => {
  const { path, env } = scratch(t);
  const anchor = createGitAnchor({ name: 'repo', path, env });
  const first = await makeLog().subject(50);
  const second = { ...(await makeLog('other').subject(3)), origin: 'other.example/local' };
  await anchor.anchor(first, never);
  await anchor.anchor(second, never);
  assert.deepEqual(await all(anchor.heads?.(ORIGIN)), [Buffer.from(first.note)]);
  assert.equal((await all(anchor.heads?.('other.example/local'))).length, 1);
});

test('a shorter log, another of the same size and a forked one are conflicts', async (t) => {
  const { path, env, git } = scratch(t);
  const anchor = createGitAnchor({ name: 'repo', path, env });
  const log = makeLog();
  const other = makeLog('other');
  await anchor.anchor(await log.subject(100), never);
  for (const subject of [await log.subject(50), await other.subject(100), await other.subject(200)])
    await assert.rejects(anchor.anchor(subject, never), { code: 'ANCHOR_CONFLICT' });
  assert.equal(git(path, 'rev-list', '--count', 'tallystick'), '1');
});

test('commits are pushed, and a remote that knows more than the repository is a conflict', async (t) => {
  const { directory, path, env, git } = scratch(t);
  const remote = join(directory, 'remote.git');
  git(directory, 'init', '--quiet', '--bare', remote);
  git(path, 'remote', 'add', 'origin', remote);
  const log = makeLog();
  const anchor = createGitAnchor({ name: 'repo', path, remote: 'origin', env });
  await anchor.anchor(await log.subject(10), never);
  cpSync(path, join(directory, 'backup'), { recursive: true });
  await anchor.anchor(await log.subject(100), never);
  assert.equal(git(remote, 'rev-list', '--count', 'tallystick'), '2');

  // Log and repository are put back together; only the remote remembers.
  rmSync(path, { recursive: true });
  cpSync(join(directory, 'backup'), path, { recursive: true });
  await assert.rejects(anchor.anchor(await log.subject(50), never), { code: 'ANCHOR_CONFLICT' });
  await anchor.anchor(await log.subject(120), never);
  assert.equal(git(remote, 'rev-list', '--count', 'tallystick'), '3');
});

test('a push that fails is made up for by the next one', async (t) => {
  const { directory, path, env, git } = scratch(t);
  const remote = join(directory, 'remote.git');
  git(path, 'remote', 'add', 'origin', remote);
  const anchor = createGitAnchor({ name: 'repo', path, remote: 'origin', env });
  const subject = await makeLog().subject(10);
  await assert.rejects(anchor.anchor(subject, never), { code: 'ANCHOR_FAILED' });
  git(directory, 'init', '--quiet', '--bare', remote);
  await anchor.anchor(subject, never);
  assert.equal(git(remote, 'rev-list', '--count', 'tallystick'), '1');
});

test('no hook, no monitor and no strange protocol of the repository is run', async (t) => {
  const { directory, path, env, git } = scratch(t);
  const trap = join(directory, 'ran');
  const script = join(directory, 'trap.sh');
  writeFileSync(script, `#!/bin/sh\ntouch '${trap}'\n`);
  chmodSync(script, 0o700);
  for (const hook of ['reference-transaction', 'post-commit', 'pre-push', 'post-update'])
    cpSync(script, join(path, '.git', 'hooks', hook));
  git(path, 'config', 'core.fsmonitor', script);
  const anchor = createGitAnchor({ name: 'repo', path, env });
  await anchor.anchor(await makeLog().subject(10), never);
  git(path, 'config', 'protocol.ext.allow', 'always');
  git(path, 'config', 'remote.evil.url', `ext::${script}`);
  const evil = createGitAnchor({ name: 'repo', path, remote: 'evil', env });
  await assert.rejects(evil.anchor(await makeLog('x').subject(0), never));
  await assert.rejects(evil.anchor({ ...(await makeLog('x').subject(5)), origin: 'x/y' }, never), {
    code: 'ANCHOR_FAILED',
  });
  assert.ok(!existsSync(trap), 'something of the repository ran');
});

test('a branch that is checked out, a directory that is no repository and a git that hangs are failures', async (t) => {
  const { directory, path, env } = scratch(t);
  const subject = await makeLog().subject(10);
  const fails = (options: Partial<Parameters<typeof createGitAnchor>[0]>, message: RegExp) =>
    assert.rejects(
      createGitAnchor({ name: 'repo', path, env, ...options }).anchor(subject, never),
      (error: Error) => {
        assert.equal((error as { code?: string }).code, 'ANCHOR_FAILED');
        assert.match(error.message, message);
        return true;
      },
    );
  await fails({ branch: 'main' }, /checked out/);
  await fails({ path: join(directory, 'nowhere') }, /cannot change to/);
  writeFileSync(join(directory, 'git'), '#!/bin/sh\nexec sleep 60\n');
  chmodSync(join(directory, 'git'), 0o700);
  await fails({ env: { ...env, PATH: `${directory}:${env.PATH}` }, timeoutMs: 200 }, /no end within 0\.2 s/);
  await fails({ env: { ...env, PATH: '/nowhere' } }, /ENOENT/);
});
