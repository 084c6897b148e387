/**
 * A registry that lacks the builds of other platforms makes `npm install` drop them from the lock file without a word,
 * and then `npm ci` refuses it everywhere.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { manifest } from './package.ts';
import { ROOT } from './source.ts';

const Lock = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({
      version: z.string().optional(),
      dependencies: z.record(z.string(), z.string()).default({}),
      devDependencies: z.record(z.string(), z.string()).default({}),
      optionalDependencies: z.record(z.string(), z.string()).default({}),
    }),
  ),
});

/** Dependencies that no entry of the lock file could be installed for, as "package → dependency". */
function missing({ packages }: z.infer<typeof Lock>): readonly string[] {
  return Object.entries(packages).flatMap(([path, entry]) => {
    const wanted = { ...entry.dependencies, ...entry.devDependencies, ...entry.optionalDependencies };
    return Object.keys(wanted)
      .filter((name) => {
        const nested = packages[`${path}/node_modules/${name}`] ?? packages[`node_modules/${name}`];
        return nested?.version === undefined;
      })
      .map((name) => `${path || '.'} → ${name}`);
  });
}

describe('the lock file', () => {
  it('is found wanting when a platform’s build is dropped', () => {
    const a = {
      version: '1.0.0',
      dependencies: {},
      devDependencies: {},
      optionalDependencies: { b: '1.0.0' },
    };
    assert.deepEqual(missing({ packages: { 'node_modules/a': a } }), ['node_modules/a → b']);
    const b = { ...a, optionalDependencies: {} };
    assert.deepEqual(missing({ packages: { 'node_modules/a': a, 'node_modules/b': b } }), []);
  });

  it('has an entry for everything that package.json and the packages in it name', () => {
    const lock = Lock.parse(JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')));
    assert.deepEqual(missing(lock), []);
    const root = lock.packages[''];
    assert.deepEqual(root?.dependencies, manifest.dependencies);
    assert.deepEqual(root?.devDependencies, manifest.devDependencies);
  });
});
