import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, it } from 'node:test';
import { LIMITS } from '../../../src/core/limits.ts';
import { assertVerifies } from '../../support/verify.ts';
import { bash, SESSION, stage } from './stage.ts';

describe('posts to a hook', () => {
  it('are answered for the token of an installed hook only, and for no web page', async (t) => {
    const { post, entries, url, token } = await stage(t);
    const event = { session_id: SESSION, hook_event_name: 'PreToolUse', ...bash('toolu_1', 'ls') };
    const bad = [
      { Authorization: '' },
      { Authorization: 'Bearer hok_x' },
      { Authorization: `Bearer ${token}x` },
      { Authorization: `Basic ${token}` },
    ];
    for (const headers of bad)
      assert.equal((await post(event, headers)).status, 401, JSON.stringify(headers));
    assert.equal((await post(event, { Origin: 'https://evil.example' })).status, 403);
    assert.equal((await post(event, { 'Sec-Fetch-Site': 'cross-site' })).status, 403);
    assert.equal(await statusWith(url, token, { Host: 'evil.example' }), 403);
    assert.equal((await fetch(url, { headers: { Authorization: `Bearer ${token}` } })).status, 405);
    assert.equal(entries('tool.call').length, 0);
    assert.equal((await post(event)).status, 200);
  });

  it('of another user of the machine are refused, whatever token they bring', async (t) => {
    const { hook, entries } = await stage(t, { mayRead: async () => false });
    assert.equal((await hook('PreToolUse', bash('toolu_1', 'ls'))).status, 401);
    assert.equal(entries('tool.call').length, 0);
  });

  it('of ten megabytes are hashed, decided and recorded, and what is kept of them is bounded', async (t) => {
    const { hook, entries, box } = await stage(t);
    const input = (end: string) => ({
      tool_name: 'Write',
      tool_input: { file_path: '/srv/project/a', content: `${'x'.repeat(10 * 1024 * 1024)}${end}` },
    });
    assert.deepEqual((await hook('PreToolUse', { ...input('1'), tool_use_id: 'toolu_1' })).body, {});
    assert.deepEqual((await hook('PreToolUse', { ...input('2'), tool_use_id: 'toolu_2' })).body, {});
    await hook('PostToolUse', { ...input('1'), tool_use_id: 'toolu_1', tool_response: input('1') });
    const [one, two] = entries('tool.call');
    assert.notEqual(one?.action?.args_hash, two?.action?.args_hash);
    assert.deepEqual(one?.metadata?.cut, ['arguments']);
    assert.equal(entries('tool.result')[0]?.parent_id, one?.id);
    await assertVerifies(box);
  });

  it('that are too large, too deep or no JSON deny their call, and are on record', async (t) => {
    const { url, token, entries } = await stage(t);
    const at = `${url}?event=PreToolUse`;
    const deep = `{"hook_event_name":"PreToolUse","tool_input":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    const long = `{"a":"${'x'.repeat(LIMITS.hookBodyBytes)}"}`;
    for (const [body, code] of [
      [deep, 'too_deep'],
      ['[1]', 'bad_json'],
      ['{"a":', 'bad_json'],
      [long, 'body_too_large'],
    ] as const) {
      const response = await fetch(at, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}` },
        body,
      });
      assert.equal(response.status, 200, code);
      const { hookSpecificOutput } = (await response.json()) as {
        hookSpecificOutput: { permissionDecision: string };
      };
      assert.equal(hookSpecificOutput.permissionDecision, 'deny');
      const last = entries('tool.call').at(-1);
      assert.equal(last?.outcome?.status, 'blocked');
      assert.equal(last?.outcome?.error_kind, code);
    }
    const other = await fetch(`${url}?event=Stop`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}` },
      body: '[1]',
    });
    assert.equal(other.status, 400);
    assert.equal(entries('step.note').at(-1)?.outcome?.error_kind, 'bad_json');
  });

  it('are no permission when nothing can be recorded', async (t) => {
    const { hook, recorder } = await stage(t);
    await recorder.close('the test');
    const { status, body } = await hook('PreToolUse', bash('toolu_1', 'ls'));
    assert.equal(status, 503);
    assert.equal(body.error?.code, 'audit_unavailable');
  });

  it('leave no byte of the token of the hook in the log, wherever it stands', async (t) => {
    const { hook, token, box } = await stage(t);
    await hook('UserPromptSubmit', { prompt: `my token is ${token}` });
    await hook('PreToolUse', bash('toolu_1', `curl -H 'Authorization: Bearer ${token}'`));
    await hook('PostToolUse', { ...bash('toolu_1', token), tool_response: { stdout: token } });
    const bytes = JSON.stringify(
      [...box.disk.segments.values()].map((part) => Buffer.from(part).toString('latin1')),
    );
    assert.ok(bytes.includes('tool.call'));
    assert.ok(!bytes.includes(token));
  });
});

function statusWith(url: string, token: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers: { ...headers, Authorization: `Bearer ${token}` } });
    sent.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end('{}');
  });
}
