/** Whatever is written as a rule, and whatever it is put to: an answer, and where it is one, the library's own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Environment } from '@marcbachmann/cel-js';
import fc from 'fast-check';
import type { CelBindings } from '../../../../src/core/policy/cel/bindings.ts';
import { compileCel } from '../../../../src/core/policy/cel/compile.ts';
import { evaluateCel } from '../../../../src/core/policy/cel/evaluate.ts';

const SLOW_MS = 500;

const FACTS = ['n', 'm', 's', 't', 'b', 'gone'];

/** Every member known: what is absent reads as nothing here, and not at all in the library. */
const bindings: fc.Arbitrary<CelBindings> = fc.record({
  action: fc.record({
    name: fc.constantFrom('a', 'refund.create', ''),
    host: fc.constantFrom('a.example', 'b.example'),
    port: fc.constantFrom(80, 443),
    credentials: fc.subarray(['K', 'L']),
  }),
  actor: fc.record({ user_id: fc.constantFrom('u', 'v'), roles: fc.subarray(['a', 'bb', 'member']) }),
  facts: fc.record(
    {
      n: fc.constantFrom(0, 1, -1, 1.5, 20_000),
      m: fc.double({ noNaN: true, noDefaultInfinity: true }),
      s: fc.constantFrom('', 'a', 'bb', '12'),
      t: fc.string({ maxLength: 4 }),
      b: fc.boolean(),
    },
    { requiredKeys: [] },
  ),
});

/** Texts of one kind each, so that many compile. */
const { bool } = fc.letrec<{ bool: string; number: string; text: string; list: string }>((tie) => {
  const join = (operators: readonly string[], left: string, right: string): fc.Arbitrary<string> =>
    fc
      .tuple(tie(left as 'bool'), fc.constantFrom(...operators), tie(right as 'bool'))
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`);
  const fact = fc.constantFrom(...FACTS).map((name) => `facts.${name}`);
  return {
    number: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(
        '0',
        '1',
        '20000',
        '1.5',
        '-2',
        '1e3',
        'action.port',
        'size(actor.roles)',
        'facts.n',
        'facts.m',
      ),
      join(['+', '-', '*', '/'], 'number', 'number'),
      tie('number').map((n) => `double(${n})`),
      tie('number').map((n) => `-(${n})`),
    ),
    text: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(
        '"a"',
        '"bb"',
        '""',
        'action.name',
        'action.host',
        'actor.user_id',
        'facts.s',
        'facts.t',
      ),
      join(['+'], 'text', 'text'),
    ),
    list: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('actor.roles', 'action.credentials', '["a", "bb"]', '[1.0, 2.0]'),
      tie('bool').map((b) => `actor.roles.filter(x, x == "a" || ${b})`),
    ),
    bool: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('true', 'false', 'facts.b', 'has(facts.n)', 'has(facts.gone)'),
      join(['&&', '||'], 'bool', 'bool'),
      join(['==', '!=', '<', '<=', '>', '>='], 'number', 'number'),
      join(['==', '!=', '<', '<=', '>', '>='], 'text', 'text'),
      join(['in'], 'text', 'list'),
      fc.tuple(fact, fact).map(([a, b]) => `(${a} == ${b})`),
      tie('bool').map((b) => `!${b}`),
      fc.tuple(tie('bool'), tie('bool'), tie('bool')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
      fc
        .tuple(tie('list'), fc.constantFrom('all', 'exists', 'exists_one'), tie('text'))
        .map(([list, macro, text]) => `${list}.${macro}(x, x == ${text})`),
      fc
        .tuple(tie('text'), fc.constantFrom('startsWith', 'endsWith', 'contains'), tie('text'))
        .map(([a, test, b]) => `${a}.${test}(${b})`),
    ),
  };
});

const library = new Environment({ unlistedVariablesAreDyn: true });

/** Undefined: it will not compare 1.0 with 1 where it sees both, which is allowed here. */
function theirAnswer(source: string, call: CelBindings): unknown {
  try {
    return library.parse(source)(call);
  } catch (error) {
    assert.match(String(error), /no such overload: (double|int|dyn) \S+ (double|int|dyn)/, source);
    return undefined;
  }
}

describe('rules at random', () => {
  it('compile and evaluate to an answer in bounded time, whatever their text', () => {
    const words = fc.constantFrom(
      'action', '.', 'name', 'facts', 'amount', 'actor', 'roles', '(', ')', '[', ']', '{', '}', '==', '&&', '||', '!',
      '-', '+', '1', '1.5', '"a"', "'", '"', 'in', 'has', 'size', 'exists', 'all', 'x', ',', '?', ':', 'true', 'null',
      '\\', '\n', '//', 'matches', '1u', '0x', 'b"', '=', '9'.repeat(30), '\u{1f600}', '\ud800',
    ); // biome-ignore format: a word list
    const text = fc.oneof(
      fc.array(words, { maxLength: 40 }).map((all) => all.join('')),
      fc.array(words, { maxLength: 40 }).map((all) => all.join(' ')),
      fc.string({ unit: 'binary', maxLength: 200 }),
    );
    fc.assert(
      fc.property(text, bindings, (source, call) => {
        const before = performance.now();
        const compiled = compileCel(source);
        if ('program' in compiled) {
          const said = evaluateCel(compiled.program, call);
          assert.ok('error' in said || typeof said.value === 'boolean');
        } else assert.ok(compiled.problem.length > 0);
        assert.ok(performance.now() - before < SLOW_MS);
      }),
      { numRuns: 3_000 },
    );
  });

  it('say what the library says, wherever they say yes or no', () => {
    let answered = 0;
    fc.assert(
      fc.property(bool, bindings, (source, call) => {
        const compiled = compileCel(source);
        if (!('program' in compiled)) return;
        const said = evaluateCel(compiled.program, call);
        assert.deepEqual(evaluateCel(compiled.program, call), said);
        if ('error' in said) return;
        const theirs = theirAnswer(source, call);
        if (theirs === undefined) return;
        answered++;
        assert.equal(theirs, said.value, source);
      }),
      { numRuns: 3_000 },
    );
    assert.ok(answered > 500, `${answered} were compared`);
  });

  it('are false for every action that they do not name', () => {
    fc.assert(
      fc.property(bool, bindings, fc.constantFrom('&&', '||'), (source, call, operator) => {
        const compiled = compileCel(`action.name == "only" ${operator} ${source}`);
        if (!('program' in compiled) || compiled.program.actions === undefined) return;
        if (compiled.program.actions.includes(call.action.name)) return;
        assert.deepEqual(evaluateCel(compiled.program, call), { value: false });
      }),
    );
  });
});
