/** Getting at secrets with the real command: what comes out, what is on record, and what holds when the log fails. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ancestryOf } from '../../src/capture/agent/ancestry.ts';
import { openVault } from '../../src/capture/secrets/vault.ts';
import { type Home, makeHome, type StoredEntry } from './home.ts';

/** Whoever runs these tests from inside an agent is taken for one, rightly. */
const underAgent = ancestryOf(process.ppid).agent;

const MANIFEST = `[project]
name = "shop"
revision = "1.0"

[profiles.default]
DATABASE_URL = { description = "where the orders are", required = true }
API_KEY = { description = "of the carrier", required = true }
LOG_LEVEL = { description = "how much is logged", required = false, default = "info" }
CERT = { description = "for TLS", required = false, as_path = true }

[profiles.production]
API_KEY = { description = "of the carrier", required = true }
`;

interface Project {
  readonly home: Home;
  /** Of the manifest, and where commands are told to find it. */
  readonly file: string;
  readonly values: Readonly<Record<string, Buffer>>;
  tally: Home['tally'];
}

async function project(t: TestContext, over: Readonly<Record<string, Buffer>> = {}): Promise<Project> {
  const home = makeHome(t);
  const directory = join(home.directory, 'project');
  mkdirSync(directory);
  const file = join(directory, 'secretspec.toml');
  writeFileSync(file, MANIFEST);
  const values = {
    'shop/default/DATABASE_URL': Buffer.from(`postgres://u:${randomBytes(9).toString('hex')}@db/x`),
    'shop/default/API_KEY': Buffer.from(`key-${randomBytes(12).toString('hex')}`),
    ...over,
  };
  await fill(home, values);
  const env = { SECRETSPEC_FILE: file };
  return {
    home,
    file,
    values,
    tally: (args, options = {}) => home.tally(args, { ...options, env: { ...env, ...options.env } }),
  };
}

async function fill(home: Home, values: Readonly<Record<string, Buffer>>): Promise<void> {
  const vault = openVault({
    path: join(home.directory, 'vault', 'secrets.vault'),
    key: { path: join(home.directory, 'keys', 'vault.key') },
  });
  for (const [name, value] of Object.entries(values)) await vault.set(name, value);
  vault.close();
}

type Secret = { readonly found?: string; readonly keys?: readonly string[]; readonly command?: string };
const accesses = (home: Home): readonly StoredEntry[] => home.entries('secret.access');
const told = ({ phase, secret, outcome }: StoredEntry) => [
  phase,
  (secret as Secret | undefined)?.found,
  (outcome as { error_kind?: string } | undefined)?.error_kind,
];

test('get prints a value to the byte, whatever is in it, and both entries say so without it', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const odd = Buffer.concat([Buffer.from([0, 255, 10, 27]), randomBytes(40), Buffer.from('\r\n\n')]);
  const { home, tally } = await project(t, { 'shop/default/CERT': odd });
  const done = await tally(['secrets', 'get', 'CERT', '--json', '--reason', 'to see']);
  assert.equal(done.code, 0, done.stderr);
  assert.deepEqual(done.json(), {
    name: 'CERT',
    found: 'found',
    project: 'shop',
    profile: 'default',
    provider: 'tally://',
    bytes: odd.length,
    value: odd.toString('base64'),
    encoding: 'base64',
  });
  const plain = await tally(['secrets', 'get', 'DATABASE_URL']);
  assert.match(plain.stdout, /^postgres:\/\/u:[0-9a-f]{18}@db\/x$/);
  const [pre, post] = accesses(home);
  assert.ok(pre && post);
  assert.deepEqual(
    [told(pre), told(post)],
    [
      ['pre_exec', undefined, undefined],
      ['post_exec', 'found', undefined],
    ],
  );
  assert.deepEqual([pre.reason, pre.project_id, post.parent_id], ['to see', 'shop', pre.id]);
  assert.equal((await home.tally(['verify'])).code, 0);
});

