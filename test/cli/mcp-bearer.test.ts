/** The credential of the MCP gateway: the client never sees it, and another value of it is used from the next call on. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { makeHome } from './home.ts';

test('a credential that is replaced goes along with the next call, on record, and no value of it is anywhere', async (t) => {
  const home = makeHome(t);
  const [first, second] = [1, 2].map(() => `tok_${randomBytes(24).toString('hex')}`) as [string, string];
  const got: (string | undefined)[] = [];
  const upstream = createServer((request, response) => {
    request.resume();
    const { authorization } = request.headers;
    got.push(authorization);
    const result = { content: [{ type: 'text', text: `you said ${authorization}` }] };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result }));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  t.after(() => upstream.close());
  const { port } = upstream.address() as AddressInfo;
  const set = async (value: string): Promise<void> => {
    const { code, stderr } = await home.tally(['secrets', 'set', 'MCP_KEY', '--global'], { stdin: value });
    assert.equal(code, 0, stderr);
  };
  await set(first);
  const allowed = await home.tally(['policy', 'allow', `127.0.0.1:${port}`, '--http', '--internal']);
  assert.equal(allowed.code, 0, allowed.stderr);
  const gateway = home.start([
    ...['mcp', 'gateway', '--name', 'u', '--upstream', `http://127.0.0.1:${port}/mcp`, '--http'],
    ...['--bearer', 'MCP_KEY', '--json'],
  ]);
  const [, url = ''] = /"url": "([^"]+)"/.exec(await gateway.until(/"url": "[^"]+"/)) ?? [];
  const call = async (): Promise<string> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'read', arguments: {} },
      }),
    });
    return response.text();
  };
  for (const text of [await call(), await call()]) assert.match(text, /\[REDACTED:MCP_KEY\]/);
  await set(second);
  assert.match(await call(), /\[REDACTED:MCP_KEY\]/);
  assert.deepEqual(
    got,
    [first, first, second].map((value) => `Bearer ${value}`),
  );
  gateway.process.kill('SIGINT');
  await gateway.ended;
  const reads = home
    .entries('secret.access')
    .filter(({ phase, reason }) => phase === 'pre_exec' && reason === 'tally mcp gateway');
  assert.equal(reads.length, 2);
  const all = JSON.stringify(home.entries()) + gateway.output();
  assert.ok(!all.includes(first) && !all.includes(second));
});
