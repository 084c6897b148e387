/**
 * From the tree of a rule to its checked parts. One walk: it counts the nodes, knows what kind each part gives, and
 * refuses what is not offered with the words that mend it. What passes here ends: no recursion, no loop but one
 * comprehension at a time over at most `celListItems` items, no pattern that backtracks.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { LIMITS } from '../../limits.ts';
import { shown } from '../hosts.ts';
import { didYouMean } from '../suggest.ts';
import { ROOTS } from './bindings.ts';
import { fieldPart, hasPart, type Reads } from './fields.ts';
import { double, noFunction, size, type TextTest, textTest } from './functions.ts';
import { comprehension, element, listOf, type Macro, membership } from './lists.ts';
import { arithmetic, choice, equality, logical, negative, not, ordering } from './operators.ts';
import { type Kind, type Part, Refusal } from './part.ts';

interface Scope {
  readonly reads: Reads;
  readonly item: { readonly name: string; readonly kind: Kind } | undefined;
  readonly count: { nodes: number };
}

const MACROS: readonly string[] = ['all', 'exists', 'exists_one', 'filter'] satisfies readonly Macro[];
const isMacro = (name: string): name is Macro => MACROS.includes(name);

const isRoot = (name: string): boolean => (ROOTS as readonly string[]).includes(name);

function literalPart(value: unknown, offset: number): Part {
  const constant = (kind: Kind, literal: string | number | boolean): Part => ({
    kind,
    literal,
    run: () => literal,
  });
  if (typeof value === 'boolean') return constant('bool', value);
  if (typeof value === 'string') return constant('text', value);
  if (typeof value === 'number') return constant('double', value);
  if (typeof value === 'bigint') {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return constant('int', number);
    throw new Refusal(
      'a whole number beyond 2^53 cannot be compared exactly',
      offset,
      'such values arrive as text: compare with text, in quotes',
    );
  }
  if (value === null)
    throw new Refusal('null is not offered', offset, 'ask whether it is there: has(facts.x)');
  throw new Refusal(
    'bytes and unsigned numbers are not offered',
    offset,
    'write text, or a number such as 1.0',
  );
}

function identifier(name: string, offset: number, { item }: Scope): Part {
  if (item !== undefined && item.name === name) return { kind: item.kind, run: (frame) => frame.item };
  if (isRoot(name))
    throw new Refusal(
      `${name} alone is no value`,
      offset,
      `name what of it: ${name}.${name === 'facts' ? 'amount' : name === 'action' ? 'name' : 'agent_id'}`,
    );
  const guess = didYouMean(name, ROOTS);
  throw new Refusal(
    `there is no ${shown(name)} here`,
    offset,
    guess === undefined
      ? 'a rule reads action.…, actor.… and facts.…; text stands in quotes'
      : `did you mean ${guess}?`,
  );
}

/** `action.name` and `facts["amount"]`: the root and the name, when it is that. */
function fieldOf(node: ASTNode, scope: Scope): { readonly root: string; readonly name: string } | undefined {
  if (node.op !== '.' && node.op !== '[]') return undefined;
  const [from, key] = node.args;
  if (from.op !== 'id' || !isRoot(from.args) || from.args === scope.item?.name) return undefined;
  if (typeof key === 'string') return { root: from.args, name: key };
  if (key.op === 'value' && typeof key.args === 'string') return { root: from.args, name: key.args };
  throw new Refusal('what a rule reads has to be named', node.start, `for example ${from.args}.name`);
}

function comprehend(
  macro: Macro,
  over: ASTNode,
  args: readonly ASTNode[],
  node: ASTNode,
  scope: Scope,
): Part {
  const [variable, body] = args;
  if (scope.item !== undefined)
    throw new Refusal(
      'a comprehension inside a comprehension is not offered',
      node.start,
      'make it two rules',
    );
  if (variable?.op !== 'id' || body === undefined || args.length !== 2)
    throw new Refusal(
      `${macro} needs a name and a condition`,
      node.start,
      `for example ${macro}(x, x == "a")`,
    );
  const list = walk(over, scope);
  if (list.kind !== 'list') throw new Refusal(`${macro}() goes through a list, and this is none`, over.start);
  scope.count.nodes += 1;
  const inner = { ...scope, item: { name: variable.args, kind: list.item ?? ('any' as const) } };
  return comprehension(macro, list, walk(body, inner), node.start);
}

const TEXT_TESTS: readonly string[] = ['startsWith', 'endsWith', 'contains'] satisfies readonly TextTest[];
const isTextTest = (name: string): name is TextTest => TEXT_TESTS.includes(name);

