import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome, outcomeOf, readyHome } from './home.ts';

test('init makes directories, keys, a policy that allows no host and a log; again it changes nothing', async (t) => {
  const home = makeHome(t);
  // Before it the same policy holds without a file, and is not called broken.
  assert.match((await home.tally(['status'])).stdout, /^policy .*allows no host yet; it is built in/m);
  const first = await home.tally(['init', '--json']);
  assert.equal(first.code, 0, first.stderr);
  const { created, vkey, policy_file } = first.json() as {
    created: boolean;
    vkey: string;
    policy_file: string;
  };
  assert.equal(created, true);
  for (const name of ['local.key', 'local.master', 'operator.json']) {
    assert.ok(existsSync(join(home.directory, 'keys', name)), name);
  }
  assert.match(readFileSync(policy_file, 'utf8'), /^allowlist: \[\]$/m);
  const second = await home.tally(['init', '--json']);
  assert.deepEqual([second.json().created, second.json().vkey], [false, vkey]);
  assert.equal((await home.tally(['verify'])).code, 0);
});

test('a secret is stored from standard input without its last newline, and both entries are there', async (t) => {
  const { home, upstream } = await readyHome(t);
  await home.tally(['secrets', 'set', 'CRLF', '--reason', 'new key'], { stdin: 'ends-with-crlf\r\n' });
  await home.tally(['secrets', 'set', 'TWO'], { stdin: 'two-lines\n\n' });
  for (const key of ['CRLF', 'TWO']) {
    await home.tally(['call', '--url', upstream.url, '--header', `X-Value=${key}`]);
  }
  assert.equal(upstream.seen[0]?.headers['x-value'], 'ends-with-crlf');
  // The second newline is part of the value; a header cannot hold it, so that call was not made.
  assert.equal(upstream.seen.length, 1);
  const [pre, post] = home.entries('secret.access').slice(0, 2);
  assert.deepEqual(
    [pre?.phase, pre?.reason, post?.phase, post?.parent_id],
    ['pre_exec', 'new key', 'post_exec', pre?.id],
  );
  assert.deepEqual((post?.secret as Record<string, unknown> | undefined)?.found, 'written');
});

test('a secret on the command line is refused, in every form, and said nowhere', async (t) => {
  const home = makeHome(t);
  for (const args of [['KEY', 'hunter2-value'], ['KEY=hunter2-value'], ['KEY', '--', 'hunter2-value']]) {
    const done = await home.tally(['secrets', 'set', ...args]);
    assert.deepEqual([done.code, done.error().code], [2, 'USAGE']);
    assert.match(done.error().hint ?? '', /tally secrets set KEY/);
    assert.ok(!(done.stdout + done.stderr).includes('hunter2'));
  }
});

test('nothing on standard input is no value', async (t) => {
  const home = makeHome(t);
  for (const stdin of ['', '\n']) {
    const done = await home.tally(['secrets', 'set', 'KEY'], { stdin });
    assert.deepEqual([done.code, done.error().code], [2, 'USAGE']);
  }
  assert.equal((await home.tally(['secrets', 'list', '--json'])).stdout.trim(), '{\n  "secrets": []\n}');
});

test('the list tells names, times and how long values are, and no value', async (t) => {
  const home = makeHome(t);
  const secret = 'a-value-to-store';
  await home.tally(['secrets', 'set', 'KEY'], { stdin: secret });
  await home.tally(['secrets', 'set', 'TINY'], { stdin: 'abc' });
  const list = await home.tally(['secrets', 'list', '--json']);
  const { secrets } = list.json() as { secrets: { key: string; set_at: string; length: string }[] };
  assert.deepEqual(
    secrets.map(({ key, length }) => [key, length]),
    [
      ['KEY', '16 to 63 bytes'],
      ['TINY', 'under 6 bytes: too short to be redacted'],
    ],
  );
  assert.ok(secrets.every(({ set_at }) => !Number.isNaN(Date.parse(set_at))));
  assert.ok(!list.stdout.includes(secret));
});

