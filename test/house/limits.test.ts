import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isBindingElement,
  isIdentifier,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isVariableDeclaration,
} from 'typescript/unstable/ast/is';
import { parse, readSources, type Source, walk } from './source.ts';

interface Limit {
  readonly name: string;
  /** The words of the comment above it. */
  readonly reason: string;
}

/** The members of a table of limits with the doc comment of each. */
function limitsIn(source: Source): readonly Limit[] {
  const found: Limit[] = [];
  walk(source.tree, (node) => {
    if (!isVariableDeclaration(node) || !node.name.getText(source.tree).endsWith('LIMITS')) return;
    const table =
      node.initializer === undefined ? undefined : firstObject(node.initializer.getText(source.tree));
    assert.ok(table, 'LIMITS is an object literal');
    walk(node, (member) => {
      if (!isPropertyAssignment(member) || !isIdentifier(member.name)) return;
      const before = source.text.slice(member.pos, member.getStart(source.tree));
      const comment = /\/\*\*([\s\S]*?)\*\/\s*$/.exec(before)?.[1] ?? '';
      found.push({ name: member.name.text, reason: comment.replaceAll(/[\s*]+/g, ' ').trim() });
    });
  });
  return found;
}

const firstObject = (text: string): boolean => text.startsWith('{');

/** The tables, and the file that joins them. */
const isTable = (path: string): boolean => /^src\/core\/limits(\.ts$|\/)/.test(path);

/** A reason is a sentence, not a word. */
const MIN_WORDS = 4;
const withoutReason = (limits: readonly Limit[]): readonly string[] =>
  limits.filter(({ reason }) => reason.split(' ').length < MIN_WORDS).map(({ name }) => name);

/** Members that some code reads, of LIMITS or of a part of it that was handed on. */
const usedIn = (sources: readonly Source[]): ReadonlySet<string> => {
  const used = new Set<string>();
  for (const { path, tree } of sources) {
    if (isTable(path)) continue;
    walk(tree, (node) => {
      if (isPropertyAccessExpression(node)) used.add(node.name.text);
      else if (isBindingElement(node)) used.add((node.propertyName ?? node.name)?.getText(tree) ?? '');
    });
  }
  return used;
};

describe('limits', () => {
  const [planted] = parse({
    'src/core/limits.ts':
      'export const LIMITS = {\n  /** Long enough for any name we met. */\n  a: 1,\n  b: 2,\n  /** Bound. */\n  c: 3,\n} as const;',
  });

  it('the checker finds limits without a reason, and limits that nothing reads', () => {
    assert.ok(planted);
    const limits = limitsIn(planted);
    assert.deepEqual(
      limits.map(({ name }) => name),
      ['a', 'b', 'c'],
    );
    assert.deepEqual(withoutReason(limits), ['b', 'c']);
    assert.deepEqual([...usedIn(parse({ 'src/x.ts': 'f(LIMITS.a, limits.c); // LIMITS.b\n' }))], ['a', 'c']);
  });

  it('stand in one place, each with its reason, and each is kept by some code', () => {
    const sources = readSources('src');
    const limits = sources.filter(({ path }) => isTable(path)).flatMap(limitsIn);
    assert.ok(limits.length > 20, `${limits.length} limits were read`);
    assert.deepEqual(withoutReason(limits), []);
    const names = limits.map(({ name }) => name);
    // Of two of one name the later table would win, unseen.
    assert.deepEqual(
      names.filter((name, i) => names.indexOf(name) !== i),
      [],
    );
    const used = usedIn(sources);
    assert.deepEqual(
      names.filter((name) => !used.has(name)),
      [],
    );
  });
});
