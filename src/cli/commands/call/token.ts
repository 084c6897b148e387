import { TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';

const TOKEN = /^(agt|run)_/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * `--token` is a token, or, as clients of AgentSecrets have it, the name of one: of the environment variable that holds
 * it. A name without a token is an error, not a call without one.
 */
export function agentToken(context: Context, given: string | undefined): string | undefined {
  if (given === undefined) return context.env.TALLY_AGENT_TOKEN;
  if (TOKEN.test(given)) {
    context.warn('--token is seen by other programs; set TALLY_AGENT_TOKEN instead');
    return given;
  }
  const held = VARIABLE.test(given) ? context.env[given] : undefined;
  if (held !== undefined && held !== '') return held;
  throw new TallyError(
    'TOKEN_INVALID',
    '--token is neither a token nor the name of a variable that holds one',
    {
      hint: `tally agent token issue NAME prints one; then TALLY_AGENT_TOKEN=…${VARIABLE.test(given) ? `, or ${given}=…` : ''}`,
    },
  );
}
