/** What `tally init` writes: every section with a comment for a person, and nothing allowed. */
export function defaultPolicyText(version = '1'): string {
  return `# What agents may do. Deny by default: only what stands here is allowed.
# Check it: tally policy check      Ask it: tally policy explain --agent NAME --url URL      Reference: docs/policy.md

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
#   - "*.sendgrid.com"
#   - { host: api.github.com, methods: [GET], paths: ["/repos/**"] }
#   - { host: localhost, port: 9000, http: true, internal: true }
allowlist: []

# Where a credential may go. Without a line here it may go to every host of the allowlist.
#   STRIPE_KEY: { hosts: [api.stripe.com], agents: [billing-tool], methods: { GET: allow, POST: approval_required } }
credentials: {}

# What an agent may use at the most, and whether anybody may claim its name.
#   billing-tool: { requires: issued, credentials: { allow: [STRIPE_KEY] }, tools: ["refund.*"], hosts: [api.stripe.com] }
agents: {}

# What follows bounds nothing until it stands here.
#
# Who may do what. Without users: this machine's own user is the owner; with it, nobody else is a member.
# roles: { clerk: { scopes: [payments.write] } }
# users: { u_17: { email: kim@example.com, roles: [clerk] } }
# tools: { refund.create: { required_scopes: [payments.write], interactive: { permission: approval_required } } }
# defaults: { background: { permission: allow, rate: 20/m } }
#
# Rules over the call, the caller and the facts that are taken from its arguments.
# facts: { amount: args.amount }
# rules:
#   - id: big-refund
#     when: 'action.name == "refund.create" && facts.amount > 10000.0'
#     decision: approval_required
#     reason: refund_over_limit
#     approvers: [role:admin]
#     ttl: 15m
#
# How often, how much, and how long somebody is waited for.
# limits: { per_user: 60/m, burst: 12 }
# budgets: { max_steps: 25, max_seconds: 600, max_tool_calls: 100, max_usd: 1.00, max_repeat_action: 3 }
# approvals: { ttl: 10m, hold: 30s }
`;
}
