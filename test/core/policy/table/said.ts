/** permission, rules. */
import type { Tier } from '../../../../src/core/entry.ts';
import type { CompiledPolicy, Rule, TierRules, UserRule } from '../../../../src/core/policy/compiled.ts';
import type { DecisionInputs, DecisionRequest } from '../../../../src/core/policy/types.ts';
import type { Case } from './case.ts';

const tier =
  (name: Tier | undefined) =>
  (request: DecisionRequest): DecisionRequest => {
    const { tier: _, ...action } = request.action;
    return { ...request, action: name === undefined ? action : { ...action, tier: name } };
  };
const user =
  (rest: Partial<UserRule>) =>
  (policy: CompiledPolicy): CompiledPolicy => ({
    ...policy,
    users: { ...policy.users, u_17: { roles: ['member'], ...rest } },
  });
const toolSays =
  (tiers: TierRules) =>
  (policy: CompiledPolicy): CompiledPolicy => ({
    ...policy,
    tools: { ...policy.tools, 'refund.create': { ...policy.tools?.['refund.create'], tiers } },
  });
const defaults =
  (said: TierRules) =>
  (policy: CompiledPolicy): CompiledPolicy => ({ ...toolSays({})(policy), defaults: said });

const denied = (what: string, of: string, rest: Partial<Case>, at: Tier = 'interactive'): Case => ({
  what,
  layer: 'permission',
  says: 'fail',
  reason: 'policy_denied',
  message: `the policy says stop for ${of} (${at})`,
  ...rest,
});
const wants = { permission: { wants: 'policy_approval_required' } } as const;

const permission: readonly Case[] = [
  { what: 'the tool says allow for this tier', layer: 'permission', says: 'pass' },
  {
    what: 'a call without a tier is interactive',
    layer: 'permission',
    says: 'pass',
    request: tier(undefined),
  },
  {
    what: 'what nothing is said of',
    layer: 'permission',
    says: 'skip',
    policy: ({ defaults: _, ...policy }) => toolSays({})(policy),
  },
  {
    what: 'nothing of the tool: what the policy says by default',
    layer: 'permission',
    says: 'pass',
    request: tier('api'),
    policy: defaults({ interactive: { permission: 'stop' }, api: { permission: 'allow' } }),
  },
  {
    what: 'the user’s word stands before the tool’s',
    layer: 'permission',
    says: 'pass',
    request: tier('background'),
    policy: user({ tiers: { background: { permission: 'allow' } } }),
  },
  {
    what: 'the user’s word on the tool stands before the user’s',
    layer: 'permission',
    says: 'pass',
    policy: user({
      tiers: { interactive: { permission: 'stop' } },
      tools: { 'refund.create': { interactive: { permission: 'allow' } } },
    }),
  },
  {
    what: 'the tool wants an approval, which the rule asks for',
    layer: 'permission',
    says: 'pass',
    request: tier('subagent'),
    others: wants,
  },
  denied('the tool says stop', '"refund.create"', { request: tier('background') }, 'background'),
  denied('the defaults say stop', 'whatever nothing else is said of', {
    policy: defaults({ interactive: { permission: 'stop' } }),
  }),
  denied('the user says stop, and the tool allow', 'this user', {
    policy: user({ tiers: { interactive: { permission: 'stop' } } }),
  }),
  denied('the user says stop for the tool, and allow by default', '"refund.create" and this user', {
    policy: user({
      tiers: { interactive: { permission: 'allow' } },
      tools: { 'refund.create': { interactive: { permission: 'stop' } } },
    }),
  }),
];

const rules =
  (...list: readonly (Partial<Rule> & Pick<Rule, 'when' | 'decision'>)[]) =>
  (policy: CompiledPolicy): CompiledPolicy => ({
    ...policy,
    rules: list.map((rule, i) => ({ id: `r${i}`, ...rule })),
  });
const facts =
  (read: DecisionInputs['facts']) =>
  ({ facts: _, ...inputs }: DecisionInputs): DecisionInputs =>
    read === undefined ? inputs : { ...inputs, facts: read };
