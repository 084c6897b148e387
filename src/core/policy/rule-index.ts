/**
 * The rules of a policy, compiled, so that a call is put only to those that may be about it. A rule that can be true
 * for some names of actions only is looked up by that name; the others are put to every call. What comes out is the
 * same as if all were put to it in the order of the file.
 */
import { invariant } from '../error.ts';
import type { CelProgram, CompileCel } from './cel/compile.ts';
import type { CompiledPolicy, Rule } from './compiled.ts';

export interface IndexedRule {
  readonly rule: Rule;
  /** Its place in the file. */
  readonly at: number;
  /** Or why it has none: a snapshot may hold a rule that this version does not compile. */
  readonly program: CelProgram | { readonly problem: string };
}

export interface RuleIndex {
  readonly count: number;
  readonly everywhere: readonly IndexedRule[];
  readonly byAction: ReadonlyMap<string, readonly IndexedRule[]>;
  /** Every scope that the policy names, in its rules too. */
  readonly scopes: readonly string[];
}

/** Text in quotes. That it may be something else than a scope harms nothing: it is held by who holds everything. */
const QUOTED = /"([^"\\\n]*)"|'([^'\\\n]*)'/g;

function scopesOf({ roles = {}, tools = {}, rules = [] }: CompiledPolicy): readonly string[] {
  const named = new Set<string>();
  for (const { scopes } of Object.values(roles)) for (const scope of scopes) named.add(scope);
  for (const { required_scopes = [] } of Object.values(tools))
    for (const scope of required_scopes) named.add(scope);
  for (const { when } of rules)
    if (when.includes('scopes'))
      for (const [, double, single] of when.matchAll(QUOTED)) named.add(double ?? single ?? '');
  return [...named];
}

let compileCel: CompileCel | undefined;

/**
 * The parser of rules is a tenth of what a command loads, and most policies have no rules: it comes with whoever makes or
 * reads a policy that may have some (snapshot.ts).
 */
export function provideCel(compile: CompileCel): void {
  compileCel = compile;
}

function compiled(when: string, facts: ReadonlySet<string>): IndexedRule['program'] {
  invariant(compileCel !== undefined, 'a policy with rules comes with what compiles them');
  const found = compileCel(when, facts);
  return 'program' in found ? found.program : found;
}

export function indexRules(policy: CompiledPolicy): RuleIndex {
  const { rules = [], facts } = policy;
  const known = new Set(Object.keys(facts ?? {}));
  const everywhere: IndexedRule[] = [];
  const byAction = new Map<string, IndexedRule[]>();
  for (const [at, rule] of rules.entries()) {
    const program = compiled(rule.when, known);
    const indexed = { rule, at, program };
    const actions = 'actions' in program ? program.actions : undefined;
    if (actions === undefined) {
      everywhere.push(indexed);
      continue;
    }
    for (const action of new Set(actions)) {
      const about = byAction.get(action);
      if (about === undefined) byAction.set(action, [indexed]);
      else about.push(indexed);
    }
  }
  return { count: rules.length, everywhere, byAction, scopes: scopesOf(policy) };
}

const NONE: readonly IndexedRule[] = [];

/** Those that may be about an action of this name, in the order of the file. */
export function rulesAbout(index: RuleIndex, action: string): readonly IndexedRule[] {
  const { everywhere } = index;
  const about = index.byAction.get(action) ?? NONE;
  if (everywhere.length === 0) return about;
  if (about.length === 0) return everywhere;
  const merged: IndexedRule[] = [];
  let e = 0;
  for (const rule of about) {
    for (let next = everywhere[e]; next !== undefined && next.at < rule.at; next = everywhere[++e])
      merged.push(next);
    merged.push(rule);
  }
  for (; e < everywhere.length; e++) merged.push(everywhere[e] as IndexedRule);
  return merged;
}
