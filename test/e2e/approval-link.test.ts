import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome } from '../cli/home.ts';
import { until } from '../support/home.ts';

const POLICY = `version: "1"
identity: { anonymous: allow, declared: allow }
rules:
  - { id: deploys, when: 'action.name == "deploy"', decision: approval_required, approvers: ["user:u_lead"] }
users:
  u_dev: { roles: [member] }
  u_lead: { roles: [member] }
`;

test('tally up sends a person the link of a request, and the link decides it, once', async (t) => {
  const home = makeHome(t);
  const got: { data: { url: string; approver: string; action: string } }[] = [];
  const receiver = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => {
      text += part;
    });
    request.on('end', () => {
      got.push(JSON.parse(text));
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  t.after(() => receiver.close());
  const { port } = receiver.address() as AddressInfo;
  assert.equal((await home.tally(['init', '--json'])).code, 0);
  writeFileSync(join(home.directory, 'tally.policy.yaml'), POLICY);
  writeFileSync(
    join(home.directory, 'config.yaml'),
    `alerts:\n  destinations:\n    - { name: desk, type: webhook, url: "http://127.0.0.1:${port}/" }\napprovals:\n  notify:\n    - { destination: desk, approver: u_lead }\n`,
    { mode: 0o600 },
  );
  const { started } = await home.up();
  const [, api] = /api\s+(http:\S+)\/decisions/.exec(started.output()) ?? [];
  assert.ok(api !== undefined, started.output());
  assert.equal((await home.tally(['agent', 'register', 'shipper'])).code, 0);
  const issued = await home.tally(['agent', 'token', 'issue', 'shipper', '--user', 'u_dev', '--json']);
  const headers = { Authorization: `Bearer ${issued.json().token}`, 'Content-Type': 'application/json' };
  const ask = async () => {
    const body = JSON.stringify({ action: { name: 'deploy' }, args: { version: '1.2.3' } });
    const response = await fetch(`${api}/decisions`, { method: 'POST', headers, body });
    return (await response.json()) as { proceed: boolean; decision: { approval?: { approver: string } } };
  };
  assert.equal((await ask()).proceed, false);
  const { data } = await until(async () => got[0], 'the message');
  assert.deepEqual([data.approver, data.action], ['u_lead', 'deploy']);
  assert.equal(new URL(data.url).origin, new URL(api).origin);
  const page = await fetch(data.url);
  assert.match(await page.text(), /"version": "1\.2\.3"|&quot;version&quot;: &quot;1\.2\.3&quot;/);
  const form = { method: 'POST', body: new URLSearchParams({ decision: 'grant' }) };
  assert.equal((await fetch(data.url, form)).status, 200);
  assert.equal((await fetch(data.url, form)).status, 409);
  const allowed = await ask();
  assert.deepEqual([allowed.proceed, allowed.decision.approval?.approver], [true, 'u_lead']);
  assert.equal((await ask()).proceed, false, 'used');
  assert.equal((await home.tally(['log', 'replay'])).code, 0);
});
