/** What may stand in no file, or only at the edges, as functions over parsed sources. */
import { type Node, type ObjectLiteralElementLike, SyntaxKind } from 'typescript/unstable/ast';
import {
  isArrowFunction,
  isBinaryExpression,
  isBlock,
  isCallExpression,
  isCatchClause,
  isElementAccessExpression,
  isFunctionExpression,
  isIdentifier,
  isNewExpression,
  isObjectBindingPattern,
  isObjectLiteralExpression,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isShorthandPropertyAssignment,
  isSpreadAssignment,
  isStringLiteral,
  isVariableDeclaration,
} from 'typescript/unstable/ast/is';
import { importsOf } from './imports.ts';
import { globalUses } from './scope.ts';
import { lineAt, lineOf, type Source, type Violation, walk, withoutLiterals } from './source.ts';

type Check = (source: Source) => readonly Violation[];

/** The command line and the composition root are where the world comes in; they hand it to the rest. */
const isEdge = (path: string): boolean => /^src\/(cli|open)\//.test(path) || path === 'src/open.ts';

/** Members of globals that read the world. */
const WORLD_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  process: ['env', 'exit'],
  Date: ['now'],
  Math: ['random'],
};
/** Core has no disk, network, clock, randomness or environment, so it has no use for these at all. */
// biome-ignore format: one line a kind
const NOT_IN_CORE: readonly string[] = [
  'process', 'performance', 'crypto', 'navigator', 'WebSocket', 'EventSource', 'XMLHttpRequest',
  'setTimeout', 'setInterval', 'setImmediate',
];

/** The one file of core that may ask the runtime what it offers: it asks for node:crypto and Buffer, and for nothing else. */
const HOST = 'src/core/host.ts';

function violations(source: Source, collect: (add: (node: Node, what: string) => void) => void) {
  const found: Violation[] = [];
  collect((node, what) => found.push({ path: source.path, line: lineOf(source, node), what }));
  return found;
}

/** The member that is taken of `node`'s global: `process.env`, `process['env']`, `const { env } = process`. */
function membersTaken(node: Node): readonly string[] {
  const parent = node.parent;
  if (isPropertyAccessExpression(parent) && parent.expression === node) return [parent.name.text];
  if (isElementAccessExpression(parent) && parent.expression === node) {
    return isStringLiteral(parent.argumentExpression) ? [parent.argumentExpression.text] : ['[computed]'];
  }
  if (isVariableDeclaration(parent) && parent.initializer === node && isObjectBindingPattern(parent.name)) {
    return parent.name.elements.map((item) => {
      const from = item.propertyName ?? item.name;
      return from !== undefined && isIdentifier(from) ? from.text : '[computed]';
    });
  }
  return [];
}

/** Clock, environment, randomness, network and exit only at the edges: everything else is handed them. */
export const worldOutsideEdges: Check = (source) =>
  isEdge(source.path)
    ? []
    : violations(source, (add) => {
        for (const { name, node } of globalUses(source)) {
          const members = membersTaken(node);
          for (const member of members) {
            if (WORLD_MEMBERS[name]?.includes(member) || (name in WORLD_MEMBERS && member === '[computed]')) {
              add(node, `${name}.${member} outside src/cli and src/open`);
            }
          }
          if (name === 'fetch' || name === 'console') add(node, `${name} outside src/cli and src/open`);
          if (name === 'Date' && isNewExpression(node.parent) && (node.parent.arguments ?? []).length === 0) {
            add(node, 'new Date() without an argument outside src/cli and src/open');
          }
          if (name === 'Date' && isCallExpression(node.parent) && node.parent.expression === node) {
            add(node, 'Date() reads the clock: outside src/cli and src/open');
          }
          const looks = source.path === HOST && name === 'process';
          if (source.path.startsWith('src/core/') && NOT_IN_CORE.includes(name) && !looks) {
            if (!(name === 'process' && members.some((m) => WORLD_MEMBERS.process?.includes(m)))) {
              add(node, `${name} in core`);
            }
          }
        }
      });

/** `import { env } from 'node:process'` would be process.env by a name that `worldOutsideEdges` cannot see. */
export const processImported: Check = (source) =>
  importsOf(source)
    .filter(({ specifier }) => specifier === 'node:process' || specifier === 'process')
    .map(({ specifier, line }) => ({
      path: source.path,
      line,
      what: `${specifier} imported: use the global, which a test can see`,
    }));

/** Escapes from the type system. */
export const untyped: Check = (source) => [
  ...violations(source, (add) => {
    walk(source.tree, (node) => {
      if (node.kind === SyntaxKind.AnyKeyword) add(node, 'any');
    });
  }),
  ...[...withoutLiterals(source).matchAll(/@ts-(ignore|nocheck|expect-error)/g)].map((match) => ({
    path: source.path,
    line: lineAt(source.text, match.index),
    what: match[0],
  })),
];

