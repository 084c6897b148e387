import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry } from '../../../src/core/entry.ts';
import { call, echo, stage } from './stage.ts';

const POLICY = `version: "1"
allowlist: []
facts: { amount: args.amount }
tools:
  mcp.files.delete: { interactive: { permission: stop } }
  mcp.files.send: { interactive: { permission: approval_required } }
defaults: { interactive: { permission: allow } }
rules:
  - { id: big, when: 'action.name == "mcp.files.pay" && facts.amount > 100.0', decision: stop, reason: too_much }
approvals: { hold: 20s, approver_may_be_requester: true }
`;

const of = (entries: readonly Entry[], type: string): readonly Entry[] =>
  entries.filter((entry) => entry.type === type);

test('a call is on record before the server has it, and its answer closes the pair', async () => {
  const box = await stage({ policy: POLICY, server: echo });
  box.say(call(1, 'read', { path: '/a' }));
  await box.served('"read"');
  const atServer = (await box.ask('status', {})).size;
  await box.answered('did read');
  const entries = await box.end();
  const [pre] = of(entries, 'tool.call');
  const [post] = of(entries, 'tool.result');
  assert.ok(pre !== undefined && pre.index < atServer);
  assert.deepEqual(
    [
      pre.phase,
      pre.action?.name,
      pre.action?.tool,
      pre.decision?.outcome,
      pre.source.surface,
      pre.source.assurance,
    ],
    ['pre_exec', 'mcp.files.read', { name: 'mcp.files.read', server: 'files' }, 'allow', 'mcp', 'enforced'],
  );
  assert.equal(post?.parent_id, pre.id);
  assert.equal(post?.outcome?.status, 'ok');
  assert.equal(typeof post?.outcome?.result_hash, 'string');
  assert.equal(pre.payload?.class, 'arguments');
  assert.equal(post?.payload?.class, 'result');
});

test('a call that the policy stops is answered as a tool error and never reaches the server', async () => {
  const box = await stage({ policy: POLICY, server: echo });
  box.say(call('a', 'delete', { path: '/a' }), call(2, 'read'));
  const told = JSON.parse(await box.answered('Tallystick stopped')) as {
    id: string;
    result: { isError: boolean; content: { text: string }[]; _meta: Record<string, { reason: string }> };
  };
  await box.answered('did read');
  assert.deepEqual([told.id, told.result.isError], ['a', true]);
  assert.match(
    told.result.content[0]?.text ?? '',
    /mcp\.files\.delete.*policy_denied[\s\S]*tally log show log_/,
  );
  assert.equal(told.result._meta['tallystick/decision']?.reason, 'policy_denied');
  const entries = await box.end();
  assert.ok(!box.toServer().includes('delete'));
  assert.deepEqual(
    of(entries, 'tool.result').map(({ outcome }) => [outcome?.status, outcome?.error_kind]),
    [
      ['blocked', 'policy_denied'],
      ['ok', undefined],
    ],
  );
});

test('facts are read from the arguments, and numbers that a double cannot hold are no numbers', async () => {
  const box = await stage({ policy: POLICY, server: echo });
  box.say(call(1, 'pay', { amount: 50 }), call(2, 'pay', { amount: 5000 }));
  box.say(
    '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"pay","arguments":{"amount":90071992547409931}}}\n',
  );
  await box.answered('"id":3');
  await box.answered('did pay');
  const entries = await box.end();
  assert.deepEqual(
    of(entries, 'tool.call').map(({ decision }) => decision?.reason ?? 'allow'),
    ['allow', 'too_much', 'rule_error'],
  );
});

test('who waits for a person is held, and goes on with the grant; what comes after does not wait', async () => {
  const box = await stage({ policy: POLICY, server: echo });
  box.say(call(1, 'send', { to: 'x' }), call(2, 'read'));
  await box.answered('did read');
  assert.ok(!box.toServer().includes('send'));
  const { approvals } = await box.ask('approval.list', {});
  const [waiting] = approvals;
  assert.ok(waiting !== undefined);
  await box.ask('approval.grant', { id: waiting.id });
  await box.answered('did send');
  const entries = await box.end();
  const calls = of(entries, 'tool.call').filter(({ action }) => action?.name === 'mcp.files.send');
  assert.deepEqual(
    calls.map(({ decision }) => decision?.outcome),
    ['approval_required', 'allow'],
  );
  assert.equal(calls[1]?.parent_id, waiting.id);
});

