/** Which actions a rule can be about: most begin with `action.name == "…" &&`, and need no evaluation for others. */
import type { ASTNode } from '@marcbachmann/cel-js';

const isActionName = (node: ASTNode): boolean =>
  node.op === '.' && node.args[1] === 'name' && node.args[0].op === 'id' && node.args[0].args === 'action';

const textOf = (node: ASTNode): string | undefined =>
  node.op === 'value' && typeof node.args === 'string' ? node.args : undefined;

/**
 * The names for which it can be anything but false. Sound because `false && x` is false for every x, failures too.
 * Undefined: it may be about any action.
 */
export function actionNames(node: ASTNode): readonly string[] | undefined {
  if (node.op === '&&') return actionNames(node.args[0]) ?? actionNames(node.args[1]);
  if (node.op === '||') {
    const left = actionNames(node.args[0]);
    const right = left === undefined ? undefined : actionNames(node.args[1]);
    return left === undefined || right === undefined ? undefined : [...new Set([...left, ...right])];
  }
  if (node.op === '==') {
    const [left, right] = node.args;
    const name = isActionName(left) ? textOf(right) : isActionName(right) ? textOf(left) : undefined;
    return name === undefined ? undefined : [name];
  }
  if (node.op !== 'in' || !isActionName(node.args[0]) || node.args[1].op !== 'list') return undefined;
  const names = node.args[1].args.map(textOf);
  return names.every((name) => name !== undefined) ? names : undefined;
}
