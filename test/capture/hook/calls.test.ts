import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Call, createSessions, makeRoom } from '../../../src/capture/hook/sessions.ts';
import { withHooks } from '../../../src/capture/hook/settings.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { PERSON } from '../../support/serve.ts';
import { assertVerifies } from '../../support/verify.ts';
import { bash, POLICY, SESSION, stage } from './stage.ts';

describe('a call of a tool', () => {
  it('that the policy stops is denied with the reason, and ends at once', async (t) => {
    const { hook, entries, recorder, box } = await stage(t);
    const { status, body } = await hook('PreToolUse', bash('toolu_1', 'rm -rf /'));
    assert.equal(status, 200);
    assert.equal(body.hookSpecificOutput?.permissionDecision, 'deny');
    assert.match(body.hookSpecificOutput?.permissionDecisionReason ?? '', /no_deleting.*tally log show \d+/);
    const [pre] = entries('tool.call');
    assert.equal(pre?.decision?.outcome, 'stop');
    assert.equal(pre?.decision?.rule, 'no-rm');
    const [end] = entries('tool.result');
    assert.equal(end?.parent_id, pre?.id);
    assert.deepEqual(end?.outcome, { status: 'blocked', error_kind: 'no_deleting' });
    assert.equal(recorder.openActions(), 0);
    await assertVerifies(box);
  });

  it('that runs although it was denied is kept, and says so', async (t) => {
    const { hook, entries } = await stage(t);
    await hook('PreToolUse', bash('toolu_1', 'rm -rf /'));
    await hook('PostToolUse', { ...bash('toolu_1', 'rm -rf /'), tool_response: 'gone' });
    const last = entries('tool.result').at(-1);
    assert.equal(last?.metadata?.ran_though_stopped, true);
    assert.equal(last?.outcome?.status, 'ok');
  });

  it('that wants an approval is denied with the command that grants it, and goes on once it was granted', async (t) => {
    const { hook, entries, handle } = await stage(t);
    const push = bash('toolu_1', 'git push');
    const first = await hook('PreToolUse', push);
    const reason = first.body.hookSpecificOutput?.permissionDecisionReason ?? '';
    const [, approval = ''] = /tally approvals approve (log_\w+)/.exec(reason) ?? [];
    assert.equal(entries('tool.result')[0]?.outcome?.status, 'pending');
    await handle('approval.grant', { id: approval }, PERSON);
    const second = await hook('PreToolUse', { ...push, tool_use_id: 'toolu_2' });
    assert.deepEqual(second.body, {});
    const call = entries('tool.call').at(-1);
    assert.equal(call?.decision?.outcome, 'allow');
    assert.equal(call?.decision?.approval?.id, approval);
    // Once: the next one asks again, and so does a call with another input.
    const third = await hook('PreToolUse', { ...push, tool_use_id: 'toolu_3' });
    assert.equal(third.body.hookSpecificOutput?.permissionDecision, 'deny');
  });

  it('that is held for a person goes on when they say yes meanwhile', async (t) => {
    const { hook, entries, until, handle } = await stage(t, {
      policy: POLICY.replace('hold: 0s', 'hold: 20s'),
    });
    const asked = hook('PreToolUse', bash('toolu_1', 'git push'));
    const [request] = await until('approval.request');
    await handle('approval.grant', { id: request?.id }, PERSON);
    assert.deepEqual((await asked).body, {});
    assert.deepEqual(
      entries()
        .filter(({ type }) => type.startsWith('tool.'))
        .map(({ type, phase, outcome }) => `${type} ${phase} ${outcome?.status ?? ''}`),
      ['tool.call pre_exec ', 'tool.result post_exec pending', 'tool.call pre_exec '],
    );
  });

  it('that is posted many times at once is one call', async (t) => {
    const { hook, entries, until } = await stage(t);
    const posts = Array.from({ length: 20 }, () => hook('PreToolUse', bash('toolu_1', 'ls')));
    for (const { body } of await Promise.all(posts)) assert.deepEqual(body, {});
    const ends = Array.from({ length: 5 }, () => hook('PostToolUse', bash('toolu_1', 'ls')));
    await Promise.all(ends);
    assert.equal(entries('run.start').length, 1);
    assert.equal(entries('tool.call').length, 1);
    assert.equal(entries('tool.result').length, 1);
    await hook('SessionEnd', { reason: 'other' });
    assert.equal((await until('run.end'))[0]?.metadata?.duplicates, 23);
  });

  it('that comes again with another input is decided anew', async (t) => {
    const { hook, entries } = await stage(t);
    await hook('PreToolUse', bash('toolu_1', 'ls'));
    const { body } = await hook('PreToolUse', bash('toolu_1', 'rm x'));
    assert.equal(body.hookSpecificOutput?.permissionDecision, 'deny');
    assert.equal(entries('tool.call').filter(({ phase }) => phase === 'pre_exec').length, 2);
    assert.equal(entries().filter(({ outcome }) => outcome?.status === 'unknown').length, 1);
  });

  it('whose end comes first is kept as it came', async (t) => {
    const { hook, entries, box } = await stage(t);
    await hook('PostToolUse', bash('toolu_1', 'ls'));
    const [end] = entries('tool.result');
    assert.equal(end?.phase, 'point');
    assert.equal(end?.step_id, 'toolu_1');
    assert.equal(end?.metadata?.unpaired, true);
    assert.deepEqual((await hook('PreToolUse', bash('toolu_1', 'ls'))).body, {});
    await assertVerifies(box);
  });

  it('of a version that names no calls is paired by what it is', async (t) => {
    const { hook, entries } = await stage(t);
    const { tool_use_id: _id, ...old } = bash('', 'ls');
    await hook('PreToolUse', old);
    await hook('PostToolUse', { ...old, tool_response: 'a' });
    assert.equal(entries('tool.result')[0]?.parent_id, entries('tool.call')[0]?.id);
  });

  it('that began before the recorder was started anew is ended by what comes after', async (t) => {
    const before = await stage(t);
    await before.hook('PreToolUse', bash('toolu_1', 'ls'));
    const after = await before.again();
    await after.hook('PostToolUse', bash('toolu_1', 'ls'));
    const [pre] = after.entries('tool.call');
    const end = after.entries('tool.result').at(-1);
    assert.equal(end?.parent_id, pre?.id);
    assert.equal(end?.outcome?.status, 'ok');
    assert.equal(end?.outcome?.late, true);
    await assertVerifies(after.box);
  });

  it('of many sessions at once belongs to its own', async (t) => {
    const { post, entries, box } = await stage(t);
    const sessions = Array.from({ length: 12 }, (_, n) => `session-${n}`);
    await Promise.all(
      sessions.flatMap((session_id) =>
        ['PreToolUse', 'PostToolUse'].map((hook_event_name) =>
          post({ session_id, hook_event_name, ...bash(`toolu_${session_id}`, `ls ${session_id}`) }),
        ),
      ),
    );
    for (const run of sessions) {
      assert.equal(entries('run.start').filter(({ run_id }) => run_id === run).length, 1);
      assert.equal(entries('tool.call').filter(({ run_id }) => run_id === run).length, 1);
    }
    await assertVerifies(box);
  });

  it('of a subagent is bounded by what the policy says of the agent of its session', async (t) => {
    const { hook } = await stage(t, {
      policy: `${POLICY}agents: { claude-code: { tools: [Read] } }\n`,
    });
    const read = { tool_name: 'Read', tool_input: { file_path: '/a' } };
    const sub = { agent_id: 'a1', agent_type: 'Explore' };
    assert.deepEqual((await hook('PreToolUse', { ...read, tool_use_id: 't1', ...sub })).body, {});
    const { body } = await hook('PreToolUse', { ...bash('t2', 'ls'), ...sub });
    assert.match(body.hookSpecificOutput?.permissionDecisionReason ?? '', /capability_denied/);
  });

  it('is stopped by a kill switch from the next one on', async (t) => {
    const { hook, handle } = await stage(t);
    assert.deepEqual((await hook('PreToolUse', bash('t1', 'ls'))).body, {});
    await handle('kill.set', { scope: 'agent:claude-code', on: true, reason: 'enough' }, PERSON);
    const { body } = await hook('PreToolUse', bash('t2', 'ls'));
    assert.match(body.hookSpecificOutput?.permissionDecisionReason ?? '', /killed_agent/);
  });
});

