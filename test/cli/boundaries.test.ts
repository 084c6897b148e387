/** What the commands refuse, warn about, or say in one line. */
import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { safeLines } from '../../src/cli/output/safe.ts';
import { makeHome } from './home.ts';

test('an agent inside a run changes no credential, and each attempt is on record with the run', async (t) => {
  const home = makeHome(t);
  assert.equal((await home.tally(['secrets', 'set', 'KEY'], { stdin: 'first-value-of-the-key' })).code, 0);
  const tally = `"${process.execPath}" "${join(import.meta.dirname, '../../bin/tally.js')}"`;
  const script = `printf another-value | ${tally} secrets set KEY --reason rotated; ${tally} secrets delete KEY --reason unused`;
  const done = await home.tally(['run', '--', 'sh', '-c', script]);
  assert.equal(done.code, 4, done.stderr);
  const [start] = home.entries('run.start');
  const refused = home.entries('secret.access').filter(({ decision }) => decision !== undefined);
  assert.deepEqual(
    refused.map(({ run_id, secret }) => [run_id, (secret as { operation: string }).operation]),
    [
      [start?.run_id, 'set'],
      [start?.run_id, 'delete'],
    ],
  );
  assert.deepEqual((await home.tally(['secrets', 'list', '--json'])).stdout.match(/"KEY"/g)?.length, 1);
});

test('a run does not begin with an agent token that is not good', async (t) => {
  const home = makeHome(t);
  const done = await home.tally(['run', '--', 'sh', '-c', 'echo ran'], {
    env: { TALLY_AGENT_TOKEN: 'agt_x.y' },
  });
  assert.deepEqual([done.code, done.error().code], [125, 'TOKEN_INVALID']);
  assert.equal(done.stdout, '');
});

test('a master key that was lost is told on standard error and in the log', async (t) => {
  const home = makeHome(t);
  const register = (name: string) => home.tally(['agent', 'register', name]);
  assert.doesNotMatch((await register('a')).stderr, /master key/);
  rmSync(join(home.directory, 'keys', 'local.master'));
  assert.match((await register('b')).stderr, /master key of this log was gone/);
  assert.doesNotMatch((await register('c')).stderr, /master key/);
  const changes = home.entries('config.change').map(({ metadata }) => metadata);
  assert.deepEqual(changes, [{ changed: 'master key made anew' }]);
  const doctor = await home.tally(['doctor', '--json']);
  assert.match(doctor.stdout, /made anew/);
});

test('what no policy can allow is refused, and what needs another option is warned about', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  for (const host of ['169.254.169.254', 'metadata.google.internal', '[fd00:ec2::254]'])
    assert.equal((await home.tally(['policy', 'allow', host])).code, 2, host);
  const warned = await home.tally(['policy', 'allow', '10.0.0.7']);
  assert.equal(warned.code, 0);
  assert.match(warned.stderr, /still be stopped.*--internal/);
  assert.doesNotMatch((await home.tally(['policy', 'allow', '10.0.0.8', '--internal'])).stderr, /stopped/);
});

test('a policy with several problems is told in one line, without escapes', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  const file = join(home.directory, 'tally.policy.yaml');
  writeFileSync(file, `${readFileSync(file, 'utf8')}\nbroken: 1\nalso_broken: 2\n`);
  for (const command of ['status', 'doctor']) {
    const { stdout } = await home.tally([command]);
    assert.match(stdout, /also_broken/);
    assert.doesNotMatch(stdout, /\\n/);
  }
});

test('an unknown option points to the help of the command that it was given to', async (t) => {
  const home = makeHome(t);
  const done = await home.tally(['log', 'list', '--nonsense']);
  assert.match(done.error().hint ?? '', /tally log list --help/);
});

test('a tail that was set aside is told at the start', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  await home.tally(['agent', 'register', 'a']);
  const segment = readdirSync(join(home.log, 'entries')).find((name) => name.endsWith('.jsonl'));
  assert.ok(segment);
  appendFileSync(join(home.log, 'entries', segment), '{"half');
  const { started } = await home.up();
  assert.match(started.output(), /set aside: \S*torn/);
});

test('lines of others are shown on a terminal without what it obeys', () => {
  assert.equal(safeLines('a\tb\r\n\u001b[31mred\u0007\nπ'), 'a\tb\n\\u001b[31mred\\u0007\nπ');
});
