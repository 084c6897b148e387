import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../src/core/json.ts';
import { factsOf } from '../../../src/core/query/call.ts';
import { isComplete, judgeCompleteness } from '../../../src/core/query/completeness.ts';
import { assertVerifies } from '../../support/verify.ts';
import { bash, calls, result, type Stage, stage } from './stage.ts';

function judged({ entries }: Pick<Stage, 'entries'>) {
  const judge = judgeCompleteness();
  for (const entry of entries()) judge.see(entry as unknown as JsonObject);
  return judge.finish(true);
}

describe('a session against its transcript', () => {
  it('names calls that the transcript has and no record, and the log is incomplete', async (t) => {
    const staged = await stage(t);
    const { hook, tell, until, box } = staged;
    await hook('UserPromptSubmit', { prompt: 'x' });
    await hook('PreToolUse', bash('toolu_1', 'ls'));
    await hook('PostToolUse', bash('toolu_1', 'ls'));
    tell(calls('toolu_1'), result('toolu_1', 'a'), calls('toolu_2', 'Write'), result('toolu_2', 'no', true));
    await hook('Stop', {});
    const [check] = await until('session.check');
    assert.equal(check?.outcome?.status, 'error');
    assert.deepEqual(check?.metadata?.missing_from_record, [
      { id: 'toolu_2', tool: 'Write', status: 'error' },
    ]);
    assert.equal(check?.metadata?.missing_from_record_count, 1);
    const found = judged(staged);
    assert.equal(found.unrecorded_calls_count, 1);
    assert.deepEqual(found.unrecorded_calls, [{ index: check?.index, id: check?.id, type: 'session.check' }]);
    assert.equal(isComplete(found), false);

    // It is told once.
    await hook('SessionEnd', { reason: 'other' });
    const [, last] = await until('session.check', 2);
    assert.equal(last?.metadata?.missing_from_record_count, undefined);
    assert.equal(last?.metadata?.compared, 2);
    await assertVerifies(box);
  });

  it('says of recorded calls that the transcript does not have them, at the end', async (t) => {
    const staged = await stage(t);
    const { hook, tell, until } = staged;
    await hook('PreToolUse', bash('toolu_1', 'ls'));
    await hook('PostToolUse', bash('toolu_1', 'ls'));
    await hook('PreToolUse', { ...bash('toolu_s', 'ls'), agent_id: 'a1' });
    tell({ type: 'user', message: { role: 'user', content: 'x' } });
    await hook('SessionEnd', { reason: 'other' });
    const [check] = await until('session.check');
    assert.deepEqual(check?.metadata?.missing_from_transcript, ['toolu_1']);
    const found = judged(staged);
    assert.equal(found.untold_calls_count, 1);
    assert.equal(isComplete(found), true);
  });

  it('compares subagents too, each with the transcript of its own, when they have stopped', async (t) => {
    const staged = await stage(t);
    const { hook, tell, until, entries, transcript } = staged;
    const folder = join(transcript.replace(/\.jsonl$/, ''), 'subagents');
    mkdirSync(folder, { recursive: true });
    const agent = { agent_id: 'a1', agent_type: 'Explore' };
    const write = (id: string, ...lines: readonly unknown[]): void =>
      appendFileSync(
        join(folder, `agent-${id}.jsonl`),
        lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
      );
    await hook('UserPromptSubmit', { prompt: 'x' });
    await hook('SubagentStart', agent);
    await hook('PreToolUse', { ...bash('toolu_1', 'ls'), ...agent });
    await hook('PreToolUse', { ...bash('toolu_2', 'ls'), ...agent });
    tell({ type: 'user', message: { role: 'user', content: 'x' } });
    write('a1', calls('toolu_1'), calls('toolu_gone', 'Write'), result('toolu_gone', 'a'));
    // It still runs: what it has written already may be on its way here.
    await hook('Stop', {});
    await hook('SubagentStop', agent);
    write('a1', result('toolu_1', "The user doesn't want to proceed with this tool use.", true));
    await hook('Stop', {});
    const [check] = await until('session.check');
    assert.deepEqual(check?.metadata?.missing_from_record, [
      { id: 'toolu_gone', tool: 'Write', status: 'ok' },
    ]);
    assert.equal(check?.metadata?.subagents, 1);
    assert.equal(check?.metadata?.ended_by_transcript, 1);
    assert.equal(entries('tool.result')[0]?.outcome?.status, 'blocked');

    // Another one, of which there is no transcript.
    await hook('PreToolUse', { ...bash('toolu_3', 'ls'), agent_id: 'a2' });
    await hook('SessionEnd', { reason: 'other' });
    const [, last] = await until('session.check', 2);
    assert.deepEqual(last?.metadata?.missing_from_transcript, ['toolu_2']);
    assert.equal(last?.metadata?.subagents_not_compared, 1);
    assert.equal(last?.outcome?.status, 'error');
  });

  it('does not miss calls that the program itself refused before any hook', async (t) => {
    const { hook, tell, until } = await stage(t);
    await hook('UserPromptSubmit', { prompt: 'x' });
    tell(
      calls('toolu_1', 'Nope'),
      result('toolu_1', '<tool_use_error>Error: No such tool available: Nope</tool_use_error>', true),
      calls('toolu_2', 'Read'),
      result('toolu_2', '<tool_use_error>InputValidationError: Read failed</tool_use_error>', true),
    );
    await hook('SessionEnd', { reason: 'other' });
    const [check] = await until('session.check');
    assert.equal(check?.outcome?.status, 'ok');
    assert.equal(check?.metadata?.not_run, 2);
  });

  it('ends a call that the user refused, of which no hook tells', async (t) => {
    const staged = await stage(t);
    const { hook, tell, until, entries, recorder } = staged;
    await hook('PreToolUse', bash('toolu_1', 'ls'));
    tell(calls('toolu_1'), result('toolu_1', "The user doesn't want to proceed with this tool use.", true));
    await hook('SessionEnd', { reason: 'other' });
    const [check] = await until('session.check');
    assert.equal(check?.metadata?.ended_by_transcript, 1);
    const [end] = entries('tool.result');
    assert.equal(end?.parent_id, entries('tool.call')[0]?.id);
    assert.equal(end?.outcome?.status, 'blocked');
    assert.equal(end?.quality?.outcome, 'inferred');
    assert.equal(recorder.openActions(), 0);
  });

  it('ends a call that nobody tells of as unknown, when its session ends', async (t) => {
    const { hook, until, entries, settle } = await stage(t);
    await hook('PreToolUse', bash('toolu_1', 'ls'));
    await hook('SessionEnd', { reason: 'other' });
    await until('session.check');
    await settle();
    const end = entries().find(({ phase }) => phase === 'post_exec');
    assert.equal(end?.outcome?.status, 'unknown');
  });

  it('does not miss calls that an earlier recorder has, or that were told before, after a restart', async (t) => {
    const before = await stage(t);
    await before.hook('SessionStart', { source: 'startup' });
    await before.hook('PreToolUse', bash('toolu_1', 'ls'));
    await before.hook('PostToolUse', bash('toolu_1', 'ls'));
    before.tell(calls('toolu_1'), result('toolu_1', 'a'), calls('toolu_gone'), result('toolu_gone', 'a'));
    await before.hook('Stop', {});
    await before.until('session.check');
    const after = await before.again();
    // While nobody recorded, one more ran.
    after.tell(calls('toolu_2'), result('toolu_2', 'b'));
    await after.hook('UserPromptSubmit', { prompt: 'go on' });
    await after.hook('SessionEnd', { reason: 'other' });
    const [, check] = await after.until('session.check', 2);
    assert.deepEqual(check?.metadata?.missing_from_record, [{ id: 'toolu_2', tool: 'Bash', status: 'ok' }]);
    assert.equal(check?.metadata?.recorded_earlier, 2);
  });

  it('reads lines that are broken, long or written meanwhile as far as they can be read, and says so', async (t) => {
    const { hook, tell, until, transcript } = await stage(t);
    await hook('PreToolUse', bash('toolu_1', 'ls'));
    await hook('PostToolUse', bash('toolu_1', 'ls'));
    tell(calls('toolu_1'));
    appendFileSync(transcript, '{"type":"assistant","tool_use":"tool_use"\n{"half": "tool_use');
    await hook('SessionEnd', { reason: 'other' });
    const [check] = await until('session.check');
    assert.equal(check?.metadata?.lines_not_read, 1);
    assert.equal(check?.metadata?.compared, 1);
  });

  it('a session that goes on after its end is a run again, under its own name', async (t) => {
    const { hook, entries, until, box } = await stage(t);
    await hook('SessionStart', { source: 'startup' });
    await hook('SessionEnd', { reason: 'prompt_input_exit' });
    await until('session.check');
    await hook('SessionStart', { source: 'resume' });
    await hook('PreToolUse', bash('toolu_2', 'ls'));
    await hook('PostToolUse', bash('toolu_2', 'ls'));
    await hook('SessionEnd', { reason: 'other' });
    await until('session.check', 2);
    assert.deepEqual(
      entries('run.start').map(({ metadata }) => metadata?.source),
      ['startup', 'resume'],
    );
    assert.equal(entries('run.end').length, 2);
    await assertVerifies(box);
  });
});

describe('what is told of it in a list', () => {
  it('is which hook a note is of, and how much is missing', async (t) => {
    const { hook, tell, until, entries } = await stage(t);
    await hook('UserPromptSubmit', { prompt: 'x' });
    await hook('Notification', { message: 'x' });
    await hook('PermissionRequest', { tool_name: 'Bash' });
    tell(calls('toolu_2', 'Write'));
    await hook('Stop', {});
    await until('session.check');
    const told = entries()
      .filter(({ type }) => type === 'step.note' || type === 'session.check')
      .map((entry) => factsOf({ first: entry as unknown as JsonObject }).subject);
    assert.deepEqual(told, ['Notification', 'PermissionRequest Bash', '1 not on record']);
  });
});
