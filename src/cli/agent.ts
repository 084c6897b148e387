/** Which coding agent started this process, judged by its environment. An inference: it never raises an identity. */
import { detectAgent as detect } from '../capture/agent/detect.ts';

export interface Agent {
  readonly name: string;
  /** Names of the variables that gave it away; never their values. */
  readonly signals: readonly string[];
}

export async function detectAgent(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Agent | undefined> {
  // It reads the process environment and a file itself; ours adds which signal matched, and agents it does not know.
  const { determineAgent } = await import('@vercel/detect-agent');
  const { agent } = await determineAgent();
  const found = detect({ env, library: agent?.name });
  return found === undefined ? undefined : { name: found.agent, signals: found.signals };
}
