/** Which identifiers mean a global: a parameter, variable or import of the same name does not. */
import { type Node, SyntaxKind } from 'typescript/unstable/ast';
import {
  isBindingElement,
  isIdentifier,
  isParameterDeclaration,
  isPropertyAccessExpression,
  isVariableDeclaration,
} from 'typescript/unstable/ast/is';
import { type Source, walk } from './source.ts';

/** A reference to a global; `globalThis.x` counts as x, and its node is then the whole access. */
interface GlobalUse {
  readonly name: string;
  readonly node: Node;
}

// biome-ignore format: one line a family
const SCOPES: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.SourceFile, SyntaxKind.Block, SyntaxKind.ArrowFunction, SyntaxKind.FunctionExpression,
  SyntaxKind.FunctionDeclaration, SyntaxKind.MethodDeclaration, SyntaxKind.Constructor, SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor, SyntaxKind.ForStatement, SyntaxKind.ForOfStatement, SyntaxKind.ForInStatement,
  SyntaxKind.CatchClause, SyntaxKind.CaseBlock, SyntaxKind.FunctionType, SyntaxKind.MethodSignature,
]);
// biome-ignore format: a list
const DECLARES: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.VariableDeclaration, SyntaxKind.Parameter, SyntaxKind.BindingElement, SyntaxKind.ImportSpecifier,
  SyntaxKind.ImportClause, SyntaxKind.NamespaceImport, SyntaxKind.FunctionDeclaration, SyntaxKind.FunctionExpression,
  SyntaxKind.ClassDeclaration,
]);
/** Places where an identifier is a name and no reference. */
// biome-ignore format: a list
const NAMES: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.PropertyAssignment, SyntaxKind.PropertySignature, SyntaxKind.PropertyDeclaration,
  SyntaxKind.MethodDeclaration, SyntaxKind.MethodSignature, SyntaxKind.GetAccessor, SyntaxKind.SetAccessor,
  SyntaxKind.ExportSpecifier, SyntaxKind.TypeReference, SyntaxKind.TypeQuery, SyntaxKind.QualifiedName,
  SyntaxKind.LabeledStatement, SyntaxKind.TypeAliasDeclaration, SyntaxKind.InterfaceDeclaration,
  SyntaxKind.TypeParameter, SyntaxKind.NamedTupleMember, SyntaxKind.ExpressionWithTypeArguments,
]);

const scopeOf = (node: Node): Node | undefined => {
  let at: Node | undefined = node.parent;
  while (at !== undefined && !SCOPES.has(at.kind)) at = at.parent;
  return at;
};

const isInitializer = (node: Node): boolean => {
  const parent = node.parent;
  return (
    (isVariableDeclaration(parent) || isParameterDeclaration(parent) || isBindingElement(parent)) &&
    parent.initializer === node
  );
};

/** Every reference to a name that no enclosing scope of the file declares. */
export function globalUses(source: Source): readonly GlobalUse[] {
  const declared = new Map<Node, Set<string>>();
  const identifiers: Node[] = [];
  walk(source.tree, (node) => {
    if (!isIdentifier(node)) return;
    if (!DECLARES.has(node.parent.kind) || isInitializer(node)) {
      identifiers.push(node);
      return;
    }
    // A function's own name belongs to the scope around it; its parameters to the function itself.
    const owner = node.parent.kind === SyntaxKind.FunctionDeclaration ? scopeOf(node.parent) : scopeOf(node);
    if (owner === undefined) return;
    const names = declared.get(owner) ?? new Set<string>();
    declared.set(owner, names.add(node.text));
  });

  const isDeclared = (node: Node, name: string): boolean => {
    for (let scope = scopeOf(node); scope !== undefined; scope = scopeOf(scope)) {
      if (declared.get(scope)?.has(name)) return true;
    }
    return false;
  };

  const found: GlobalUse[] = [];
  for (const node of identifiers) {
    if (!isIdentifier(node)) continue;
    const parent = node.parent;
    if (isPropertyAccessExpression(parent) && parent.name === node) {
      const whole = parent.expression;
      if (isIdentifier(whole) && whole.text === 'globalThis') found.push({ name: node.text, node: parent });
    } else if (isReference(node) && !isDeclared(node, node.text)) found.push({ name: node.text, node });
  }
  return found;
}

/** False for the name of a member or a type; true for `{ a: fetch }`, `{ fetch }` and every expression. */
function isReference(node: Node): boolean {
  const parent = node.parent;
  if (parent.kind === SyntaxKind.PropertyAssignment || parent.kind === SyntaxKind.PropertyDeclaration) {
    return 'initializer' in parent && parent.initializer === node;
  }
  return !NAMES.has(parent.kind);
}
