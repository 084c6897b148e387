/**
 * Names under which coding agents run, for those that started us without a variable that says so. Only programs whose
 * children are theirs: an editor is the ancestor of the terminal in which a person types, so no editor is in here.
 */
interface Program {
  /** The program, or the script that an interpreter runs, without directory and `.js`, `.mjs`, `.cjs`, `.py`. */
  readonly name: string;
  readonly agent: string;
}

// biome-ignore format: one line an agent
export const PROGRAMS: readonly Program[] = [
  { name: 'claude', agent: 'claude' },
  { name: 'claude-code', agent: 'claude' },
  { name: 'codex', agent: 'codex' },
  { name: 'gemini', agent: 'gemini' },
  { name: 'gemini-cli', agent: 'gemini' },
  { name: 'cursor-agent', agent: 'cursor-cli' },
  { name: 'copilot', agent: 'github-copilot' },
  { name: 'opencode', agent: 'opencode' },
  { name: 'aider', agent: 'aider' },
  { name: 'goose', agent: 'goose' },
  { name: 'amp', agent: 'amp' },
  { name: 'qwen', agent: 'qwen-code' },
  { name: 'crush', agent: 'crush' },
  { name: 'openhands', agent: 'openhands' },
  { name: 'auggie', agent: 'augment-cli' },
  { name: 'droid', agent: 'droid' },
  { name: 'kiro-cli', agent: 'kiro' },
];

/** What runs a script: the script then has the name. */
const INTERPRETERS = /^(?:node|nodejs|bun|deno|python(?:\d(?:\.\d+)?)?|ruby|sh|bash|dash|zsh)$/;
/** Packages whose script is called `cli.js` or `index.js`: their directory has the name. */
const IN_PACKAGE =
  /(?:^|\/)(?:@anthropic-ai\/(claude-code)|@openai\/(codex)|@google\/(gemini-cli)|@github\/(copilot)|@sourcegraph\/(amp))(?:\/|$)/;

const bare = (path: string): string =>
  path.slice(path.lastIndexOf('/') + 1).replace(/\.(?:[cm]?js|py|exe)$/, '');

/**
 * The agent that a process is, by the name the kernel has for it and by what it was started as. Arguments are looked at
 * up to the script that is run, and are not kept: they may hold anything.
 */
export function agentOfProcess(comm: string, argv: readonly string[]): string | undefined {
  const started = bare(argv[0] ?? '');
  const script = INTERPRETERS.test(started) ? argv.slice(1).find((arg) => !arg.startsWith('-')) : undefined;
  const packaged = IN_PACKAGE.exec(script ?? argv[0] ?? '')
    ?.slice(1)
    .find((name) => name !== undefined);
  const names = [comm, started, ...(script === undefined ? [] : [bare(script)]), packaged];
  return PROGRAMS.find(({ name }) => names.includes(name))?.agent;
}
