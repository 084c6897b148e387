/** `action.name`, `actor.roles`, `facts.amount`, and `has()` of these. */
import { shown } from '../hosts.ts';
import { didYouMean } from '../suggest.ts';
import { ACTION_FIELDS, ACTOR_FIELDS, type FieldKind } from './bindings.ts';
import { type Failure, failure, type Part, Refusal, type Run, type Value } from './part.ts';

export interface Reads {
  /** Names that the policy gives to facts. Absent: any. */
  readonly known: ReadonlySet<string> | undefined;
  readonly facts: Set<string>;
}

const EMPTY: readonly string[] = [];

/** The other way of an unknown member: as in a message, it reads as nothing, and is no error. */
const NOTHING: Readonly<Record<FieldKind, Value>> = { text: '', double: 0, list: EMPTY };

const FIELDS: Readonly<Record<'action' | 'actor', { readonly [name: string]: FieldKind }>> = {
  action: ACTION_FIELDS,
  actor: ACTOR_FIELDS,
};

const TYPES: Readonly<Record<FieldKind, string>> = { text: 'string', double: 'number', list: 'object' };

type Members = { readonly [name: string]: Value | undefined };

function member(root: 'action' | 'actor', name: string, kind: FieldKind): Run {
  const nothing = NOTHING[kind];
  const type = TYPES[kind];
  const read = (value: Value | undefined): Value => {
    if (value === undefined) return nothing;
    const good = kind === 'list' ? Array.isArray(value) : typeof value === type;
    return good ? value : failure(`${root}.${name} is not what it should be`);
  };
  return root === 'action'
    ? (frame) => read((frame.bindings.action as unknown as Members)[name])
    : (frame) => read((frame.bindings.actor as unknown as Members)[name]);
}

function kindOfField(root: 'action' | 'actor', name: string, offset: number): FieldKind {
  const fields = FIELDS[root];
  const kind = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (kind !== undefined) return kind;
  const names = Object.keys(fields);
  const guess = didYouMean(name, names);
  throw new Refusal(
    `${root} has no ${shown(name)}`,
    offset,
    guess === undefined ? `it has: ${names.join(', ')}` : `did you mean ${root}.${guess}?`,
  );
}

function checkFact(name: string, offset: number, reads: Reads): void {
  reads.facts.add(name);
  if (reads.known === undefined || reads.known.has(name)) return;
  const guess = didYouMean(name, reads.known);
  throw new Refusal(
    `the policy names no fact ${shown(name)}`,
    offset,
    guess === undefined ? `name it: facts: { ${name}: args.${name} }` : `did you mean facts.${guess}?`,
  );
}

const readable = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);

const UNREAD: Failure = { failure: 'the arguments could not be read', unread: true };

/** Of what is there and is no fact nothing can be said, not that it is missing either. */
const odd = (name: string): Failure => ({
  failure: `the fact ${shown(name)} is no number, true or false, or short text`,
});

function fact(name: string): Run {
  const unreadable = odd(name);
  const missing: Failure = { failure: `the call has no fact ${shown(name)}`, missing: name };
  return ({ bindings: { facts } }) => {
    if (facts === undefined) return UNREAD;
    const value = Object.hasOwn(facts, name) ? facts[name] : undefined;
    if (value === undefined) return missing;
    return readable(value) ? value : unreadable;
  };
}

export function fieldPart(root: string, name: string, offset: number, reads: Reads): Part {
  if (root === 'facts') {
    checkFact(name, offset, reads);
    return { kind: 'any', run: fact(name) };
  }
  const from = root === 'action' ? 'action' : 'actor';
  const kind = kindOfField(from, name, offset);
  const run = member(from, name, kind);
  return kind === 'list' ? { kind, item: 'text', run } : { kind, run };
}

/** `has(action.host)`: whether it is known for this call. */
export function hasPart(root: string, name: string, offset: number, reads: Reads): Part {
  if (root === 'facts') {
    checkFact(name, offset, reads);
    const unreadable = odd(name);
    return {
      kind: 'bool',
      run: ({ bindings: { facts } }) => {
        if (facts === undefined) return UNREAD;
        const value = Object.hasOwn(facts, name) ? facts[name] : undefined;
        return value === undefined || readable(value) ? value !== undefined : unreadable;
      },
    };
  }
  const from = root === 'action' ? 'action' : 'actor';
  const { run } = fieldPart(from, name, offset, reads);
  // As in a message: what reads as nothing is not there.
  return {
    kind: 'bool',
    run: (frame) => {
      const value = run(frame);
      if (typeof value === 'object') return Array.isArray(value) ? value.length > 0 : value;
      return value !== '' && value !== 0;
    },
  };
}
