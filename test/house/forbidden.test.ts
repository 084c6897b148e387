import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  muchTooLong,
  processImported,
  swallowed,
  switchedOff,
  tooLong,
  untyped,
  withoutHint,
  worldOutsideEdges,
} from './forbidden.ts';
import { parse, ROOT, readSources, type Source, show, treeFiles, type Violation } from './source.ts';
import { type Machine, thisMachine, traces } from './text.ts';

type Check = (source: Source) => readonly Violation[];

/** Planted violations a check must find, and near misses it must leave alone. */
function tries(check: Check, path: string, bad: readonly string[], good: readonly string[]): void {
  const found = (text: string): number => parse({ [path]: text }).flatMap((s) => check(s)).length;
  for (const text of bad) it(`finds ${JSON.stringify(text)}`, () => assert.equal(found(text), 1));
  for (const text of good) it(`leaves ${JSON.stringify(text)} alone`, () => assert.equal(found(text), 0));
}

describe('the world outside the edges', () => {
  tries(
    worldOutsideEdges,
    'src/capture/a.ts',
    [
      'const a = process.env.HOME;',
      "const a = process['env'];",
      'const a = process[name];',
      'const { env } = process;',
      'const { env: e } = process;',
      'const a = globalThis.process.env;',
      'process.exit(1);',
      'const now = Date.now;',
      'const a = Date.now();',
      'const a = new Date();',
      'const a = new Date;',
      'const a = Date();',
      'const a = Math.random();',
      'const a = () => fetch(url);',
      'const a = globalThis.fetch(url);',
      'const a = { fetch };',
      'const a = { get: fetch };',
      'const a = (f = fetch) => f(url);',
      'const a = (fetch) => fetch(url); const b = fetch(url);',
      "console.log('a');",
    ],
    [
      'const a = process.platform;',
      'const a = new Date(ms).toISOString();',
      'const a = Date.parse(text);',
      'const a = Math.max(1, 2);',
      'const a = ({ fetch }) => fetch(url);',
      'function a(fetch) { return fetch(url); }',
      "import { fetch } from './http.ts'; fetch(url);",
      'const a = client.fetch(url);',
      'const a = { fetch: 1, console: 2 };',
      'interface A { fetch(url: string): void }',
      'type A = typeof fetch;',
      "// Date.now()\nconst a = 'process.env';",
    ],
  );
});

describe('core', () => {
  tries(
    worldOutsideEdges,
    'src/core/a.ts',
    [
      'const a = process.platform;',
      'const a = process.env;',
      'const a = performance.now();',
      'setTimeout(f, 1);',
      'const a = crypto.randomUUID();',
    ],
    ['const a = (process) => process.step();', 'const a = { performance: 1 };'],
  );
});

describe('the edges', () => {
  tries(worldOutsideEdges, 'src/cli/a.ts', [], ['process.exit(Date.now());']);
  tries(worldOutsideEdges, 'src/open.ts', [], ['const a = process.env.HOME;']);
});

describe('process by another name', () => {
  tries(
    processImported,
    'src/capture/a.ts',
    ["import { env } from 'node:process';", "const p = await import('node:process');"],
    ["import { spawn } from 'node:child_process';"],
  );
});

describe('escapes from the type system', () => {
  tries(
    untyped,
    'src/core/a.ts',
    [
      'let a: any;',
      'const a = b as any;',
      'const a = b as unknown as Map<string, any>;',
      '// @ts-ignore\nconst a = 1;',
      '// @ts-expect-error\nconst a = 1;',
    ],
    ["const any = 'any: any'; // any as any", "const a = '@ts-ignore';"],
  );
});

describe('tests switched off', () => {
  tries(
    switchedOff,
    'test/a.test.ts',
    [
      "it.only('a', f);",
      "test.skip('a', f);",
      "describe.todo('a');",
      "it('a', (t) => { t.skip(); });",
      "it('a', { skip: true }, f);",
      "it('a', { only }, f);",
      "it('a', { skip: true && 'later' }, f);",
    ],
    [
      "it('skip.only(', f);",
      "it('a', { timeout: 1 }, f);",
      'const a = { skip: 1 };',
      "it('a', { skip: uid !== 0 && 'needs root' }, f);",
    ],
  );
});

