/** Every way in which one file can reach another, as a list. */
import { posix } from 'node:path';
import { type Node, SyntaxKind } from 'typescript/unstable/ast';
import {
  isCallExpression,
  isExportDeclaration,
  isExternalModuleReference,
  isIdentifier,
  isImportDeclaration,
  isImportEqualsDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isMetaProperty,
  isNewExpression,
  isNoSubstitutionTemplateLiteral,
  isPropertyAccessExpression,
  isStringLiteral,
} from 'typescript/unstable/ast/is';
import { lineOf, type Source, walk } from './source.ts';

export interface Import {
  /** Undefined when it is computed: then nobody can say what is imported. */
  readonly specifier: string | undefined;
  readonly kind: 'static' | 'side-effect' | 're-export' | 'dynamic' | 'type' | 'require' | 'url';
  readonly line: number;
}

const literal = (node: Node | undefined): string | undefined =>
  node !== undefined && (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node))
    ? node.text
    : undefined;

const isImportMetaUrl = (node: Node | undefined): boolean =>
  node !== undefined &&
  isPropertyAccessExpression(node) &&
  isMetaProperty(node.expression) &&
  node.name.text === 'url';

/**
 * One import per place. `type` covers `import type`, `export type … from` and `import('…').T`; an import whose names are
 * each marked `type` still runs the file, so it is `static`. `url` is `new URL('./x', import.meta.url)`: how workers start.
 */
export function importsOf(source: Source): readonly Import[] {
  const found: Import[] = [];
  walk(source.tree, (node) => {
    const add = (kind: Import['kind'], specifier: string | undefined): void => {
      found.push({ specifier, kind, line: lineOf(source, node) });
    };
    if (isImportDeclaration(node)) {
      const clause = node.importClause;
      const kind =
        clause === undefined
          ? 'side-effect'
          : clause.phaseModifier === SyntaxKind.TypeKeyword
            ? 'type'
            : 'static';
      add(kind, literal(node.moduleSpecifier));
    } else if (isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      add(node.isTypeOnly ? 'type' : 're-export', literal(node.moduleSpecifier));
    } else if (isImportEqualsDeclaration(node) && isExternalModuleReference(node.moduleReference)) {
      add('require', literal(node.moduleReference.expression));
    } else if (isImportTypeNode(node)) {
      add('type', isLiteralTypeNode(node.argument) ? literal(node.argument.literal) : undefined);
    } else if (isCallExpression(node)) {
      if (node.expression.kind === SyntaxKind.ImportKeyword) add('dynamic', literal(node.arguments[0]));
      else if (isIdentifier(node.expression) && /^(require|createRequire)$/.test(node.expression.text)) {
        add('require', literal(node.arguments[0]));
      }
    } else if (isNewExpression(node) && isIdentifier(node.expression) && node.expression.text === 'URL') {
      const target = literal(node.arguments?.[0]);
      if (isImportMetaUrl(node.arguments?.[1]) && target?.match(/\.[jt]s$/)) add('url', target);
    }
  });
  return found;
}

/** `zod/v4` → `zod`, `@scope/name/sub` → `@scope/name`. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The project path that a relative specifier names. */
export function resolve(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier);
}
