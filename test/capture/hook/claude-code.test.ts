import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertVerifies } from '../../support/verify.ts';
import { bash, calls, result, SESSION, stage } from './stage.ts';

describe('hooks of Claude Code', () => {
  it('a session becomes a run with its prompt, its calls with their ends, and its end', async (t) => {
    const { hook, entries, tell, until, box } = await stage(t);
    await hook('SessionStart', { source: 'startup', tally: { version: '2.1.330', attended: true } });
    await hook('UserPromptSubmit', { prompt: 'list the files' });
    const asked = await hook('PreToolUse', bash('toolu_1', 'ls'));
    assert.deepEqual(asked, { status: 200, body: {} });
    const [pre] = entries('tool.call');
    assert.equal(pre?.phase, 'pre_exec');
    assert.equal(pre?.step_id, 'toolu_1');
    assert.equal(pre?.run_id, SESSION);
    assert.equal(pre?.session_id, SESSION);
    assert.equal(pre?.action?.name, 'Bash');
    assert.equal(pre?.action?.tier, 'interactive');
    assert.match(pre?.action?.args_hash ?? '', /^[0-9a-f]{64}$/);
    assert.equal(pre?.decision?.outcome, 'allow');
    assert.deepEqual(pre?.source.surface, 'hook');
    assert.equal(pre?.source.assurance, 'observed');
    assert.equal(pre?.actor?.agent_id, 'claude-code');
    assert.equal(pre?.actor?.identity_level, 'declared');
    assert.equal(pre?.actor?.agent_version, '2.1.330');
    assert.equal(pre?.quality?.['actor.detected'], 'inferred');
    assert.equal(pre?.quality?.run_id, 'asserted');

    await hook('PostToolUse', {
      ...bash('toolu_1', 'ls'),
      tool_response: { stdout: 'a', interrupted: false },
      duration_ms: 12,
    });
    const [end] = entries('tool.result');
    assert.equal(end?.parent_id, pre?.id);
    assert.equal(end?.outcome?.status, 'ok');
    assert.equal(end?.outcome?.duration_ms, 12);
    assert.equal(end?.action?.key, pre?.action?.key);

    tell(calls('toolu_1'), result('toolu_1', 'a'));
    await hook('Stop', { last_assistant_message: 'done' });
    await hook('SessionEnd', { reason: 'prompt_input_exit' });
    const [start] = entries('run.start');
    assert.equal(start?.run_id, SESSION);
    assert.equal(entries('run.end')[0]?.outcome?.status, 'ok');
    assert.equal(entries('user.message').length, 1);
    assert.equal(entries('model.response').length, 1);
    const [check] = await until('session.check');
    assert.equal(check?.outcome?.status, 'ok');
    assert.equal(check?.metadata?.compared, 1);
    await assertVerifies(box);
  });
});
