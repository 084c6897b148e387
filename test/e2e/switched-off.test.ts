/**
 * The kill switch and the approvals of the real command, with calls going through a real broker. How many calls began is
 * counted by the upstream itself.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Home, makeHome, until } from '../support/home.ts';

interface Site {
  readonly home: Home;
  readonly broker: string;
  readonly origin: string;
  /** Times at which the upstream got a call. */
  readonly began: readonly number[];
  json(args: readonly string[]): Promise<Record<string, unknown>>;
}

async function site(t: TestContext, rest: string): Promise<Site> {
  const began: number[] = [];
  const server = createServer((_request, response) => {
    began.push(performance.now());
    setTimeout(() => response.end('done'), 15);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const home = await makeHome();
  t.after(async () => {
    await home.remove();
    server.closeAllConnections();
    server.close();
  });
  assert.equal((await home.tally(['init'])).code, 0);
  await writeFile(
    home.paths.policyFile,
    `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: [{ host: 127.0.0.1, port: ${port}, http: true, internal: true }]
${rest}`,
  );
  assert.equal((await home.tally(['secrets', 'set', 'KEY'], { input: 'a-secret-of-this-test' })).code, 0);
  home.start(['up'], { env: { TALLY_PORT: '0' } });
  async function json(args: readonly string[]): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await home.tally([...args, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Record<string, unknown>;
  }
  const broker = await until(async () => {
    const { url } = (await json(['status'])).broker as { url?: string };
    return url;
  }, 'the broker');
  return { home, broker, origin: `http://127.0.0.1:${port}`, began, json };
}

function call(
  { broker, origin }: Site,
  body: string,
  agent?: Agent,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${broker}/proxy`, {
      method: 'POST',
      ...(agent === undefined ? {} : { agent }),
      headers: {
        'X-AS-Target-URL': `${origin}/refunds`,
        'X-AS-Inject-Bearer': 'KEY',
        'X-AS-Agent-ID': 'billing',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      let text = '';
      incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
    });
    outgoing.end(body);
  });
}

test('under load, no call begins at the upstream after `tally kill on` has returned', async (t) => {
  const s = await site(t, '');
  const pool = new Agent({ keepAlive: true, maxSockets: 64 });
  t.after(() => pool.destroy());
  let running = true;
  const statuses = new Map<number, number>();
  const load = Promise.all(
    Array.from({ length: 32 }, async () => {
      while (running) {
        const { status } = await call(s, '{}', pool);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }),
  );
  await until(() => s.began.length > 200 || undefined, 'some load');
  const { code, stdout } = await s.home.tally(['kill', 'on', '--scope', 'global', '--reason', 'enough']);
  const returned = performance.now();
  assert.equal(code, 0);
  await pause(700);
  const refused = statuses.get(403) ?? 0;
  running = false;
  await load;
  const before = s.began.filter((at) => at <= returned).length;
  assert.equal(s.began.length - before, 0, 'calls that began after the command returned');
  assert.ok(refused > 100, `${refused} calls were refused, so the load went on`);
  t.diagnostic(`${before} began before, 0 after, ${refused} refused meanwhile; ${stdout.trim()}`);

  const status = await s.home.tally(['status']);
  assert.match(status.stdout, /kill +switched off: global \(enough\)/);
  assert.match((await s.home.tally(['doctor'])).stdout, /kill switch.*global/);
  const run = await s.home.tally(['run', '--', 'true']);
  assert.equal(run.code, 125);
  assert.match(run.stderr, /switched off: enough/);
  assert.equal((await s.home.tally(['kill', 'off', '--scope', 'global', '--reason', 'seen'])).code, 0);
  assert.equal((await call(s, '{}')).status, 200);
  assert.equal((await s.home.tally(['verify'])).code, 0);
});

test('a call waits for a person, who sees what is asked, and is made once when they say yes', async (t) => {
  const s = await site(
    t,
    `facts: { amount: args.amount }
rules: [{ id: big, when: 'action.name == "http.call" && facts.amount > 100.0', decision: approval_required }]
approvals: { ttl: 10m, hold: 20s }
`,
  );
  const held = call(s, '{"amount":250,"card":"4111111111111111"}');
  const waiting = await until(async () => {
    const { approvals } = (await s.json(['approvals', 'list'])) as { approvals: { id: string }[] };
    return approvals[0]?.id;
  }, 'the request');
  const { stdout } = await s.home.tally(['approvals', 'show', waiting.slice(-8)]);
  assert.match(stdout, /billing.* asks for POST/);
  assert.match(stdout, /"amount": 250/);
  assert.match(stdout, /1 value hidden/);
  assert.doesNotMatch(stdout, /4111/);
  // An agent cannot say yes to itself.
  const agent = await s.home.tally(['approvals', 'approve', waiting], { env: { CLAUDECODE: '1' } });
  assert.equal(agent.code, 4);
  assert.equal(s.began.length, 0);
  const yes = await s.home.tally(['approvals', 'approve', waiting.slice(-8), '--reason', 'looked at it']);
  assert.equal(yes.code, 0, yes.stderr);
  assert.equal((await held).status, 200);
  assert.equal(s.began.length, 1);
  const twice = await s.home.tally(['approvals', 'approve', waiting]);
  assert.equal(twice.code, 4);
  assert.match(twice.stderr, /approved and used before/);
  assert.equal((await s.home.tally(['approvals', 'show', 'AAAAAAAA'])).code, 3);
  assert.equal((await s.home.tally(['verify'])).code, 0);
});