test('a secret that is nowhere, undeclared, or of a broken manifest has its own exit code, hint and record', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const { home, tally, file } = await project(t);
  const missing = await tally(['secrets', 'get', 'API_KEY', '--profile', 'production']);
  assert.deepEqual([missing.code, missing.stdout, missing.error().code], [3, '', 'SECRET_NOT_FOUND']);
  assert.match(missing.error().hint ?? '', /tally secrets set API_KEY --profile production/);
  const undeclared = await tally(['secrets', 'get', 'API_KEYS']);
  assert.deepEqual([undeclared.code, undeclared.error().code], [3, 'NOT_FOUND']);
  assert.match(undeclared.error().hint ?? '', /did you mean API_KEY\?/);
  assert.equal((await tally(['secrets', 'get', 'LOG_LEVEL'])).stdout, 'info');
  assert.deepEqual(
    accesses(home)
      .filter(({ phase }) => phase === 'post_exec')
      .map(told),
    [
      ['post_exec', 'missing', undefined],
      ['post_exec', 'error', 'secret_undeclared'],
      ['post_exec', 'default', undefined],
    ],
  );
  writeFileSync(file, `${MANIFEST}\n[profiles.default\n`);
  const broken = await tally(['secrets', 'get', 'API_KEY']);
  assert.deepEqual([broken.code, broken.error().code], [2, 'MANIFEST_INVALID']);
});

test('a reason is required of agents, of everybody where the machine or the profile says so, and the refusal is on record', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const { home, tally, file } = await project(t);
  const get = (args: readonly string[] = [], env: Record<string, string> = {}) =>
    tally(['secrets', 'get', 'API_KEY', ...args], { env });
  const agent = { CLAUDECODE: '1' };
  const refused = await get([], agent);
  assert.deepEqual([refused.code, refused.stdout, refused.error().code], [4, '', 'STOPPED']);
  assert.match(refused.error().hint ?? '', /--reason/);
  assert.equal((await get([], { ...agent, TALLY_REASON: '   ' })).code, 4);
  assert.equal((await get([], { ...agent, TALLY_REASON: 'tests before a release' })).code, 0);
  assert.equal((await get(['--reason', 'tests'], agent)).code, 0);

  // A project may ask for more than the machine and never for less.
  writeFileSync(file, MANIFEST.replace('revision', 'require_reason = true\nrevision'));
  assert.equal((await get()).code, 4);
  writeFileSync(file, MANIFEST.replace('revision', 'require_reason = false\nrevision'));
  assert.equal((await get([], agent)).code, 4);
  writeFileSync(
    join(home.directory, 'config.yaml'),
    'secrets: { require_reason: never, profiles: { production: { require_reason: always } } }\n',
    { mode: 0o600 },
  );
  assert.equal((await get([], agent)).code, 0);
  assert.equal((await get(['--profile', 'production'])).code, 4);

  const [first] = accesses(home);
  assert.ok(first);
  assert.deepEqual(told(first), ['point', 'error', 'reason_required']);
  const detected = (first.actor as { detected?: unknown }).detected;
  assert.deepEqual(detected, { agent: 'claude', signals: ['env:CLAUDECODE'] });
  assert.equal((first.quality as Record<string, string>)['actor.detected'], 'inferred');
  const audit = await home.tally(['audit', '--json', '--agent', 'claude', '--outcome', 'error']);
  const kinds = audit.stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { error_kind: string }).error_kind);
  assert.deepEqual(new Set(kinds), new Set(['reason_required']));
});

test('run starts a command with all secrets of its profile, records two events, and leaves nothing behind', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const { home, tally, values } = await project(t, {
    'shop/default/CERT': Buffer.from('-----CERT-----\nabc\n'),
  });
  const script =
    'printf "%s|%s|" "$LOG_LEVEL" "$API_KEY"; cat "$CERT"; stat -c %a "$CERT"; echo "$CERT" >"$OUT"; echo "$API_KEY" | base64 -w0 >&2; exit 7';
  const out = join(home.directory, 'path');
  const done = await tally(
    ['secrets', 'run', '--reason', 'deploy', '--', 'sh', '-c', script, 'an-argument'],
    {
      env: { OUT: out },
    },
  );
  assert.equal(done.code, 7, done.stderr);
  assert.equal(done.stdout, 'info|[REDACTED:API_KEY]|[REDACTED:CERT]\n600\n');
  assert.match(done.stderr, /\[REDACTED:API_KEY\]/);
  assert.equal(existsSync(readFileSync(out, 'utf8').trim()), false, 'the file of the secret is still there');
  const [pre, post, ...more] = accesses(home);
  assert.ok(pre && post);
  assert.deepEqual(more, []);
  assert.deepEqual(told(post), ['post_exec', 'started', 'command_failed']);
  assert.equal((post.outcome as { exit_code: number }).exit_code, 7);
  const secret = pre.secret as Secret;
  assert.deepEqual([secret.command, secret.keys?.length], ['sh', 4]);
  assert.equal(pre.run_id, home.entries('run.start')[0]?.run_id);
  const everything = readdirSync(join(home.log, 'entries'))
    .map((name) => readFileSync(join(home.log, 'entries', name), 'utf8'))
    .join('');
  for (const value of ['an-argument', ...Object.values(values).map(String)])
    assert.ok(!everything.includes(value));
  const open = await tally(['secrets', 'run', '--no-mask', '--', 'sh', '-c', 'printf %s "$API_KEY"']);
  assert.equal(open.stdout, String(values['shop/default/API_KEY']));
});

