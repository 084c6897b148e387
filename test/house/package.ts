/** package.json as the house tests need it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Package } from './layers.ts';
import { ROOT } from './source.ts';

const names = z.record(z.string(), z.string()).default({});
const Manifest = z.object({
  version: z.string(),
  dependencies: names,
  devDependencies: names,
  optionalDependencies: names,
  peerDependencies: names,
  exports: z.unknown().optional(),
  files: z.array(z.string()),
});

export const manifest = Manifest.parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));

/** Every `./dist/….js` that `exports` names, as its source file. */
function entriesOf(exports: unknown): readonly string[] {
  const targets = JSON.stringify(exports ?? {}).match(/\.\/dist\/[^"*]+\.js/g) ?? [];
  return targets.map((target) => target.replace('./dist/', 'src/').replace(/\.js$/, '.ts'));
}

export const thisPackage: Package = {
  dependencies: Object.keys(manifest.dependencies),
  optional: Object.keys({ ...manifest.optionalDependencies, ...manifest.peerDependencies }),
  entries: entriesOf(manifest.exports),
};
