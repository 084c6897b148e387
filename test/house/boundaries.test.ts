import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { importsOf } from './imports.ts';
import { boundaryViolations, type Package } from './layers.ts';
import { thisPackage } from './package.ts';
import { parse, readSources, show } from './source.ts';

const pkg: Package = { dependencies: ['zod', 'undici'], optional: ['pg'], entries: ['src/sdk.ts'] };

/** What the checker says about planted files. */
const said = (files: Record<string, string>): readonly string[] =>
  boundaryViolations(parse(files), pkg).map((v) => `${v.path}:${v.line} ${v.what}`);

describe('the import reader', () => {
  const kinds = (text: string): readonly (string | undefined)[] =>
    parse({ 'src/a.ts': text }).flatMap((s) => importsOf(s).map((i) => `${i.kind} ${i.specifier}`));

  const cases: Readonly<Record<string, readonly string[]>> = {
    "import { a } from './a.ts';": ['static ./a.ts'],
    "import a, * as b from './a.ts';": ['static ./a.ts'],
    "import type { A } from './a.ts';": ['type ./a.ts'],
    "import { type A } from './a.ts';": ['static ./a.ts'],
    "import './a.ts';": ['side-effect ./a.ts'],
    "export * from './a.ts';": ['re-export ./a.ts'],
    "export { a } from './a.ts';": ['re-export ./a.ts'],
    "export type { A } from './a.ts';": ['type ./a.ts'],
    "const a = await import('./a.ts');": ['dynamic ./a.ts'],
    'const a = () => import(`./a.ts`);': ['dynamic ./a.ts'],
    'const a = await import(name);': ['dynamic undefined'],
    "type A = import('./a.ts').A;": ['type ./a.ts'],
    "const a = require('a');": ['require a'],
    "import a = require('a');": ['require a'],
    "new Worker(new URL('./w.ts', import.meta.url));": ['url ./w.ts'],
    "// import './a.ts'\nconst a = \"import './b.ts'\";": [],
    'const a = `${await import("./a.ts")} import "./b.ts"`;': ['dynamic ./a.ts'],
  };
  for (const [text, expected] of Object.entries(cases)) {
    it(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(kinds(text), expected));
  }

  it('refuses a file that does not parse, since half a file proves nothing', () => {
    assert.throws(() => parse({ 'src/a.ts': 'import { from' }), /does not parse/);
  });
});

