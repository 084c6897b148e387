import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Command } from 'commander';
import {
  isNoSubstitutionTemplateLiteral,
  isStringLiteral,
  isTemplateHead,
  isTemplateMiddle,
  isTemplateTail,
} from 'typescript/unstable/ast/is';
import type { Context } from '../../src/cli/context.ts';
import { COMMANDS } from '../../src/cli/table.ts';
import { codeSpans, firstCells, invariants, section, shellBlocks, tallyCalls } from './documents.ts';
import { manifest } from './package.ts';
import { ROOT, readSources, type Source, treeFiles, walk } from './source.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const sorted = (names: Iterable<string>): readonly string[] => [...new Set(names)].sort();

/** Every string of a source, and every fixed part of its templates. */
function texts(source: Source): readonly string[] {
  const found: string[] = [];
  walk(source.tree, (node) => {
    if (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node) || isTemplateHead(node)) {
      found.push(node.text);
    } else if (isTemplateMiddle(node) || isTemplateTail(node)) found.push(node.text);
  });
  return found;
}

/** What is wrong with a call of `tally`, judged by the commands themselves. */
async function complaint([verb = '', ...words]: readonly string[]): Promise<string | undefined> {
  if (verb.startsWith('-') || verb === 'help' || /^[A-Z]+$/.test(verb)) return undefined;
  const entry = COMMANDS.find(({ name }) => name === verb);
  if (entry === undefined) return `tally has no ${verb}`;
  // A command looks at its context only when it runs.
  let command: Command = await (await entry.load()).build({} as Context);
  let said = `tally ${verb}`;
  for (const word of words) {
    if (word.startsWith('--')) {
      const flag = word.replace(/=.*/, '').replaceAll(/[^\w-]/g, '');
      const known = command.options.some(({ long }) => long === flag || long === flag.replace('--', '--no-'));
      if (!known && flag !== '--help') return `${said} has no ${flag}`;
    } else if (command.commands.length > 0) {
      const next: Command | undefined = command.commands.find((child) => child.name() === word);
      if (next === undefined) return `${said} has no ${word}`;
      command = next;
      said += ` ${word}`;
    }
  }
  return undefined;
}

describe('the readers of documents', () => {
  it('finds a section and stops at the next', () => {
    assert.equal(section('# a\n## One\nx\n### deep\ny\n## Two\nz', 'One'), 'x\n### deep\ny');
    assert.throws(() => section('# a', 'One'), /no section/);
  });
  it('reads the first cells of a table', () => {
    assert.deepEqual(firstCells('text\n| a | b |\n| --- | --- |\n| `zod` | why |\n| yaml | why |'), [
      'zod',
      'yaml',
    ]);
  });
  it('reads invariants with the tests they name', () => {
    const text =
      '1. **A.** b\n   — `test/a.test.ts`: “does\n   this”; `test/b.test.ts`: “that”\n2. **C.** none';
    assert.deepEqual(invariants(text), [
      {
        number: 1,
        tests: [
          { file: 'test/a.test.ts', name: 'does this' },
          { file: 'test/b.test.ts', name: 'that' },
        ],
      },
      { number: 2, tests: [] },
    ]);
  });
  it('finds the calls in shell code, and nothing else', () => {
    const text =
      '```sh\nA=1 tally run --agent x -- y   # tally nothing\nnpx tally log list | tally verify\n```\n```yaml\ntally up\n```\n`tally key`';
    assert.deepEqual(shellBlocks(text).flatMap(tallyCalls), [
      ['run', '--agent', 'x'],
      ['log', 'list'],
      ['verify'],
    ]);
    assert.deepEqual(codeSpans(text), ['tally key']);
    assert.deepEqual(tallyCalls('cd my-tally verify; ./tally go; cat tally.json'), []);
  });
  it('finds what a command does not have', async () => {
    assert.equal(await complaint(['log', 'list', '--jsom']), 'tally log list has no --jsom');
    assert.equal(await complaint(['log', 'lsit']), 'tally log has no lsit');
    assert.equal(await complaint(['lgo']), 'tally has no lgo');
    assert.equal(await complaint(['log', 'list', '--json']), undefined);
    assert.equal(await complaint(['agent', 'token', 'issue', 'NAME']), undefined);
  });
});

