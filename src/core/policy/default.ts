/** What `tally init` writes: comments for a person, and nothing allowed. */
export function defaultPolicyText(version = '1'): string {
  return `# What agents may do. Deny by default: only what stands here is allowed.
# Check it with: tally policy check        Reference: docs/policy.md

# Recorded with its hash on every decision; \`tally policy allow\` counts it up.
version: ${JSON.stringify(version)}

# enforce, or observe (record what would have been decided; needs allow_observe in the machine's configuration).
mode: enforce

# Callers without a checked token: those that name nobody, and those that only claim a name.
identity:
  anonymous: allow
  declared: allow

# Hosts that may be called. An empty list stops every call. Add one with: tally policy allow HOST[:PORT]
#   - api.stripe.com
#   - { host: localhost, port: 9000, http: true, internal: true }
allowlist: []

# Where a credential may go. Without a line here it may go to every host of the allowlist.
#   STRIPE_KEY: { hosts: [api.stripe.com], agents: [billing-tool], styles: [bearer], methods: { GET: allow, POST: allow } }
credentials: {}

# Agents whose name nobody may merely claim.
#   billing-tool: { requires: issued }
agents: {}
`;
}
