import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome, outcomeOf, readyHome } from './home.ts';

const NODE = process.execPath;

/** A program that makes one call to each URL through the broker. */
const AGENT = `
for (const url of process.argv.slice(2)) {
  const response = await fetch(process.env.TALLY_PROXY_URL, {
    headers: { 'X-AS-Target-URL': url, 'X-AS-Session-Token': process.env.TALLY_RUN_TOKEN, 'X-AS-Inject-Bearer': 'KEY' },
  });
  console.log(response.status, await response.text());
}`;

test('a run is started, its calls belong to it, and its end says how it ended', async (t) => {
  const { home, upstream, secret } = await readyHome(t);
  const agent = join(home.directory, 'agent.mjs');
  writeFileSync(agent, AGENT);
  const urls = ['/', '/status/500', '/echo'].map((path) => upstream.url + path);
  const done = await home.tally([
    'run',
    '--agent',
    'bob',
    '--reason',
    'to see',
    '--project',
    'p1',
    '--env',
    'test',
    '--',
    NODE,
    agent,
    ...urls,
    'https://other.example/',
  ]);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /^200 hello\n500 no\n\n200 .*\[REDACTED:KEY\].*\n403 /);
  assert.match(done.stderr, /exit 0 after .* 4 calls: 1 stopped, 1 failed, 1 redacted · log verified\n/);
  assert.match(
    done.stderr,
    /stopped: calls to a host, because the policy does not name it.*\n {2}tally policy allow other\.example\n/,
  );
  assert.match(done.stderr, /failed: 127\.0\.0\.1 500 \(1\)/);
  assert.match(done.stderr, /what ignores proxy settings is not/);
  assert.ok(!(done.stdout + done.stderr).includes(secret));

  const [start] = home.entries('run.start');
  const [end] = home.entries('run.end');
  assert.deepEqual([start?.reason, start?.project_id, start?.environment], ['to see', 'p1', 'test']);
  assert.deepEqual([outcomeOf(end).status, outcomeOf(end).exit_code], ['ok', 0]);
  assert.equal(typeof outcomeOf(end).duration_ms, 'number');
  const calls = home.entries('http.call');
  assert.equal(calls.length, 8);
  assert.ok(calls.every(({ run_id }) => run_id === start?.run_id && run_id === end?.run_id));
  // argv may carry secrets: the program's name is recorded and nothing else of it.
  assert.ok(!JSON.stringify(home.entries()).includes('agent.mjs'));
});

test('a call that waits for a person is not counted among the stopped ones', async (t) => {
  const { home, upstream } = await readyHome(t);
  const agent = join(home.directory, 'agent.mjs');
  writeFileSync(agent, AGENT);
  appendFileSync(
    join(home.directory, 'tally.policy.yaml'),
    `rules: [{ id: ask, when: 'action.path == "/echo"', decision: approval_required }]\napprovals: { hold: 0s }\n`,
  );
  const done = await home.tally(['run', '--', NODE, agent, `${upstream.url}/`, `${upstream.url}/echo`]);
  assert.match(done.stdout, /^200 hello\n403 .*policy_approval_required/);
  assert.match(done.stderr, / 2 calls: 1 put to a person · log verified\n/);
});

test('the exit code is the command’s own', async (t) => {
  const home = makeHome(t);
  const done = await home.tally(['run', '--', 'sh', '-c', 'exit 7']);
  assert.equal(done.code, 7);
  assert.deepEqual(
    [outcomeOf(home.entries('run.end')[0]).status, outcomeOf(home.entries('run.end')[0]).exit_code],
    ['error', 7],
  );
});

test('a command that a signal ended gives 128 and the signal’s number, and the entry names it', async (t) => {
  const home = makeHome(t);
  const done = await home.tally(['run', '--', 'sh', '-c', 'kill -KILL $$']);
  assert.equal(done.code, 137);
  assert.match(done.stderr, /ended by SIGKILL/);
  const outcome = outcomeOf(home.entries('run.end')[0]);
  assert.deepEqual([outcome.status, outcome.signal], ['aborted', 'SIGKILL']);
});

test('our own failures are those of env(1): 127 not found, 126 not executable, 125 the rest', async (t) => {
  const home = makeHome(t);
  const missing = await home.tally(['run', '--', 'no-such-command-here']);
  const folder = await home.tally(['run', '--', home.directory]);
  assert.deepEqual([missing.code, folder.code], [127, 126]);
  assert.match(missing.stderr, /no-such-command-here: no such command/);
  assert.equal(home.entries('run.end').length, 2);

  const nothing = await home.tally(['run']);
  const unknown = await home.tally(['run', '--agnt', 'x', '--', 'true']);
  assert.deepEqual([nothing.code, unknown.code], [125, 125]);
  assert.equal(unknown.error().code, 'USAGE');
  writeFileSync(join(home.directory, 'keys', 'local.key'), 'broken\n');
  const broken = await home.tally(['run', '--', 'true']);
  assert.equal(broken.code, 125);
});

