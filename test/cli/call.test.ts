import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome, outcomeOf, readyHome } from './home.ts';

test('one call without a broker: the status, a blank line, the body; recorded as a pair', async (t) => {
  const { home, upstream, secret } = await readyHome(t);
  const done = await home.tally([
    'call',
    '--url',
    `${upstream.url}/hello`,
    '--bearer',
    'KEY',
    '--agent',
    'bob',
  ]);
  assert.deepEqual([done.code, done.stdout, done.stderr], [0, 'HTTP 200\n\nhello\n', '']);
  assert.equal(upstream.seen[0]?.headers.authorization, `Bearer ${secret}`);
  const [pre, post] = home.entries('http.call');
  assert.deepEqual([pre?.phase, post?.phase, post?.parent_id], ['pre_exec', 'post_exec', pre?.id]);
  assert.equal((await home.tally(['verify'])).code, 0);
});

test('JSON is one object with status, headers, body, redacted and duration', async (t) => {
  const { home, upstream, secret } = await readyHome(t);
  const url = `${upstream.url}/echo`;
  const done = await home.tally([
    'call',
    '--url',
    url,
    '--bearer',
    'KEY',
    '--data',
    '{"a":1}',
    '--output',
    'json',
  ]);
  assert.equal(done.code, 0);
  assert.equal(done.stdout.trimEnd().split('\n').length, 1);
  const { status, headers, body, redacted, duration_ms, ...rest } = done.json();
  assert.deepEqual([status, redacted, typeof duration_ms, rest], [200, true, 'number', {}]);
  assert.ok(Array.isArray((headers as Record<string, unknown>)['content-length']));
  assert.deepEqual(JSON.parse(String(body)), {
    method: 'POST',
    authorization: 'Bearer [REDACTED:KEY]',
    body: '{"a":1}',
  });
  assert.ok(!done.stdout.includes(secret));
});

test('a stopped call exits 4, says the code and the command that mends it, and sends nothing', async (t) => {
  const { home, upstream } = await readyHome(t);
  const done = await home.tally(['call', '--url', 'https://other.example/x', '--bearer', 'KEY']);
  assert.equal(done.code, 4);
  assert.match(done.stdout, /^HTTP 403\n\n\{"error":"domain_not_in_allowlist"/);
  const { code, message, hint } = done.error();
  assert.equal(code, 'STOPPED');
  // Published clients take the domain from between the first single quotes.
  assert.equal(/'([^']+)'/.exec(message)?.[1], 'other.example');
  assert.equal(hint, 'tally policy allow other.example');
  assert.equal(upstream.seen.length, 0);

  const json = await home.tally(['call', '--url', 'https://other.example/x', '--bearer', 'KEY', '--json']);
  assert.equal(json.code, 4);
  assert.equal(json.json().status, 403);
  assert.match(String(json.json().error), /domain_not_in_allowlist/);
});

test('an agent is told to ask its operator, who alone can change the policy', async (t) => {
  const { home } = await readyHome(t);
  const args = ['call', '--url', 'https://other.example/x', '--bearer', 'KEY'];
  const done = await home.tally(args, { env: { CLAUDECODE: '1' } });
  assert.match(done.error().hint ?? '', /^ask the operator to run: tally policy allow/);
});

test('a call that a person has to approve exits 5 and says how, as text and as JSON', async (t) => {
  const { home, upstream } = await readyHome(t);
  const file = join(home.directory, 'tally.policy.yaml');
  writeFileSync(
    file,
    `${readFileSync(file, 'utf8')}credentials: { KEY: { hosts: [127.0.0.1], methods: { GET: approval_required } } }\napprovals: { hold: 0s, approver_may_be_requester: true }\n`,
  );
  const args = ['call', '--url', `${upstream.url}/x`, '--bearer', 'KEY'];
  const text = await home.tally(args);
  const { code, message, hint } = text.error();
  assert.deepEqual([text.code, code], [5, 'APPROVAL_PENDING']);
  assert.match(message, /^policy_approval_required '127\.0\.0\.1'/);
  const json = await home.tally([...args, '--output', 'json']);
  const { status, body, error } = json.json();
  assert.deepEqual([json.code, status, typeof error], [5, 403, 'string']);
  const { approval_id, reason } = JSON.parse(String(body)) as Record<string, unknown>;
  assert.equal(reason, 'policy_approval_required');
  assert.match(hint ?? '', /tally approvals approve log_/);
  assert.equal((await home.tally(['approvals', 'approve', String(approval_id), '--reason', 'fine'])).code, 0);
  assert.equal((await home.tally(args)).code, 0);
  assert.equal(upstream.seen.length, 1);
});

