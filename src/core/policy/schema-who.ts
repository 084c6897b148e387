/** `roles`, `users`, `tools`, `agents`: who may use what. */
import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { host, name, names, places, recordOf, scope, tiers, word } from './schema-parts.ts';

const role = z.strictObject({
  scopes: z.array(scope).optional().describe('What who has this role may do.'),
  inherits: z.array(word).optional().describe('Roles whose scopes this one has too. Scopes only.'),
});
export type FileRole = z.infer<typeof role>;

const user = z.strictObject({
  email: z
    .string()
    .max(254)
    .regex(/^[^\s@]+@[^\s@]+$/, 'an e-mail address')
    .optional()
    .describe('In the record of every call for this user.'),
  roles: z.array(word).optional().describe('Names of roles:, or owner, admin, member, service, auditor.'),
  service: z.boolean().optional().describe('Not a person.'),
  scopes: z.array(scope).optional().describe('Besides those of the roles.'),
  ...places,
  ...tiers,
  tools: z.record(name, z.strictObject(tiers)).optional().describe('By tool: goes before everything else.'),
});
export type FileUser = z.infer<typeof user>;

const tool = z.strictObject({
  required_scopes: z.array(scope).optional().describe('All of them are needed.'),
  roles: z.array(word).optional().describe('One of these is needed, besides the scopes.'),
  sensitivity: z.enum(['low', 'medium', 'high']).optional(),
  writes: z.boolean().optional().describe('false: it changes nothing. Absent: it does.'),
  reason: z.literal('required').optional().describe('The caller has to state a purpose.'),
  ...tiers,
});
export type FileTool = z.infer<typeof tool>;

const agent = z.strictObject({
  requires: z.literal('issued').optional().describe('Nobody may merely claim to be this agent.'),
  credentials: z
    .strictObject({
      allow: names.optional().describe('Absent: every credential.'),
      deny: names.optional().describe('Wins over allow.'),
    })
    .optional()
    .describe('Names of credentials, or beginnings with "*".'),
  tools: names.optional().describe('Names of tools, or beginnings with "*". Absent: every tool.'),
  hosts: z.array(host).optional().describe('Absent: every host of the allowlist.'),
});
export type FileAgent = z.infer<typeof agent>;

export const who = {
  roles: recordOf(word, role, LIMITS.policyRoles).nullish().describe('Sets of scopes with a name.'),
  // Never null: of all users, "nobody is left" and "nothing is said" have to be told apart.
  users: recordOf(name, user, LIMITS.policyUsers)
    .optional()
    .describe('By user id. Absent: the machine’s own user is the owner. Present: nobody else is a member.'),
  tools: recordOf(name, tool, LIMITS.policyTools)
    .nullish()
    .describe('By the name of the tool, or of the action.'),
  agents: recordOf(name, agent, LIMITS.policyAgents)
    .nullish()
    .describe('By agent id: what it may use at the most.'),
};