test('what nobody approves in time is answered with the id of the request', async () => {
  const box = await stage({ policy: POLICY.replace('hold: 20s', 'hold: 1s'), server: echo });
  box.say(call(1, 'send', { to: 'x' }));
  const line = await box.answered('waits for a person');
  assert.match(line, /tally approvals approve log_/);
  const entries = await box.end();
  assert.equal(of(entries, 'tool.result')[0]?.outcome?.status, 'pending');
  assert.ok(!box.toServer().includes('send'));
});

test('a caller that cancels while it is held is not answered, and its call is never sent', async () => {
  const box = await stage({ policy: POLICY, server: echo });
  box.say(call(1, 'send', { to: 'x' }), call(2, 'read'));
  await box.answered('did read');
  box.say({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId: 1, reason: 'changed my mind' },
  });
  await box.served('changed my mind');
  const { approvals } = await box.ask('approval.list', {});
  await box.ask('approval.grant', { id: approvals[0]?.id ?? '' });
  await box.end();
  assert.ok(!box.toServer().includes('"send"'));
  assert.ok(!box.toClient().includes('"id":1'));
});

test('every way in which a call ends is told apart', async () => {
  const box = await stage({ policy: POLICY });
  box.say(call(1, 'a'), call(2, 'b'), call(3, 'c'), call(4, 'd'), call(5, 'e'), call('1', 'f'));
  await box.served('"f"');
  box.reply(
    // Out of their order, and an answer to nothing.
    { jsonrpc: '2.0', id: '1', result: { content: [] } },
    { jsonrpc: '2.0', id: 2, error: { code: -32_602, message: 'no such tool' } },
    { jsonrpc: '2.0', id: 99, result: {} },
    { jsonrpc: '2.0', id: 1, result: { isError: true, content: [{ type: 'text', text: 'it failed' }] } },
  );
  await box.answered('it failed');
  box.say({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId: 3, reason: 'not needed' },
  });
  box.say({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId: 4, reason: 'McpError: Request timed out' },
  });
  await box.served('timed out');
  const entries = await box.end();
  const calls = of(entries, 'tool.call');
  const ends = new Map(
    of(entries, 'tool.result').map(({ parent_id, outcome }) => [
      calls.find(({ id }) => id === parent_id)?.action?.name?.slice(-1),
      [outcome?.status, outcome?.error_kind, outcome?.error],
    ]),
  );
  assert.deepEqual(Object.fromEntries(ends), {
    f: ['ok', undefined, undefined],
    b: ['error', 'jsonrpc_-32602', 'no such tool'],
    a: ['error', 'tool_error', 'it failed'],
    c: ['aborted', 'cancelled', 'not needed'],
    d: ['timeout', 'client_timeout', 'McpError: Request timed out'],
    e: ['aborted', 'client_left', 'the test is over'],
  });
  assert.equal((of(entries, 'custom').at(-1)?.metadata?.mcp as { unasked?: number })?.unasked, 1);
});

test('ids that are used again while they are open are answered in their order', async () => {
  const box = await stage({ policy: POLICY });
  box.say(call(1, 'first'), call(1, 'second'));
  await box.served('"second"');
  box.reply(
    { jsonrpc: '2.0', id: 1, result: { content: [] } },
    { jsonrpc: '2.0', id: 1, error: { code: 5, message: 'no' } },
  );
  await box.answered('"no"');
  const entries = await box.end();
  assert.deepEqual(
    of(entries, 'tool.result').map(({ outcome }) => outcome?.status),
    ['ok', 'error'],
  );
});

test('of a batch, what is stopped is cut out and every other byte stays', async () => {
  const box = await stage({ policy: POLICY });
  const kept =
    '{"jsonrpc":"2.0", "id": 2,"method":"tools/call","params":{"name":"read","arguments":{"t":"],[\\"}"}}}';
  box.say(`[ ${JSON.stringify(call(1, 'delete'))} , ${kept},{"jsonrpc":"2.0","method":"notifications/x"}]\n`);
  await box.served('notifications/x');
  await box.answered('Tallystick stopped');
  box.say(`[${kept.replace('"id": 2', '"id": 3')}]\r\n`);
  await box.served('\r\n');
  await box.end();
  assert.equal(
    box.toServer().toString(),
    `[${kept},{"jsonrpc":"2.0","method":"notifications/x"}]\n[${kept.replace('"id": 2', '"id": 3')}]\r\n`,
  );
});

