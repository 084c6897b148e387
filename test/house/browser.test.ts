/** What `tallystick/verify` loads runs unchanged in a browser: held over its whole import graph. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { importsOf, packageOf, resolve } from './imports.ts';
import { manifest, thisPackage } from './package.ts';
import { globalUses } from './scope.ts';
import { lineOf, parse, readSources, type Source, show, type Violation } from './source.ts';

const ENTRY = 'src/verify.ts';
/** The one place that may look for Node, behind a guard. */
const HOST = 'src/core/host.ts';

/** Packages of plain JavaScript without imports of their own but each other. */
const PORTABLE_PACKAGES: readonly string[] = ['@noble/ed25519', '@noble/hashes'];

/** What every browser and every version of Node that we know has, and nothing else. */
// biome-ignore format: one line a family
const EVERYWHERE: ReadonlySet<string> = new Set([
  'Array', 'BigInt', 'Boolean', 'DataView', 'Error', 'JSON', 'Map', 'Math', 'Number', 'Object', 'Promise', 'RangeError',
  'Set', 'String', 'Symbol', 'SyntaxError', 'TypeError', 'Uint32Array', 'Uint8Array', 'WeakMap', 'undefined', 'Infinity',
  'globalThis', 'TextDecoder', 'TextEncoder', 'WebAssembly', 'atob', 'btoa', 'structuredClone', 'queueMicrotask',
]);

/** Files that run when `entry` is imported, and what in them a browser lacks. */
function portability(
  sources: readonly Source[],
  entry: string,
): { readonly files: readonly string[]; readonly found: readonly Violation[] } {
  const all = new Map(sources.map((source) => [source.path, source]));
  const found: Violation[] = [];
  const files = new Set<string>();
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = all.get(path);
    if (files.has(path)) continue;
    files.add(path);
    if (source === undefined) {
      found.push({ path, line: 1, what: 'is not there' });
      continue;
    }
    for (const { specifier, kind, line } of importsOf(source)) {
      const here = { path, line };
      // Types are gone when it runs.
      if (kind === 'type') continue;
      if (specifier === undefined || kind === 'require' || kind === 'dynamic' || kind === 'url')
        found.push({ ...here, what: `${kind} import of ${specifier}: a bundler or a page may not find it` });
      else if (specifier.startsWith('.')) waiting.push(resolve(path, specifier));
      else if (!PORTABLE_PACKAGES.includes(packageOf(specifier)))
        found.push({ ...here, what: `imports ${specifier}` });
    }
    for (const { name, node } of globalUses(source)) {
      const guarded = path === HOST && name === 'process';
      if (!EVERYWHERE.has(name) && !guarded)
        found.push({ path, line: lineOf(source, node), what: `uses ${name}` });
    }
  }
  return { files: [...files], found };
}

const said = (files: Record<string, string>): readonly string[] =>
  portability(parse(files), ENTRY).found.map(({ path, line, what }) => `${path}:${line} ${what}`);

describe('the checker of what runs in a browser', () => {
  it('finds what a browser lacks, also in files that are reached on the way', () => {
    assert.deepEqual(said({ [ENTRY]: "import './a.ts';", 'src/a.ts': "import fs from 'node:fs'; fs;" }), [
      'src/a.ts:1 imports node:fs',
    ]);
    assert.deepEqual(
      said({ [ENTRY]: "export { a } from './a.ts';", 'src/a.ts': 'export const a = Buffer.of(1);' }),
      ['src/a.ts:1 uses Buffer'],
    );
    assert.deepEqual(said({ [ENTRY]: 'export const a = globalThis.process;' }), [
      'src/verify.ts:1 uses process',
    ]);
    assert.deepEqual(said({ [ENTRY]: "import { z } from 'zod'; z;" }), ['src/verify.ts:1 imports zod']);
    assert.deepEqual(said({ [ENTRY]: "export const a = () => import('./a.ts');" }), [
      'src/verify.ts:1 dynamic import of ./a.ts: a bundler or a page may not find it',
    ]);
    assert.deepEqual(said({ [ENTRY]: "import './gone.ts';" }), ['src/gone.ts:1 is not there']);
  });

  it('passes types, the portable packages and the guarded place', () => {
    const files = {
      [ENTRY]: "import type { A } from './node.ts'; import './core/host.ts'; export type B = A;",
      'src/node.ts': "import 'node:fs'; export type A = Buffer;",
      'src/core/host.ts': "import { sha256 } from '@noble/hashes/sha2.js'; typeof process; sha256;",
    };
    assert.deepEqual(said(files), []);
  });
});

describe('tallystick/verify', () => {
  it('is a public entry, and loads nothing that a browser lacks', () => {
    assert.ok(thisPackage.entries.includes(ENTRY), JSON.stringify(manifest.exports));
    const { files, found } = portability(readSources('src'), ENTRY);
    assert.ok(files.includes('src/core/tlog/verify.ts') && files.includes(HOST), files.join(' '));
    assert.equal(show(found), '');
  });
});