test('a missing credential exits 3 with the words that published clients look for', async (t) => {
  const { home, upstream } = await readyHome(t);
  const done = await home.tally(['call', '--url', upstream.url, '--bearer', 'NO_SUCH', '--output', 'json']);
  assert.equal(done.code, 3);
  assert.match(String(done.json().error), /secret 'NO_SUCH' not found in keychain/);
  assert.equal(done.json().hint, 'tally secrets set NO_SUCH');
});

test('what the upstream answers is an answer, and with --fail a failure', async (t) => {
  const { home, upstream } = await readyHome(t);
  const args = ['call', '--url', `${upstream.url}/status/404`, '--bearer', 'KEY'];
  const plain = await home.tally(args);
  assert.deepEqual([plain.code, plain.stdout], [0, 'HTTP 404\n\nno\n']);
  assert.equal((await home.tally([...args, '--fail'])).code, 1);
});

test('an upstream that nobody can reach is a failure with exit code 1, and recorded', async (t) => {
  const { home } = await readyHome(t);
  await home.tally(['policy', 'allow', '127.0.0.1:1', '--http', '--internal']);
  const done = await home.tally(['call', '--url', 'http://127.0.0.1:1/', '--bearer', 'KEY']);
  assert.deepEqual([done.code, done.error().code], [1, 'CALL_FAILED']);
  assert.equal(outcomeOf(home.entries('http.call').at(-1)).error_kind, 'connect_failed');
});

test('what cannot be meant is refused before anything is recorded', async (t) => {
  const home = makeHome(t);
  for (const args of [
    ['call'],
    ['call', '--url', 'https://a.example'],
    ['call', '--url', 'https://a.example', '--header', 'X-Key'],
    ['call', '--url', 'https://a.example', 'https://b.example', '--bearer', 'K'],
    ['call', '--url', 'https://a.example', '--bearer', 'K', '--data', 'x', '--data-file', 'y'],
    ['call', '--url', 'https://a.example', '--bearer', 'K', '--output', 'xml'],
  ]) {
    const done = await home.tally(args);
    assert.deepEqual([done.code, done.error().code], [2, 'USAGE'], args.join(' '));
    assert.ok(done.error().hint, args.join(' '));
  }
  assert.throws(() => home.entries(), { code: 'ENOENT' });
});

test('a JSON caller gets its object also when nothing was sent', async (t) => {
  const home = makeHome(t);
  const done = await home.tally(['call', '--bearer', 'K', '--output', 'json']);
  assert.equal(done.code, 2);
  assert.deepEqual([done.json().status, done.json().body, done.json().redacted], [0, '', false]);
  assert.match(String(done.json().error), /no URL/);
});

test('the body comes from a file, from standard input, or from the command line', async (t) => {
  const { home, upstream } = await readyHome(t);
  const file = join(home.directory, 'body.json');
  writeFileSync(file, '{"from":"file"}');
  const base = ['call', '--url', `${upstream.url}/echo`, '--bearer', 'KEY'];
  await home.tally([...base, '--data-file', file]);
  await home.tally([...base, '-'], { stdin: '{"from":"stdin"}' });
  await home.tally([...base, '--data-file', '-', '--method', 'put'], { stdin: 'plain' });
  await home.tally([...base, '--body', '{"from":"body"}']);
  assert.deepEqual(
    upstream.seen.map(({ method, body, headers }) => [method, body, headers['content-type']]),
    [
      ['POST', '{"from":"file"}', 'application/json'],
      ['POST', '{"from":"stdin"}', 'application/json'],
      ['PUT', 'plain', 'application/octet-stream'],
      ['POST', '{"from":"body"}', 'application/json'],
    ],
  );
});

test('a stated purpose is recorded as a run of this call', async (t) => {
  const { home, upstream } = await readyHome(t);
  await home.tally([
    'call',
    '--url',
    upstream.url,
    '--bearer',
    'KEY',
    '--reason',
    'to see',
    '--agent',
    'bob',
  ]);
  const [start] = home.entries('run.start');
  assert.equal(start?.reason, 'to see');
  assert.ok(home.entries('http.call').every(({ run_id }) => run_id === start?.run_id));
  assert.equal(home.entries('run.end').length, 1);
});

test('a token in the environment proves the agent; one in argv works and is warned about', async (t) => {
  const { home, upstream } = await readyHome(t);
  await home.tally(['agent', 'register', 'bob']);
  const { token } = (await home.tally(['agent', 'token', 'issue', 'bob', '--json'])).json();
  const args = ['call', '--url', upstream.url, '--bearer', 'KEY'];
  const quiet = await home.tally(args, { env: { TALLY_AGENT_TOKEN: String(token) } });
  const warned = await home.tally([...args, '--token', String(token)]);
  assert.deepEqual([quiet.code, quiet.stderr, warned.code], [0, '', 0]);
  assert.match(warned.stderr, /TALLY_AGENT_TOKEN/);
  assert.ok(!warned.stderr.includes(String(token)));
  for (const { actor } of home.entries('http.call')) {
    assert.deepEqual(
      [(actor as Record<string, unknown>).agent_id, (actor as Record<string, unknown>).identity_level],
      ['bob', 'issued'],
    );
  }
});