const YES = 'action.tier == "interactive"';
const unapproved = { others: { rules: 'pass', approval: 'skip' }, unapproved: true } as const;
const failed = (what: string, reason: string, message: string, rest: Partial<Case>): Case => ({
  what,
  layer: 'rules',
  says: 'fail',
  reason,
  message,
  rule: 'r0',
  ...rest,
});
const streamed = (request: DecisionRequest): DecisionRequest => ({ ...request, args: 'streamed' });

const said: readonly Case[] = [
  { what: 'a rule wants an approval, and there is one', layer: 'rules', says: 'pass' },
  {
    what: 'no rule and no reason is asked for',
    layer: 'rules',
    says: 'skip',
    policy: ({ rules: _, ...policy }) => ({
      ...policy,
      tools: { 'refund.create': { roles: ['member'], tiers: { interactive: { permission: 'allow' } } } },
    }),
    others: { approval: 'skip' },
    unapproved: true,
  },
  {
    what: 'no rule is about this call',
    layer: 'rules',
    says: 'pass',
    inputs: facts({ amount: 9_999.5 }),
    ...unapproved,
  },
  {
    what: 'a rule says allow, which is told',
    layer: 'rules',
    says: 'pass',
    policy: rules({ when: YES, decision: 'allow' }, { when: YES, decision: 'allow' }),
    ...unapproved,
    rule: 'r0',
  },
  {
    what: 'allow does not lift an approval that the tool wants',
    layer: 'rules',
    says: 'pass',
    policy: rules({ when: 'true', decision: 'allow' }),
    request: tier('subagent'),
    others: { ...wants, rules: 'pass' },
    rule: 'r0',
  },
  {
    what: 'a rule that another name of an action is named in needs no facts',
    layer: 'rules',
    says: 'pass',
    policy: rules({ when: 'action.name == "other" && facts.amount > 1.0', decision: 'stop' }),
    request: streamed,
    ...unapproved,
  },
  {
    what: 'a reason was asked for and given, and there is no rule',
    layer: 'rules',
    says: 'pass',
    policy: ({ rules: _, ...policy }) => policy,
    ...unapproved,
  },
  failed('a rule says stop', 'policy_denied', 'the rule "r0" says stop', {
    policy: rules({ when: YES, decision: 'stop' }),
  }),
  failed('a rule says stop with a code of its author', 'too_late', 'the rule "r0" says stop', {
    policy: rules({ when: YES, decision: 'stop', reason: 'too_late' }),
  }),
  failed('a stop beats an approval and an allow before it', 'policy_denied', 'the rule "r2" says stop', {
    policy: rules(
      { when: YES, decision: 'allow' },
      { when: YES, decision: 'approval_required' },
      { when: YES, decision: 'stop' },
    ),
    rule: 'r2',
  }),
  failed(
    'a fact that the call does not have',
    'rule_error',
    'the rule "r0" failed: the call has no fact "amount"',
    {
      policy: rules({ when: 'facts.amount > 1.0', decision: 'allow' }),
      inputs: facts({}),
    },
  ),
  failed(
    'a rule that this version does not compile',
    'rule_error',
    'the rule "r0" failed: the rule is empty',
    {
      policy: rules({ when: ' ', decision: 'allow' }),
    },
  ),
  failed(
    'arguments that were streamed past',
    'args_unavailable',
    'the rule "r0" needs the arguments, which were streamed past',
    {
      policy: rules({ when: 'has(facts.amount) && facts.amount > 1.0', decision: 'stop' }),
      request: streamed,
      inputs: facts(undefined),
    },
  ),
  {
    what: 'a reason that the tool wants and nobody gave',
    layer: 'rules',
    says: 'fail',
    reason: 'reason_required',
    message: '"refund.create" is for callers who say why, and this one gave no reason',
    request: ({ reason_given: _, ...request }) => request,
  },
];

export const SAID: readonly Case[] = [...permission, ...said];
