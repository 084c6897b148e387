/** A request for approval in a few words, as lists and notices have it. Unsafe to print before `safe()`. */
import type { ListedApproval } from '../../../recorder/governance-ops.ts';

/** Of 26 characters the last eight are told apart; `tally approvals show` takes them. */
const END_CHARS = 8;

export const shortId = (id: string): string => id.slice(-END_CHARS);

/** "billing-tool for ada", as far as anybody is known. */
export function whoAsks({ requester, user }: ListedApproval): string {
  const person = requester.user_id ?? user;
  const { agent_id, claimed, delegation = [] } = requester;
  if (agent_id === undefined) return person ?? 'nobody known';
  // "a > b": b has its name from a.
  const agent = `${[...delegation, agent_id].join(' > ')}${claimed === true ? ' (not proved)' : ''}`;
  return person === undefined ? agent : `${agent} for ${person}`;
}

/** For a call its address; for a tool its name. */
export function whatIsAsked({ action, target }: ListedApproval): string {
  if (target === undefined) return action;
  return action === 'http.call' ? target : `${action} (${target})`;
}
