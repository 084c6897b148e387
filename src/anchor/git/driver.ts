/**
 * A git repository as an anchor: one commit a checkpoint on a branch of its own, pushed when a remote is named. The
 * working tree, the index and other branches are not touched: objects are written, and one ref is moved.
 *
 *     <branch>:<origin>/checkpoint
 */
import { encodeUtf8, equalBytes } from '../../core/bytes.ts';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { AnchorDriver, AnchorSubject } from '../driver.ts';
import { directoryOf, readCheckpoint, requireContinuation } from '../earlier.ts';
import { type Git, type GitEnvironment, gitIn, gone } from './cli.ts';

const BRANCH = 'tallystick';
const FILE = 'checkpoint';

/** The receipt has no time: whoever commits chooses the date. */
export function createGitAnchor(options: {
  readonly name: string;
  readonly path: string;
  readonly remote?: string;
  readonly branch?: string;
  readonly env: GitEnvironment;
  readonly timeoutMs?: number;
}): AnchorDriver {
  const { path, remote, branch = BRANCH } = options;
  const ref = `refs/heads/${branch}`;

  return {
    name: options.name,
    type: 'git',
    async anchor(subject, signal) {
      const git = gitIn({ ...options, signal });
      await requireOwnBranch(git, branch);
      const file = `${directoryOf(subject.origin)}/${FILE}`;
      const own = await tip(git, ref);
      const theirs = remote === undefined ? undefined : await fetched(git, remote, branch);
      for (const commit of [own, theirs]) {
        const note = commit === undefined ? undefined : await noteAt(git, commit, file);
        const held = note === undefined ? undefined : readCheckpoint(note);
        if (held !== undefined) await requireContinuation(`the repository ${path}`, held, subject);
      }
      const parent = await newer(git, own, theirs);
      if (parent === undefined && own !== undefined) throw diverged(path, branch);
      const last = parent === undefined ? undefined : await noteAt(git, parent, file);
      const done = last !== undefined && equalBytes(last, subject.note);
      const commit = done && parent !== undefined ? parent : await commitNote(git, parent, subject);
      // Refused when somebody moved the branch meanwhile; all zeros: it must not be there yet.
      if (commit !== own) await git.text('update-ref', ref, commit, own ?? '0'.repeat(commit.length));
      if (remote !== undefined) await git.text('push', '--no-verify', '--quiet', remote, `${ref}:${ref}`);
      return { suffix: 'json', bytes: encodeUtf8(`${JSON.stringify({ commit, path: file })}\n`) };
    },
    async *heads(origin) {
      const git = gitIn({ ...options, signal: undefined });
      const file = `${directoryOf(origin)}/${FILE}`;
      const most = `--max-count=${LIMITS.anchorHeads + 1}`;
      // No repository is another answer than one without that branch.
      await git.text('rev-parse', '--git-dir');
      if ((await tip(git, ref)) === undefined) return;
      const commits = await git.text('log', '--format=%H', most, ref, '--', file);
      for (const commit of commits.split('\n').filter(Boolean)) {
        const note = await noteAt(git, commit, file);
        if (note !== undefined && readCheckpoint(note) !== undefined) yield note;
      }
    },
  };
}

function tip(git: Git, ref: string): Promise<string | undefined> {
  return git.maybe('rev-parse', '--verify', '--quiet', `${ref}^{commit}`);
}

function noteAt(git: Git, commit: string, file: string): Promise<Uint8Array | undefined> {
  return git.bytes('cat-file', 'blob', `${commit}:${file}`).catch(gone);
}

/** A branch that somebody has checked out would seem changed by hand after each commit. */
async function requireOwnBranch(git: Git, branch: string): Promise<void> {
  const bare = await git.text('rev-parse', '--is-bare-repository');
  if (bare === 'true' || (await git.maybe('symbolic-ref', '--quiet', 'HEAD')) !== `refs/heads/${branch}`)
    return;
  throw new TallyError('ANCHOR_FAILED', `the branch ${branch} is checked out`, {
    hint: 'give the anchor a branch of its own, or check out another one there',
  });
}

/**
 * What the remote holds: when this repository was put back from a backup together with the log, only the remote still
 * knows more. Undefined when it has no such branch yet.
 */
async function fetched(git: Git, remote: string, branch: string): Promise<string | undefined> {
  const ref = `refs/heads/${branch}`;
  if ((await git.text('ls-remote', '--quiet', remote, ref)) === '') return undefined;
  const kept = `refs/tallystick/${remote}/${branch}`;
  const quiet = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];
  await git.text('fetch', ...quiet, remote, `+${ref}:${kept}`);
  return tip(git, kept);
}

/** The commit that contains the other one; undefined when there is none, or neither does. */
async function newer(
  git: Git,
  own: string | undefined,
  theirs: string | undefined,
): Promise<string | undefined> {
  if (own === undefined || theirs === undefined) return own ?? theirs;
  const contains = async (commit: string, other: string): Promise<boolean> =>
    (await git.maybe('merge-base', '--is-ancestor', other, commit)) !== undefined;
  if (await contains(own, theirs)) return own;
  return (await contains(theirs, own)) ? theirs : undefined;
}

function diverged(path: string, branch: string): TallyError {
  return new TallyError(
    'ANCHOR_FAILED',
    `the branch ${branch} of ${path} and that of its remote went apart`,
    {
      hint: 'nothing but this anchor should write there: look at both, then keep one of them',
    },
  );
}

async function commitNote(
  git: Git,
  parent: string | undefined,
  { origin, size, note }: AnchorSubject,
): Promise<string> {
  const blob = await git.text('hash-object', '-w', '--stdin', '--no-filters', note);
  const own = await git.text('mktree', '-z', encodeUtf8(`100644 blob ${blob}\t${FILE}\0`));
  const directory = directoryOf(origin);
  // Other logs that use the same branch keep their directories.
  const others = parent === undefined ? '' : await git.text('ls-tree', '-z', parent);
  const kept = others.split('\0').filter((line) => line !== '' && !line.endsWith(`\t${directory}`));
  const tree = [...kept, `040000 tree ${own}\t${directory}`].map((line) => `${line}\0`).join('');
  const root = await git.text('mktree', '-z', encodeUtf8(tree));
  const parents = parent === undefined ? [] : ['-p', parent];
  return git.text(
    'commit-tree',
    '--no-gpg-sign',
    root,
    ...parents,
    encodeUtf8(`${origin}: ${size} entries\n`),
  );
}
