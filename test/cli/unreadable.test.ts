/** What this user may not read, or what is no directory: told as that, and never as trouble with writing. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Home, makeHome } from './home.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/tally.js', import.meta.url));
/** Root reads whatever it likes: the program is run as nobody then. */
const NOBODY = 65_534;
const asOther = process.geteuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
const barred = spawnSync(process.execPath, [PROGRAM, '--version'], asOther).status !== 0;

async function begun(t: TestContext): Promise<Home> {
  const home = makeHome(t);
  assert.equal((await home.tally(['init'])).code, 0);
  return home;
}

/** With `path` closed to everybody while it runs. */
function tally(home: Home, path: string, ...args: readonly string[]) {
  if (asOther.uid !== undefined) spawnSync('chown', ['-R', `${NOBODY}:${NOBODY}`, home.directory]);
  chmodSync(path, 0);
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    ...asOther,
    cwd: '/',
    env: {
      PATH: process.env.PATH,
      HOME: home.directory,
      TALLY_HOME: home.directory,
      TALLY_UI_PORT: '0',
      XDG_RUNTIME_DIR: join(home.directory, 'r'),
    },
    encoding: 'utf8',
    timeout: 60_000,
  });
  chmodSync(path, 0o700);
  return { code: status, stdout, stderr };
}

function told({ stderr }: { readonly stderr: string }): { code: string; message: string; hint: string } {
  return JSON.parse(stderr).error;
}

for (const name of ['.', 'logs/local/checkpoint', 'logs/local/entries/000000000000.jsonl', 'heads'])
  test(`verify says of ${name} that this user cannot read it`, {
    skip: barred && 'another user may not run this program',
  }, async (t) => {
    const home = await begun(t);
    const path = join(home.directory, name);
    const done = tally(home, path, 'verify');
    assert.equal(done.code, 2, done.stderr);
    const { code, message, hint } = told(done);
    assert.equal(code, 'LOG_UNREADABLE');
    assert.ok(message.includes(path), message);
    assert.match(hint, /^give this user \(id \d+\) read access to it/);
    assert.doesNotMatch(done.stderr, /writable|bug of Tallystick/);
  });

for (const name of ['.', 'keys', 'logs/local/checkpoint', 'logs/local/entries'])
  test(`status says of ${name} that this user cannot read it`, {
    skip: barred && 'another user may not run this program',
  }, async (t) => {
    const home = await begun(t);
    const path = join(home.directory, name);
    const done = tally(home, path, 'status');
    assert.equal(done.code, 2, done.stderr);
    assert.equal(told(done).code, 'LOG_UNREADABLE');
    assert.ok(told(done).message.includes(path), done.stderr);
  });

test('status says of a configuration that this user cannot read it', {
  skip: barred && 'another user may not run this program',
}, async (t) => {
  const home = await begun(t);
  const path = join(home.directory, 'config.yaml');
  writeFileSync(path, 'audit: { path: /nowhere }\n');
  const done = tally(home, path, 'status');
  assert.deepEqual([done.code, told(done).code], [2, 'BAD_CONFIG']);
  assert.ok(told(done).message.startsWith(`cannot read ${path}`), done.stderr);
});

for (const name of ['logs', 'heads'])
  test(`verify says of a plain file in place of ${name} that it finds nothing out`, async (t) => {
    const home = await begun(t);
    const path = join(home.directory, name);
    rmSync(path, { recursive: true });
    writeFileSync(path, 'x\n');
    const done = await home.tally(['verify']);
    assert.deepEqual([done.code, done.error().code], [2, 'LOG_UNREADABLE'], done.stderr);
    assert.equal(done.error().message, `${path} is no directory`);
  });

for (const name of ['logs/local/entries', 'logs/local/policies', 'heads/local'])
  test(`verify says of a plain file in place of ${name} that it is no directory`, async (t) => {
    const home = await begun(t);
    const path = join(home.directory, name);
    rmSync(path, { recursive: true });
    writeFileSync(path, 'x\n');
    const done = await home.tally(['verify']);
    assert.deepEqual([done.code, done.error().code], [6, 'LOG_DAMAGED'], done.stderr);
    assert.ok(done.error().message.includes(path) && done.error().message.includes('not a directory'));
    assert.doesNotMatch(done.stderr, /disk|writable/);
  });

test('a command that has to record and cannot read its log does nothing, with the code of no recorder', {
  skip: barred && 'another user may not run this program',
}, async (t) => {
  const home = await begun(t);
  const done = tally(home, join(home.log, 'checkpoint'), 'call', 'http://127.0.0.1:9/', '--bearer', 'KEY');
  assert.equal(done.code, 8, done.stderr);
  assert.match(told(done).message, /could not be recorded .*cannot read .*checkpoint/);
});

interface Looked {
  readonly name: string;
  readonly status: string;
  readonly detail: string;
  readonly mend?: string;
}

function failedIn(done: { readonly code: number | null; readonly stdout: string }): readonly Looked[] {
  assert.equal(done.code, 1);
  const { checks } = JSON.parse(done.stdout) as { checks: readonly Looked[] };
  assert.ok(checks.some(({ name, status }) => name === 'programs' || (name === 'node' && status === 'ok')));
  assert.ok(
    checks.some(({ name }) => name === 'policy'),
    'the others were looked at',
  );
  return checks.filter(({ status }) => status === 'fail');
}

for (const [name, check] of [
  ['.', 'log'],
  ['logs/local/checkpoint', 'head'],
  ['keys', 'operator'],
] as const)
  test(`doctor names ${name}, which this user cannot read, and looks at the rest`, {
    skip: barred && 'another user may not run this program',
  }, async (t) => {
    const home = await begun(t);
    const path = join(home.directory, name);
    const failed = failedIn(tally(home, path, 'doctor', '--json'));
    const found = failed.find((one) => one.name === check);
    assert.ok(found?.detail.includes(path), JSON.stringify(failed));
    assert.doesNotMatch(`${found?.detail} ${found?.mend}`, /not to be believed|backup/);
  });

for (const [name, check] of [
  ['logs/local/entries', 'head'],
  ['keys', 'retired keys'],
  ['heads', 'log'],
] as const)
  test(`doctor names ${name} where that is a plain file, and looks at the rest`, async (t) => {
    const home = await begun(t);
    const path = join(home.directory, name);
    rmSync(path, { recursive: true });
    writeFileSync(path, 'x\n');
    const failed = failedIn(await home.tally(['doctor', '--json']));
    assert.ok(failed.find((one) => one.name === check)?.detail.includes(path), JSON.stringify(failed));
  });
