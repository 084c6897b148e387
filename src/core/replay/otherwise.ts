/**
 * What another policy would have decided of a recorded call, from what was recorded of it. What was not read then
 * cannot be known now: where the answer rests on it, the answer is "undecidable", never agreement.
 *
 * Each call is judged by itself. Counters are those that the log had under the policy of that time; a policy that stops
 * more would have counted less.
 */
import type { Decision } from '../entry.ts';
import type { Json, JsonObject } from '../json.ts';
import { compileCel } from '../policy/cel/compile.ts';
import type { CompiledPolicy, PolicyInForce } from '../policy/compiled.ts';
import { decide } from '../policy/decide.ts';
import { readInputs } from '../policy/inputs.ts';
import { own } from '../policy/own.ts';
import { principalOf } from '../policy/principal.ts';
import { LAYER_NAMES } from '../policy/reasons.ts';
import { countedOf } from '../policy/subject.ts';
import type { DecisionInputs, DecisionRequest } from '../policy/types.ts';
import { windowsOf } from '../policy/windows.ts';
import { field, textAt } from '../query/fields.ts';
import type { Undecidable } from './judge.ts';
import { isRedacted, requestOf } from './request.ts';

export type Otherwise =
  | { readonly kind: 'same' }
  | { readonly kind: 'differs'; readonly after: Decision }
  | { readonly kind: 'undecidable'; readonly why: Undecidable };

/** Where an answer may rest on what was not recorded, and why. */
type Doubt = readonly [layer: (typeof LAYER_NAMES)[number], why: Undecidable];

/** `before`: the policy that the entry cites. The entry is one that replays from it. */
export function otherwise(entry: JsonObject, before: PolicyInForce, other: PolicyInForce): Otherwise {
  const recorded = field(entry, 'decision') as JsonObject;
  const inputs = readInputs(field(recorded, 'inputs'));
  if (inputs === undefined) return { kind: 'undecidable', why: 'inputs' };
  const request = requestOf(entry);
  const then = inputsFor(inputs, before.compiled, other.compiled);
  const after = decide(request, other, then);
  const why = doubtOf(after, doubts(request, inputs, then, before, other, entry));
  if (why !== undefined) return { kind: 'undecidable', why };
  return isSame(recorded, after) ? { kind: 'same' } : { kind: 'differs', after };
}

function isSame(recorded: JsonObject, after: Decision): boolean {
  return (
    recorded.outcome === after.outcome &&
    recorded.reason === after.reason &&
    recorded.rule === after.rule &&
    recorded.enforced === after.enforced
  );
}

/** What was read, as far as it does not follow from the policy of that time. */
function inputsFor(inputs: DecisionInputs, before: CompiledPolicy, other: CompiledPolicy): DecisionInputs {
  const { principal: _principal, facts: _facts, ...rest } = inputs;
  const owner = inputs.principal?.source === 'owner' ? { id: inputs.principal.id } : undefined;
  const principal = principalOf(other, inputs.identity, owner);
  const facts = factsFor(inputs, before, other);
  return {
    ...rest,
    ...(principal === undefined ? {} : { principal }),
    ...(facts === undefined ? {} : { facts }),
  };
}

/** A fact is the same value wherever it is read from the same place of the arguments, whatever it is called. */
function factsFor(
  { facts }: DecisionInputs,
  before: CompiledPolicy,
  other: CompiledPolicy,
): DecisionInputs['facts'] {
  if (facts === undefined || other.facts === undefined) return undefined;
  const known: [string, Json][] = [];
  for (const [name, path] of Object.entries(other.facts)) {
    const old = nameOf(before, path);
    const value = old === undefined ? undefined : own(facts, old);
    if (value !== undefined) known.push([name, value]);
  }
  return Object.fromEntries(known);
}

function nameOf({ facts = {} }: CompiledPolicy, path: readonly string[]): string | undefined {
  return Object.keys(facts).find(
    (name) => facts[name]?.length === path.length && facts[name].every((step, at) => step === path[at]),
  );
}

function doubts(
  request: DecisionRequest,
  inputs: DecisionInputs,
  then: DecisionInputs,
  before: PolicyInForce,
  other: PolicyInForce,
  entry: JsonObject,
): readonly Doubt[] {
  const found: Doubt[] = [];
  if (isRedacted(entry)) found.push(['identity', 'redacted']);
  if (isOwnerUnknown(then, inputs, before.compiled, other.compiled)) found.push(['identity', 'principal']);
  if (areAddressesUnknown(request, inputs, entry)) found.push(['allowlist', 'addresses']);
  if (areFactsUnknown(request, before.compiled, other.compiled)) found.push(['rules', 'facts']);
  if (isWindowUnknown(request, then, inputs, before.compiled, other.compiled))
    found.push(['limits', 'window']);
  if (isBudgetUnknown(request, inputs, other.compiled)) found.push(['budgets', 'budget']);
  if (inputs.grant !== undefined && inputs.grant.policy_hash !== other.hash)
    found.push(['approval', 'grant']);
  return found;
}