describe('what a call is recorded as', () => {
  const start = { source: 'startup', tally: { version: '2.1.330', attended: false } };

  it('is enforced where its hook blocks without a recorder and the program is new enough', async (t) => {
    const { hook, entries, home, url, token } = await stage(t, { closed: true });
    await hook('SessionStart', start);
    await hook('PreToolUse', bash('t1', 'ls'));
    await hook('PostToolUse', bash('t1', 'ls'));
    const [pre] = entries('tool.call');
    assert.equal(pre?.source.assurance, 'enforced');
    assert.equal(pre?.action?.tier, 'background');
    assert.equal(entries('tool.result')[0]?.source.assurance, 'enforced');

    // Somebody edits the settings: from the next call on it is no more than seen.
    const open = withHooks({}, { url, command: 'tally hook claude-code', token, closed: false });
    writeFileSync(join(home, 'settings.json'), JSON.stringify(open));
    await hook('PreToolUse', bash('t2', 'ls'));
    assert.equal(entries('tool.call').at(-1)?.source.assurance, 'observed');
  });

  it('is observed of a program that goes on when nobody answers', async (t) => {
    const { hook, entries } = await stage(t, { closed: true });
    await hook('SessionStart', { ...start, tally: { version: '2.1.294' } });
    await hook('PreToolUse', bash('t1', 'ls'));
    assert.equal(entries('tool.call')[0]?.source.assurance, 'observed');
  });

  it('is observed of a program whose version nobody told, until its transcript does', async (t) => {
    const { hook, entries, tell } = await stage(t, { closed: true });
    await hook('PreToolUse', bash('t1', 'ls'));
    tell({ type: 'user', sessionId: SESSION, version: '2.1.300', message: { role: 'user', content: 'x' } });
    await hook('PreToolUse', bash('t2', 'ls'));
    assert.deepEqual(
      entries('tool.call').map(({ source }) => source.assurance),
      ['observed', 'enforced'],
    );
  });
});

