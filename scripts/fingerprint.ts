/** The state of the code that results are about: those of another one are not counted. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT, treeFiles } from '../test/house/source.ts';

export function fingerprint(...folders: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of treeFiles())
    if (['src', ...folders].some((folder) => path.startsWith(`${folder}/`)))
      hash.update(readFileSync(join(ROOT, path)));
  return hash.digest('hex');
}

const SPECIFIER = /(?:from|import|new URL\()\s*\(?\s*'(\.{1,2}\/[^']+)'/g;

/**
 * Of the files that run when `entry` does, and of the packages: `entry`, whatever it names by a relative path, and so
 * on. What else changes in the tree leaves results about it as they are.
 */
export function fingerprintOf(entry: string): string {
  const seen = new Set<string>();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path) || !existsSync(join(ROOT, path))) continue;
    seen.add(path);
    const text = readFileSync(join(ROOT, path), 'utf8');
    for (const [, named = ''] of text.matchAll(SPECIFIER)) waiting.push(join(dirname(path), named));
  }
  const hash = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json')));
  for (const path of [...seen].sort()) hash.update(`${path}\n`).update(readFileSync(join(ROOT, path)));
  return hash.digest('hex');
}
