/**
 * Environment variables by which coding agents give themselves away. Presence decides; a value is never recorded, since
 * some of these hold tokens.
 */
interface Signal {
  readonly variable: string;
  readonly agent: string;
  /** Only this value counts: the name alone is too common. */
  readonly value?: string;
}

/**
 * In the order in which @vercel/detect-agent judges, then agents that it does not know. An editor's agent comes before
 * the editor: `CURSOR_TRACE_ID` is also in the terminal of a person.
 */
// biome-ignore format: one line a signal
export const SIGNALS: readonly Signal[] = [
  { variable: 'CURSOR_TRACE_ID', agent: 'cursor' },
  { variable: 'CURSOR_AGENT', agent: 'cursor-cli' },
  { variable: 'CURSOR_EXTENSION_HOST_ROLE', agent: 'cursor-cli', value: 'agent-exec' },
  { variable: 'GEMINI_CLI', agent: 'gemini' },
  { variable: 'CODEX_SANDBOX', agent: 'codex' },
  { variable: 'CODEX_CI', agent: 'codex' },
  { variable: 'CODEX_THREAD_ID', agent: 'codex' },
  { variable: 'ANTIGRAVITY_AGENT', agent: 'antigravity' },
  { variable: 'AUGMENT_AGENT', agent: 'augment-cli' },
  { variable: 'OPENCODE', agent: 'opencode', value: '1' },
  { variable: 'OPENCODE_CLIENT', agent: 'opencode' },
  { variable: 'CLAUDE_CODE_IS_COWORK', agent: 'cowork' },
  { variable: 'CLAUDECODE', agent: 'claude' },
  { variable: 'CLAUDE_CODE', agent: 'claude' },
  { variable: 'REPL_ID', agent: 'replit' },
  { variable: 'COPILOT_MODEL', agent: 'github-copilot' },
  { variable: 'COPILOT_ALLOW_ALL', agent: 'github-copilot' },
  { variable: 'COPILOT_GITHUB_TOKEN', agent: 'github-copilot' },
  { variable: 'AMP_CURRENT_THREAD_ID', agent: 'amp' },
  { variable: 'GOOSE_TERMINAL', agent: 'goose' },
  { variable: 'CLINE_ACTIVE', agent: 'cline' },
  { variable: 'QWEN_CODE', agent: 'qwen-code' },
];
