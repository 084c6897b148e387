/** Modes and owners: a key or an entry that others can read or write makes every other promise worthless. */
import { lstatSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Paths } from '../../../paths.ts';
import { type Check, fail, ok, quoted, skip } from './check.ts';

const SHOWN = 3;

export function checkFiles(paths: Paths, uid: number | undefined): Check {
  const name = 'files';
  if (uid === undefined) return skip(name, 'this system has no owners and modes to look at');
  const config = dirname(paths.policyFile);
  const private_ = [paths.logs, paths.heads, paths.keys, paths.vault, paths.registry];
  const problems = [
    // With XDG directories others may look into the parents; what is ours starts here.
    ...problemsOf(paths.state, uid),
    ...(config === paths.state ? [] : problemsOf(config, uid)),
    ...problemsOf(paths.policyFile, uid, 0o022),
    ...problemsOf(paths.configFile, uid, 0o022),
    ...problemsOf(paths.runtime, uid),
    ...private_.flatMap((directory) => below(directory).flatMap((path) => problemsOf(path, uid))),
  ];
  const [first] = problems;
  if (first === undefined) return ok(name, 'every directory and key file is yours alone');
  const more = problems.length > SHOWN ? `, and ${problems.length - SHOWN} more` : '';
  return fail(
    name,
    problems
      .slice(0, SHOWN)
      .map(({ what }) => what)
      .join('; ') + more,
    first.mend,
  );
}

interface FileProblem {
  readonly what: string;
  readonly mend: string;
}

/** `forbidden`: mode bits that must be off. */
function problemsOf(path: string, uid: number, forbidden = 0o077): readonly FileProblem[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (found.isSymbolicLink()) {
    return [
      {
        what: `${path} is a symbolic link`,
        mend: `look where it points, then put the file itself there: ls -l ${quoted(path)}`,
      },
    ];
  }
  if (found.uid !== uid) {
    return [
      {
        what: `${path} belongs to user ${found.uid}`,
        mend: `after looking through it: chown ${uid} ${quoted(path)}`,
      },
    ];
  }
  if ((found.mode & forbidden) === 0) return [];
  const mode = (found.mode & 0o777).toString(8);
  const wanted = found.isDirectory() ? '700' : '600';
  return [{ what: `${path} is open to others (${mode})`, mend: `chmod ${wanted} ${quoted(path)}` }];
}

function below(directory: string): readonly string[] {
  if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) return [];
  const found = readdirSync(directory, { recursive: true, withFileTypes: true });
  return [directory, ...found.map((file) => join(file.parentPath, file.name))];
}
