/** A brand is a promise that one place keeps. Whoever can write `as Redacted<…>` elsewhere can break it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAsExpression, isTypeReferenceNode } from 'typescript/unstable/ast/is';
import { lineOf, parse, readSources, type Source, show, type Violation, walk } from './source.ts';

/** Where a value of the brand may be claimed. */
const MAKERS: Readonly<Record<string, string>> = {
  Redacted: 'src/core/redact/',
  VerifiedCheckpoint: 'src/core/tlog/checkpoint.ts',
};

function claims(source: Source): readonly Violation[] {
  const found: Violation[] = [];
  walk(source.tree, (node) => {
    if (!isAsExpression(node)) return;
    walk(node.type, (type) => {
      if (!isTypeReferenceNode(type)) return;
      const name = type.typeName.getText(source.tree);
      const maker = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
      if (maker !== undefined && !source.path.startsWith(maker)) {
        found.push({ path: source.path, line: lineOf(source, node), what: `claims to be ${name}` });
      }
    });
  });
  return found;
}

describe('brands', () => {
  it('the checker finds a claim outside its maker, nested too', () => {
    const at = (path: string, text: string): number => parse({ [path]: text }).flatMap(claims).length;
    assert.equal(at('src/recorder/a.ts', 'const a = text as Redacted<string>;'), 1);
    assert.equal(at('src/recorder/a.ts', 'const a = b as unknown as { x: Redacted<string>[] };'), 1);
    assert.equal(at('src/cli/a.ts', 'const a = b as VerifiedCheckpoint;'), 1);
    assert.equal(at('src/core/redact/a.ts', 'const a = text as Redacted<string>;'), 0);
    assert.equal(at('src/recorder/a.ts', 'const f = (a: Redacted<string>) => a as string;'), 0);
  });

  it('Redacted and VerifiedCheckpoint are claimed only where they are made', () => {
    assert.equal(show(readSources('src', 'bench', 'scripts').flatMap(claims)), '');
  });
});