test('run starts nothing without all that is required, without a command, or by an agent without a reason', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const { home, tally } = await project(t);
  const mark = join(home.directory, 'mark');
  const run = (args: readonly string[], env: Record<string, string> = {}) =>
    tally(['secrets', 'run', ...args, '--', 'touch', mark], { env });
  const missing = await run(['--profile', 'production']);
  assert.equal(missing.code, 125);
  assert.match(
    missing.stderr,
    /API_KEY, DATABASE_URL have no value in profile production, so nothing was started/,
  );
  assert.equal((await run([], { AI_AGENT: 'bot' })).code, 125);
  assert.equal((await tally(['secrets', 'run', '--', 'no-such-program-here'])).code, 127);
  assert.equal(existsSync(mark), false);
  const kinds = accesses(home).flatMap((entry) => told(entry)[2] ?? []);
  assert.deepEqual(kinds, ['secret_missing', 'reason_required', 'command_not_found']);
  assert.equal(home.entries('run.start').length, home.entries('run.end').length);
});

test('tally run puts single secrets into an environment by the same path; what the policy names only where it says so', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const { home, tally } = await project(t);
  await fill(home, { OWN: Buffer.from('value-of-our-own'), STRIPE: Buffer.from('value-for-the-broker') });
  const own = await tally([
    'run',
    '-q',
    '--env-inject',
    'OWN',
    'API_KEY',
    '--',
    'sh',
    '-c',
    'printf %s "$OWN" "$API_KEY" | wc -c',
  ]);
  assert.equal(own.stdout, '44\n', own.stderr);
  writeFileSync(
    join(home.directory, 'tally.policy.yaml'),
    'version: "2"\nallowlist: []\ncredentials: { STRIPE: { hosts: [api.stripe.com] } }\n',
    { mode: 0o600 },
  );
  const stopped = await tally(['run', '--env-inject', 'STRIPE', '--', 'sh', '-c', 'echo $STRIPE']);
  assert.equal(stopped.code, 125);
  assert.match(
    stopped.stderr,
    /STRIPE.{1,3} may go into a program's environment only when the policy says so/,
  );
  assert.equal(home.entries('run.end').at(-1)?.run_id, home.entries('run.start').at(-1)?.run_id);
});

test('check names what is missing, by exit code too, and records names alone', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const { home, tally } = await project(t);
  const good = await tally(['secrets', 'check', '--json']);
  assert.deepEqual([good.code, good.json().ok], [0, true]);
  const bad = await tally(['secrets', 'check', '--profile', 'production']);
  assert.equal(bad.code, 3);
  assert.match(bad.stdout, /API_KEY +MISSING/);
  assert.match(
    bad.stderr,
    /2 missing: API_KEY, DATABASE_URL\nhint: tally secrets set API_KEY --profile production/,
  );
  const posts = accesses(home).filter(({ phase }) => phase === 'post_exec');
  assert.deepEqual(
    posts.map((entry) => told(entry)[1]),
    ['found', 'missing'],
  );
  assert.deepEqual((posts[1]?.metadata as { missing?: unknown } | undefined)?.missing, [
    'API_KEY',
    'DATABASE_URL',
  ]);
});

