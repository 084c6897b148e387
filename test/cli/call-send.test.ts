import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { refusalError } from '../../src/cli/commands/call/refusal.ts';
import { send } from '../../src/cli/commands/call/transport.ts';

async function sent(method: string, body?: Buffer): Promise<IncomingHttpHeaders> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    request.resume();
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { body: answer } = await send(url, { method, headers: [], body }, new AbortController().signal);
    await once(answer.resume(), 'end');
  } finally {
    server.close();
  }
  return seen[0] ?? {};
}

describe('what tally call sends to the broker', () => {
  it('is never a stream: a POST without a body says that it has none, so that it can be approved', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'PURGE', 'TRACE']) {
      const { 'content-length': length, 'transfer-encoding': coding } = await sent(method);
      assert.deepEqual([length, coding], ['0', undefined], method);
    }
    assert.equal((await sent('POST', Buffer.from('{}')))['content-length'], '2');
  });

  it('says nothing of a body where there is none to be expected', async () => {
    for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS']) {
      const { 'content-length': length, 'transfer-encoding': coding } = await sent(method);
      assert.deepEqual([length, coding], [undefined, undefined], method);
    }
  });
});

describe('what tally call says of a refusal', () => {
  const told = (status: number, reason: string, message: string) =>
    refusalError({
      status,
      reason,
      asAgent: false,
      body: JSON.stringify({ error: reason, domain: 'api.example.com', message }),
    });

  it('names the reason code of a limit too', () => {
    const { message } = told(429, 'rate_limited_user', 'too many calls of this user');
    assert.equal(message, "rate_limited_user 'api.example.com': too many calls of this user");
  });

  it('has the user in the command that gives a call somebody who stands behind it', () => {
    assert.match(told(403, 'identity_missing', 'nobody').hint ?? '', /token issue NAME --user USER /);
    assert.doesNotMatch(told(403, 'token_expired', 'over').hint ?? '', /--user/);
  });

  it('has a command that switches on again as it is pasted, and once', () => {
    const message = 'the agent "a" is switched off; to switch on again: tally kill off --scope agent:a';
    const { message: why, hint } = told(403, 'killed_agent', message);
    assert.equal(why, 'killed_agent \'api.example.com\': the agent "a" is switched off');
    assert.equal(hint, 'tally kill status; tally kill off --scope agent:a --reason "…"');
    assert.equal(told(403, 'killed', 'switched off').hint, 'tally kill status');
  });

  it('leads to who said no', () => {
    const { hint } = told(403, 'policy_approval_denied', 'a person was asked, and said no');
    assert.match(hint ?? '', /^tally approvals list --all /);
  });

  it('says which bodies can be read when arguments were streamed past', () => {
    assert.match(told(403, 'args_unavailable', 'streamed').hint ?? '', /as JSON or as a form/);
  });
});
