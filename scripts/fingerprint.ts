/** The state of the code that results are about: those of another one are not counted. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, treeFiles } from '../test/house/source.ts';

export function fingerprint(...folders: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of treeFiles())
    if (['src', ...folders].some((folder) => path.startsWith(`${folder}/`)))
      hash.update(readFileSync(join(ROOT, path)));
  return hash.digest('hex');
}