describe('ARCHITECTURE.md', () => {
  const text = read('ARCHITECTURE.md');

  it('names for each of the ten invariants tests that exist', () => {
    const found = invariants(section(text, 'Invariants'));
    assert.deepEqual(
      found.map((invariant) => invariant.number),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    for (const { number, tests } of found) {
      assert.ok(tests.length > 0, `invariant ${number} names no test`);
      for (const { file, name } of tests) {
        assert.ok(existsSync(join(ROOT, file)), `invariant ${number}: ${file} does not exist`);
        const titles = read(file);
        assert.ok(
          [`'${name}'`, `"${name}"`, `\`${name}\``].some((title) => titles.includes(title)),
          `invariant ${number}: ${file} has no test “${name}”`,
        );
      }
    }
  });

  it('gives a reason for every dependency and for nothing else', () => {
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    assert.deepEqual(
      sorted(firstCells(section(text, 'Dependencies')).flatMap((cell) => cell.split(', '))),
      sorted(Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })),
    );
  });

  it('maps files and folders that exist, and every folder of src', () => {
    const mapped = firstCells(section(text, 'Code map'));
    for (const path of mapped) assert.ok(existsSync(join(ROOT, path)), `${path} does not exist`);
    const folders = treeFiles()
      .filter((path) => path.startsWith('src/'))
      .map((path) =>
        path
          .split('/')
          .slice(0, path.startsWith('src/core/') ? 3 : 2)
          .join('/'),
      )
      .filter((path) => !path.endsWith('.ts'));
    assert.deepEqual(
      sorted(folders).filter((folder) => !mapped.includes(folder)),
      [],
    );
  });
});

describe('the documents', () => {
  it('CHANGELOG.md tells of the version in package.json', () => {
    assert.match(
      read('CHANGELOG.md'),
      new RegExp(`^## \\[${manifest.version.replaceAll('.', '\\.')}\\]`, 'm'),
    );
  });

  it('show commands and options that tally has', async () => {
    const documents = treeFiles().filter((path) => path.endsWith('.md'));
    assert.ok(documents.includes('README.md'), 'the README was not read');
    const found: string[] = [];
    for (const path of documents) {
      const text = read(path);
      const spans = codeSpans(text).filter((span) => span.startsWith('tally '));
      for (const call of [...shellBlocks(text), ...spans].flatMap(tallyCalls)) {
        const what = await complaint(call);
        if (what !== undefined) found.push(`${path}: ${what}`);
      }
    }
    assert.deepEqual(found, []);
  });

  it('list every vector file of the specification', () => {
    const listed = firstCells(section(read('spec/README.md'), 'Vectors'));
    const files = treeFiles().filter((path) => path.startsWith('spec/vectors/'));
    assert.deepEqual(sorted(listed), sorted(files.map((path) => path.slice('spec/'.length))));
  });

  it('link to files that exist', () => {
    const broken = treeFiles()
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) =>
        [...read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
          .map((match) => join(path, '..', match[1] ?? ''))
          .filter((target) => !existsSync(join(ROOT, target)))
          .map((target) => `${path} → ${target}`),
      );
    assert.deepEqual(broken, []);
  });
});

describe('the comments', () => {
  it('cite documents that exist', () => {
    const missing = readSources('src', 'test', 'scripts', 'bench')
      .filter(({ path }) => !path.startsWith('test/house/'))
      .flatMap(({ path, text }) =>
        [...text.matchAll(/(?<![\w$}])((?:[\w-]+\/)*[\w-]+\.md)\b/g)]
          .map((match) => match[1] ?? '')
          .filter((name) => !['', 'spec', 'docs'].some((folder) => existsSync(join(ROOT, folder, name))))
          .map((name) => `${path}: ${name}`),
      );
    assert.deepEqual(missing, []);
  });
});

describe('the program', () => {
  it('sends nobody to a document that the package does not hold', () => {
    const named = readSources('src').flatMap((source) =>
      texts(source).flatMap((text) => [...text.matchAll(/\b((?:docs|spec)\/[\w-]+\.md)\b/g)]),
    );
    const folders = new Set(named.map(([path]) => path.split('/')[0] ?? ''));
    assert.ok(folders.has('docs'), 'hints name documents');
    assert.deepEqual(
      [...folders].filter((folder) => !manifest.files.includes(folder)),
      [],
    );
  });

  it('names, in hints and examples, commands and options that it has', async () => {
    const found: string[] = [];
    let looked = 0;
    for (const source of readSources('src')) {
      for (const text of texts(source)) {
        const spans = [...text.matchAll(/`(tally [^`]+)`/g)].map((match) => match[1] ?? '');
        const whole = /^tally [a-z]/.test(text) ? [text.split(/ {2,}| {3}|: /)[0] ?? ''] : [];
        for (const call of [...spans, ...whole].flatMap(tallyCalls)) {
          looked++;
          const what = await complaint(call);
          if (what !== undefined) found.push(`${source.path}: ${what}`);
        }
      }
    }
    assert.ok(looked > 50, `only ${looked} calls were found`);
    assert.deepEqual(found, []);
  });
});
