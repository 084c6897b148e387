/** The sections of the policy file about users, tools, rules and bounds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TallyError } from '../../../src/core/error.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import type { CompiledPolicy } from '../../../src/core/policy/compiled.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import { policyFromSnapshot } from '../../../src/core/policy/snapshot.ts';

const compiled = (text: string): CompiledPolicy =>
  compilePolicy(`version: "1"\n${text}`, { id: 'local' }).compiled;

function refusal(text: string): TallyError {
  try {
    compilePolicy(text, { id: 'local' });
  } catch (error) {
    assert.ok(error instanceof TallyError && error.code === 'POLICY_INVALID', String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `accepted: ${text.slice(0, 200)}` });
}

const WHOLE = `
facts: { amount: args.amount, currency: args.payment.items.0.currency }
allowlist:
  - "*.SendGrid.com:443"
  - { host: api.github.com, methods: [get, POST], paths: ["/repos/**"], projects: [web], environments: [production] }
  - { host: api.github.com, methods: [DELETE] }
credentials:
  STRIPE_KEY: { hosts: ["*.stripe.com"], methods: { GET: allow, POST: approval_required } }
roles:
  member: { scopes: [crm.read] }
  lead: { scopes: [payments.write], inherits: [member, clerk] }
  clerk: { scopes: [mail.send], inherits: [member] }
users:
  u_17:
    email: a@example.com
    roles: [lead]
    scopes: [x.y]
    projects: [web]
    environments: [production]
    interactive: { permission: allow, rate: 60/m }
    tools: { refund.create: { interactive: { permission: stop } } }
  robot: { service: true }
tools:
  refund.create: { required_scopes: [payments.write], roles: [lead], sensitivity: high, reason: required, interactive: { permission: approval_required } }
  crm.read: { writes: false }
defaults: { interactive: { permission: allow, rate: 6/10s }, api: {} }
agents:
  billing: { credentials: { allow: [STRIPE_KEY], deny: ["PROD_*"] }, tools: ["refund.*"], hosts: ["*.stripe.com:443"], requires: issued }
rules:
  - { id: big-refund, when: 'action.name == "refund.create" && facts.amount > 10000.0', decision: approval_required, reason: refund_over_limit, approvers: [role:admin, user:u_17], ttl: 15m }
  - { id: never, when: 'action.method == "TRACE"', decision: stop, reason: policy_denied }
limits: { per_user: 6/10s, per_agent: 100/h, per_tenant: 1000/d, global: 100000/31d, burst: 12 }
budgets: { max_steps: 25, max_seconds: 60.5, max_tool_calls: 12, max_usd: 0, max_repeat_action: 3 }
approvals: { hold: 5s }
`;

describe('a whole policy', () => {
  it('compiles: rates into milliseconds, inherited scopes into roles, names into their one form', () => {
    const policy = compiled(WHOLE);
    assert.deepEqual(policy.allowlist, [
      { host: '*.sendgrid.com', port: 443 },
      {
        host: 'api.github.com',
        methods: ['GET', 'POST'],
        paths: ['/repos/**'],
        projects: ['web'],
        environments: ['production'],
      },
      { host: 'api.github.com', methods: ['DELETE'] },
    ]);
    assert.deepEqual(policy.credentials, {
      STRIPE_KEY: { hosts: ['*.stripe.com'], methods: { GET: 'allow', POST: 'approval_required' } },
    });
    assert.deepEqual(policy.facts, { amount: ['amount'], currency: ['payment', 'items', '0', 'currency'] });
    assert.deepEqual(policy.roles, {
      member: { scopes: ['crm.read'] },
      lead: { scopes: ['crm.read', 'mail.send', 'payments.write'] },
      clerk: { scopes: ['crm.read', 'mail.send'] },
    });
    assert.deepEqual(policy.users, {
      u_17: {
        roles: ['lead'],
        email: 'a@example.com',
        scopes: ['x.y'],
        projects: ['web'],
        environments: ['production'],
        tiers: { interactive: { permission: 'allow', rate: { count: 60, window_ms: 60_000 } } },
        tools: { 'refund.create': { interactive: { permission: 'stop' } } },
      },
      robot: { roles: [], service: true },
    });
    assert.deepEqual(policy.tools, {
      'refund.create': {
        required_scopes: ['payments.write'],
        roles: ['lead'],
        sensitivity: 'high',
        reason: 'required',
        tiers: { interactive: { permission: 'approval_required' } },
      },
      'crm.read': { writes: false },
    });
    assert.deepEqual(policy.defaults, {
      interactive: { permission: 'allow', rate: { count: 6, window_ms: 10_000 } },
      api: {},
    });
    assert.deepEqual(policy.agents, {
      billing: {
        requires: 'issued',
        credentials: { allow: ['STRIPE_KEY'], deny: ['PROD_*'] },
        tools: ['refund.*'],
        hosts: ['*.stripe.com:443'],
      },
    });
    assert.deepEqual(policy.rules, [
      {
        id: 'big-refund',
        when: 'action.name == "refund.create" && facts.amount > 10000.0',
        decision: 'approval_required',
        reason: 'refund_over_limit',
        approvers: ['role:admin', 'user:u_17'],
        ttl_ms: 900_000,
      },
      { id: 'never', when: 'action.method == "TRACE"', decision: 'stop', reason: 'policy_denied' },
    ]);
    assert.deepEqual(policy.limits, {
      per_user: { count: 6, window_ms: 10_000 },
      per_agent: { count: 100, window_ms: 3_600_000 },
      per_tenant: { count: 1_000, window_ms: 86_400_000 },
      global: { count: 100_000, window_ms: 31 * 86_400_000 },
      burst: 12,
    });
    assert.deepEqual(policy.budgets, {
      max_steps: 25,
      max_seconds: 60.5,
      max_tool_calls: 12,
      max_usd: 0,
      max_repeat_action: 3,
    });
    assert.deepEqual(policy.approvals, {
      ttl_ms: LIMITS.approvalTtlMs,
      hold_ms: 5_000,
      approver_may_be_requester: false,
    });
  });

  it('may hold nobody while a person is asked, and says so with a unit', () => {
    const policy = compilePolicy('version: "1"\napprovals: { hold: 0s }', { id: 'local' });
    assert.equal(policy.compiled.approvals?.hold_ms, 0);
    assert.deepEqual(policyFromSnapshot(policy.snapshot), policy);
    for (const text of ['hold: 0', 'hold: 0m', 'hold: 00s', 'ttl: 0s'])
      assert.match(refusal(`version: "1"\napprovals: { ${text} }`).message, /a number and a unit/);
  });

  it('has a snapshot that compiles back to the same policy', () => {
    const policy = compilePolicy(`version: "1"\n${WHOLE}`, { id: 'local' });
    assert.deepEqual(policyFromSnapshot(policy.snapshot), policy);
  });

  it('says nothing of what the file says nothing of', () => {
    const silent = compiled('');
    for (const key of [
      'roles',
      'users',
      'tools',
      'defaults',
      'facts',
      'rules',
      'limits',
      'budgets',
      'approvals',
    ])
      assert.ok(!(key in silent), key);
    assert.deepEqual(compiled('users: {}').users, {});
  });

  it('may call a user, a tool or a role whatever objects have by themselves', () => {
    const { users, tools, roles } = compiled(
      'roles: { constructor: { scopes: [a] }, b: { inherits: [constructor] } }\ntools: { toString: {} }\nusers: { hasOwnProperty: { tools: { toString: {} } } }',
    );
    assert.deepEqual(roles?.b, { scopes: ['a'] });
    assert.ok(Object.hasOwn(tools ?? {}, 'toString') && Object.hasOwn(users ?? {}, 'hasOwnProperty'));
    assert.match(refusal('version: "1"\nusers: { a: { roles: [toString] } }').message, /no role "toString"/);
  });
});

describe('a snapshot', () => {
  it('of an earlier version still compiles', () => {
    const earlier =
      '{"agents":{"x":{"requires":"issued"}},"allowlist":[{"host":"a.example","http":true}],"credentials":{"K":{"methods":{"GET":"allow"}}},"format":1,"id":"local","identity":{"anonymous":"allow","declared":"stop"},"mode":"enforce","source_hash":"'.concat(
        'a'.repeat(64),
        '","version":"1"}',
      );
    assert.equal(policyFromSnapshot(Buffer.from(earlier)).compiled.version, '1');
  });

  it('with anything in it that is not known is refused, at any depth', () => {
    const text = Buffer.from(compilePolicy(`version: "1"\n${WHOLE}`, { id: 'local' }).snapshot).toString();
    for (const [from, to] of [
      ['"burst":12', '"burst":12,"busrt":1'],
      ['"scopes":["crm.read"]', '"scopes":["crm.read"],"x":1'],
      ['"permission":"stop"', '"permission":"maybe"'],
      ['"decision":"stop"', '"decision":"stop","else":"allow"'],
    ] as const) {
      const other = text.replace(from, to);
      assert.notEqual(other, text);
      assert.throws(() => policyFromSnapshot(Buffer.from(other)), { code: 'POLICY_INVALID' });
    }
  });
});

/** What is refused: the text, where, the words, and the mend. */
const REFUSED: Readonly<
  Record<string, readonly [text: string, place: string, words: RegExp, hint?: RegExp]>
