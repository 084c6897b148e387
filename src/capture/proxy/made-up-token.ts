import type { Claims } from '../../recorder/api.ts';

/**
 * A 2.x client of AgentSecrets that is given an agent and no token sends one that it made of the name: BOT_TOKEN for "bot".
 * It proves nothing and claims nothing but the name beside it, so the call is a declared one. Any other is a token.
 */
export function withoutMadeUp({ agent_token, ...claims }: Claims): Claims {
  if (agent_token === undefined) return claims;
  const madeUp = claims.agent_id !== undefined && agent_token === `${claims.agent_id.toUpperCase()}_TOKEN`;
  return madeUp ? claims : { ...claims, agent_token };
}
