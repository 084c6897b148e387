import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { policyDoubts } from '../../../src/core/policy/doubts.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';

const doubts = (text: string): readonly string[] =>
  policyDoubts(compilePolicy(`version: "1"\n${text}`, { id: 'local' }).compiled);

const ASKS = "rules: [{ id: big, when: 'true', decision: approval_required, approvers: [role:lead] }]";

describe('what is likely not meant', () => {
  const DOUBTED: Readonly<Record<string, readonly [text: string, ...told: RegExp[]]>> = {
    'a rule that nobody may answer': [
      `roles: { lead: {} }\nusers: { u: {} }\n${ASKS}`,
      /"big".*no user is role:lead/,
    ],
    'an approval that nobody may give': [
      'users: { u: { roles: [member] } }\ndefaults: { api: { permission: approval_required } }',
      /nobody may approve.*role:owner or role:admin/,
      /nothing of interactive, subagent, background: calls of these tiers are allowed/,
    ],
    'a rule that stops whatever has no such fact': [
      'allowlist: [api.example.com]\nfacts: { amount: args.amount }\nrules: [{ id: big, when: "facts.amount > 100.0", decision: stop }]',
      /"big" stops even a GET of api\.example\.com, which has no fact "amount".*has\(facts\.amount\)/,
    ],
    'a rule that does so for one host': [
      'allowlist: [a.example, b.example]\nfacts: { n: args.n }\nrules: [{ id: r, when: \'action.host == "b.example" && facts.n > 1.0\', decision: approval_required }]',
      /"r" stops even a GET of b\.example/,
    ],
    'what holds for an agent that cannot be': [
      'agents: { "Refund Agent": { tools: [] }, billing-tool: {} }',
      /^agents: no agent can have the id "Refund Agent".*has the id "Refund-Agent"$/,
    ],
    'a scope that nobody has': ['users: { u: {} }\ntools: { t: { required_scopes: [a.b] } }', /"t".*"a\.b"/],
    'a role that nobody has': ['users: { u: {} }\ntools: { t: { roles: [admin] } }', /"t".*role admin/],
  };
  for (const [what, [text, ...told]] of Object.entries(DOUBTED))
    it(`is ${what}`, () => {
      const found = doubts(text);
      assert.equal(found.length, told.length, found.join('\n'));
      for (const [i, words] of told.entries()) assert.match(found[i] ?? '', words);
    });

  const FINE: Readonly<Record<string, string>> = {
    'a machine of one person': ASKS.replace('lead', 'admin'),
    'a rule that somebody may answer': `roles: { lead: {} }\nusers: { u: { roles: [lead] } }\n${ASKS}`,
    'an owner in the place of an admin': `users: { u: { roles: [owner] } }\n${ASKS.replace('lead', 'admin')}`,
    'a rule that asks whether the fact is there':
      'allowlist: [a.example]\nfacts: { n: args.n }\nrules: [{ id: r, when: "has(facts.n) && facts.n > 1.0", decision: stop }]',
    'a rule about a tool that has the fact':
      'facts: { n: args.n }\nrules: [{ id: r, when: \'action.name == "refund" && facts.n > 1.0\', decision: stop }]',
    'a default for every tier':
      'defaults: { interactive: { permission: allow }, subagent: { permission: allow }, background: { permission: stop }, api: { permission: stop } }',
    'a user by id': `users: { u: {} }\n${ASKS.replace('role:lead', 'user:u')}`,
    'a scope of a role':
      'roles: { r: { scopes: [a.b] } }\nusers: { u: { roles: [r] } }\ntools: { t: { required_scopes: [a.b] } }',
    'a scope of the user': 'users: { u: { scopes: [a.b] } }\ntools: { t: { required_scopes: [a.b] } }',
  };
  for (const [what, text] of Object.entries(FINE))
    it(`is not ${what}`, () => {
      assert.deepEqual(doubts(text), []);
    });

  it('is told twenty times at most, and then counted', () => {
    const tools = Array.from({ length: 30 }, (_, i) => `t${i}: { required_scopes: [a.b] }`).join(', ');
    const found = doubts(`users: {}\ntools: { ${tools} }`);
    assert.deepEqual([found.length, found.at(-1)], [21, 'and 10 more of this kind']);
  });
});
