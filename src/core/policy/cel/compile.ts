/**
 * Rules of a policy: CEL (Common Expression Language, cel.dev), parsed by a library, checked and bounded here
 * (spec/policy.md, "Rules"). A rule that compiles gives true, false or a failure for any bindings, in bounded time;
 * where it gives true or false, so does CEL.
 */
import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { LIMITS } from '../../limits.ts';
import { walk } from './check.ts';
import { actionNames } from './names.ts';
import { type Part, Refusal } from './part.ts';

export interface CelProgram {
  readonly text: string;
  readonly part: Part;
  /** Names of the facts that it reads, sorted. */
  readonly facts: readonly string[];
  /** Set when it can be true for these names of actions only. */
  readonly actions: readonly string[] | undefined;
}

export interface CelProblem {
  readonly problem: string;
  readonly hint?: string;
  /** In UTF-16 units of the text. */
  readonly offset?: number;
}

const parser = new Environment({
  unlistedVariablesAreDyn: true,
  limits: {
    maxAstNodes: LIMITS.celNodes,
    maxDepth: LIMITS.celDepth,
    maxListElements: LIMITS.celListItems,
    maxMapEntries: LIMITS.celNodes,
    maxCallArguments: 8,
  },
});

const TOKENS: Readonly<Record<string, string>> = { EOF: 'its end', IN: '"in"' };

/** The parser's own words, without the picture of the place that follows them. */
function syntaxProblem(error: unknown): CelProblem {
  const { summary, message, range, code } = error as {
    summary?: unknown;
    message?: unknown;
    range?: { start?: unknown };
    code?: unknown;
  };
  const offset = typeof range?.start === 'number' ? { offset: range.start } : {};
  if (code === 'limit_exceeded')
    return { problem: `a rule may have ${LIMITS.celNodes} parts`, hint: 'make it several rules', ...offset };
  const text = (typeof summary === 'string' ? summary : String(message)).split('\n')[0] ?? '';
  const words = text.replace(/\b(EOF|IN)\b/g, (token) => TOKENS[token] ?? token);
  const single = text.includes('character: =') ? { hint: 'equality is ==' } : {};
  return { problem: `it does not parse as CEL: ${words.slice(0, 200)}`, ...single, ...offset };
}

export function parseCel(text: string): ASTNode | CelProblem {
  try {
    return parser.parse(text).ast;
  } catch (error) {
    return syntaxProblem(error);
  }
}

export type CompileCel = typeof compileCel;

/** Total: any text. `facts`: the names that the policy gives to facts; absent: any name. */
export function compileCel(
  text: string,
  facts?: ReadonlySet<string>,
): { readonly program: CelProgram } | CelProblem {
  if (text.length > LIMITS.celChars)
    return { problem: `a rule may have ${LIMITS.celChars} characters`, hint: 'make it several rules' };
  if (text.trim() === '') return { problem: 'the rule is empty' };
  const tree = parseCel(text);
  if ('problem' in tree) return tree;
  const reads = { known: facts, facts: new Set<string>() };
  try {
    const part = walk(tree, { reads, item: undefined, count: { nodes: 0 } });
    if (part.kind !== 'bool' && part.kind !== 'any')
      return { problem: 'a rule has to give true or false', offset: 0 };
    const program = { text, part, facts: [...reads.facts].sort(), actions: actionNames(tree) };
    return { program };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { message, hint, offset } = error;
    return { problem: message, ...(hint === undefined ? {} : { hint }), offset };
  }
}