/**
 * The first doubt that the answer rests on: its layer was come to, and no later one stops the call in any case. A layer
 * that stops before needs nothing that comes later.
 */
function doubtOf(after: Decision, found: readonly Doubt[]): Undecidable | undefined {
  const end = after.outcome === 'stop' ? orderOf(after.layer) : Number.POSITIVE_INFINITY;
  return found.find(([layer, why]) => {
    // What was redacted may be anything that is asked: only who asked stands apart from it.
    if (why === 'redacted') return end > orderOf('membership');
    if (why === 'principal') return after.reason === 'identity_missing';
    const ran = after.layers.find((one) => one.layer === layer);
    const isReached = ran !== undefined && ran.result !== 'skip';
    return isReached && (end === orderOf(layer) || end === Number.POSITIVE_INFINITY);
  })?.[1];
}

function orderOf(layer: string | undefined): number {
  return (LAYER_NAMES as readonly (string | undefined)[]).indexOf(layer);
}

/**
 * The machine's own user is not written down where the policy of that time did not know them. A policy that knows more
 * users may know them.
 */
function isOwnerUnknown(
  { principal }: DecisionInputs,
  { identity }: DecisionInputs,
  before: CompiledPolicy,
  other: CompiledPolicy,
): boolean {
  if (principal !== undefined || identity.user_id !== undefined || before.users === undefined) return false;
  const { users } = other;
  return users === undefined || Object.keys(users).some((id) => own(before.users, id) === undefined);
}

/** A call that the broker stopped was not looked up: where its name leads to, nobody knows. */
function areAddressesUnknown(
  { action }: DecisionRequest,
  { addresses }: DecisionInputs,
  entry: JsonObject,
): boolean {
  if (addresses !== undefined || action.target?.host === undefined) return false;
  return textAt(entry, 'source', 'surface') === 'proxy' && textAt(entry, 'decision', 'outcome') === 'stop';
}

interface RuleReads {
  /** Names of the actions that it can be true for. Absent: any. */
  readonly actions: readonly string[] | undefined;
  readonly facts: readonly string[];
}

const read = new WeakMap<CompiledPolicy, readonly RuleReads[]>();

/** What the rules read; each is looked at once, however many calls it is held against. */
function readsOf(policy: CompiledPolicy): readonly RuleReads[] {
  const known = read.get(policy);
  if (known !== undefined) return known;
  const reads = (policy.rules ?? []).flatMap(({ when }) => {
    const compiled = compileCel(when);
    return 'program' in compiled ? [compiled.program] : [];
  });
  read.set(policy, reads);
  return reads;
}

/** Rules read facts that were not taken out of the arguments then, or from another place of them. */
function areFactsUnknown(
  { args, action }: DecisionRequest,
  before: CompiledPolicy,
  other: CompiledPolicy,
): boolean {
  if (args !== 'whole') return false;
  return readsOf(other).some(
    ({ actions, facts }) =>
      (actions === undefined || actions.includes(action.name)) &&
      facts.some((name) => {
        const path = own(other.facts, name);
        return path !== undefined && nameOf(before, path) === undefined;
      }),
  );
}

/** Calls are counted no further than the limit of that time: beyond it nobody knows how many there were. */
function isWindowUnknown(
  request: DecisionRequest,
  then: DecisionInputs,
  { windows = {}, identity, principal }: DecisionInputs,
  before: CompiledPolicy,
  other: CompiledPolicy,
): boolean {
  const counted = new Map<string, number>();
  const old = countedOf(request, principal === undefined ? { identity } : { identity, principal });
  for (const { key, rate } of windowsOf(before, old))
    counted.set(key, Math.max(rate.count, counted.get(key) ?? 0));
  return windowsOf(other, countedOf(request, then)).some(({ key, rate }) => {
    const read = own(windows, key);
    const most = counted.get(key);
    return read === undefined || most === undefined || (read.count >= most && rate.count > most);
  });
}

function isBudgetUnknown(
  { run_id }: DecisionRequest,
  { budget }: DecisionInputs,
  other: CompiledPolicy,
): boolean {
  return budget === undefined && run_id !== undefined && other.budgets !== undefined;
}