test('a body that is not text is kept whole in JSON', async (t) => {
  const { home, upstream } = await readyHome(t);
  const done = await home.tally(['call', '--url', `${upstream.url}/binary`, '--bearer', 'KEY', '--json']);
  assert.equal(done.json().body_base64, Buffer.of(0xff, 0xfe, 0).toString('base64'));
});

test('a body goes whole into a file, or leaves what was there', async (t) => {
  const { home, upstream } = await readyHome(t);
  const file = join(home.directory, 'body.bin');
  const args = (path: string) => ['call', '--url', `${upstream.url}${path}`, '--bearer', 'KEY', '-o', file];
  const done = await home.tally(args('/binary'));
  assert.deepEqual([done.code, done.stdout], [0, 'HTTP 200\n']);
  assert.deepEqual(readFileSync(file), Buffer.of(0xff, 0xfe, 0));
  const { body, bytes, file: named } = (await home.tally([...args('/hello'), '--json'])).json();
  assert.deepEqual([body, bytes, named], ['', 5, file]);
  const stopped = await home.tally([...args('/x'), '--url', 'https://other.example/']);
  assert.equal(stopped.code, 4, 'our own answer is no body');
  const cut = home.start(args('/slow'));
  await cut.until('HTTP 200');
  cut.process.kill('SIGINT');
  assert.notEqual((await cut.ended).code, 0);
  assert.equal(readFileSync(file, 'utf8'), 'hello');
  assert.deepEqual(
    readdirSync(home.directory).filter((name) => name.endsWith('.part')),
    [],
  );
});

test('the names that AgentSecrets has for the agent and its token work', async (t) => {
  const { home, upstream } = await readyHome(t);
  await home.tally(['agent', 'register', 'bob']);
  const { token } = (await home.tally(['agent', 'token', 'issue', 'bob', '--json'])).json();
  const args = ['call', '--url', upstream.url, '--bearer', 'KEY'];
  const named = await home.tally([...args, '--token', 'BOB_TOKEN'], { env: { BOB_TOKEN: String(token) } });
  assert.deepEqual([named.code, named.stderr], [0, '']);
  const said = await home.tally([...args, '--agent-id', 'eve']);
  assert.equal(said.code, 0);
  assert.deepEqual(
    home.entries('http.call').map(({ actor }) => {
      const { agent_id, identity_level } = actor as Record<string, unknown>;
      return [agent_id, identity_level];
    }),
    [
      ['bob', 'issued'],
      ['bob', 'issued'],
      ['eve', 'declared'],
      ['eve', 'declared'],
    ],
  );
  const shim = await home.tally([...args, '--token', 'BOT_TOKEN'], { env: { TALLY_SHIM: 'agentsecrets' } });
  assert.equal(shim.code, 0);
  assert.match(shim.stderr, /recorded as bot, by its name alone/);
  const missing = await home.tally([...args, '--token', 'BOB_TOKEN']);
  assert.deepEqual([missing.code, missing.error().code], [4, 'TOKEN_INVALID']);
  assert.equal((await home.tally([...args, '--agent', 'a', '--agent-id', 'b'])).code, 2);
});

test('an interrupted call ends recorded as aborted', async (t) => {
  const { home, upstream } = await readyHome(t);
  const started = home.start(['call', '--url', `${upstream.url}/slow`, '--bearer', 'KEY']);
  await started.until('first');
  started.process.kill('SIGINT');
  const done = await started.ended;
  assert.notEqual(done.code, 0);
  assert.equal(outcomeOf(home.entries('http.call').at(-1)).status, 'aborted');
  assert.equal(home.entries().at(-1)?.type, 'log.close');
});

test('calls at once without a broker all succeed, one recorder after the other', async (t) => {
  const { home, upstream } = await readyHome(t);
  const calls = await Promise.all(
    [1, 2, 3, 4].map((n) => home.tally(['call', '--url', `${upstream.url}/${n}`, '--bearer', 'KEY'])),
  );
  assert.deepEqual(
    calls.map(({ code, stderr }) => [code, stderr]),
    calls.map(() => [0, '']),
  );
  assert.equal(upstream.seen.length, 4);
});

test('a running broker makes the call', async (t) => {
  const { home, upstream } = await readyHome(t);
  await home.up();
  const done = await home.tally(['call', '--url', upstream.url, '--bearer', 'KEY']);
  assert.deepEqual([done.code, done.stdout], [0, 'HTTP 200\n\nhello\n']);
  const opened = home.entries('log.open').length;
  await home.tally(['call', '--url', upstream.url, '--bearer', 'KEY']);
  assert.equal(home.entries('log.open').length, opened);
});
