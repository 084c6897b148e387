import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createTranscriptState, seeLine } from '../../../src/capture/hook/transcript.ts';
import { isAtLeast, versionOfAgent } from '../../../src/capture/hook/version.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { calls, result } from './stage.ts';

describe('a line of a transcript', () => {
  it('is read whatever it is, and nothing of it is taken that is not text', () => {
    const block = fc.record(
      {
        type: fc.oneof(fc.constantFrom('tool_use', 'tool_result'), fc.jsonValue()),
        id: fc.jsonValue(),
        tool_use_id: fc.jsonValue(),
        name: fc.jsonValue(),
        content: fc.jsonValue(),
        is_error: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record(
          {
            message: fc.oneof(
              fc.record({ content: fc.array(fc.oneof(block, fc.jsonValue())) }),
              fc.jsonValue(),
            ),
            version: fc.jsonValue(),
            timestamp: fc.jsonValue(),
            toolUseResult: fc.jsonValue(),
          },
          { requiredKeys: [] },
        )
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const state = createTranscriptState();
        for (const one of lines) seeLine(state, one);
        for (const [id, { tool }] of state.calls) {
          assert.equal(typeof id, 'string');
          assert.equal(typeof tool, 'string');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('tells of an end by what the program wrote of it, not by what it sent on to its model', () => {
    const state = createTranscriptState();
    const content = [{ type: 'tool_result', tool_use_id: 't1', content: 'no', is_error: true }];
    const message = { role: 'user', content };
    seeLine(state, JSON.stringify({ type: 'user', message, toolDenialKind: 'user-rejected' }));
    seeLine(state, JSON.stringify({ type: 'api-request-blob', message }));
    assert.equal(state.ends.get('t1')?.status, 'blocked');
  });

  it('is forgotten when there are more than can be compared', () => {
    const state = createTranscriptState();
    for (let n = 0; n < LIMITS.hookToldCalls + 10; n++) seeLine(state, JSON.stringify(calls(`toolu_${n}`)));
    assert.equal(state.calls.size, LIMITS.hookToldCalls);
    assert.equal(state.dropped, 10);
    assert.equal(state.calls.has('toolu_0'), false);
  });

  it('may tell of an end before the call, of an interruption, and of what was refused', () => {
    const state = createTranscriptState();
    seeLine(state, JSON.stringify(result('toolu_1', 'x')));
    const interrupted = { ...(result('toolu_2', 'x') as object), toolUseResult: { interrupted: true } };
    seeLine(state, JSON.stringify(interrupted));
    const denied = { ...(result('toolu_3', 'no', true) as object), toolDenialKind: 'permission-rule' };
    seeLine(state, JSON.stringify(denied));
    seeLine(
      state,
      JSON.stringify(result('toolu_4', "The user doesn't want to proceed with this tool use.", true)),
    );
    seeLine(state, JSON.stringify(result('toolu_5', 'File does not exist.', true)));
    assert.deepEqual(
      ['toolu_3', 'toolu_4', 'toolu_5'].map((id) => state.ends.get(id)?.status),
      ['blocked', 'blocked', 'error'],
    );
    assert.equal(state.ends.get('toolu_1')?.status, 'ok');
    assert.equal(state.ends.get('toolu_2')?.status, 'aborted');
  });
});

describe('a version', () => {
  it('is compared by its numbers, and what is none is before all', () => {
    for (const [have, least, answer] of [
      ['2.1.295', '2.1.295', true],
      ['2.1.1000', '2.1.295', true],
      ['2.2.0', '2.1.295', true],
      ['10.0.0', '2.1.295', true],
      ['2.1.294', '2.1.295', false],
      ['2.1.300-beta.1', '2.1.295', true],
      ['2.1', '2.1.295', false],
      ['x', '2.1.295', false],
      [undefined, '2.1.295', false],
    ] as const)
      assert.equal(isAtLeast(have, least), answer, `${have}`);
    assert.equal(versionOfAgent('claude-code_2-1-330_harness'), '2.1.330');
    assert.equal(versionOfAgent('codex_2-1-330'), undefined);
  });
});
