/** What a server, its tools and what is asked of it are called in the log and in the policy. */
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';

/** `mcp.SERVER.TOOL`: which server it is belongs to the name, since each may call its tools what it likes. */
export function toolName(server: string, tool: string): string {
  return bounded(`mcp.${server}.${tool}`);
}

/** Of what is no tool: `mcp.SERVER.resources/read`. */
export const methodName = toolName;

/** A name that is too long is told from others all the same. */
export function bounded(name: string): string {
  const text = name.toWellFormed();
  if (text.length <= LIMITS.idChars) return text;
  return `${text.slice(0, LIMITS.idChars - 65).toWellFormed()}…${sha256Hex(text)}`;
}

/** Programs that only start others, with their words before the name of what they start. */
const STARTERS: ReadonlySet<string> = new Set([
  ...['npx', 'npm', 'pnpm', 'pnpx', 'yarn', 'bun', 'bunx', 'deno', 'node', 'tsx'],
  ...['uv', 'uvx', 'pipx', 'python', 'python3', 'docker', 'podman', 'cmd', 'sh', 'env'],
]);
const VERBS: ReadonlySet<string> = new Set(['exec', 'dlx', 'run', 'x', 'tool', '/c', '-m', '-c']);

/**
 * A name for a server whose user gave none: what its command line starts, without version, directory and ending. A guess,
 * but the same for the same command line.
 */
export function serverNameOf(command: string, args: readonly string[]): string {
  const program = plain(command);
  if (!STARTERS.has(program)) return named(program);
  const started = args.find((arg) => !arg.startsWith('-') && !VERBS.has(arg));
  return named(started === undefined ? program : plain(started));
}

function plain(word: string): string {
  const last =
    word
      .split(/[/\\]/)
      .filter((part) => part !== '')
      .at(-1) ?? word;
  return last
    .replace(/@[^@]*$/, (version, at: number) => (at === 0 ? version : ''))
    .replace(/\.(exe|cmd|[cm]?[jt]s|py)$/, '');
}

const named = (word: string): string => serverName(word) ?? 'server';

/** As a policy can write it: letters, digits, `_` and `-`. Undefined when nothing of it can. */
export function serverName(word: string): string | undefined {
  const name = word
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 64);
  return name === '' ? undefined : name;
}
