/** Keeping secrets with the real command: a project's and the machine's own, moved in, handed out, under a passphrase. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Home, makeHome, type StoredEntry } from './home.ts';

const MANIFEST = `[project]
name = "shop"
revision = "1.0"
[providers]
local = "dotenv:.env.local"
[profiles.default]
DATABASE_URL = { description = "where the orders are" }
API_KEY = { description = "of the carrier" }
LOG_LEVEL = { description = "how much is logged", default = "info" }
FROM_CI = { description = "given by CI", required = false, providers = ["env"] }
[profiles.production]
API_KEY = { description = "of the carrier, live" }
`;

const fresh = (): string => randomBytes(15).toString('base64url');
const reason = { TALLY_REASON: 'a test' };

interface Project {
  readonly home: Home;
  readonly directory: string;
  tally: Home['tally'];
  accesses(): readonly StoredEntry[];
}

function project(t: TestContext): Project {
  const home = makeHome(t);
  const directory = join(home.directory, 'project');
  mkdirSync(directory);
  writeFileSync(join(directory, 'secretspec.toml'), MANIFEST);
  const env = { SECRETSPEC_FILE: join(directory, 'secretspec.toml'), ...reason };
  return {
    home,
    directory,
    tally: (args, options = {}) => home.tally(args, { ...options, env: { ...env, ...options.env } }),
    accesses: () => home.entries('secret.access'),
  };
}

test('a .env file is moved into the vault: what is there stays, what is not declared is told, and all of it is on record', async (t) => {
  const { tally, directory, accesses, home } = project(t);
  const [url, key] = [`postgres://u:${fresh()}@db/x`, fresh()];
  writeFileSync(join(directory, '.env'), `DATABASE_URL="${url}"\nAPI_KEY=${key}\nSTRAY=${fresh()}\n`);
  const from = `dotenv:${join(directory, '.env')}`;
  const first = await tally(['secrets', 'import', '--from', from, '--json']);
  assert.equal(first.code, 0, first.stderr);
  const { secrets, undeclared } = first.json() as {
    secrets: { key: string; result: string }[];
    undeclared: string[];
  };
  assert.deepEqual(
    secrets.map(({ key: name, result }) => [name, result]),
    [
      ['API_KEY', 'written'],
      ['DATABASE_URL', 'written'],
      ['FROM_CI', 'missing'],
      ['LOG_LEVEL', 'missing'],
    ],
  );
  assert.deepEqual(undeclared, ['STRAY']);
  const [before, after] = accesses();
  assert.deepEqual([before?.phase, after?.phase, after?.parent_id], ['pre_exec', 'post_exec', before?.id]);
  assert.deepEqual((after?.metadata as { written?: number } | undefined)?.written, 2);
  assert.deepEqual((before?.secret as { keys?: string[] } | undefined)?.keys, [
    'API_KEY',
    'DATABASE_URL',
    'FROM_CI',
    'LOG_LEVEL',
  ]);

  writeFileSync(join(directory, '.env'), `DATABASE_URL="${url}"\nAPI_KEY=${fresh()}\n`);
  const again = await tally(['secrets', 'import', '--from', from, 'API_KEY', 'DATABASE_URL', '--json']);
  assert.deepEqual(
    (again.json().secrets as { result: string }[]).map(({ result }) => result),
    ['kept', 'same'],
  );
  assert.equal((await tally(['secrets', 'get', 'API_KEY'])).stdout, key);
  assert.equal((await tally(['secrets', 'import', '--from', from, 'API_KEY', '--overwrite'])).code, 0);
  assert.notEqual((await tally(['secrets', 'get', 'API_KEY'])).stdout, key);

  // Nothing of it in the log, and nobody else's secret beside it.
  const everything = readdirSync(home.log, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
  assert.ok(everything.includes('DATABASE_URL') && !everything.includes(url) && !everything.includes(key));
  const machine = await tally(['secrets', 'list', '--global', '--json']);
  const times = (machine.json().secrets as { set_at?: string }[]).map(({ set_at }) => set_at);
  assert.ok(times.every((at) => at !== undefined && !Number.isNaN(Date.parse(at))));
  assert.deepEqual(
    (machine.json().secrets as { key: string }[]).map(({ key: name }) => name),
    ['shop/default/API_KEY', 'shop/default/DATABASE_URL'],
  );
});

test('profiles are apart, and a project is apart from the machine', async (t) => {
  const { tally } = project(t);
  const [standard, live, own] = [fresh(), fresh(), fresh()];
  const set = async (value: string, ...args: readonly string[]): Promise<void> => {
    const done = await tally(['secrets', 'set', 'API_KEY', ...args], { stdin: value });
    assert.equal(done.code, 0, done.stderr);
  };
  await set(standard);
  await set(live, '-P', 'production');
  await set(own, '--global');
  const get = async (...args: readonly string[]): Promise<string> =>
    (await tally(['secrets', 'get', 'API_KEY', ...args])).stdout;
  assert.equal(await get(), standard);
  assert.equal(await get('-P', 'production'), live);
  const deleted = await tally(['secrets', 'delete', 'API_KEY', '-P', 'production', '--json']);
  assert.deepEqual(deleted.json(), { key: 'API_KEY', deleted: true, provider: 'tally://' });
  assert.equal((await tally(['secrets', 'get', 'API_KEY', '-P', 'production'])).code, 3);
  assert.equal(await get(), standard);
  const unknown = await tally(['secrets', 'set', 'API_KYE'], { stdin: 'x-y-z-value' });
  assert.deepEqual([unknown.code, unknown.error().hint], [3, 'did you mean API_KEY?']);
  assert.equal(
    (await tally(['secrets', 'set', 'API_KEY', '-P', 'prodction'], { stdin: 'x-y-z-value' })).error().hint,
    'did you mean production?',
  );
});

test('a profile is handed to a shell as it is, and not at all when something is missing', async (t) => {
  const { tally, accesses } = project(t);
  const missing = await tally(['secrets', 'export']);
  assert.deepEqual([missing.code, missing.stdout], [3, '']);
  assert.match(missing.error().message, /API_KEY, DATABASE_URL/);
  const odd = `it's "$HOME" \\ \`x\` ${fresh()}\nsecond line`;
  await tally(['secrets', 'set', 'DATABASE_URL'], { stdin: odd });
  await tally(['secrets', 'set', 'API_KEY'], { stdin: 'key-of-the-carrier' });
  const { spawnSync } = await import('node:child_process');
  const shell = await tally(['secrets', 'export'], { env: { FROM_CI: 'from-ci' } });
  const read = spawnSync(
    'sh',
    ['-c', `${shell.stdout}\nprintf '%s' "$DATABASE_URL|$API_KEY|$LOG_LEVEL|$FROM_CI"`],
    { encoding: 'utf8', env: {} },
  );
  assert.equal(read.stdout, `${odd}|key-of-the-carrier|info|from-ci`);
  const json = JSON.parse((await tally(['secrets', 'export', '--format', 'json'])).stdout);
  assert.deepEqual(json, { API_KEY: 'key-of-the-carrier', DATABASE_URL: odd, LOG_LEVEL: 'info' });
  assert.equal((await tally(['secrets', 'export', '--format', 'yaml'])).code, 2);
  const of = accesses().filter((entry) => (entry.secret as { operation: string }).operation === 'export');
  assert.ok(
    of.length >= 6 && of.length % 2 === 0,
    'two records for each export, also for the one that failed',
  );
});

test('what cannot be written says so before a value is asked for, and is on no record as written', async (t) => {
  const { tally, home } = project(t);
  const ci = await tally(['secrets', 'set', 'FROM_CI'], { stdin: 'some-value' });
  assert.deepEqual([ci.code, ci.error().code], [1, 'PROVIDER_FAILED']);
  const large = await tally(['secrets', 'set', 'API_KEY'], { stdin: 'x'.repeat(1024 * 1024) });
  assert.equal(large.code, 2);
  await tally(['secrets', 'set', 'API_KEY'], { stdin: 'value-before' });
  chmodSync(join(home.directory, 'vault', 'secrets.vault'), 0o644);
  const exposed = await tally(['secrets', 'get', 'API_KEY']);
  assert.match(exposed.error().message, /can be reached by other users/);
  assert.equal(exposed.stdout, '');
});

test('under a passphrase the vault is locked for everybody until it is given; recording goes on', async (t) => {
  const { tally, home } = project(t);
  await tally(['secrets', 'set', 'API_KEY'], { stdin: 'value-of-api-key' });
  assert.equal((await tally(['secrets', 'protect'], { stdin: 'correct horse battery' })).code, 0);
  assert.ok(!existsSync(join(home.directory, 'keys', 'vault.key')));
  assert.equal((await tally(['secrets', 'get', 'API_KEY'])).stdout, 'value-of-api-key');
  await tally(['secrets', 'lock']);
  const locked = await tally(['secrets', 'get', 'API_KEY']);
  assert.deepEqual(
    [locked.code, locked.error().code, locked.error().hint],
    [1, 'VAULT_LOCKED', 'tally secrets unlock'],
  );
  assert.equal((await tally(['status', '--json'])).code, 0);
  const wrong = await tally(['secrets', 'unlock'], { stdin: 'wrong horse battery' });
  assert.match(wrong.error().message, /not the passphrase/);
  assert.equal((await tally(['secrets', 'unlock'], { stdin: 'correct horse battery' })).code, 0);
  assert.equal((await tally(['secrets', 'get', 'API_KEY'])).stdout, 'value-of-api-key');
});