const RUN = '"params":{"name":"delete","arguments":{}}';
const SMUGGLED: readonly (readonly [string, string])[] = [
  ['two methods', `{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping",${RUN}}`],
  ['an upper-case method', `{"jsonrpc":"2.0","id":1,"Method":"tools/call",${RUN}}`],
  [
    'a long s',
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","param\u017f":{"name":"delete"},"params":{"name":"read"}}`,
  ],
  ['two names', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete","name":"read"}}'],
  [
    'a carriage return',
    `{"jsonrpc":"2.0","id":1,"method":"ping","params":\r{"jsonrpc":"2.0","id":1,"method":"tools/call",${RUN}}\r}`,
  ],
  ['a byte order mark', `\ufeff{"jsonrpc":"2.0","id":1,"method":"tools/call",${RUN}}`],
  ['a comment', `{"jsonrpc":"2.0","id":1,"method":"tools/call",${RUN}} // NaN`],
  ['escapes in what is not JSON', `{"jsonrpc":"2.0","id":1,"method":"t\\u006fols\\/call",${RUN},}`],
  ['a batch in a batch', `[[{"jsonrpc":"2.0","id":1,"method":"tools/call",${RUN}}]]`],
  ['a name that is none', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["delete"]}}'],
  [
    'two bytes a character',
    Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"tools/call",${RUN}}`, 'utf16le').toString('latin1'),
  ],
];
for (const [what, line] of SMUGGLED) {
  test(`a call that hides behind ${what} never reaches the server, and is on record`, async () => {
    const box = await stage({ policy: POLICY });
    box.say(`${Buffer.from(line).toString('latin1')}\n`, { jsonrpc: '2.0', method: 'notifications/after' });
    await box.served('notifications/after');
    const entries = await box.end();
    assert.equal(box.toServer().toString(), '{"jsonrpc":"2.0","method":"notifications/after"}\n');
    assert.match(box.toClient().toString(), /Tallystick did not pass this message on/);
    assert.deepEqual(
      of(entries, 'tool.call').map(({ outcome }) => [outcome?.status, outcome?.error_kind]),
      [['blocked', 'unclear_message']],
    );
  });
}

test('a call without a line end at the end of the stream is decided like any other', async () => {
  const box = await stage({ policy: POLICY });
  box.say(JSON.stringify(call(1, 'delete')));
  const entries = await box.end();
  assert.equal(box.toServer().length, 0);
  assert.equal(of(entries, 'tool.call')[0]?.decision?.outcome, 'stop');
});

test('our answer stands between lines of the server, never in one', async () => {
  const box = await stage({ policy: POLICY });
  box.reply('{"jsonrpc":"2.0","method":"notifi');
  await box.answered('notifi');
  box.say(call(1, 'delete'), { jsonrpc: '2.0', method: 'ping', id: 9 });
  await box.served('ping');
  box.reply('cations/message"}\n');
  await box.answered('Tallystick stopped');
  await box.end();
  const [first, second] = box.toClient().toString().split('\n');
  assert.equal(first, '{"jsonrpc":"2.0","method":"notifications/message"}');
  assert.match(second ?? '', /Tallystick stopped/);
});

test('while nobody records, calls are answered as tool errors, and what ended before is told afterwards', async () => {
  let down = false;
  const { TallyError } = await import('../../../src/core/error.ts');
  const box = await stage({
    policy: POLICY,
    ask: (ask) => async (op, params) => {
      if (down) throw new TallyError('RECORDER_UNAVAILABLE', 'the recorder went away', { hint: 'tally up' });
      return ask(op, params);
    },
  });
  box.say(call(1, 'read'));
  await box.served('"read"');
  down = true;
  box.reply({ jsonrpc: '2.0', id: 1, result: { content: [] } });
  box.say(call(2, 'write'));
  const line = await box.answered('could not record');
  assert.match(line, /audit_unavailable/);
  down = false;
  const entries = await box.end();
  assert.ok(!box.toServer().includes('"write"'));
  assert.equal(of(entries, 'tool.result')[0]?.outcome?.status, 'ok');
});

test('the other methods of a session are on record, compactly', async () => {
  const box = await stage({ policy: POLICY });
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  box.say(
    {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-06-18',
        capabilities: { sampling: {} },
        clientInfo: { name: 'probe', version: '3' },
      },
    },
    { jsonrpc: '2.0', id: 2, method: 'tools/list' },
    { jsonrpc: '2.0', id: 3, method: 'resources/read', params: { uri: 'file:///x' } },
    { jsonrpc: '2.0', id: 4, method: 'ping' },
  );
  await box.served('ping');
  box.reply(
    {
      jsonrpc: '2.0',
      id: 1,
      result: {
        protocolVersion: '2025-03-26',
        capabilities: {},
        serverInfo: { name: 'evil', version: '9.9' },
      },
    },
    {
      jsonrpc: '2.0',
      id: 2,
      result: { tools: [{ name: 'get_token', description: 'gives a token', inputSchema: {} }] },
    },
    { jsonrpc: '2.0', id: 3, result: { contents: [{ uri: 'file:///x', text: 'hello' }] } },
    { jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: { maxTokens: 10, messages: [] } },
  );
  await box.answered('sampling');
  box.say({ jsonrpc: '2.0', id: 1, result: { role: 'assistant', content: { type: 'text', text: 'hi' } } });
  box.say({
    jsonrpc: '2.0',
    id: 5,
    method: 'tools/call',
    params: { name: 'read', arguments: {}, _meta: { traceparent, progressToken: 7 } },
  });
  await box.served('progressToken');
  box.reply(
    { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 7, progress: 1 } },
    { jsonrpc: '2.0', id: 5, result: {} },
  );
  await box.answered('"id":5');
  const entries = await box.end();
  const [initialize, list] = of(entries, 'custom');
  assert.deepEqual(initialize?.metadata?.mcp, {
    method: 'initialize',
    client: { name: 'probe', version: '3' },
    server: { name: 'evil', version: '9.9' },
    protocol: { asked: '2025-06-18', agreed: '2025-03-26' },
    client_capabilities: ['sampling'],
    server_capabilities: [],
  });
  const { tools = [] } = (list?.metadata?.mcp ?? {}) as { tools?: { tool: string; hash: string }[] };
  assert.equal(tools[0]?.tool, 'get_token');
  assert.match(tools[0]?.hash ?? '', /^[a-p]{20}$/);
  for (const [begins, ends] of [
    ['retrieval.query', 'retrieval.result'],
    ['model.call', 'model.response'],
  ] as const)
    assert.equal(of(entries, ends)[0]?.parent_id, of(entries, begins)[0]?.id);
  const [called] = of(entries, 'tool.call');
  assert.deepEqual(called?.trace, { trace_id: traceparent.slice(3, 35), span_id: traceparent.slice(36, 52) });
  assert.equal(called?.action?.tool?.version, '9.9');
  assert.equal((of(entries, 'tool.result')[0]?.metadata?.mcp as { progress?: number })?.progress, 1);
  assert.deepEqual(box.warnings, []);
});

test('what is too long to be read is refused on its way to the server, and passes on its way back', async () => {
  const { LIMITS } = await import('../../../src/core/limits.ts');
  const box = await stage({ policy: POLICY });
  const huge = 'x'.repeat(LIMITS.mcpLineBytes);
  box.say(call(1, 'write', { huge }), call(2, 'read'));
  const refused = await box.answered('it has more than');
  assert.equal((JSON.parse(refused) as { id: number }).id, 1);
  await box.served('"read"');
  const answer = `${JSON.stringify({ jsonrpc: '2.0', id: 2, result: { content: [{ type: 'text', text: huge }] } })}\n`;
  box.reply(answer);
  const entries = await box.end();
  assert.ok(!box.toServer().includes('"write"'));
  assert.ok(box.toClient().toString().endsWith(answer));
  const { status, error_kind, bytes_in, result_hash } = of(entries, 'tool.result')[0]?.outcome ?? {};
  const { createHash } = await import('node:crypto');
  assert.deepEqual(
    [status, error_kind, bytes_in, result_hash],
    [
      'unknown',
      'answer_unread',
      answer.length - 1,
      createHash('sha256').update(answer.slice(0, -1)).digest('hex'),
    ],
  );
});