> = {
  'a circle of roles': [
    'roles: { a: { inherits: [b] }, b: { inherits: [c] }, c: { inherits: [a] } }',
    '2:70',
    /in a circle: a → b → c → a/,
    /take one of them out/,
  ],
  'a role that inherits itself': ['roles: { a: { inherits: [a] } }', '2:26', /in a circle: a → a/],
  'a role that inherits one that is not there': [
    'roles: { a: { inherits: [membr] } }',
    '2:26',
    /no role "membr"/,
    /"member"/,
  ],
  'a user with an unknown role': [
    'users: { u: { roles: [admn] } }',
    '2:23',
    /no role "admn"/,
    /did you mean "admin"/,
  ],
  'users that are empty': ['users:', '2:1', /users is empty/, /users: \{\}/],
  'two users with one address': [
    'users: { u: { email: a@b.c }, v: { email: A@b.c } }',
    '2:43',
    /"u" and "v" have one e-mail address/,
  ],
  'no address': ['users: { u: { email: nobody } }', '2:22', /an e-mail address/],
  'a user’s tool that is not there': [
    'users: { u: { tools: { refund.crate: {} } } }\ntools: { refund.create: {} }',
    '2:38',
    /no tool "refund.crate"/,
    /did you mean "refund.create"/,
  ],
  'a misspelt tier': [
    'users: { u: { interactiv: {} } }',
    '2:15',
    /unknown key "interactiv"/,
    /"interactive"/,
  ],
  'another word for stop': ['defaults: { api: { permission: deny } }', '2:32', /"allow" or "stop"/, /"stop"/],
  'another word for an approval': [
    'defaults: { api: { permission: escalate } }',
    '2:32',
    /./,
    /"approval_required"/,
  ],
  'a rate without a time': ['limits: { per_user: 60 }', '2:21', /a number of calls and a time: 60\/m/],
  'a rate in minutes': ['limits: { per_user: 60/min }', '2:21', /a number of calls and a time: 60\/m/],
  'a rate of nothing': ['limits: { per_user: 0/m }', '2:21', /a number of calls/],
  'a rate over a year': ['limits: { per_user: 1/365d }', '2:21', /in at most 31d/],
  'a burst of nothing': ['limits: { burst: 0 }', '2:18', /at least 1/],
  'a budget below nothing': ['budgets: { max_usd: -1 }', '2:21', /at least 0/],
  'half a step': ['budgets: { max_steps: 1.5 }', '2:23', /a whole number/],
  'an unknown bound': ['budgets: { max_step: 1 }', '2:12', /unknown key "max_step"/, /"max_steps"/],
  'an approval for ever': ['approvals: { ttl: 365d }', '2:19', /at most 7d/],
  'a time without a unit': ['approvals: { ttl: 600 }', '2:19', /a number and a unit/],
  'a scope with a star in it': [
    'roles: { a: { scopes: ["a.*"] } }',
    '2:24',
    /one scope such as payments\.write, without \*/,
  ],
  'a tool that requires many scopes in one': [
    'tools: { a: { required_scopes: ["a.*"] } }',
    '2:33',
    /without \*/,
  ],
  'a star within a name of a contract': ['agents: { a: { tools: ["a*b"] } }', '2:24', /not at its end/],
  'a misspelt tool in a contract': [
    'tools: { refund.create: {} }\nagents: { a: { tools: [refund.creat] } }',
    '3:24',
    /no "refund.creat"/,
    /did you mean "refund.create"\? If not, name it/,
  ],
  'a fact that is no argument': ['facts: { amount: amount }', '2:18', /args\.amount/],
  'a fact that is a credential': [
    'facts: { key: args.api_key }',
    '2:15',
    /"api_key" is the name of a credential/,
  ],
  'a fact that is called as a credential': ['facts: { password: args.x }', '2:20', /"password" is the name/],
  'a fact that no rule could name': ['facts: { "a b": args.x }', '2:17', /a name: a letter/],
  'a line that another line makes idle': [
    'allowlist: [a.example, { host: A.example, methods: [GET] }]',
    '2:24',
    /allowlist\[0\] and allowlist\[1\] are both for a\.example, and one of them allows all of it/,
    /remove the line/,
  ],
  'the same narrowed line twice': [
    'allowlist: [{ host: a.example, methods: [GET] }, { host: a.example, methods: [get] }]',
    '2:50',
    /listed twice/,
  ],
  'a path without a slash': ['allowlist: [{ host: a.example, paths: [repos] }]', '2:40', /begins with "\/"/],
  'a method twice on one line': [
    'allowlist: [{ host: a.example, methods: [GET, get] }]',
    '2:47',
    /names GET twice/,
  ],
  'two rules with one id': [
    "rules:\n- { id: a, when: 'true', decision: allow }\n- { id: a, when: 'true', decision: stop }",
    '4:9',
    /two rules have the id "a"/,
  ],
  'a rule that is no CEL': [
    "facts: { amount: args.amount }\nrules:\n- { id: a, when: 'facts.amount + 1 > 2.0', decision: stop }",
    '4:34',
    /the rule "a": .*whole number/,
    /write 1\.0/,
  ],
  'a rule that reads a fact that is not named': [
    'facts: { amount: args.amount }\nrules:\n- id: a\n  when: facts.amuont > 1\n  decision: stop',
    '5:9',
    /no fact "amuont"/,
    /did you mean facts\.amount/,
  ],
  'a rule about a misspelt tool': [
    'tools: { refund.create: {} }\nrules:\n- { id: a, when: \'action.name == "refund.crate"\', decision: stop }',
    '4:18',
    /about "refund.crate"/,
    /did you mean "refund.create"/,
  ],
  'a misspelt reason code': [
    "rules:\n- { id: a, when: 'true', decision: stop, reason: polcy_denied }",
    '3:50',
    /no reason code "polcy_denied"/,
    /did you mean "policy_denied"/,
  ],
  'a reason in words': [
    "rules:\n- { id: a, when: 'true', decision: stop, reason: Too much }",
    '3:50',
    /a code in small letters/,
  ],
  'an approver that nobody is': [
    "rules:\n- { id: a, when: 'true', decision: approval_required, approvers: [role:admni] }",
    '3:67',
    /no role "admni"/,
    /did you mean "admin"/,
  ],
  'an approver who is no user': [
    'users: { u_17: {} }\napprovals: { approvers: [user:u_71] }',
    '3:26',
    /no user "u_71"/,
  ],
  'an approver without a kind': ['approvals: { approvers: [admin] }', '2:26', /"role:NAME" or "user:ID"/],
  'approvers of a rule that stops': [
    "rules:\n- { id: a, when: 'true', decision: stop, approvers: [role:admin] }",
    '3:53',
    /"approvers" in the rule "a" is for decision: approval_required/,
  ],
};

