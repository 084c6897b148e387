import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Action } from '../../../src/core/alert/action.ts';
import { DEFAULT_RULES } from '../../../src/core/alert/defaults.ts';
import { createAlertEngine, type SavedEngine } from '../../../src/core/alert/engine.ts';
import { alertIn, eventOf } from '../../../src/core/alert/event.ts';
import { matchesPattern } from '../../../src/core/alert/pattern.ts';
import type { AlertRule } from '../../../src/core/alert/rule.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { call, ruleOf, START, STOPPED } from './story.ts';

const RULES: readonly AlertRule[] = [
  ...DEFAULT_RULES,
  ruleOf('{ name: fast, kind: rate, by: agent, count: 4, window: 1m, quiet: 2m }'),
  ruleOf('{ name: fast-host, kind: rate, by: host, count: 3, window: 10s, quiet: 10s, dedupe: [agent] }'),
  ruleOf('{ name: nobody, kind: anonymous, count: 2, window: 1m, quiet: 1m }'),
  ruleOf('{ name: secret-paths, kind: sensitive, endpoints: ["*/admin*"], quiet: 30s }'),
  ruleOf('{ name: learn, kind: first_seen, of: host, learn: 30s, quiet: 1m }'),
  ruleOf('{ name: slow, kind: missing_post, after: 20s, quiet: 1m }'),
];

interface Step {
  readonly wait: number;
  readonly entry: JsonObject;
}

const agent = fc.constantFrom(undefined, 'a', 'b', 'c');
const host = fc.constantFrom('x.example', 'y.example', 'z.example', 'w.example');
const step: fc.Arbitrary<Step> = fc.record({
  wait: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 5_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 100_000_000 }) },
  ),
  entry: fc.oneof(
    { weight: 6, arbitrary: fc.tuple(agent, host).map(([a, h]) => call(a, h)) },
    { weight: 2, arbitrary: fc.tuple(agent, host).map(([a, h]) => call(a, h, STOPPED)) },
    { weight: 1, arbitrary: agent.map((a) => call(a, 'x.example', { path: '/admin/x' })) },
    { weight: 3, arbitrary: fc.nat(40).map((n) => ({ phase: 'post_exec', parent_id: `id${n}` })) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('anchor.fail', 'anchor.ok')
        .map((type) => ({ type, phase: 'point', metadata: { anchor: 'w' } })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('run.start', 'run.end'), fc.constantFrom('r1', 'r2'))
        .map(([type, run_id]) => ({ type, phase: 'point', run_id })),
    },
  ),
});

function logOf(steps: readonly Step[]): readonly JsonObject[] {
  let at = START;
  return steps.map(({ wait, entry }, index) => {
    at += wait;
    const source = { recorder_id: 'r', seq: index };
    return {
      type: 'http.call',
      phase: 'pre_exec',
      id: `id${index}`,
      index,
      ts: new Date(at).toISOString(),
      source,
      ...entry,
    };
  });
}

const LATER = START + 10 ** 12;

function replay(log: readonly JsonObject[]): readonly Action[] {
  const engine = createAlertEngine(RULES);
  for (const [index, entry] of log.entries()) engine.see(entry, index);
  engine.tick(LATER);
  return engine.take();
}

