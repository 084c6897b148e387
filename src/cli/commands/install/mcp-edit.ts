/**
 * Servers in the configuration of an MCP client, put behind `tally mcp wrap` and taken out again. Only `command` and the
 * beginning of `args` change; what is put in is taken out to the byte.
 */
import { basename } from 'node:path';
import { serverName } from '../../../capture/mcp/names.ts';
import { TallyError } from '../../../core/error.ts';
import { JsoncError, lineOf, memberOf, type Node, parseJsonc } from './jsonc.ts';

export interface Wrapper {
  /** What runs tally: absolute, since programs with a window have a PATH of their own. */
  readonly node: string;
  readonly program: string;
  readonly agent?: string;
}

export interface ServerChange {
  readonly name: string;
  readonly done: 'wrapped' | 'unwrapped' | 'already' | 'left';
  /** Of what is left: why. */
  readonly why?: string;
  readonly before?: readonly string[];
  readonly after?: readonly string[];
}

export interface Edited {
  readonly text: string;
  readonly changes: readonly ServerChange[];
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

interface Found {
  readonly key: string;
  readonly node: Node;
}

/** Throws BAD_CONFIG with line and column for what cannot be read. */
function serversIn(text: string, path: string): readonly Found[] {
  let root: Node;
  try {
    root = parseJsonc(text);
  } catch (error) {
    if (!(error instanceof JsoncError)) throw error;
    const { line, column } = lineOf(text, error.at);
    throw new TallyError(
      'BAD_CONFIG',
      `${path} cannot be read, so nothing in it was changed: line ${line}, column ${column}: ${error.message}`,
      {
        hint: 'mend the file, or move it away: its program cannot read it either',
      },
    );
  }
  const projects = memberOf(root, 'projects');
  const holders = [
    root,
    memberOf(root, 'mcp'),
    ...(projects?.kind === 'object' ? projects.members.map(({ value }) => value) : []),
  ];
  return holders
    .flatMap((holder) => [memberOf(holder, 'mcpServers'), memberOf(holder, 'servers')])
    .flatMap((servers) =>
      servers?.kind === 'object'
        ? servers.members.map(({ name, value }) => ({ key: name, node: value }))
        : [],
    );
}

interface Line {
  readonly command: Node & { kind: 'string' };
  readonly args: (Node & { kind: 'array' }) | undefined;
  readonly words: readonly string[];
}

/** The command line of a server; a text says why it has none that can be wrapped. */
function lineIn(node: Node): Line | string {
  const command = memberOf(node, 'command');
  if (command?.kind !== 'string')
    return memberOf(node, 'url') === undefined
      ? 'it has no command'
      : 'it is at a URL: tally mcp gateway stands before such a server';
  const args = memberOf(node, 'args');
  if (args === undefined) return { command, args: undefined, words: [command.value] };
  if (args.kind !== 'array') return 'its args are no list';
  const words = args.items.flatMap((item) => (item.kind === 'string' ? [item.value] : []));
  if (words.length !== args.items.length) return 'its args are not all texts';
  return { command, args, words: [command.value, ...words] };
}

/** Where the server's own command stands in `words` of a line that was wrapped; undefined of any other. */
function wrappedAt(words: readonly string[]): number | undefined {
  const isTally = (word: string | undefined): boolean =>
    word !== undefined && ['tally', 'tally.js'].includes(basename(word));
  const start = isTally(words[0]) ? 1 : isTally(words[1]) ? 2 : undefined;
  if (start === undefined || words[start] !== 'mcp' || words[start + 1] !== 'wrap') return undefined;
  const end = words.indexOf('--', start);
  return end === -1 || words[end + 1] === undefined ? undefined : end + 1;
}

function apply(text: string, edits: readonly Edit[]): string {
  let out = text;
  for (const { from, to, text: put } of [...edits].sort((a, b) => b.from - a.from))
    out = out.slice(0, from) + put + out.slice(to);
  return out;
}

const quote = (word: string): string => JSON.stringify(word);
const listed = (words: readonly string[]): string => words.map(quote).join(', ');
/** Where there were no args: no person and no formatter writes it so, which tells it apart from an empty list. */
const ADDED = ',  "args":  [';

export function wrapServers(text: string, path: string, wrapper: Wrapper): Edited {
  const edits: Edit[] = [];
  const taken = new Set<string>();
  const changes = serversIn(text, path).map(({ key, node }): ServerChange => {
    const line = lineIn(node);
    if (typeof line === 'string') return { name: key, done: 'left', why: line };
    if (wrappedAt(line.words) !== undefined) return { name: key, done: 'already' };
    const name = nameOf(key, taken);
    const { command, args, words } = line;
    const agent = wrapper.agent === undefined ? [] : ['--agent', wrapper.agent];
    const put = [wrapper.program, 'mcp', 'wrap', '--name', name, ...agent, '--', command.value];
    edits.push({ from: command.from, to: command.to, text: quote(wrapper.node) });
    if (args === undefined) edits.push({ from: command.to, to: command.to, text: `${ADDED}${listed(put)}]` });
    else {
      const [first] = args.items;
      const at = first?.from ?? args.from + 1;
      edits.push({ from: at, to: at, text: first === undefined ? listed(put) : `${listed(put)}, ` });
    }
    return { name: key, done: 'wrapped', before: words, after: [wrapper.node, ...put, ...words.slice(1)] };
  });
  return { text: apply(text, edits), changes };
}

/** Servers of several projects may have one name: they are one to the policy. Two names that become one are not. */
function nameOf(key: string, taken: Set<string>): string {
  const plain = serverName(key) ?? 'server';
  let name = plain;
  if (plain !== key) for (let n = 2; taken.has(name); n++) name = `${plain}-${n}`;
  taken.add(name);
  return name;
}

export function unwrapServers(text: string, path: string): Edited {
  const edits: Edit[] = [];
  const changes = serversIn(text, path).flatMap(({ key, node }): ServerChange[] => {
    const line = lineIn(node);
    const at = typeof line === 'string' ? undefined : wrappedAt(line.words);
    if (typeof line === 'string' || at === undefined || line.args === undefined) return [];
    const { command, args, words } = line;
    const [own = '', ...rest] = words.slice(at);
    edits.push({ from: command.from, to: command.to, text: quote(own) });
    const [first] = args.items;
    const next = args.items[at];
    const last = args.items[at - 1];
    if (text.startsWith(ADDED, command.to) && rest.length === 0)
      edits.push({ from: command.to, to: args.to, text: '' });
    else if (first !== undefined && last !== undefined)
      edits.push({ from: first.from, to: next?.from ?? last.to, text: '' });
    return [{ name: key, done: 'unwrapped', before: words, after: [own, ...rest] }];
  });
  return { text: apply(text, edits), changes };
}
