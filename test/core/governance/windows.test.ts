import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { covers, joinNeeds, type Needs, needsOf, noNeeds } from '../../../src/core/governance/needs.ts';
import { passTime, startOfTime, stepTime, timeAt } from '../../../src/core/governance/time.ts';
import { countCall, emptyWindows, readWindow } from '../../../src/core/governance/windows.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import type { CompiledPolicy } from '../../../src/core/policy/compiled.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';

const needs = (ms: number, count: number): Needs => ({ ...noNeeds(), user: { ms, count } });

describe('sliding windows', () => {
  it('answer as if every call were remembered for ever', () => {
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 2_000 }),
      subject: fc.constantFrom('a', 'b', '__proto__'),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 300 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 10_000 }),
        (steps, count, window_ms) => {
          const state = emptyWindows(needs(window_ms, count));
          const all: { subject: string; at: number }[] = [];
          let now = 0;
          for (const { wait, subject } of steps) {
            now += wait;
            const inside = all.filter((call) => call.subject === subject && call.at > now - window_ms);
            const read = readWindow(state, 'user', subject, { count, window_ms }, now);
            assert.equal(read.count, Math.min(inside.length, count));
            assert.equal(read.free_in_ms === undefined, inside.length < count);
            if (count > 0 && inside.length >= count)
              assert.equal(read.free_in_ms, (inside.at(-count)?.at ?? 0) + window_ms - now);
            countCall(state, [subject], now);
            all.push({ subject, at: now });
          }
          for (const times of state.times.user.values())
            assert.ok(times.length <= 2 * Math.max(count, 16) + 16, `${times.length} are kept for ${count}`);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('keep nothing that no policy asks for', () => {
    const state = emptyWindows();
    countCall(state, ['user', 'agent', 'tenant', 'global', 'tool'], 1);
    assert.deepEqual(
      Object.values(state.times).map(({ size }) => size),
      [0, 0, 0, 0, 0],
    );
  });

  it('of more users than are kept share one count, and nobody is let through by inventing names', () => {
    const state = emptyWindows(needs(1_000, 2));
    for (let i = 0; i < LIMITS.windowSubjects; i++) countCall(state, [`u${i}`], 10_000);
    const rate = { count: 2, window_ms: 1_000 };
    assert.equal(readWindow(state, 'user', 'new 1', rate, 10_000).count, 0);
    countCall(state, ['new 1'], 10_000);
    countCall(state, ['new 2'], 10_000);
    assert.equal(readWindow(state, 'user', 'new 3', rate, 10_000).count, 2);
    assert.equal(readWindow(state, 'user', 'u5', rate, 10_000).count, 1);
    // When the others have been silent for a window there is room again.
    countCall(state, ['new 4'], 12_000);
    assert.equal(readWindow(state, 'user', 'new 4', rate, 12_000).count, 1);
    assert.ok(state.times.user.size < 10);
  });
});

describe('what a policy asks of the past', () => {
  it('is the widest of its windows, for each kind of subject', () => {
    const { compiled } = compilePolicy(
      `version: "1"
allowlist: [a.example]
defaults: { interactive: { rate: 60/m }, background: { rate: 5/10s } }
tools: { big: { interactive: { rate: 2/h } } }
limits: { per_agent: 7/s, burst: 12 }
`,
      { id: 'local' },
    );
    const asked = needsOf(compiled);
    assert.deepEqual(asked, {
      user: { ms: 60_000, count: 60 },
      agent: { ms: 1_000, count: 7 },
      tenant: { ms: 0, count: 0 },
      global: { ms: 0, count: 0 },
      tool: { ms: 3_600_000, count: 2 },
    });
    assert.equal(covers(noNeeds(), asked), false);
    assert.equal(covers(joinNeeds(noNeeds(), asked), asked), true);
    assert.deepEqual(needsOf({} as CompiledPolicy), noNeeds());
  });
});

describe('the time of windows', () => {
  it('never goes back, and runs on with the clock however that is set', () => {
    const move = fc.oneof(
      fc.record({ passes: fc.integer({ min: 0, max: 5_000 }) }),
      // Seen while a recorder runs.
      fc.record({ step: fc.integer({ min: -1e9, max: 1e9 }) }),
      // While nothing runs. Forwards it cannot be told from time that passed.
      fc.record({ back: fc.integer({ min: 0, max: 1e9 }) }),
    );
    fc.assert(
      fc.property(fc.array(move, { maxLength: 100 }), (moves) => {
        const time = startOfTime();
        let clock = 1e12;
        let real = passTime(time, clock);
        let last = real;
        for (const one of moves) {
          if ('passes' in one) {
            clock += one.passes;
            real += one.passes;
          } else if ('step' in one) {
            clock += one.step;
            stepTime(time, one.step);
          } else clock -= one.back;
          const read = timeAt(time, clock);
          const now = passTime(time, clock);
          assert.ok(now >= last && read === now, `${last} → ${now}`);
          // Behind by no more than corrections that are too small to be steps; never ahead.
          assert.ok(now <= real, `${now} is ahead of ${real}`);
          assert.ok(real - now <= LIMITS.clockStepMs * moves.length, `${now} is behind ${real}`);
          last = now;
        }
      }),
      { numRuns: 500 },
    );
  });
});
