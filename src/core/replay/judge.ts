/**
 * Whether a recorded decision is the one that its own snapshot and inputs give. Pure: an entry and a policy in, an
 * answer out, whatever the entry looks like.
 *
 * What agrees here could still have been rewritten as a whole, inputs and all: whether the entry is the one that was
 * recorded is what its hash in the log says (`tally verify`). What does not agree was altered, or `decide` has a bug.
 */
import type { Json, JsonObject } from '../json.ts';
import type { PolicyInForce } from '../policy/compiled.ts';
import { decideAs } from '../policy/decide.ts';
import { isEngine } from '../policy/engines.ts';
import { readInputs } from '../policy/inputs.ts';
import { isImported } from '../query/assurance.ts';
import { field, isObject, textAt } from '../query/fields.ts';
import { isRedacted, mentionsRedaction, requestOf } from './request.ts';

export type Replayed =
  /** Nothing was decided here, or not by this engine: by another program, or the operator's guard. */
  | { readonly kind: 'none' | 'imported' | 'operator' }
  /** `reworded`: the sentence that explains it to people is another one; versions word the same decision differently. */
  | { readonly kind: 'agrees'; readonly reworded?: true }
  /** Members of the decision, or of the entry around it, that say something else. */
  | { readonly kind: 'differs'; readonly members: readonly string[] }
  /** It cannot be found out, and that is no agreement. */
  | { readonly kind: 'undecidable'; readonly why: Undecidable };

export type Undecidable =
  /** A newer engine made it. */
  | 'engine'
  /** What was asked was redacted before it was stored. */
  | 'redacted'
  /** It was stopped because what was read could not be recorded. */
  | 'inputs'
  /** The snapshot is of a format that this version does not evaluate. */
  | 'format'
  /** Who the machine's own user was. */
  | 'principal'
  /** Facts that the policy of that time did not take out of the arguments. */
  | 'facts'
  /** An approval that was asked for under the policy of that time. */
  | 'grant'
  | 'window'
  | 'budget'
  | 'addresses';

/** What the guard of the operator's requests leaves; it has a policy beside it, and none was asked. */
function isOperatorRefusal(decision: Json): boolean {
  return (
    textAt(decision, 'outcome') === 'stop' &&
    textAt(decision, 'inputs', 'request') !== undefined &&
    field(decision, 'inputs', 'identity') === undefined
  );
}

/** What kind of decision an entry has; undefined: one to be made again. */
export function kindOf(entry: JsonObject): 'none' | 'imported' | 'operator' | undefined {
  const decision = field(entry, 'decision');
  if (!isObject(decision)) return 'none';
  if (isImported(entry)) return 'imported';
  return textAt(decision, 'engine') === undefined && isOperatorRefusal(decision) ? 'operator' : undefined;
}

/** `policy`: of the snapshot that the entry cites, whose bytes have that hash. */
export function judgeDecision(entry: JsonObject, policy: PolicyInForce): Replayed {
  const kind = kindOf(entry);
  if (kind !== undefined) return { kind };
  const recorded = field(entry, 'decision') as JsonObject;
  const engine = textAt(recorded, 'engine');
  if (engine !== undefined && !isEngine(engine)) return { kind: 'undecidable', why: 'engine' };
  if (isUnrecordable(entry)) return { kind: 'undecidable', why: 'inputs' };
  const inputs = readInputs(field(recorded, 'inputs'));
  if (engine === undefined || inputs === undefined)
    return { kind: 'differs', members: [engine === undefined ? 'engine' : 'inputs'] };

  const again = decideAs(engine, requestOf(entry), policy, inputs) as JsonObject;
  const members = [...differing(recorded, again), ...contradicted(entry, recorded)];
  if (members.length === 0) return { kind: 'agrees' };
  if (members.every((member) => member === 'message') && isText(recorded.message, again.message))
    return { kind: 'agrees', reworded: true };
  return isRedacted(entry) ? { kind: 'undecidable', why: 'redacted' } : { kind: 'differs', members };
}

/** A stop that says itself why it cannot be made again. Nothing but a stop is taken for one. */
export function isUnrecordable(entry: JsonObject): boolean {
  const decision = field(entry, 'decision');
  return (
    textAt(decision, 'outcome') === 'stop' &&
    textAt(decision, 'layer') === 'engine' &&
    ['inputs_too_large', 'internal_error'].includes(textAt(decision, 'reason') ?? '') &&
    field(decision, 'inputs', 'identity') === undefined
  );
}

/** That a sentence came or went is no other wording. */
const isText = (...values: readonly unknown[]): boolean => values.every((value) => typeof value === 'string');

/** Members of two decisions that are not the same. Times of layers are no part of a decision. */
function differing(recorded: JsonObject, again: JsonObject): string[] {
  const names = new Set([...Object.keys(recorded), ...Object.keys(again)]);
  return [...names]
    .filter((name) => !isSame(comparable(name, recorded[name]), comparable(name, again[name]), name))
    .sort();
}

function comparable(name: string, value: Json | undefined): Json | undefined {
  if (name === 'layers' && Array.isArray(value))
    return value.map((layer: Json) => {
      if (!isObject(layer)) return layer;
      const { us: _us, ...rest } = layer;
      return rest;
    });
  return value;
}

/** What an entry says twice: of who asked, and of the run. */
function contradicted(entry: JsonObject, decision: JsonObject): string[] {
  const inputs = field(decision, 'inputs');
  // A token of another run than the call's is what such a call was stopped for.
  const elsewhere = textAt(decision, 'reason') === 'token_invalid';
  const pairs = [
    ['actor.agent_id', textAt(entry, 'actor', 'agent_id'), textAt(inputs, 'identity', 'agent_id')],
    ['actor.identity_level', textAt(entry, 'actor', 'identity_level'), textAt(inputs, 'identity', 'level')],
    [
      'actor.agent_token_id',
      textAt(entry, 'actor', 'agent_token_id'),
      textAt(inputs, 'identity', 'token_id'),
    ],
    ['run_id', textAt(entry, 'run_id'), elsewhere ? undefined : textAt(inputs, 'identity', 'run_id')],
  ] as const;
  return pairs
    .filter(([, said, read]) => read !== undefined && said !== read && !mentionsRedaction(said))
    .map(([name]) => name);
}

/** A text that was redacted may have been any; where nothing secret can stand, it may not. */
const REDACTABLE: ReadonlySet<string> = new Set(['message', 'inputs']);

function isSame(recorded: Json | undefined, again: Json | undefined, member: string): boolean {
  if (recorded === again) return true;
  if (typeof recorded === 'string')
    return REDACTABLE.has(member) && typeof again === 'string' && mentionsRedaction(recorded);
  if (Array.isArray(recorded))
    return (
      Array.isArray(again) &&
      recorded.length === again.length &&
      recorded.every((item: Json, at) => isSame(item, again[at] as Json, member))
    );
  if (!isObject(recorded) || !isObject(again)) return false;
  const defined = (of: JsonObject): string[] => Object.keys(of).filter((name) => of[name] !== undefined);
  const names = defined(recorded);
  return (
    names.length === defined(again).length &&
    names.every((name) => Object.hasOwn(again, name) && isSame(recorded[name], again[name], member))
  );
}
