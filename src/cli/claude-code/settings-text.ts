/** One member of a settings file replaced, put in or taken out in its text: all else in the file stays to the byte. */
import { TallyError } from '../../core/error.ts';
import { isObject } from '../../core/query/fields.ts';
import { JsoncError, lineOf, type Node, parseJsonc } from '../commands/install/jsonc.ts';

export type Settings = { readonly [name: string]: unknown };

/**
 * Throws BAD_CONFIG, with line and column, for what the agent would not read either, and for what two readers could read
 * differently. An empty file has no settings.
 */
export function readSettings(path: string, text: string): Settings {
  if (text.trim() === '') return {};
  const root = parsed(path, text);
  if (root.kind !== 'object') throw bad(path, 'it is not one JSON object');
  const names = root.members.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw bad(path, `it has two members called ${JSON.stringify(twice)}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad(path, 'it has comments, or a comma too many, which JSON has not');
  }
  const { hooks, env } = value as Settings;
  if (hooks !== undefined && !isObject(hooks)) throw bad(path, '"hooks" is not an object');
  if (env !== undefined && !isObject(env)) throw bad(path, '"env" is not an object');
  return value as Settings;
}

/** `value` undefined: without the member. The text is one that `readSettings` takes. */
export function withMember(path: string, text: string, name: string, value: unknown): string {
  const indent = indentOf(text);
  if (text.trim() === '') {
    if (value === undefined) return text;
    return `{\n${indent}${JSON.stringify(name)}: ${written(value, indent)}\n}\n`;
  }
  const root = parsed(path, text);
  if (root.kind !== 'object') throw bad(path, 'it is not one JSON object');
  const at = root.members.findIndex((member) => member.name === name);
  const member = root.members[at];
  const [before, after] = [root.members[at - 1], root.members[at + 1]];
  if (member !== undefined && value !== undefined)
    return splice(text, member.value.from, member.value.to, written(value, indent));
  if (member !== undefined) {
    if (before !== undefined) return splice(text, before.value.to, member.value.to, '');
    if (after === undefined) return splice(text, root.from + 1, root.to - 1, '');
    return splice(text, root.from + 1, text.indexOf(',', member.value.to) + 1, '');
  }
  if (value === undefined) return text;
  const entry = `${JSON.stringify(name)}: ${written(value, indent)}`;
  const last = root.members.at(-1);
  if (last !== undefined) return splice(text, last.value.to, last.value.to, `,\n${indent}${entry}`);
  return splice(text, root.from, root.to, `{\n${indent}${entry}\n}`);
}

function parsed(path: string, text: string): Node {
  try {
    return parseJsonc(text);
  } catch (error) {
    if (!(error instanceof JsoncError)) throw error;
    const { line, column } = lineOf(text, error.at);
    throw bad(path, `line ${line}, column ${column}: ${error.message}`);
  }
}

function bad(path: string, why: string): TallyError {
  return new TallyError('BAD_CONFIG', `${path} cannot be changed, and was not: ${why}`, {
    hint: 'mend the file, or move it away: Claude Code reads plain JSON',
  });
}

const splice = (text: string, from: number, to: number, put: string): string =>
  `${text.slice(0, from)}${put}${text.slice(to)}`;

/** As the first member is indented. */
function indentOf(text: string): string {
  return /\{\s*?\n([ \t]+)"/.exec(text)?.[1] ?? '  ';
}

/** A value as it stands behind the name of a member of the outermost object. */
function written(value: unknown, indent: string): string {
  return JSON.stringify(value, null, indent).replaceAll('\n', `\n${indent}`);
}
