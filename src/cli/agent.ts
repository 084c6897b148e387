/** Which coding agent started this process, judged by its environment. An inference: it never raises an identity. */
import type { Env } from './context.ts';

export interface Agent {
  readonly name: string;
  /** Names of the variables that gave it away; never their values. */
  readonly signals: readonly string[];
}

/** The variables that @vercel/detect-agent looks at. It gives a name only, and the record shall say why. */
// biome-ignore format: one line a family
const VARIABLES: readonly string[] = [
  'AI_AGENT', 'CURSOR_TRACE_ID', 'CURSOR_AGENT', 'CURSOR_EXTENSION_HOST_ROLE', 'GEMINI_CLI',
  'CODEX_SANDBOX', 'CODEX_CI', 'CODEX_THREAD_ID', 'ANTIGRAVITY_AGENT', 'AUGMENT_AGENT', 'OPENCODE', 'OPENCODE_CLIENT',
  'CLAUDECODE', 'CLAUDE_CODE', 'CLAUDE_CODE_IS_COWORK', 'REPL_ID',
  'COPILOT_MODEL', 'COPILOT_ALLOW_ALL', 'COPILOT_GITHUB_TOKEN',
];
const LONGEST_NAME = 256;

export async function detectAgent(env: Env): Promise<Agent | undefined> {
  const { determineAgent } = await import('@vercel/detect-agent');
  const { isAgent, agent } = await determineAgent();
  if (!isAgent) return undefined;
  const signals = VARIABLES.filter((name) => env[name] !== undefined && env[name] !== '').map(
    (name) => `env:${name}`,
  );
  return { name: agent.name.slice(0, LONGEST_NAME), signals: signals.length > 0 ? signals : ['files'] };
}
