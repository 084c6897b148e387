/** Finding the manifest of a directory, without what reads it. */
import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export const MANIFEST_NAME = 'secretspec.toml';

/**
 * The manifest of `directory`, or of the nearest directory above it. One above counts only when it is ours or root’s:
 * otherwise whoever can write to /tmp has a say in what is done below it.
 */
export function findManifest(directory: string): string | undefined {
  for (let at = resolve(directory); ; at = dirname(at)) {
    const path = join(at, MANIFEST_NAME);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() === true && (at === resolve(directory) || isTrusted(stat.uid))) return path;
    if (dirname(at) === at) return undefined;
  }
}

function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}
