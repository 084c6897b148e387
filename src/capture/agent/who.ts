/** What a process says of itself when it asks for a secret: also which programs started it. */
import type { Client } from '../../recorder/ops.ts';
import { ancestryOf, type ReadProcess } from './ancestry.ts';

/** `Client.detected` holds as many. */
const MOST_SIGNALS = 16;

/**
 * Adds the ancestors. One of them that is a coding agent names the agent where no variable does, and is a signal beside
 * the variables where they say the same.
 */
export function withAncestry(client: Client, ppid: number, read?: ReadProcess): Client {
  const { ancestors, agent } = ancestryOf(ppid, read);
  const known = client.detected;
  const name = known?.agent ?? agent;
  const signals = [...(known?.signals ?? []), ...(agent === undefined ? [] : [`process:${agent}`])];
  return {
    ...client,
    ppid,
    ancestors: [...ancestors],
    ...(name === undefined ? {} : { detected: { agent: name, signals: signals.slice(0, MOST_SIGNALS) } }),
  };
}

/** Not a person's own hand: inside a run, with a token, or started by a coding agent as far as can be told. */
export function isAgentClient({ detected, run_token, agent_token }: Client): boolean {
  return detected !== undefined || run_token !== undefined || agent_token !== undefined;
}