describe('long files', () => {
  const lines = (n: number): string => 'export {};\n'.repeat(n);
  tries(
    tooLong,
    'src/core/a.ts',
    [lines(301), `// reason for length: a table\n${lines(500)}`],
    [lines(300), `// reason for length: a table\n${lines(400)}`],
  );
});

describe('swallowed errors', () => {
  tries(
    swallowed,
    'src/core/a.ts',
    ['try { a(); } catch {}', 'try { a(); } catch (e) { }', 'a.catch(() => {});'],
    [
      'try { a(); } catch { /* already gone */ }',
      'try { a(); } catch (e) { throw e; }',
      'a.catch(() => { /* reported by the caller */ });',
    ],
  );
});

describe('failures without a hint', () => {
  tries(
    withoutHint,
    'src/core/a.ts',
    [
      "throw new TallyError('LOG_FULL', 'full');",
      "throw new TallyError('LOG_FULL', 'full', { cause });",
      'throw new TallyError(code, message);',
    ],
    [
      "throw new TallyError('LOG_FULL', 'full', { hint: 'free some space' });",
      "throw new TallyError('LOG_FULL', 'full', { hint });",
      "throw new TallyError('LOG_FULL', 'full', options);",
      "throw new TallyError('PROOF_INVALID', 'no proof');",
    ],
  );
});

describe('traces of a machine', () => {
  const machine: Machine = { root: '/build/tally', home: '/people/ann', registries: ['npm.example.test'] };
  const found = (text: string, path = 'README.md'): readonly string[] =>
    traces(path, text, machine).map((v) => `${v.line} ${v.what}`);
  const publicRegistry = ['https://registry', 'npmjs', 'org/zod'].join('.');

  it('finds the path of the checkout and of the home', () => {
    assert.deepEqual(found('a\n/build/tally/src'), ['2 a path of this machine: /build/tally']);
    assert.deepEqual(found('cd /people/ann/x'), ['1 a path of this machine: /people/ann']);
  });
  it("finds somebody else's home", () => {
    assert.equal(found(['', 'home', 'bob', 'x'].join('/')).length, 1);
    assert.equal(found(['', 'Users', 'bob', 'x'].join('/')).length, 1);
  });
  it('leaves /tmp, relative paths and words that begin alike alone', () => {
    assert.deepEqual(found('/tmp/a ./build/tally /build/tallying /people/anna'), []);
  });
  it('finds registry hosts, and resolved URLs in the lock file', () => {
    assert.equal(found(publicRegistry).length, 1);
    assert.equal(found('https://npm.example.test/zod').length, 1);
    assert.equal(found('"resolved": "https://elsewhere.test/zod"', 'package-lock.json').length, 1);
  });
});

describe('the tree', () => {
  const holds = (name: string, check: Check, ...folders: readonly string[]): void => {
    it(name, () => {
      const sources = readSources(...folders);
      assert.ok(sources.length > 0, 'nothing was read');
      assert.equal(show(sources.flatMap((source) => check(source))), '');
    });
  };
  holds('reads the clock, environment, randomness and network only at the edges', worldOutsideEdges, 'src');
  holds('knows process by one name only', processImported, 'src');
  holds('has no any and no silenced type error', untyped, 'src', 'test', 'scripts', 'bench');
  holds('has no test switched off or focused', switchedOff, 'test');
  holds('has no file of more than 500 lines, and a reason past 300', tooLong, 'src', 'scripts', 'bench');
  holds('has no test file of more than 500 lines', muchTooLong, 'test');
  holds('swallows no error without a reason', swallowed, 'src', 'scripts');
  holds('tells how to mend every failure', withoutHint, 'src');

  it('names no path of a machine and no registry', () => {
    const files = treeFiles();
    assert.ok(files.includes('package-lock.json'), 'the lock file was not read');
    const found = files.flatMap((path) => traces(path, readFileSync(join(ROOT, path), 'utf8'), thisMachine));
    assert.equal(show(found), '');
  });
});