test('scan finds what leaked, in encodings too, tells where and prints no value', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const { home, values, tally } = await project(t);
  const [name = '', value] = Object.entries(values)[1] ?? [];
  const session = join(home.directory, 'session');
  mkdirSync(join(session, 'deep'), { recursive: true });
  writeFileSync(join(session, 'a.jsonl'), `{"a":1}\n{"text":"${value}"}\n{"b":2}\n{"again":"${value}"}\n`);
  writeFileSync(join(session, 'deep', 'b.log'), `${'x'.repeat(1_048_570)}\n${value?.toString('base64')}\n`);
  writeFileSync(join(session, 'clean.txt'), 'nothing here\n');
  const found = await tally(['secrets', 'scan', session, '--json']);
  assert.equal(found.code, 1, found.stderr);
  const { leaks, files } = found.json() as { leaks: unknown[]; files: number };
  assert.deepEqual(
    [files, leaks],
    [
      3,
      [
        { path: join(session, 'a.jsonl'), key: name, count: 2, lines: [2, 4] },
        { path: join(session, 'deep', 'b.log'), key: name, count: 1, lines: [2] },
      ],
    ],
  );
  const text = await tally(['secrets', 'scan', session]);
  for (const shown of [found, text]) assert.ok(!(shown.stdout + shown.stderr).includes(String(value)));
  assert.equal((await tally(['secrets', 'scan', join(session, 'clean.txt')])).code, 0);
  const post = accesses(home).find(({ phase }) => phase === 'post_exec');
  assert.deepEqual((post?.metadata as { scan: { leaked: unknown } } | undefined)?.scan.leaked, [name]);
});

test('without a log a person gets the secret, one warning and later a gap; an agent, and mode closed, get nothing', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const { home, tally, values } = await project(t);
  const value = String(values['shop/default/API_KEY']);
  const logs = join(home.directory, 'logs');
  writeFileSync(logs, 'in the way');
  const get = (args: readonly string[] = [], env: Record<string, string> = {}) =>
    tally(['secrets', 'get', 'API_KEY', ...args], { env });
  const open = await get();
  assert.deepEqual([open.code, open.stdout], [0, value]);
  assert.equal(open.stderr.match(/warning:/g)?.length, 1, open.stderr);
  const ran = await tally(['secrets', 'run', '--', 'sh', '-c', 'exit $(printf %s "$API_KEY" | wc -c)']);
  assert.equal(ran.code, value.length, ran.stderr);
  const agent = await get(['--reason', 'x'], { AI_AGENT: 'bot' });
  assert.deepEqual([agent.code, agent.stdout], [8, '']);
  const config = join(home.directory, 'config.yaml');
  writeFileSync(config, 'secrets: { failure: closed }\n', { mode: 0o600 });
  const closed = await get();
  assert.deepEqual([closed.code, closed.stdout], [8, '']);
  rmSync(config);
  rmSync(logs);
  assert.equal((await get()).code, 0);
  const [gap, ...more] = home.entries('log.gap');
  assert.deepEqual(more, []);
  assert.equal((gap?.metadata as { count?: number } | undefined)?.count, 2);
  assert.equal((await home.tally(['verify'])).code, 0);
});

test('only the user’s own configuration switches recording off: then nothing is opened, and nothing else changes', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const { home, tally, values } = await project(t);
  writeFileSync(join(home.directory, 'config.yaml'), 'audit: { enabled: false }\n', { mode: 0o600 });
  const done = await tally(['secrets', 'get', 'API_KEY']);
  assert.deepEqual([done.code, done.stdout, done.stderr], [0, String(values['shop/default/API_KEY']), '']);
  assert.equal(existsSync(join(home.directory, 'logs')), false);
  assert.equal((await tally(['secrets', 'run', '--', 'true'])).code, 0);
  assert.equal(existsSync(join(home.directory, 'logs')), false);
});

test('a vault that others could have read hands nothing out, and that somebody asked is on record', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const { home, tally } = await project(t);
  const vault = join(home.directory, 'vault', 'secrets.vault');
  chmodSync(vault, 0o644);
  const done = await tally(['secrets', 'get', 'API_KEY']);
  assert.deepEqual([done.code, done.stdout, done.error().code], [1, '', 'VAULT_UNREADABLE']);
  assert.match(done.error().hint ?? '', /rotate them; then: chmod 600/);
  const [pre, post] = accesses(home);
  assert.ok(pre && post);
  assert.deepEqual(told(post), ['post_exec', 'error', 'vault_exposed']);
  chmodSync(vault, 0o600);
  assert.equal((await tally(['secrets', 'get', 'API_KEY'])).code, 0);
});