describe('the boundary checker', () => {
  const planted: Readonly<Record<string, { files: Record<string, string>; expected: RegExp }>> = {
    'core that reaches a store': {
      files: { 'src/core/a.ts': "import '../store/b.ts';", 'src/core/b.ts': '', 'src/store/b.ts': '' },
      expected: /core may not import store/,
    },
    'core that reaches a store for a type only': {
      files: { 'src/core/a.ts': "type B = import('../store/b.ts').B;", 'src/store/b.ts': '' },
      expected: /core may not import store/,
    },
    'core that reads the disk': {
      files: { 'src/core/a.ts': "const fs = await import('node:fs');" },
      expected: /core may not import node:fs/,
    },
    'node:crypto in core outside hash.ts': {
      files: { 'src/core/a.ts': "import { hash } from 'node:crypto';" },
      expected: /core may not import node:crypto/,
    },
    'core with a package that is not its own': {
      files: { 'src/core/a.ts': "import { request } from 'undici';" },
      expected: /core may not import the package undici/,
    },
    'a store that knows the recorder': {
      files: { 'src/store/a.ts': "import type { A } from '../recorder/a.ts';", 'src/recorder/a.ts': '' },
      expected: /store may not import recorder/,
    },
    'a store that knows a sink': {
      files: { 'src/store/a.ts': "import '../sink/a.ts';", 'src/sink/a.ts': '' },
      expected: /store may not import sink/,
    },
    'a driver that knows another driver': {
      files: { 'src/store/a/x.ts': "import '../b/x.ts';", 'src/store/b/x.ts': '' },
      expected: /driver a may not import driver b/,
    },
    'a recorder that picks its store': {
      files: { 'src/recorder/a.ts': "import '../store/a.ts';", 'src/store/a.ts': '' },
      expected: /recorder may not import store/,
    },
    'a capture surface that reaches a store': {
      files: { 'src/capture/a.ts': "import '../store/a.ts';", 'src/store/a.ts': '' },
      expected: /capture may not import store/,
    },
    'a capture surface that holds the append port': {
      files: {
        'src/capture/a.ts': "import type { LogStore } from '../core/ports.ts';",
        'src/core/ports.ts': '',
      },
      expected: /only the recorder and the stores know LogStore/,
    },
    'a server that appends': {
      files: { 'src/server/a.ts': 'export const a = (x) => x.store.append(bytes);' },
      expected: /only the recorder appends/,
    },
    'a server that reaches a store': {
      files: { 'src/server/a.ts': "import '../store/a.ts';", 'src/store/a.ts': '' },
      expected: /server may not import store/,
    },
    'anything that imports cli': {
      files: { 'src/open.ts': "import './cli/main.ts';", 'src/cli/main.ts': '' },
      expected: /nothing imports cli/,
    },
    'a cycle': {
      files: { 'src/core/a.ts': "import './b.ts';", 'src/core/b.ts': "import './a.ts';" },
      expected: /import cycle: src\/core\/a.ts → src\/core\/b.ts → src\/core\/a.ts/,
    },
    'a cycle of types only': {
      files: {
        'src/core/a.ts': "import type { B } from './b.ts';",
        'src/core/b.ts': "export type C = import('./c.ts').C;",
        'src/core/c.ts': "export type { A } from './a.ts'; export const c = 1;",
      },
      expected: /import cycle/,
    },
    'a file that imports itself': {
      files: { 'src/core/a.ts': "import './a.ts';" },
      expected: /import cycle/,
    },
    'a barrel': {
      files: { 'src/core/index.ts': "export * from './a.ts';", 'src/core/a.ts': '' },
      expected: /only re-exports/,
    },
    'a barrel in two steps': {
      files: { 'src/core/index.ts': "import { a } from './a.ts'; export { a };", 'src/core/a.ts': '' },
      expected: /only re-exports/,
    },
    'an optional client that is loaded at once': {
      files: { 'src/store/pg.ts': "import { Client } from 'pg';" },
      expected: /pg is optional/,
    },
    'a secretlint rule that is loaded at once': {
      files: { 'src/sink/a.ts': "import '@secretlint/core';" },
      expected: /@secretlint\/core is optional/,
    },
    'a package nobody declared': {
      files: { 'src/capture/a.ts': "import leftpad from 'leftpad/lib';" },
      expected: /leftpad is not in dependencies/,
    },
    'a computed import': {
      files: { 'src/cli/a.ts': 'export const load = (n) => import(n);' },
      expected: /computed name/,
    },
    'a require': {
      files: { 'src/cli/a.ts': "const fs = require('node:fs');" },
      expected: /this package is ESM/,
    },
    'a way out of src': {
      files: { 'src/cli/a.ts': "import '../../test/helper.ts';" },
      expected: /no file under src/,
    },
    'a layer that nobody gave a rule': {
      files: { 'src/magic/a.ts': '' },
      expected: /the layer "magic" has no rule/,
    },
  };
  for (const [name, { files, expected }] of Object.entries(planted)) {
    it(`finds ${name}`, () => {
      const lines = said(files);
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines.join('\n'), expected);
    });
  }

  it('finds nothing in files that keep the rules', () => {
    const files = {
      'src/core/hash.ts': "import { hash } from 'node:crypto'; export const h = hash;",
      'src/core/a.ts':
        "import { z } from 'zod'; import { h } from './hash.ts'; export { h, z }; export const x = 1;",
      'src/store/pg/a.ts':
        "import type { Client } from 'pg'; import '../shared.ts'; export const a = () => import('pg');",
      'src/store/shared.ts': "import fs from 'node:fs'; import '../core/a.ts';",
      'src/recorder/a.ts': "import type { LogStore } from '../core/ports.ts';",
      'src/core/ports.ts': 'export interface LogStore {}',
      'src/capture/a.ts': "import '../recorder/a.ts'; headers.append('a', 'b');",
      'src/open.ts': "import './store/pg/a.ts'; import './capture/a.ts';",
      'src/cli/main.ts': "import '../open.ts'; const w = new URL('./worker.ts', import.meta.url);",
      'src/cli/worker.ts': '',
      'src/sdk.ts': "export { open } from './open.ts';",
    };
    assert.deepEqual(said(files), []);
  });
});

describe('the source tree', () => {
  it('keeps the rules of who may import whom', () => {
    const sources = readSources('src');
    assert.ok(sources.length > 0, 'no source was read');
    assert.equal(show(boundaryViolations(sources, thisPackage)), '');
  });
});
