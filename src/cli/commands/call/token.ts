import { TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';

const TOKEN = /^(agt|run)_/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What is said of the caller: proved by a token, or a name alone. */
export interface Presented {
  readonly agentToken?: string;
  readonly agent?: string;
}

/**
 * `--token` is a token, or, as clients of AgentSecrets have it, the name of one: of the environment variable that holds
 * it. A name without a token is an error, not a call without one. But a client that was given an agent and no token makes
 * the name up (BOT_TOKEN for "bot"): through its own command, where nobody else has a say, that is the agent's name.
 */
export function presented(context: Context, given: string | undefined): Presented {
  const agentToken = tokenOf(context, given);
  if (agentToken !== undefined) return { agentToken };
  if (given === undefined) return {};
  const agent = /^(.+)_TOKEN$/.exec(given)?.[1]?.toLowerCase();
  if (context.env.TALLY_SHIM === 'agentsecrets' && agent !== undefined) {
    context.warn(`${given} is not set: the agent is recorded as ${agent}, by its name alone`);
    return { agent };
  }
  const or = VARIABLE.test(given) ? `, or ${given}=…` : '';
  throw new TallyError(
    'TOKEN_INVALID',
    '--token is neither a token nor the name of a variable that holds one',
    {
      hint: `tally agent token issue NAME prints one; then TALLY_AGENT_TOKEN=…${or}`,
    },
  );
}

function tokenOf(context: Context, given: string | undefined): string | undefined {
  if (given === undefined) return context.env.TALLY_AGENT_TOKEN;
  if (TOKEN.test(given)) {
    context.warn('--token is seen by other programs; set TALLY_AGENT_TOKEN instead');
    return given;
  }
  const held = VARIABLE.test(given) ? context.env[given] : undefined;
  return held === '' ? undefined : held;
}