test('a deleted secret is gone; one that is not there is told with a guess, and the attempt is recorded', async (t) => {
  const { home } = await readyHome(t);
  const wrong = await home.tally(['secrets', 'delete', 'KEYS']);
  assert.deepEqual(
    [wrong.code, wrong.error().code, wrong.error().hint],
    [3, 'SECRET_NOT_FOUND', 'did you mean KEY?'],
  );
  assert.equal((await home.tally(['secrets', 'delete', 'KEY'])).code, 0);
  assert.deepEqual((await home.tally(['secrets', 'list', '--json'])).json().secrets, []);
  const found = home.entries('secret.access').map(({ secret }) => (secret as { found?: string }).found);
  assert.deepEqual(found.filter(Boolean), ['missing', 'deleted']);
});

test('when nothing can be recorded, the vault is left as it was', async (t) => {
  const { home } = await readyHome(t);
  await home.tally(['init']);
  const vault = join(home.directory, 'vault', 'secrets.vault');
  const before = readFileSync(vault);
  rmSync(join(home.log, 'log.json'));
  const done = await home.tally(['secrets', 'set', 'OTHER'], { stdin: 'some-value' });
  assert.equal(done.code, 6);
  assert.deepEqual(readFileSync(vault), before);
});

test('an agent is registered, gets a token once, and loses it', async (t) => {
  const { home, upstream } = await readyHome(t);
  const unknown = await home.tally(['agent', 'token', 'issue', 'bob']);
  assert.deepEqual([unknown.code, unknown.error().hint], [3, 'tally agent register bob']);
  assert.equal((await home.tally(['agent', 'register', 'bob', '--description', 'bills'])).code, 0);
  const issued = await home.tally([
    'agent',
    'token',
    'issue',
    'bob',
    '--expires',
    '30d',
    '--label',
    'ci',
    '--json',
  ]);
  const { token_id, token, expires_at } = issued.json() as Record<string, string>;
  assert.ok(token?.startsWith(`${token_id}.`));
  const days = (Date.parse(expires_at ?? '') - Date.now()) / 86_400_000;
  assert.ok(days > 29.9 && days < 30.1);

  const env = { TALLY_AGENT_TOKEN: token ?? '' };
  const args = ['call', '--url', upstream.url, '--bearer', 'KEY'];
  assert.equal((await home.tally(args, { env })).code, 0);
  // The whole token is taken for its id: what is pasted most easily.
  const revoked = await home.tally(['agent', 'token', 'revoke', token ?? '', '--reason', 'done']);
  assert.equal(revoked.code, 0, revoked.stderr);
  const refused = await home.tally(args, { env });
  assert.deepEqual([refused.code, refused.error().code], [4, 'TOKEN_INVALID']);

  const list = await home.tally(['agent', 'list', '--json']);
  const { agents, tokens } = list.json() as {
    agents: { agent_id: string }[];
    tokens: { status: string; label: string }[];
  };
  assert.deepEqual(
    [agents.map(({ agent_id }) => agent_id), tokens.map(({ status }) => status)],
    [['bob'], ['revoked']],
  );
  const everything = list.stdout + JSON.stringify(home.entries());
  assert.ok(!everything.includes(token?.split('.')[1] ?? '?'));
});

test('looking at agents writes nothing', async (t) => {
  const { home } = await readyHome(t);
  await home.tally(['init']);
  const before = home.entries().length;
  await home.tally(['agent', 'list']);
  await home.tally(['status']);
  await home.tally(['policy', 'show']);
  await home.tally(['doctor']);
  assert.equal(home.entries().length, before);
});

test('a span of time that is none is refused', async (t) => {
  const home = makeHome(t);
  const done = await home.tally(['agent', 'token', 'issue', 'bob', '--expires', 'soon']);
  assert.deepEqual([done.code, done.error().code], [2, 'USAGE']);
});