describe('the engine', () => {
  it('says the same of the same log, however it is cut, ticked, stopped and gone on with', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.infiniteStream(fc.nat(9)), (steps, dice) => {
        const log = logOf(steps);
        const expected = replay(log);
        const actions: Action[] = [];
        let engine = createAlertEngine(RULES);
        for (const [index, entry] of log.entries()) {
          engine.see(entry, index);
          const roll = dice.next().value ?? 0;
          // The next entry is not earlier than this.
          const next = log[index + 1];
          if (roll < 3 && next !== undefined) {
            const [from, to] = [Date.parse(String(entry.ts)), Date.parse(String(next.ts))];
            engine.tick(from + Math.floor(((to - from) * roll) / 2));
          }
          if (roll < 5) actions.push(...engine.take());
          if (roll > 7) {
            actions.push(...engine.take());
            const saved = JSON.parse(JSON.stringify(engine.save())) as SavedEngine;
            engine = createAlertEngine(RULES, saved);
          }
        }
        engine.tick(LATER);
        actions.push(...engine.take());
        assert.deepEqual(actions, expected);
      }),
      { numRuns: 300 },
    );
  });

  it('raises no alert twice, closes only what it raised, and each of them once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const open = new Set<string>();
        const ids = new Set<string>();
        for (const action of replay(logOf(steps))) {
          assert.ok(!ids.has(action.id), action.id);
          ids.add(action.id);
          if (action.do === 'raise') open.add(action.id);
          else assert.ok(open.delete(action.alert), 'closed without being open');
        }
      }),
      { numRuns: 300 },
    );
  });

  it('goes on the same when what it raised comes back as entries of the log', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const engine = createAlertEngine(RULES);
        const seen: JsonObject[] = [];
        const raised: Action[] = [];
        const feed = (entry: JsonObject): void => {
          const index = seen.length;
          const stored = { ...entry, index, source: { recorder_id: 'r', seq: index } };
          seen.push(stored);
          engine.see(stored, index);
          for (const action of engine.take()) {
            raised.push(action);
            feed({ ...JSON.parse(JSON.stringify(eventOf(action))), ts: entry.ts } as JsonObject);
          }
        };
        for (const { index: _index, source: _source, ...entry } of logOf(steps)) feed(entry);
        const again = createAlertEngine(RULES);
        for (const [index, entry] of seen.entries()) again.see(entry, index);
        assert.deepEqual(again.take(), raised);
        assert.ok(raised.every(({ kind }) => kind !== 'sequence_gap'));
      }),
      { numRuns: 150 },
    );
  });

  it('ends with any entry, whatever its members are', () => {
    fc.assert(
      fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 10 }), (values) => {
        const engine = createAlertEngine(RULES);
        for (const [i, value] of values.entries()) {
          engine.see({ ts: '2026-01-01T00:00:00.000Z', ...value } as JsonObject, i);
          engine.see({ type: 'alert.raise', metadata: value } as unknown as JsonObject, i);
          engine.see(
            { ...call('a', 'b'), actor: value, action: value, ts: value } as unknown as JsonObject,
            i,
          );
          alertIn({ type: 'alert.close', ...value } as JsonObject);
        }
        engine.tick(LATER);
        engine.take();
      }),
      { numRuns: 200 },
    );
  });

  it('keeps its memory within the bounds, whatever names a hostile agent thinks of', () => {
    const rules = RULES.filter(({ name }) =>
      /^(new-host|policy-failures|fast|slow|run-not-ended)$/.test(name),
    );
    const engine = createAlertEngine(rules);
    const n = LIMITS.alertKnown + 5_000;
    let most = 0;
    let actions = 0;
    for (let i = 0; i < n; i++) {
      const entry = call(i % 3 === 0 ? 'a' : `agent${i}`, `h${i}.example`, {
        credentials: [{ ref: `K${i}` }],
        ...(i % 2 === 0 ? STOPPED : {}),
        run_id: `r${i}`,
      });
      const ts = new Date(START + i * 1_000).toISOString();
      engine.see(
        {
          type: i % 5 === 0 ? 'run.start' : 'http.call',
          phase: 'pre_exec',
          id: `id${i}`,
          index: i,
          ts,
          ...entry,
        },
        i,
      );
      if (i % 10_000 === 0) {
        actions += engine.take().length;
        const lists = JSON.stringify(engine.save()).length;
        most = Math.max(most, lists);
      }
    }
    assert.ok(most < 64 * 2 ** 20, `${most} bytes of state`);
    const hours = n / 3_600;
    assert.ok(actions < (hours + 1) * 2 * (LIMITS.alertsPerHour + 1) * rules.length, `${actions} alerts`);
  });
});

describe('patterns', () => {
  it('match what a regular expression of the same meaning matches', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '*'), maxLength: 12 });
    fc.assert(
      fc.property(text, text, (pattern, value) => {
        const source = pattern
          .split('*')
          .map((part) => part.replaceAll(/[.*/]/g, '\\$&'))
          .join('.*');
        assert.equal(matchesPattern(pattern, value), new RegExp(`^${source}$`).test(value));
      }),
      { numRuns: 5_000 },
    );
  });

  it('end in time for hostile ones', () => {
    const started = performance.now();
    assert.equal(matchesPattern(`${'a*'.repeat(256)}b`, 'a'.repeat(60_000)), false);
    assert.ok(performance.now() - started < 2_000);
  });
});