/** `skip: notRoot && 'only root can do this'`: depends on the machine, says why, and counts as skipped there. */
const isConditional = (property: Node): boolean =>
  isPropertyAssignment(property) &&
  isBinaryExpression(property.initializer) &&
  property.initializer.operatorToken.kind === SyntaxKind.AmpersandAmpersandToken &&
  isStringLiteral(property.initializer.right) &&
  property.initializer.left.kind !== SyntaxKind.TrueKeyword;

/** Tests that are switched off or that switch off the others. */
export const switchedOff: Check = (source) =>
  violations(source, (add) => {
    const words = /^(only|skip|todo)$/;
    walk(source.tree, (node) => {
      if (!isCallExpression(node)) return;
      const called = node.expression;
      if (isPropertyAccessExpression(called) && words.test(called.name.text)) {
        add(node, `.${called.name.text}(`);
      }
      if (!isIdentifier(called) || !/^(test|it|describe|suite)$/.test(called.text)) return;
      for (const argument of node.arguments) {
        if (!isObjectLiteralExpression(argument)) continue;
        for (const property of argument.properties) {
          if (!isPropertyAssignment(property) && !isShorthandPropertyAssignment(property)) continue;
          if (isIdentifier(property.name) && words.test(property.name.text) && !isConditional(property)) {
            add(property, `{ ${property.name.text} }`);
          }
        }
      }
    });
  });

const LONG = 300;
const TOO_LONG = 500;

const countLines = (source: Source): number => source.text.trimEnd().split('\n').length;

/** A test file may be a long table of cases, up to a bound. */
export const muchTooLong: Check = (source) =>
  countLines(source) > TOO_LONG
    ? [{ path: source.path, line: TOO_LONG, what: `${countLines(source)} lines: split it` }]
    : [];

/** Past 300 lines a file says why it is one file; past 500 it is two. */
export const tooLong: Check = (source) => {
  const lines = countLines(source);
  const what =
    lines > TOO_LONG
      ? `${lines} lines: split it`
      : lines > LONG && !/^(\/\/| \*) reason for length: \S/m.test(source.text)
        ? `${lines} lines and no "// reason for length: …"`
        : undefined;
  return what === undefined ? [] : [{ path: source.path, line: lines, what }];
};

/** An empty catch is an error swallowed, unless a comment in it says why nothing has to happen. */
export const swallowed: Check = (source) =>
  violations(source, (add) => {
    const isSilent = (node: Node): boolean =>
      isBlock(node) &&
      node.statements.length === 0 &&
      !/\/[/*]\s*\S/.test(source.text.slice(node.pos, node.end));
    walk(source.tree, (node) => {
      if (isCatchClause(node) && isSilent(node.block)) add(node, 'an empty catch without its reason');
      if (!isCallExpression(node) || !isPropertyAccessExpression(node.expression)) return;
      const handler = node.arguments[0];
      if (node.expression.name.text !== 'catch' || handler === undefined) return;
      if ((isArrowFunction(handler) || isFunctionExpression(handler)) && isSilent(handler.body)) {
        add(handler, 'an empty .catch() without its reason');
      }
    });
  });

/**
 * Codes whose message is all there is to say: bytes that do not decode (no command mends them; the caller turns them
 * into a verdict), and our own bugs.
 */
const NO_HINT_NEEDED: ReadonlySet<string> = new Set([
  'NOTE_MALFORMED',
  'NOTE_UNVERIFIED',
  'CHECKPOINT_MALFORMED',
  'PROOF_INVALID',
  'NOT_CANONICAL',
  'BAD_EVENT',
  'STOPPED',
  'INTERNAL',
]);

/** `hint: …`, `hint`, or a spread that may carry one. */
const mayHint = (property: ObjectLiteralElementLike): boolean =>
  isSpreadAssignment(property) ||
  ((isPropertyAssignment(property) || isShorthandPropertyAssignment(property)) &&
    isIdentifier(property.name) &&
    property.name.text === 'hint');

/** Every operational failure tells its reader how to mend it. */
export const withoutHint: Check = (source) =>
  violations(source, (add) => {
    walk(source.tree, (node) => {
      if (!isNewExpression(node) || !isIdentifier(node.expression)) return;
      if (node.expression.text !== 'TallyError') return;
      const [code, , options] = node.arguments ?? [];
      if (code !== undefined && isStringLiteral(code) && NO_HINT_NEEDED.has(code.text)) return;
      const hinted =
        options !== undefined &&
        (!isObjectLiteralExpression(options) || options.properties.some((p) => mayHint(p)));
      if (!hinted) add(node, `TallyError ${code?.getText(source.tree) ?? ''} without a hint`);
    });
  });
