/** A call that nobody made: what is asked about in `tally policy explain`, and what a row of a policy's tests says. */
import { z } from 'zod';
import { INJECTION_STYLES, TIERS } from '../entry.ts';
import { LIMITS } from '../limits.ts';

const name = z.string().min(1).max(LIMITS.idChars);
const names = z.array(name).max(LIMITS.supposedNames);
const count = z.number().nonnegative();

export const SupposedCallSchema = z.strictObject({
  /** Of the action or the tool. Absent, with a URL: the plain call. */
  action: name.optional(),
  tier: z.enum(TIERS).optional(),
  capability: name.optional(),
  method: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,31}$/, 'a method such as GET')
    .optional(),
  url: z.string().max(LIMITS.supposedUrlChars).optional(),
  credentials: z
    .array(z.union([name, z.strictObject({ ref: name, style: z.enum(INJECTION_STYLES).optional() })]))
    .max(LIMITS.credentialsPerCall)
    .optional(),
  args: z.record(z.string(), z.unknown()).optional(),
  /** By the names in the policy; put where the policy would read them. */
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  streamed: z.boolean().optional(),
  reason: z.boolean().optional(),
  agent: name.optional(),
  user: name.optional(),
  /** Somebody with this role, whoever it is. */
  role: name.optional(),
  /** What the token passes on at most. */
  scopes: names.optional(),
  /** `claimed`: the agent's name without a token. */
  identity: z.enum(['checked', 'claimed', 'none']).optional(),
  delegation: z.array(name).max(LIMITS.delegationDepth).optional(),
  project: name.optional(),
  environment: name.optional(),
  run: name.optional(),
  /** What the host's name would resolve to. */
  addresses: z.array(z.string().max(64)).max(LIMITS.supposedNames).optional(),
});
export type SupposedCall = z.infer<typeof SupposedCallSchema>;

/** What is taken for granted besides the call, where nothing is read from a recorder. */
export const SupposedStateSchema = z.strictObject({
  /** Calls in every window before this one. */
  calls: count.optional(),
  steps: count.optional(),
  seconds: count.optional(),
  tool_calls: count.optional(),
  usd: count.optional(),
  repeats: count.optional(),
  killed: names.optional(),
  approval: z.enum(['granted', 'denied', 'pending', 'expired', 'used']).optional(),
});
export type SupposedState = z.infer<typeof SupposedStateSchema>;