function call(name: string, args: readonly ASTNode[], node: ASTNode, scope: Scope): Part {
  const [only] = args;
  if (name === 'has') {
    const field =
      only === undefined || args.length !== 1 || only.op !== '.' ? undefined : fieldOf(only, scope);
    if (field === undefined)
      throw new Refusal('has() asks for one member', node.start, 'for example has(facts.amount)');
    scope.count.nodes += 2;
    return hasPart(field.root, field.name, node.start, scope.reads);
  }
  if (name !== 'size' && name !== 'double') {
    if (isMacro(name) || isTextTest(name))
      throw new Refusal(
        `${name}() stands behind a dot`,
        node.start,
        `for example actor.roles.${isMacro(name) ? `${name}(x, x == "a")` : `exists(x, x.${name}("a"))`}`,
      );
    throw noFunction(name, node.start);
  }
  if (only === undefined || args.length !== 1) throw new Refusal(`${name}() takes one value`, node.start);
  const part = walk(only, scope);
  return name === 'size' ? size(part, node.start) : double(part, node.start);
}

function method(name: string, on: ASTNode, args: readonly ASTNode[], node: ASTNode, scope: Scope): Part {
  if (isMacro(name)) return comprehend(name, on, args, node, scope);
  if (name === 'size' && args.length === 0) return size(walk(on, scope), node.start);
  const [only] = args;
  if (!isTextTest(name)) throw noFunction(name, node.start);
  if (only === undefined || args.length !== 1) throw new Refusal(`${name}() takes one value`, node.start);
  return textTest(name, walk(on, scope), walk(only, scope), node.start);
}

function access(node: ASTNode & { readonly op: '.' | '[]' }, scope: Scope): Part {
  const field = fieldOf(node, scope);
  if (field !== undefined) {
    scope.count.nodes += 1;
    return fieldPart(field.root, field.name, node.start, scope.reads);
  }
  const [from, key] = node.args;
  const list = walk(from, scope);
  if (typeof key === 'string')
    throw new Refusal(
      `there is nothing below ${node.input.slice(from.start, from.end).slice(0, 80)}`,
      node.start,
    );
  if (list.kind !== 'list') throw new Refusal('only a list has items', node.start);
  return element(list, walk(key, scope), node.start);
}

export function walk(node: ASTNode, scope: Scope): Part {
  scope.count.nodes += 1;
  if (scope.count.nodes > LIMITS.celNodes)
    throw new Refusal(`a rule may have ${LIMITS.celNodes} parts`, node.start, 'make it several rules');
  const at = node.start;
  switch (node.op) {
    case 'value':
      return literalPart(node.args, at);
    case 'id':
      return identifier(node.args, at, scope);
    case '.':
    case '[]':
      return access(node, scope);
    case '&&':
    case '||':
      return logical(node.op, walk(node.args[0], scope), walk(node.args[1], scope), at);
    case '!_':
      return not(walk(node.args, scope), at);
    case '-_':
      return negative(walk(node.args, scope), at);
    case '==':
    case '!=':
      return equality(node.op, walk(node.args[0], scope), walk(node.args[1], scope), at);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return ordering(node.op, walk(node.args[0], scope), walk(node.args[1], scope), at);
    case 'in':
      return membership(walk(node.args[0], scope), walk(node.args[1], scope), at);
    case '+':
    case '-':
    case '*':
    case '/':
    case '%': {
      const [left, right] = node.args;
      return arithmetic(node.op, walk(left, scope), walk(right, scope), [left.start, right.start]);
    }
    case '?:': {
      const [condition, yes, no] = node.args;
      return choice(walk(condition, scope), walk(yes, scope), walk(no, scope), [condition.start, no.start]);
    }
    case 'list':
      return listOf(
        node.args.map((item) => walk(item, scope)),
        at,
      );
    case 'call':
      return call(node.args[0], node.args[1], node, scope);
    case 'rcall':
      return method(node.args[0], node.args[1], node.args[2], node, scope);
    case 'map':
      throw new Refusal('a mapping { } is not offered', at, 'make it several rules');
    case '.?':
    case '[?]':
      throw new Refusal('optional members are not offered', at, 'ask first: has(facts.x) && …');
    default: {
      // A newer parser may know more; what is not known here is not evaluated.
      const unknown: never = node;
      throw new Refusal(`${shown(String((unknown as { op?: unknown }).op))} is not offered`, at);
    }
  }
}