describe('what is remembered of sessions', () => {
  it('is bounded: of the one that was silent longest, run and calls end as unknown', async (t) => {
    const { post, entries, settle, box } = await stage(t);
    const prompt = { hook_event_name: 'UserPromptSubmit', prompt: 'x' };
    await post({ session_id: 'first', hook_event_name: 'PreToolUse', ...bash('toolu_1', 'ls') });
    for (let n = 0; n < LIMITS.hookSessions; n++) await post({ session_id: `s${n}`, ...prompt });
    await settle();
    const [end, ...more] = entries('run.end');
    assert.equal(more.length, 0);
    assert.equal(end?.run_id, 'first');
    assert.equal(end?.outcome?.status, 'unknown');
    assert.equal(entries('tool.call').find(({ phase }) => phase === 'post_exec')?.outcome?.status, 'unknown');
    // It was only silent: what comes after all is on record.
    await post({ session_id: 'first', hook_event_name: 'PostToolUse', ...bash('toolu_1', 'ls') });
    const [late] = entries('tool.result');
    assert.equal(late?.outcome?.status, 'ok');
    assert.equal(late?.outcome?.late, true);
    await assertVerifies(box);
  });

  it('and of calls in one session: the oldest that ended goes first, then the oldest, and all are counted', () => {
    const session = createSessions(() => assert.fail('there is room')).of('one');
    const call = (ended: boolean): Call => ({
      ...{
        print: '',
        tool: 'Bash',
        agent: undefined,
        assurance: 'observed',
        answer: undefined,
        pre: undefined,
      },
      ...{ ended, told: false },
    });
    for (let n = 0; n < LIMITS.hookCalls; n++) {
      assert.equal(makeRoom(session), undefined);
      session.calls.set(`toolu_${n}`, call(n === 7));
    }
    assert.equal(makeRoom(session), undefined);
    assert.equal(session.calls.has('toolu_7'), false);
    session.calls.set('toolu_new', call(false));
    assert.equal(makeRoom(session)?.ended, false);
    assert.equal(session.calls.has('toolu_0'), false);
    assert.equal(session.forgotten, 2);
  });
});
