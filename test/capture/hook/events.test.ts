/** Each event of the protocol, as it is posted, against a recorder behind its HTTP server. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { JsonObject } from '../../../src/core/json.ts';
import { judgeCompleteness } from '../../../src/core/query/completeness.ts';
import { assertVerifies } from '../../support/verify.ts';
import { SESSION, stage } from './stage.ts';

const GOLDEN = fileURLToPath(new URL('../../golden/hooks/claude-code.jsonl', import.meta.url));
const EVENTS = readFileSync(GOLDEN, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('the events of Claude Code', () => {
  it('each becomes the entries that the specification names, and the log is complete', async (t) => {
    const { post, entries, settle, box } = await stage(t);
    for (const event of EVENTS) {
      const { status, body } = await post(event);
      assert.equal(status, 200, JSON.stringify(event));
      assert.deepEqual(body, {});
    }
    await settle();
    const told = entries()
      .filter(({ source }) => source.surface === 'hook')
      .map(({ type, phase, outcome }) =>
        [type, phase, outcome?.status].filter((part) => part !== undefined).join(' '),
      );
    assert.deepEqual(told, [
      'run.start point',
      'user.message point',
      'tool.call pre_exec',
      'step.note point',
      'step.note point',
      'tool.result post_exec ok',
      'tool.call pre_exec',
      'tool.result post_exec error',
      'tool.call pre_exec',
      'step.note point',
      'tool.result post_exec blocked',
      'tool.call pre_exec',
      'run.start point',
      'tool.call pre_exec',
      'tool.result post_exec ok',
      'run.end point ok',
      'tool.result post_exec ok',
      'step.note point',
      'step.note point',
      'model.response point ok',
      'step.note point',
      'run.end point ok',
      'session.check point unknown',
    ]);
    const judge = judgeCompleteness();
    for (const entry of entries()) judge.see(entry as unknown as JsonObject);
    const found = judge.finish(false);
    assert.equal(found.runs_without_end_count, 0);
    assert.equal(found.without_end_count, 0);
    await assertVerifies(box);
  });

  it('a subagent is a run of its own, called by the agent of the session', async (t) => {
    const { post, entries } = await stage(t);
    for (const event of EVENTS) await post(event);
    const grep = entries('tool.call').find(({ action }) => action?.name === 'Grep');
    assert.equal(grep?.run_id, `${SESSION}/a6f1c0de5b2e9d314`);
    assert.equal(grep?.session_id, SESSION);
    assert.equal(grep?.actor?.agent_id, 'claude-code/general-purpose');
    assert.deepEqual(grep?.actor?.delegation_chain, ['claude-code']);
    assert.equal(grep?.action?.tier, 'subagent');
    const [, start] = entries('run.start');
    assert.equal(start?.metadata?.parent_run, SESSION);
  });

  it('a tool of an MCP server has the name that it has behind a gateway, and what the program calls it beside it', async (t) => {
    const { post, entries } = await stage(t);
    for (const event of EVENTS.slice(0, 9)) await post(event);
    const call = entries('tool.call').at(-1);
    assert.equal(call?.action?.name, 'mcp.github.create_issue');
    assert.deepEqual(call?.action?.tool, {
      name: 'mcp.github.create_issue',
      server: 'github',
      called: 'mcp__github__create_issue',
    });
  });

  it('members that are not known are named, and an event that is not known is kept', async (t) => {
    const { post, entries } = await stage(t);
    for (const event of EVENTS) await post(event);
    const note = entries('step.note').find(({ metadata }) => metadata?.hook === 'SomethingNew');
    assert.deepEqual(note?.metadata?.other_members, ['what_it_says', 'level']);
  });

  it('whatever an object says, it is answered, recorded, and the log verifies', async (t) => {
    const { post, box, entries, settle } = await stage(t);
    const name = fc.constantFrom(
      ...EVENTS.map(({ hook_event_name }) => String(hook_event_name)),
      '',
      '\u0000',
      'x'.repeat(300),
    );
    const event = fc.record(
      {
        hook_event_name: fc.oneof(name, fc.jsonValue()),
        session_id: fc.oneof(fc.constantFrom('a', 'b', ''), fc.string({ maxLength: 300 }), fc.jsonValue()),
        tool_name: fc.oneof(fc.constantFrom('Bash', 'mcp__a__b'), fc.jsonValue()),
        tool_use_id: fc.oneof(fc.constantFrom('toolu_1', 'toolu_2'), fc.jsonValue()),
        agent_id: fc.oneof(fc.constantFrom('s1', undefined), fc.jsonValue()),
        tool_input: fc.jsonValue(),
        tool_response: fc.jsonValue(),
        prompt: fc.oneof(fc.string(), fc.jsonValue()),
        transcript_path: fc.oneof(
          fc.constantFrom('/dev/zero', '/proc/self/mem', '/dev/zero/x.jsonl', '../x', '/'),
          fc.jsonValue(),
        ),
        cwd: fc.oneof(fc.string({ maxLength: 2000 }), fc.jsonValue()),
        is_interrupt: fc.jsonValue(),
        duration_ms: fc.oneof(fc.double(), fc.jsonValue()),
        tally: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(event, async (body) => {
        const { status } = await post(body);
        assert.equal(status, 200, JSON.stringify(body));
      }),
      { numRuns: 150 },
    );
    await settle();
    assert.ok(entries().length > 100);
    await assertVerifies(box);
  });
});