test('policy allow is idempotent, says what changed, and keeps every comment', async (t) => {
  const home = makeHome(t);
  const first = await home.tally(['policy', 'allow', 'API.Example.com:8443', '--json']);
  assert.deepEqual([first.code, first.json().changed], [0, true]);
  const file = join(home.directory, 'tally.policy.yaml');
  const text = readFileSync(file, 'utf8');
  assert.match(text, /# Deny|# What agents may do/);
  assert.match(text, /^ {2}- api\.example\.com:8443$/m);
  const again = await home.tally(['policy', 'allow', 'api.example.com:8443', '--json']);
  assert.deepEqual([again.code, again.json().changed, readFileSync(file, 'utf8')], [0, false, text]);
  assert.equal(home.entries('policy.change').length, 1);
  assert.equal((await home.tally(['policy', 'allow', 'https://a.example/x'])).code, 2);
});

test('hosts that are allowed at once are all in the file', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  const names = ['a', 'b', 'c', 'd'].map((name) => `${name}.example`);
  const done = await Promise.all(names.map((name) => home.tally(['policy', 'allow', name])));
  assert.deepEqual(
    done.map(({ code }) => code),
    [0, 0, 0, 0],
    done.map(({ stderr }) => stderr).join(''),
  );
  const text = readFileSync(join(home.directory, 'tally.policy.yaml'), 'utf8');
  for (const name of names) assert.ok(text.includes(`- ${name}\n`), name);
});

test('policy check finds the line; set refuses what check refuses; show tells what is in force', async (t) => {
  const home = makeHome(t);
  await home.tally(['policy', 'allow', 'api.example.com']);
  const good = join(home.directory, 'good.yaml');
  const bad = join(home.directory, 'bad.yaml');
  writeFileSync(good, 'version: "7"\nallowlist: [a.example]\n');
  writeFileSync(bad, 'version: "8"\nallowlist: [a.example]\nmods: enforce\n');
  assert.match(
    (await home.tally(['policy', 'check', good])).stdout,
    /good\. Version 7, mode enforce, 1 host\./,
  );
  const wrong = await home.tally(['policy', 'check', bad]);
  assert.deepEqual([wrong.code, wrong.error().code], [2, 'POLICY_INVALID']);
  assert.match(wrong.error().message, /bad\.yaml: line 3, column 1: unknown key "mods"/);
  assert.match(wrong.error().hint ?? '', /mode/);
  assert.equal((await home.tally(['policy', 'set', bad])).code, 2);
  assert.equal((await home.tally(['policy', 'set', good])).code, 0);
  await home.up();
  const shown = (await home.tally(['policy', 'show', '--json'])).json() as {
    version: string;
    in_force: { same: boolean };
  };
  assert.deepEqual([shown.version, shown.in_force.same], ['7', true]);
});

test('under a detected agent the operator’s commands are refused and the refusal is recorded', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  const env = { AI_AGENT: 'some-agent' };
  for (const args of [
    ['policy', 'allow', 'evil.example'],
    ['agent', 'register', 'evil'],
    ['operator', 'protect'],
  ]) {
    const done = await home.tally(args, { env, stdin: 'a passphrase' });
    assert.deepEqual([done.code, done.error().code], [4, 'OPERATOR_REQUIRED'], args.join(' '));
  }
  const change = home.entries('policy.change').at(-1);
  assert.equal(outcomeOf(change).status, 'blocked');
  assert.deepEqual((change?.actor as { detected?: unknown } | undefined)?.detected, {
    agent: 'some-agent',
    signals: ['env:AI_AGENT'],
  });
  assert.ok(!readFileSync(join(home.directory, 'tally.policy.yaml'), 'utf8').includes('evil.example'));
});