describe('a policy is refused with line, column and the mend when it has', () => {
  for (const [what, [text, place, words, hint]] of Object.entries(REFUSED))
    it(what, () => {
      const error = refusal(`version: "1"\n${text}`);
      assert.match(error.message, words);
      assert.equal(`${error.details?.line}:${error.details?.column}`, place, error.message);
      if (hint !== undefined) assert.match(error.hint ?? '', hint);
    });

  it('a role whose scopes multiply', () => {
    const scopes = Array.from({ length: 600 }, (_, i) => `s${i}`).join(', ');
    const more = Array.from({ length: 600 }, (_, i) => `t${i}`).join(', ');
    assert.match(
      refusal(`version: "1"\nroles: { a: { scopes: [${scopes}] }, b: { scopes: [${more}], inherits: [a] } }`)
        .message,
      /the role b has 1200 scopes/,
    );
  });

  it('its own reason codes are fine, also ones that differ from ours in a number', () => {
    for (const reason of ['refund_over_limit', 'policy_denied', 'max_steps2'])
      compiled(`rules: [{ id: a, when: 'true', decision: stop, reason: ${reason} }]`);
  });

  it('a tool of an agent or a rule that only the file’s tools do not have, unless it looks misspelt', () => {
    compiled(
      'tools: { refund.create: {}, mail.v1: {} }\nagents: { a: { tools: [crm.read, mail.v2, "refund.*"] } }\nrules: [{ id: a, when: \'action.name == "crm.read"\', decision: allow }]',
    );
  });
});

describe('a deep chain of roles', () => {
  it('is worked out, and a circle through a thousand of them is told', () => {
    const role = (i: number, to: number | string): string =>
      `r${i}: { scopes: [s${i % 10}], inherits: [r${to}] }`;
    const chain = Array.from({ length: 999 }, (_, i) => role(i, i + 1));
    const { roles } = compiled(`roles: { ${chain.join(', ')}, r999: { scopes: [last] } }`);
    assert.equal(roles?.r0?.scopes.length, 11);
    assert.match(
      refusal(`version: "1"\nroles: { ${[...chain, role(999, 0)].join(', ')} }`).message,
      /in a circle: .*…/,
    );
  });
});
