/** Requests about agents and their tokens, and the shapes of what keeps a token or a run to less. */
import { z } from 'zod';
import { AGENT_ID } from '../core/agent-id.ts';
import type { ListedAgent, ListedToken } from '../core/identity/list.ts';
import { LIMITS } from '../core/limits.ts';
import { parseHostPattern } from '../core/policy/host-pattern.ts';
import { formatHostPort } from '../core/policy/hosts.ts';

const id = z.string().min(1).max(LIMITS.idChars);
/** Names become file names, YAML keys and header values: letters, digits and `._-:@/` only. */
export const name = z.string().regex(AGENT_ID, 'letters, digits and . _ : @ / - only, at most 128');
const reason = z.string().max(LIMITS.reasonBytes).optional();
export const scopes = z
  .array(
    z
      .string()
      .max(LIMITS.scopeChars)
      .regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]*$/, 'a scope is a name such as crm.read, compared whole'),
  )
  .max(LIMITS.tokenScopes)
  .optional();
const names = z.array(z.string().min(1).max(LIMITS.idChars)).max(LIMITS.contractNames);
const host = z.string().transform((text, context) => {
  const parsed = parseHostPattern(text);
  if (!('problem' in parsed)) return formatHostPort(parsed.host, parsed.port);
  context.addIssue({ code: 'custom', message: parsed.problem });
  return z.NEVER;
});
/** What the calls of a token or a run may use at most. */
export const contract = z
  .strictObject({
    tools: names.exactOptional(),
    hosts: z.array(host).max(LIMITS.contractNames).exactOptional(),
    credentials: z
      .strictObject({ allow: names.exactOptional(), deny: names.exactOptional() })
      .exactOptional(),
  })
  .optional();
const seconds = z
  .number()
  .int()
  .positive()
  .max(10 * 365 * 86_400)
  .optional();

/** What a token is made for, whoever makes it. */
const TOKEN = {
  agent_id: name,
  label: z.string().max(128).optional(),
  expires_in_s: seconds,
  project_id: id.optional(),
  environment: id.optional(),
  scopes,
  contract,
};

export const AGENT_OPS = {
  'agent.register': z.object({ agent_id: name, description: z.string().max(512).optional() }),
  'token.issue': z.object({
    ...TOKEN,
    user_id: id.optional(),
  }),
  /** A token below another one, asked for by whoever holds that. It has no more than its parent, and ends with it. */
  'token.delegate': z.object({
    /** An agent token or a run token. */
    parent: z.string().max(512),
    ...TOKEN,
  }),
  'token.revoke': z.object({ token_id: id, reason }),
  /** Agents first, then tokens; as many as one message holds. */
  'agent.list': z.object({
    /** An agent, or the id of a token: only what belongs to it. */
    name: id.optional(),
    /** Only tokens that are good now. */
    live: z.literal(true).optional(),
    /** Rows that were seen before: `next` of the answer before. */
    after: z.int().nonnegative().optional(),
  }),
} as const;

export interface AgentResults {
  'agent.register': { readonly agent_id: string; readonly id: string };
  'token.issue': {
    readonly token_id: string;
    readonly token: string;
    readonly expires_at?: string;
    /** The policy names users and the token none: alone it stops every call. */
    readonly no_user?: true;
    readonly id: string;
  };
  'token.delegate': {
    readonly token_id: string;
    readonly token: string;
    /** First delegator first. */
    readonly chain: readonly string[];
    readonly expires_at: string;
    readonly id: string;
  };
  'token.revoke': { readonly token_id: string; readonly id: string };
  'agent.list': {
    readonly agents: readonly ListedAgent[];
    readonly tokens: readonly ListedToken[];
    /** There are more: ask with it as `after`. */
    readonly next?: number;
  };
}

export interface StartedRun {
  readonly run_id: string;
  readonly token: string;
  /** The policy names users and nobody stands behind the run: by itself it stops every call. */
  readonly no_user?: true;
  readonly id: string;
}
