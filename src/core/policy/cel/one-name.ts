/**
 * A rule that was written for the names by which some clients call the tools of MCP servers, as it has to be put to a call:
 * each tool has one name (tool-name.ts). Only texts that are compared with `action.name` or `action.tool` are changed.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { oneToolName } from '../../tool-name.ts';
import { parseCel } from './compile.ts';

interface Change {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The text itself where nothing is to be changed, and where it does not parse. */
export function withOneName(text: string): string {
  if (!text.includes('__')) return text;
  const tree = parseCel(text);
  if ('problem' in tree) return text;
  const changes: Change[] = [];
  look(tree, text, changes);
  let changed = text;
  for (const { start, end, text: by } of changes.sort((a, b) => b.start - a.start))
    changed = changed.slice(0, start) + by + changed.slice(end);
  return changed;
}

const isName = (node: ASTNode): boolean =>
  node.op === '.' &&
  (node.args[1] === 'name' || node.args[1] === 'tool') &&
  node.args[0].op === 'id' &&
  node.args[0].args === 'action';

const textOf = (node: ASTNode | undefined): string | undefined =>
  node?.op === 'value' && typeof node.args === 'string' ? node.args : undefined;

function look(node: ASTNode, text: string, changes: Change[]): void {
  if (node.op === '==' || node.op === '!=') {
    const [left, right] = node.args;
    if (isName(left)) literal(right, changes);
    if (isName(right)) literal(left, changes);
  }
  if (node.op === 'in' && isName(node.args[0]) && node.args[1].op === 'list')
    for (const item of node.args[1].args) literal(item, changes);
  if (node.op === 'rcall' && isName(node.args[1])) {
    asked(node, text, changes);
    return;
  }
  for (const part of partsOf(node.args)) look(part, text, changes);
}

function literal(node: ASTNode, changes: Change[]): void {
  const said = textOf(node);
  if (said === undefined || oneToolName(said) === said) return;
  changes.push({ ...node.range, text: JSON.stringify(oneToolName(said)) });
}

/**
 * What begins like a client's name is the beginning of the one name; what may stand anywhere in it is asked both ways, and
 * so is a beginning that ends within the underlines.
 */
function asked(node: Extract<ASTNode, { op: 'rcall' }>, text: string, changes: Change[]): void {
  const [how, of, [about]] = node.args;
  const said = textOf(about);
  if (about === undefined || said === undefined || !said.includes('_')) return;
  const ways = how === 'startsWith' ? beginnings(said) : parts(said);
  const all = [...new Set(ways)];
  if (all.length === 1 && all[0] === said) return;
  const name = text.slice(of.range.start, of.range.end);
  const both = all.map((one) => `${name}.${how}(${JSON.stringify(one)})`).join(' || ');
  changes.push({ ...node.range, text: all.length === 1 ? both : `(${both})` });
}

/** Of the one names of all names that have it in them: of the two ends that are written as underlines, any may be in it. */
function parts(said: string): readonly string[] {
  const one = said.replace('__', '.');
  return [said, one, one.replace('__', '.')];
}

/** Of the one names of all names that begin so. */
function beginnings(said: string): readonly string[] {
  if (!said.startsWith('mcp_')) return [said];
  const more = /[^_]_$/.test(said) ? [oneToolName(`${said}_`)] : [];
  return [oneToolName(said), ...more];
}

function partsOf(args: unknown): readonly ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(partsOf);
  return typeof args === 'object' && args !== null && 'op' in args ? [args as ASTNode] : [];
}
