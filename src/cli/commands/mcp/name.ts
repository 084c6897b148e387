import { serverName } from '../../../capture/mcp/names.ts';
import { TallyError } from '../../../core/error.ts';

/** What the policy calls a server: as its user says, or a guess of ours. Throws USAGE for what cannot be in a policy. */
export function nameOf(guess: string, given: string | undefined): string {
  if (given === undefined) return serverName(guess) ?? 'server';
  const name = serverName(given);
  if (name === given) return name;
  throw new TallyError('USAGE', `${given} cannot be the name of a server`, {
    hint: `letters, digits, "-" and "_", 64 at most${name === undefined ? '' : `: --name ${name}`}`,
  });
}
