/**
 * The table of expected decisions that is kept beside a policy (`tally.policy.test.yaml`): calls, what may be taken for
 * granted, and what should be said of each.
 */
import { z } from 'zod';
import type { Decision } from '../entry.ts';
import { LIMITS } from '../limits.ts';
import type { PolicyInForce } from './compiled.ts';
import { parsePolicyDocument } from './document.ts';
import type { MachineOwner } from './principal.ts';
import { issueProblems, policyInvalid } from './problems.ts';
import { isReasonCode, LAYER_NAMES } from './reasons.ts';
import { keysIn } from './schema.ts';
import { outcome } from './schema-parts.ts';
import { suppose } from './suppose.ts';
import { SupposedCallSchema, SupposedStateSchema } from './supposed.ts';

const row = z.strictObject({
  name: z.string().min(1).max(LIMITS.idChars),
  call: SupposedCallSchema,
  state: SupposedStateSchema.optional(),
  expect: outcome,
  reason: z.string().max(64).optional(),
  rule: z.string().max(64).optional(),
  layer: z.enum(LAYER_NAMES).optional(),
});
export type PolicyTest = z.infer<typeof row>;

const PolicyTestsSchema = z.strictObject({ tests: z.array(row).max(LIMITS.policyTests) });

/** Throws POLICY_INVALID with the place of what is wrong. */
export function parsePolicyTests(text: string): readonly PolicyTest[] {
  const doc = parsePolicyDocument(text);
  if ('problems' in doc) throw policyInvalid(doc.problems);
  const parsed = PolicyTestsSchema.safeParse(doc.value);
  if (parsed.success) return parsed.data.tests;
  const issues = parsed.error.issues.slice(0, LIMITS.policyProblems);
  throw policyInvalid(issueProblems(issues, doc, (path) => keysIn(PolicyTestsSchema, path)));
}

export interface TestResult {
  readonly test: PolicyTest;
  readonly decision: Decision;
  readonly good: boolean;
}

/** Throws USAGE, naming the row, for a call that the policy cannot be put to. */
export function runPolicyTest(
  policy: PolicyInForce,
  test: PolicyTest,
  world: { readonly owner?: MachineOwner; readonly nowMs: number },
): TestResult {
  const { state } = test;
  const { decision } = suppose(policy, test.call, { ...world, ...(state === undefined ? {} : { state }) });
  const { reason, rule, layer } = test;
  const good =
    decision.outcome === test.expect &&
    (reason === undefined || decision.reason === reason) &&
    (rule === undefined || decision.rule === rule) &&
    (layer === undefined || decision.layer === layer);
  return { test, decision, good };
}

/** Codes that neither the product nor any rule of the policy has: the row can never come true. */
export function unknownReason(policy: PolicyInForce, { reason }: PolicyTest): boolean {
  if (reason === undefined || isReasonCode(reason)) return false;
  return policy.compiled.rules?.some((rule) => rule.reason === reason) !== true;
}
