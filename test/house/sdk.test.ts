/** What a program takes in with `tallystick/sdk` and the plug-ins: no server, no store, nothing native, and little at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf, packageOf, resolve } from './imports.ts';
import { readSources } from './source.ts';

const ENTRIES = ['src/sdk.ts', 'src/plugins/ai-sdk.ts', 'src/plugins/claude-agent-sdk.ts'];
/** Loaded when it is imported: pure JavaScript, without dependencies of its own. */
const PACKAGES = new Set(['zod']);
/** Modules of Node that its oldest supported version has, and that open nothing by being loaded. */
const BUILTINS = new Set([
  'node:async_hooks',
  'node:crypto',
  'node:diagnostics_channel',
  'node:fs',
  'node:http',
  'node:https',
  'node:net',
  'node:os',
  'node:path',
  'node:util',
]);
const FORBIDDEN =
  /^src\/(server|store|index|anchor|sink|cli|net)\/|^src\/(open|home|reader)\.ts$|^src\/capture\/(proxy|secrets|ca)\//;

/** What is loaded when one of these is imported; what is loaded later, and types, are not. */
function loadedWith(entries: readonly string[]) {
  const sources = new Map(readSources('src').map((source) => [source.path, source]));
  const seen = new Set<string>();
  const packages = new Set<string>();
  const builtins = new Set<string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const source = sources.get(path);
    assert.ok(source, `${path} is a source`);
    for (const { specifier, kind } of importsOf(source)) {
      if (specifier === undefined || kind === 'dynamic' || kind === 'type') continue;
      if (specifier.startsWith('node:')) builtins.add(specifier);
      else if (specifier.startsWith('.')) waiting.push(resolve(path, specifier));
      else packages.add(packageOf(specifier));
    }
  }
  return { seen: [...seen], packages: [...packages], builtins: [...builtins] };
}

test('the SDK loads no server, no store and nothing native before it is used', () => {
  const { seen, packages, builtins } = loadedWith(ENTRIES);
  assert.deepEqual(
    seen.filter((path) => FORBIDDEN.test(path)),
    [],
  );
  assert.deepEqual(
    packages.filter((name) => !PACKAGES.has(name)),
    [],
  );
  assert.deepEqual(
    builtins.filter((name) => !BUILTINS.has(name)),
    [],
  );
});

test('a program that uses no framework takes in next to nothing with tallystick/auto', () => {
  const { seen, packages, builtins } = loadedWith(['src/auto.ts']);
  assert.deepEqual(packages, []);
  assert.deepEqual(builtins, ['node:diagnostics_channel']);
  assert.ok(seen.length <= 8, seen.join(' '));
});