test('a passphrase locks the operator’s commands until it is given, and never again says itself', async (t) => {
  const home = makeHome(t);
  const passphrase = 'four words are enough';
  const set = await home.tally(['operator', 'protect'], { stdin: `${passphrase}\n` });
  assert.equal(set.code, 0, set.stderr);
  const locked = await home.tally(['policy', 'allow', 'a.example']);
  assert.deepEqual([locked.code, locked.error().code], [4, 'OPERATOR_REQUIRED']);
  assert.match(locked.error().hint ?? '', /tally operator unlock/);

  const wrong = await home.tally(['operator', 'unlock'], { stdin: 'some other words' });
  assert.deepEqual([wrong.code, wrong.error().code], [4, 'OPERATOR_REQUIRED']);
  const given = await home.tally(['operator', 'unlock'], { stdin: passphrase });
  assert.equal(given.code, 0, given.stderr);
  assert.equal((await home.tally(['policy', 'allow', 'a.example'])).code, 0);
  const status = (await home.tally(['operator', 'status', '--json'])).json();
  assert.deepEqual([status.protected, status.state], [true, 'unlocked']);

  await home.tally(['operator', 'lock']);
  assert.equal((await home.tally(['policy', 'allow', 'b.example'])).code, 4);
  const change = await home.tally(['operator', 'protect'], { stdin: 'another good one' });
  assert.equal(change.code, 4);
  assert.ok(!readFileSync(join(home.directory, 'keys', 'operator.json'), 'utf8').includes(passphrase));
  assert.ok(!JSON.stringify(home.entries()).includes(passphrase));
});

test('a healthy machine passes the doctor, and each trouble fails with the command that mends it', async (t) => {
  const { home } = await readyHome(t);
  await home.tally(['init']);
  interface Report {
    ok: boolean;
    checks: { name: string; status: string; detail: string; mend?: string }[];
  }
  const examine = async () => {
    const done = await home.tally(['doctor', '--json']);
    return { code: done.code, report: done.json() as unknown as Report };
  };
  const healthy = await examine();
  assert.deepEqual([healthy.code, healthy.report.ok], [0, true], JSON.stringify(healthy.report));

  const key = join(home.directory, 'keys', 'local.key');
  chmodSync(key, 0o644);
  const open = await examine();
  assert.equal(open.code, 1);
  const files = open.report.checks.find(({ name }) => name === 'files');
  assert.deepEqual([files?.status, files?.mend], ['fail', `chmod 600 ${key}`]);
  chmodSync(key, 0o600);

  writeFileSync(join(home.directory, 'tally.policy.yaml'), 'version: 1\n');
  writeFileSync(join(home.log, 'checkpoint'), 'not a checkpoint\n');
  writeFileSync(join(home.directory, 'keys', 'local.master'), 'short\n');
  const broken = await examine();
  for (const name of ['policy', 'head', 'master key']) {
    const check = broken.report.checks.find((found) => found.name === name);
    assert.equal(check?.status, 'fail', name);
    assert.ok(check?.mend, name);
  }
});

test('status tells what runs, what is signed and what is in force', async (t) => {
  const { home } = await readyHome(t);
  await home.tally(['init']);
  const still = (await home.tally(['status', '--json'])).json() as {
    recorder: { running: boolean };
    log: { entries: number; signed: number };
  };
  assert.equal(still.recorder.running, false);
  assert.deepEqual([still.log.entries, still.log.signed], [home.entries().length, home.entries().length]);
  const { url, started } = await home.up();
  const running = (await home.tally(['status', '--json'])).json() as {
    recorder: { running: boolean; pid: number };
    broker: { url: string };
    policy: { in_force: { same_as_file: boolean } };
  };
  assert.deepEqual(
    [
      running.recorder.running,
      running.recorder.pid,
      running.broker.url,
      running.policy.in_force.same_as_file,
    ],
    [true, started.process.pid, url, true],
  );
});

test('before the first start status and doctor say so, and make nothing', async (t) => {
  const home = makeHome(t);
  const status = await home.tally(['status']);
  assert.equal(status.code, 0);
  assert.match(status.stderr, /There is no log yet/);
  assert.equal((await home.tally(['agent', 'list'])).code, 0);
  assert.equal((await home.tally(['secrets', 'list'])).code, 0);
  await home.tally(['doctor']);
  assert.ok(!existsSync(join(home.directory, 'keys')));
});