test('standard input, output and arguments are the command’s own', async (t) => {
  const home = makeHome(t);
  const cat = await home.tally(['run', '-q', '--', 'cat'], { stdin: 'through' });
  assert.deepEqual([cat.stdout, cat.stderr], ['through', '']);
  const echo = await home.tally(['run', '-q', 'echo', '--agent', '-n', 'a b']);
  assert.equal(echo.stdout, '--agent -n a b\n');
});

test('the command finds the broker, its token, the way through it and whom to trust there', async (t) => {
  const home = makeHome(t);
  const done = await home.tally(['run', '-q', '--', NODE, '-p', 'JSON.stringify(process.env)'], {
    env: { NO_PROXY: 'localhost,127.0.0.1', NODE_OPTIONS: '--no-warnings' },
  });
  const env = JSON.parse(done.stdout) as Record<string, string>;
  const [, host] = /^http:\/\/(127\.0\.0\.1:\d+)\/proxy$/.exec(env.TALLY_PROXY_URL ?? '') ?? [];
  assert.ok(host);
  assert.ok(env.TALLY_RUN_TOKEN?.startsWith(`${env.TALLY_RUN_ID}.`));
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy', 'ALL_PROXY'])
    assert.equal(env[name], `http://run:${env.TALLY_RUN_TOKEN}@${host}`);
  assert.deepEqual([env.NO_PROXY, env.no_proxy, env.NODE_USE_ENV_PROXY], [host, host, '1']);
  assert.match(env.NODE_OPTIONS ?? '', /^--no-warnings --require=.*bootstrap\.cjs"?$/);
  const bundle = readFileSync(env.SSL_CERT_FILE ?? '', 'utf8');
  assert.ok(bundle.includes(readFileSync(env.NODE_EXTRA_CA_CERTS ?? '', 'utf8').trim()));
  assert.ok(!JSON.stringify(home.entries()).includes(env.TALLY_RUN_TOKEN?.split('.')[1] ?? '?'));

  const plain = await home.tally([
    'run',
    '-q',
    '--no-proxy',
    '--',
    NODE,
    '-p',
    'JSON.stringify(process.env)',
  ]);
  const without = JSON.parse(plain.stdout) as Record<string, string>;
  assert.deepEqual(
    Object.keys(without).filter((name) => /^https?_proxy$|^TALLY_CA|^NODE_OPTIONS$/i.test(name)),
    [],
  );
  assert.ok(without.TALLY_PROXY_URL);
});

for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} goes to the command, and the end of the run is recorded`, async (t) => {
    const home = makeHome(t);
    const script = `process.on('${signal}', () => process.exit(9)); setInterval(() => {}, 1000); console.log('ready');`;
    const started = home.start(['run', '--', NODE, '-e', script]);
    await started.until('ready');
    started.process.kill(signal);
    const done = await started.ended;
    assert.equal(done.code, 9);
    assert.equal(outcomeOf(home.entries('run.end')[0]).exit_code, 9);
    assert.equal(home.entries().at(-1)?.type, 'log.close');
  });
}

test('a command that ignores nothing dies of the signal that we got', async (t) => {
  const home = makeHome(t);
  const started = home.start(['run', '--', NODE, '-e', `console.log('ready'); setInterval(() => {}, 1000);`]);
  await started.until('ready');
  started.process.kill('SIGINT');
  const done = await started.ended;
  assert.equal(done.code, 130);
  assert.equal(outcomeOf(home.entries('run.end')[0]).signal, 'SIGINT');
});

test('the token of a run that ended is no longer good', async (t) => {
  const { home, upstream } = await readyHome(t);
  const printed = await home.tally(['run', '-q', '--', 'sh', '-c', 'echo $TALLY_RUN_TOKEN']);
  const args = ['call', '--url', upstream.url, '--bearer', 'KEY'];
  const done = await home.tally(args, { env: { TALLY_RUN_TOKEN: printed.stdout.trim() } });
  assert.deepEqual([done.code, done.error().code], [4, 'TOKEN_INVALID']);
  assert.equal(upstream.seen.length, 0);
});

test('runs at once share the broker of the recorder that runs', async (t) => {
  const { home, upstream } = await readyHome(t);
  await home.up();
  const agent = join(home.directory, 'agent.mjs');
  writeFileSync(agent, AGENT);
  const runs = await Promise.all(
    ['a', 'b', 'c'].map((name) => home.tally(['run', '--agent', name, '--', NODE, agent, upstream.url])),
  );
  for (const done of runs) assert.match(done.stderr, /1 call · log verified/);
  assert.equal(new Set(home.entries('http.call').map(({ run_id }) => run_id)).size, 3);
});

test('a second run uses the broker that the first one brought', async (t) => {
  const { home, upstream } = await readyHome(t);
  const agent = join(home.directory, 'agent.mjs');
  writeFileSync(agent, AGENT);
  const first = home.start(['run', '--', 'sh', '-c', 'echo ready; exec sleep 30']);
  await first.until('ready');
  const second = await home.tally(['run', '--', NODE, agent, upstream.url]);
  assert.deepEqual([second.code, second.stdout], [0, '200 hello\n']);
  first.process.kill('SIGTERM');
  await first.ended;
  assert.equal(home.entries('run.end').length, 2);
});

test('when the run that brought the broker ends, another one takes its place on the same port', async (t) => {
  const { home, upstream } = await readyHome(t);
  const agent = join(home.directory, 'patient.mjs');
  writeFileSync(
    agent,
    `console.log('ready'); process.stdin.resume(); process.stdin.on('end', go);
    async function go(tries = 100) {
      try {
        const response = await fetch(process.env.TALLY_PROXY_URL, { headers: {
          'X-AS-Target-URL': process.argv[2], 'X-AS-Session-Token': process.env.TALLY_RUN_TOKEN, 'X-AS-Inject-Bearer': 'KEY' } });
        console.log(response.status, await response.text());
      } catch { if (tries > 0) setTimeout(go, 50, tries - 1); else console.log('gave up'); }
    }`,
  );
  const first = home.start(['run', '--', 'sh', '-c', 'echo ready; exec sleep 30']);
  await first.until('ready');
  const second = home.start(['run', '--', NODE, agent, upstream.url], { open: true });
  await second.until('ready');
  first.process.kill('SIGTERM');
  await first.ended;
  second.process.stdin?.end();
  const done = await second.ended;
  assert.equal(done.stdout, 'ready\n200 hello\n');
  assert.match(done.stderr, /1 call · log verified/);
  assert.equal(home.entries('run.end').length, 2);
  assert.equal(home.entries().at(-1)?.type, 'log.close');
});

test('an end is recorded although the recorder was started anew meanwhile', async (t) => {
  const home = makeHome(t);
  const { started } = await home.up();
  const run = home.start(['run', '--', 'sh', '-c', 'echo ready; exec sleep 3']);
  await run.until('ready');
  started.process.kill('SIGKILL');
  await started.ended;
  await home.up();
  const done = await run.ended;
  assert.equal(done.code, 0, done.stderr);
  assert.equal(outcomeOf(home.entries('run.end')[0]).exit_code, 0);
  assert.match(done.stderr, /there was no broker for .* of this run/);
});

test('when the end cannot be recorded that is told, and the exit code stays the command’s own', async (t) => {
  const home = makeHome(t);
  const { started } = await home.up();
  const args = ['--', 'sh', '-c', 'echo ready; read line; exit 5'];
  const runs = [
    home.start(['run', ...args], { open: true }),
    home.start(['run', '--verify-exit', ...args], { open: true }),
  ];
  for (const run of runs) await run.until('ready');
  started.process.kill('SIGKILL');
  await started.ended;
  rmSync(join(home.log, 'log.json'));
  for (const run of runs) run.process.stdin?.end('go\n');
  const [plain, strict] = await Promise.all(runs.map((run) => run.ended));
  assert.deepEqual([plain?.code, plain?.error().code], [5, 'LOG_ROLLED_BACK']);
  assert.equal(strict?.code, 6);
});

test('trouble that the closing verification finds is told, and with --verify-exit it is the exit code', async (t) => {
  const home = makeHome(t);
  await home.up();
  await home.tally(['run', '-q', '--', 'true']);
  const file = join(home.log, 'entries', '000000000000.jsonl');
  writeFileSync(file, readFileSync(file, 'utf8').replace('"exit_code":0', '"exit_code":1'));
  const told = await home.tally(['run', '-q', '--', 'true']);
  assert.equal(told.code, 0);
  assert.match(told.stderr, /log NOT verified/);
  assert.equal((await home.tally(['run', '--verify-exit', '--', 'true'])).code, 6);
});

test('a run inside a run is a run of its own, and cannot change the policy', async (t) => {
  const home = makeHome(t);
  const program = new URL('../../bin/tally.js', import.meta.url).pathname;
  const inner = await home.tally(['run', '-q', '--', NODE, program, 'policy', 'allow', 'evil.example']);
  assert.equal(inner.code, 4);
  assert.match(inner.stderr, /OPERATOR_REQUIRED/);
  const change = home.entries('policy.change').at(-1);
  assert.equal((change?.decision as { outcome?: string } | undefined)?.outcome, 'stop');
});
